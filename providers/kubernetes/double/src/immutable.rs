//! Changes that the server refuses: fields that are fixed once an object is there. Owns their exact texts.

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::quantity;
use crate::refusal::Cause;
use crate::store::text;
use crate::validate::sorted;

const FIXED: &str = "field is immutable";
const STATEFUL: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
const STATEFUL_FREE: &[&str] = &[
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];
const CLAIM: &str =
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";

/// What a change from `live` to `new` may not do; empty when all of it may be done.
pub(crate) fn changes(kind: &Kind, live: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = identity(live, new);
    causes.extend(match kind.kind {
        "Deployment" | "ReplicaSet" | "DaemonSet" => fixed(live, new, "/spec/selector"),
        "StatefulSet" => stateful_set(live, new),
        "Job" => job(live, new),
        "PersistentVolumeClaim" => claim(live, new),
        "Secret" => [fixed(live, new, "/type"), frozen(live, new, &["data"])].concat(),
        "ConfigMap" => frozen(live, new, &["data", "binaryData"]),
        "Service" => service(live, new),
        "RoleBinding" | "ClusterRoleBinding" => role(live, new),
        "StorageClass" => ["/provisioner", "/parameters", "/reclaimPolicy", "/volumeBindingMode"]
            .iter()
            .flat_map(|p| fixed(live, new, p))
            .collect(),
        _ => Vec::new(),
    });
    causes
}

fn at(pointer: &str) -> String {
    pointer[1..].replace('/', ".")
}

fn fixed(live: &Value, new: &Value, pointer: &str) -> Vec<Cause> {
    let (before, after) = (live.pointer(pointer), new.pointer(pointer));
    if before == after {
        return Vec::new();
    }
    vec![Cause::invalid(
        at(pointer),
        &sorted(after.unwrap_or(&Value::Null)),
        FIXED,
    )]
}

/// The uid cannot change, and the server says so twice; a finalizer cannot be added to what is being deleted.
fn identity(live: &Value, new: &Value) -> Vec<Cause> {
    let uid = fixed(live, new, "/metadata/uid");
    let mut causes = [uid.clone(), uid].concat();
    let list = |o: &Value| o["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    let added: Vec<_> = list(new).into_iter().filter(|f| !list(live).contains(f)).collect();
    if live["metadata"]["deletionTimestamp"].is_string() && !added.is_empty() {
        let names = added.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{names}}}"
        );
        let cause = Cause::forbidden("metadata.finalizers", &why);
        causes.extend([cause.clone(), cause]);
    }
    causes
}

fn stateful_set(live: &Value, new: &Value) -> Vec<Cause> {
    let rest = |o: &Value| {
        let mut spec = o["spec"].clone();
        if let Some(map) = spec.as_object_mut() {
            map.retain(|name, _| !STATEFUL_FREE.contains(&name.as_str()));
        }
        spec
    };
    if rest(live) == rest(new) {
        Vec::new()
    } else {
        vec![Cause::forbidden("spec", STATEFUL)]
    }
}

fn job(live: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if live["spec"]["completions"] != new["spec"]["completions"] {
        causes.push(Cause::invalid(
            "spec.completions",
            &new["spec"]["completions"],
            "can only be modified in tandem with spec.parallelism",
        ));
    }
    for path in ["/spec/selector", "/spec/template", "/spec/completionMode"] {
        causes.extend(fixed(live, new, path));
    }
    causes
}

fn frozen(live: &Value, new: &Value, data: &[&str]) -> Vec<Cause> {
    if live["immutable"] != true {
        return Vec::new();
    }
    let why = "field is immutable when `immutable` is set";
    let mut causes = Vec::new();
    if new["immutable"] != true {
        causes.push(Cause::forbidden("immutable", why));
    }
    causes.extend(
        data.iter()
            .filter(|d| live[**d] != new[**d])
            .map(|d| Cause::forbidden(*d, why)),
    );
    causes
}

fn service(live: &Value, new: &Value) -> Vec<Cause> {
    let (before, after) = (&live["spec"]["clusterIP"], &new["spec"]["clusterIP"]);
    if before == after || text(new, "/spec/type") == "ExternalName" {
        return Vec::new();
    }
    vec![Cause::invalid(
        "spec.clusterIPs[0]",
        &json!([after]),
        "may not change once set",
    )]
}

fn role(live: &Value, new: &Value) -> Vec<Cause> {
    if live["roleRef"] == new["roleRef"] {
        return Vec::new();
    }
    let shown = json!({"APIGroup": text(new, "/roleRef/apiGroup"), "Kind": text(new, "/roleRef/kind"), "Name": text(new, "/roleRef/name")});
    vec![Cause::invalid("roleRef", &shown, "cannot change roleRef")]
}

fn claim(live: &Value, new: &Value) -> Vec<Cause> {
    let rest = |o: &Value| {
        let mut spec = o["spec"].clone();
        spec["resources"]["requests"].take();
        spec
    };
    if rest(live) != rest(new) {
        let why = format!("{CLAIM}\n{}", difference(&internal_claim(live), &internal_claim(new)));
        return vec![Cause::forbidden("spec", &why)];
    }
    let size = |v: &Value| v.as_str().and_then(quantity::parse);
    let capacity = size(&live["status"]["capacity"]["storage"]);
    if capacity.is_some() && size(&new["spec"]["resources"]["requests"]["storage"]) < capacity {
        return vec![Cause::forbidden(
            "spec.resources.requests.storage",
            "field can not be less than status.capacity",
        )];
    }
    Vec::new()
}

/// A claim's spec as the server prints it when it shows a difference: its internal form, one field a line.
fn internal_claim(o: &Value) -> Vec<String> {
    let spec = &o["spec"];
    let or_null = |name: &str| {
        if spec[name].is_null() {
            Value::Null
        } else {
            spec[name].clone()
        }
    };
    let shown = json!({
        "AccessModes": spec["accessModes"],
        "Selector": or_null("selector"),
        "Resources": {"Limits": spec["resources"]["limits"], "Requests": spec["resources"]["requests"]},
        "VolumeName": text(spec, "/volumeName"),
        "StorageClassName": or_null("storageClassName"),
        "VolumeMode": or_null("volumeMode"),
        "DataSource": or_null("dataSource"),
        "DataSourceRef": or_null("dataSourceRef"),
        "VolumeAttributesClassName": or_null("volumeAttributesClassName"),
    });
    let mut lines = Vec::new();
    print(&shown, 0, "", "", &mut lines);
    lines
}

/// JSON with one space of indentation a level.
fn print(v: &Value, depth: usize, before: &str, after: &str, lines: &mut Vec<String>) {
    let pad = " ".repeat(depth);
    let comma = |i: usize, len: usize| if i + 1 < len { "," } else { "" };
    match v {
        Value::Object(map) if !map.is_empty() => {
            lines.push(format!("{pad}{before}{{"));
            for (i, (k, v)) in map.iter().enumerate() {
                print(v, depth + 1, &format!("\"{k}\": "), comma(i, map.len()), lines);
            }
            lines.push(format!("{pad}}}{after}"));
        }
        Value::Array(items) if !items.is_empty() => {
            lines.push(format!("{pad}{before}["));
            for (i, v) in items.iter().enumerate() {
                print(v, depth + 1, "", comma(i, items.len()), lines);
            }
            lines.push(format!("{pad}]{after}"));
        }
        other => lines.push(format!("{pad}{before}{other}{after}")),
    }
}

/// The hunk between two texts of one length, with three lines around it.
fn difference(before: &[String], after: &[String]) -> String {
    let Some(first) = before.iter().zip(after).position(|(b, a)| b != a) else {
        return String::new();
    };
    let tail = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take_while(|(b, a)| b == a)
        .count();
    let (end_b, end_a) = (before.len() - tail, after.len() - tail);
    let start = first.saturating_sub(3);
    let more = tail.min(3);
    let mut hunk = format!(
        "@@ -{},{} +{},{} @@\n",
        start + 1,
        end_b + more - start,
        start + 1,
        end_a + more - start
    );
    let mut push = |sign: &str, lines: &[String]| lines.iter().for_each(|l| hunk.extend([sign, l.as_str(), "\n"]));
    push(" ", &before[start..first]);
    push("-", &before[first..end_b]);
    push("+", &after[first..end_a]);
    push(" ", &before[end_b..end_b + more]);
    hunk
}
