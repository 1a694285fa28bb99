//! Admission: namespaces that are missing or going, Pod Security, quotas, limit ranges, service accounts, claims that
//! cannot grow. Owns those refusals and the counting of quotas.

use serde_json::{Value, json};

use crate::kinds::{Kind, named};
use crate::managed::Manager;
use crate::pod_security;
use crate::quantity::{self, Quantity};
use crate::refusal::{Refusal, details};
use crate::store::{Key, World, text};
use crate::write::{Write, edit};

/// Refuses what would be created in a namespace that is missing or going.
pub(crate) fn namespace(world: &World, key: &Key) -> Result<(), Refusal> {
    if !key.kind.namespaced {
        return Ok(());
    }
    let kind = named("Namespace");
    let Some(namespace) = world.get(&Key::new(kind, "", &key.namespace)) else {
        return Err(Refusal::not_found(kind, &key.namespace));
    };
    if namespace["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    let ns = &key.namespace;
    let mut details = details(key.kind, &key.name, key.kind.plural);
    details["causes"] = json!([{"reason": "NamespaceTerminating", "message": format!("namespace {ns} is being terminated"), "field": "metadata.namespace"}]);
    let why = format!("unable to create new content in namespace {ns} because it is being terminated");
    Err(Refusal::forbidden(key.kind, &key.name, &why).with(details))
}

/// What admission writes into a pod, and the pods that it refuses at once.
pub(crate) fn mutate(world: &World, key: &Key, object: &mut Value) -> Result<(), Refusal> {
    if key.kind.kind != "Pod" {
        return Ok(());
    }
    limit_defaults(world, key, object);
    let account = text(object, "/spec/serviceAccountName");
    if world
        .get(&Key::new(named("ServiceAccount"), &key.namespace, account))
        .is_none()
    {
        let why = format!(
            "error looking up service account {}/{account}: serviceaccount \"{account}\" not found",
            key.namespace
        );
        let prefix = text(object, "/metadata/generateName");
        let name = if prefix.is_empty() { &key.name } else { prefix };
        return Err(Refusal::forbidden(key.kind, name, &why));
    }
    Ok(())
}

fn limits<'a>(world: &'a World, key: &'a Key) -> impl Iterator<Item = &'a Value> {
    let ranges = world.list(named("LimitRange"), &key.namespace);
    ranges
        .flat_map(|(_, r)| r["spec"]["limits"].as_array().into_iter().flatten())
        .filter(|l| l["type"] == "Container")
}

fn limit_defaults(world: &World, key: &Key, pod: &mut Value) {
    let mut said = Vec::new();
    for limit in limits(world, key) {
        for container in pod["spec"]["containers"].as_array_mut().into_iter().flatten() {
            for (from, to) in [("defaultRequest", "requests"), ("default", "limits")] {
                for (name, amount) in limit[from].as_object().into_iter().flatten() {
                    if container["resources"][to][name].is_null() {
                        container["resources"][to][name] = amount.clone();
                        said.push((text(container, "/name").to_owned(), to, name.clone()));
                    }
                }
            }
        }
    }
    if said.is_empty() {
        return;
    }
    let of = |to: &str| {
        said.iter()
            .filter(|s| s.1 == to)
            .map(|s| s.2.clone())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let texts = [("requests", "request"), ("limits", "limit")]
        .map(|(to, one)| format!("{} {one} for container {}", of(to), said[0].0));
    pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"] =
        format!("LimitRanger plugin set: {}", texts.join("; ")).into();
    pod["status"]["qosClass"] = crate::prepare::service_class(pod).into();
}

/// The refusals that follow validation.
pub(crate) fn check(
    world: &World,
    key: &Key,
    live: Option<&Value>,
    object: &Value,
    write: &mut Write,
) -> Result<(), Refusal> {
    pod_security(world, key, object, write)?;
    match (key.kind.kind, live) {
        ("PersistentVolumeClaim", Some(live)) => grows(world, key, live, object),
        ("Pod", None) => limit_maximum(world, key, object).and_then(|()| quota(world, key, object)),
        (_, None) => quota(world, key, object),
        _ => Ok(()),
    }
}

/// The pod spec that a kind of object carries.
pub(crate) fn pod_spec<'a>(kind: &Kind, object: &'a Value) -> Option<&'a Value> {
    object.pointer(match kind.kind {
        "Pod" => "/spec",
        "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet" | "Job" => "/spec/template/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    })
}

fn pod_security(world: &World, key: &Key, object: &Value, write: &mut Write) -> Result<(), Refusal> {
    if key.kind.kind == "Namespace" {
        existing_pods(world, key, object, write);
        return Ok(());
    }
    let label = |mode: &str| {
        let namespace = world.get(&Key::new(named("Namespace"), "", &key.namespace));
        namespace.is_some_and(|n| n["metadata"]["labels"][format!("pod-security.kubernetes.io/{mode}")] == "restricted")
    };
    let Some(found) = pod_spec(key.kind, object).and_then(pod_security::sentence) else {
        return Ok(());
    };
    if key.kind.kind == "Pod" && label("enforce") {
        return Err(Refusal::forbidden(key.kind, &key.name, &format!("violates {found}")));
    }
    if key.kind.kind != "ReplicaSet" && (label("warn") || label("enforce")) {
        write.warnings.push(format!("would violate {found}"));
    }
    Ok(())
}

fn existing_pods(world: &World, key: &Key, object: &Value, write: &mut Write) {
    let enforced = |o: &Value| o["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted";
    if !enforced(object) || world.get(key).is_none_or(enforced) {
        return;
    }
    let bad: Vec<String> = world
        .list(named("Pod"), &key.name)
        .map(|(k, pod)| (k, pod_security::violations(&pod["spec"])))
        .filter(|(_, found)| !found.is_empty())
        .map(|(k, found)| {
            format!(
                "{}: {}",
                k.name,
                found.iter().map(|f| f.0).collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    if !bad.is_empty() {
        let name = &key.name;
        write.warnings.push(format!(
            "existing pods in namespace \"{name}\" violate the new PodSecurity enforce level \"restricted:latest\""
        ));
        write.warnings.extend(bad);
    }
}

fn limit_maximum(world: &World, key: &Key, pod: &Value) -> Result<(), Refusal> {
    for limit in limits(world, key) {
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            for (name, max) in limit["max"].as_object().into_iter().flatten() {
                let asked = &container["resources"]["limits"][name];
                if amount(asked) > amount(max) {
                    let why = format!(
                        "maximum {name} usage per Container is {}, but limit is {}",
                        show(max),
                        show(asked)
                    );
                    return Err(Refusal::forbidden(key.kind, &key.name, &why));
                }
            }
        }
    }
    Ok(())
}

fn show(v: &Value) -> &str {
    v.as_str().unwrap_or_default()
}

fn amount(v: &Value) -> Quantity {
    let text = v
        .as_str()
        .map_or_else(|| if v.is_null() { "0".into() } else { v.to_string() }, str::to_owned);
    quantity::parse(&text).unwrap_or(NOTHING)
}

const NOTHING: Quantity = Quantity::ZERO;

fn grows(world: &World, key: &Key, live: &Value, object: &Value) -> Result<(), Refusal> {
    let size = |o: &Value| amount(&o["spec"]["resources"]["requests"]["storage"]);
    let class = world.get(&Key::new(
        named("StorageClass"),
        "",
        text(live, "/spec/storageClassName"),
    ));
    if size(object) > size(live) && class.is_none_or(|c| c["allowVolumeExpansion"] != true) {
        let why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
        return Err(Refusal::forbidden(key.kind, &key.name, why));
    }
    Ok(())
}

/// What an object takes of a quota, by the quota's names.
fn cost(kind: &Kind, object: &Value, name: &str) -> Option<Quantity> {
    let one = || quantity::parse("1");
    let counted = match kind.group {
        "" => format!("count/{}", kind.plural),
        group => format!("count/{}.{group}", kind.plural),
    };
    if name == counted || name == kind.plural {
        return one();
    }
    match (kind.kind, name) {
        ("PersistentVolumeClaim", "requests.storage") => {
            Some(amount(&object["spec"]["resources"]["requests"]["storage"]))
        }
        ("Pod", _) => {
            let (of, resource) = name.split_once('.').unwrap_or(("requests", name));
            let all = object["spec"]["containers"]
                .as_array()?
                .iter()
                .map(|c| amount(&c["resources"][of][resource]));
            matches!(resource, "cpu" | "memory").then(|| all.fold(NOTHING, Quantity::plus))
        }
        _ => None,
    }
}

/// The hard limits of each quota of a namespace that an object touches: quota, name of the limit, what the object takes.
fn touched(world: &World, key: &Key, object: &Value) -> Vec<(Key, String, Quantity)> {
    let quotas = world.list(named("ResourceQuota"), &key.namespace);
    quotas
        .filter(|_| key.kind.namespaced && key.kind.kind != "ResourceQuota")
        .flat_map(|(quota, q)| {
            let names = q["status"]["hard"].as_object().into_iter().flatten();
            names
                .filter_map(|(name, _)| Some((quota.clone(), name.clone(), cost(key.kind, object, name)?)))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn quota(world: &World, key: &Key, object: &Value) -> Result<(), Refusal> {
    for (quota, name, takes) in touched(world, key, object) {
        let status = &world.get(&quota).expect("it was listed above")["status"];
        let (used, hard) = (amount(&status["used"][&name]), amount(&status["hard"][&name]));
        if used.plus(takes) > hard {
            let why = format!(
                "exceeded quota: {}, requested: {name}={}, used: {name}={}, limited: {name}={}",
                quota.name,
                takes.text(),
                used.text(),
                hard.text()
            );
            return Err(Refusal::forbidden(key.kind, &key.name, &why));
        }
    }
    Ok(())
}

/// Counts a created object in the quotas of its namespace.
pub(crate) fn charge(world: &mut World, key: &Key, object: &Value) {
    for (quota, name, takes) in touched(world, key, object) {
        edit(world, &quota, &Manager::update("kube-apiserver", "status"), |q| {
            let used = amount(&q["status"]["used"][&name]).plus(takes);
            q["status"]["used"][&name] = used.text().into();
        });
    }
}

/// Takes a deleted object out of the quotas.
pub(crate) fn release(world: &mut World, key: &Key, object: &Value) {
    for (quota, name, takes) in touched(world, key, object) {
        edit(
            world,
            &quota,
            &Manager::update("kube-controller-manager", "status"),
            |q| {
                let used = amount(&q["status"]["used"][&name]).minus(takes);
                q["status"]["used"][&name] = used.text().into();
            },
        );
    }
}

/// What is used of a quota's limits, counted anew.
pub(crate) fn usage(world: &World, quota: &Key, hard: &Value) -> Value {
    let mut used = json!({});
    for name in hard.as_object().into_iter().flatten().map(|(name, _)| name) {
        let sum = world
            .objects
            .iter()
            .filter(|(k, _)| k.namespace == quota.namespace && k.kind.namespaced && k.kind.kind != "ResourceQuota")
            .filter_map(|(k, o)| cost(k.kind, o, name))
            .fold(NOTHING, Quantity::plus);
        used[name] = sum.text().into();
    }
    used
}
