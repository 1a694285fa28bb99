//! Who owns which field: `metadata.managedFields`, server-side apply and its conflicts. Owns the rules of ownership;
//! stores nothing.

use serde_json::{Map, Value, json};

use crate::fields::Paths;
use crate::kinds::Kind;
use crate::schema::{self, Type};
use crate::typed;

/// One writer of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) apply: bool,
    pub(crate) subresource: String,
}

impl Manager {
    pub(crate) fn update(name: &str, subresource: &str) -> Self {
        Self {
            name: name.into(),
            apply: false,
            subresource: subresource.into(),
        }
    }

    pub(crate) fn apply(name: &str) -> Self {
        Self {
            name: name.into(),
            apply: true,
            subresource: String::new(),
        }
    }
}

/// A manager, the version it wrote in, its paths, and when it last wrote.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    manager: Manager,
    version: String,
    paths: Paths,
    time: String,
}

impl Entry {
    fn read(v: &Value) -> Self {
        let text = |name: &str| v[name].as_str().unwrap_or_default().to_owned();
        let manager = Manager {
            name: text("manager"),
            apply: v["operation"] == "Apply",
            subresource: text("subresource"),
        };
        Self {
            manager,
            version: text("apiVersion"),
            paths: Paths::from_json(&v["fieldsV1"]),
            time: text("time"),
        }
    }

    fn json(&self) -> Value {
        let operation = if self.manager.apply { "Apply" } else { "Update" };
        let mut entry = json!({"manager": self.manager.name, "operation": operation, "apiVersion": self.version,
            "time": self.time, "fieldsType": "FieldsV1", "fieldsV1": self.paths.json()});
        if !self.manager.subresource.is_empty() {
            entry["subresource"] = self.manager.subresource.clone().into();
        }
        entry
    }

    fn called(&self) -> String {
        let mut text = format!("\"{}\"", self.manager.name);
        if !self.manager.subresource.is_empty() {
            text.extend([" with subresource \"", &self.manager.subresource, "\""]);
        }
        if !self.manager.apply {
            text.extend([" using ", &self.version]);
        }
        text
    }
}

fn read(object: &Value) -> Vec<Entry> {
    object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(Entry::read)
        .collect()
}

fn write(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|e| !e.paths.is_empty());
    entries.sort_by(|a, b| {
        (
            b.manager.apply,
            &a.time,
            &a.manager.name,
            &a.version,
            &a.manager.subresource,
        )
            .cmp(&(
                a.manager.apply,
                &b.time,
                &b.manager.name,
                &b.version,
                &b.manager.subresource,
            ))
    });
    match entries.is_empty() {
        true => drop(
            object["metadata"]
                .as_object_mut()
                .and_then(|m| m.remove("managedFields")),
        ),
        false => object["metadata"]["managedFields"] = entries.iter().map(Entry::json).collect(),
    }
}

/// Paths that nobody owns: identity, and what the server itself writes.
fn unowned(mut paths: Paths) -> Paths {
    for name in ["f:apiVersion", "f:kind"] {
        paths.cut(&[name]);
    }
    for name in [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "generation",
        "managedFields",
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    ] {
        paths.cut(&["f:metadata", &format!("f:{name}")]);
    }
    if paths.under.get("f:metadata").is_some_and(|m| m.under.is_empty()) {
        paths.cut(&["f:metadata"]);
    }
    paths.here = false;
    paths
}

/// The object after an apply: merged, with what the manager owned and left out removed.
///
/// # Errors
/// The conflicts, as (manager, field), when not forced.
pub(crate) fn apply(
    kind: &Kind,
    live: &Value,
    config: &Value,
    manager: &str,
    force: bool,
    now: &str,
) -> Result<Value, Vec<(String, String)>> {
    let of = schema::of(kind);
    let mut entries = read(live);
    let live = &without_managed(live);
    let mut merged = typed::merge(of, live, config);
    let us = Manager::apply(manager);
    let before = entries
        .iter()
        .position(|e| e.manager == us)
        .map(|at| entries.remove(at));
    let mut ours = unowned(typed::paths(of, config));
    ours.cut(&["f:status"]);
    if let Some(before) = &before {
        let kept = entries
            .iter()
            .fold(ours.with_parents(), |all, e| all.union(&e.paths.with_parents()));
        let dropped = before.paths.with_parents().minus(&kept);
        merged = typed::without(of, &merged, &dropped);
    }
    take_changes(of, live, &merged, &mut entries, force)?;
    let time = match before {
        Some(before) if before.paths == ours && before.version == kind.api_version() => before.time,
        _ => now.into(),
    };
    entries.push(Entry {
        manager: us,
        version: kind.api_version(),
        paths: ours,
        time,
    });
    write(&mut merged, entries);
    Ok(merged)
}

/// Takes changed fields from the other managers.
fn take_changes(
    of: &Type,
    live: &Value,
    merged: &Value,
    others: &mut [Entry],
    force: bool,
) -> Result<(), Vec<(String, String)>> {
    let change = typed::difference(of, live, merged);
    let changed = change.modified.union(&change.added);
    let mut conflicts: Vec<_> = others
        .iter()
        .flat_map(|e| {
            e.paths
                .and(&changed)
                .texts()
                .into_iter()
                .map(|field| (e.called(), field))
        })
        .collect();
    if !force && !conflicts.is_empty() {
        conflicts.sort();
        return Err(conflicts);
    }
    for other in others {
        other.paths = other.paths.minus(&changed).minus(&change.removed);
    }
    Ok(())
}

/// Marks what a writer changed between two versions of an object as its own.
pub(crate) fn update(kind: &Kind, live: Option<&Value>, new: &mut Value, manager: &Manager, version: &str, now: &str) {
    let of = schema::of(kind);
    let empty = skeleton(kind);
    let given = new["metadata"]
        .get("managedFields")
        .filter(|m| m.as_array().is_some_and(|a| !a.is_empty()));
    let mut entries = read(match given {
        Some(_) => new,
        None => live.unwrap_or(&Value::Null),
    });
    let change = typed::difference(of, &without_managed(live.unwrap_or(&empty)), &without_managed(new));
    let changed = unowned(change.modified.union(&change.added));
    for entry in &mut entries {
        if entry.manager != *manager || entry.version != version {
            entry.paths = entry.paths.minus(&changed);
        }
        entry.paths = entry.paths.minus(&change.removed);
    }
    let same = |e: &&mut Entry| e.manager == *manager && e.version == version;
    match entries.iter_mut().find(same) {
        Some(entry) => {
            let paths = entry.paths.union(&changed);
            if !changed.is_empty() {
                entry.time = now.into();
            }
            entry.paths = paths;
        }
        None => entries.push(Entry {
            manager: manager.clone(),
            version: version.into(),
            paths: changed,
            time: now.into(),
        }),
    }
    write(new, entries);
}

pub(crate) fn without_managed(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}

/// What an object of a kind holds when nothing is set: the structs that are always there, against which a creation is
/// compared.
pub(crate) fn skeleton(kind: &Kind) -> Value {
    let pod = json!({"metadata": {}, "spec": {"containers": null}});
    let mut all = json!({"kind": kind.kind, "apiVersion": kind.api_version(), "metadata": {}});
    let rest = match kind.kind {
        "Deployment" => json!({"spec": {"selector": null, "strategy": {}, "template": pod}, "status": {}}),
        "ReplicaSet" => json!({"spec": {"selector": null, "replicas": 0, "template": pod}, "status": {"replicas": 0}}),
        "StatefulSet" => json!({"spec": {"selector": null, "updateStrategy": {}, "template": pod, "serviceName": ""},
            "status": {"replicas": 0, "availableReplicas": 0}}),
        "Job" => json!({"spec": {"template": pod}, "status": {}}),
        "CronJob" => json!({"spec": {"jobTemplate": {"metadata": {}, "spec": {"template": pod}}}, "status": {}}),
        "Pod" => json!({"spec": {"containers": null}, "status": {}}),
        "PersistentVolumeClaim" => json!({"spec": {"resources": {}}, "status": {}}),
        "Service" => json!({"spec": {}, "status": {"loadBalancer": {}}}),
        "Event" => {
            json!({"involvedObject": {}, "source": {}, "eventTime": null, "firstTimestamp": null, "lastTimestamp": null,
            "reportingComponent": "", "reportingInstance": ""})
        }
        "Role" | "ClusterRole" => json!({"rules": null}),
        "RoleBinding" | "ClusterRoleBinding" => json!({"roleRef": {}}),
        "ControllerRevision" => json!({"revision": 0}),
        "ConfigMap" | "Secret" | "ServiceAccount" | "Endpoints" => json!({}),
        _ => json!({"spec": {}, "status": {}}),
    };
    let rest: Map<String, Value> = rest.as_object().cloned().unwrap_or_default();
    all.as_object_mut().expect("a map was made above").extend(rest);
    all
}
