//! What the server itself writes into an object before it stores it: identity, generation, and the few fields that it
//! hands out (addresses, selectors of Jobs, finalizers). Refuses nothing.

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::store::{Key, World, text};

/// Writes what a new object gets.
pub(crate) fn create(world: &mut World, key: &Key, object: &mut Value) {
    let uid = world.uid();
    let time = world.time();
    let metadata = &mut object["metadata"];
    for gone in [
        "resourceVersion",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "generation",
    ] {
        metadata.as_object_mut().map(|m| m.remove(gone));
    }
    metadata["name"] = key.name.clone().into();
    if key.kind.namespaced {
        metadata["namespace"] = key.namespace.clone().into();
    }
    metadata["uid"] = uid.clone().into();
    metadata["creationTimestamp"] = time.into();
    if key.kind.generation {
        metadata["generation"] = 1.into();
    }
    match key.kind.kind {
        "Namespace" => namespace(object),
        "Service" => service(world, object),
        "Job" => job(&key.name, &uid, object),
        "PersistentVolumeClaim" => claim(object),
        "Pod" => pod(object),
        _ => {}
    }
}

fn namespace(object: &mut Value) {
    object["spec"]["finalizers"] = json!(["kubernetes"]);
    object["status"] = json!({"phase": "Active"});
}

fn service(world: &mut World, object: &mut Value) {
    let spec = &mut object["spec"];
    if spec["type"] == "ExternalName" {
        return;
    }
    if text(spec, "/clusterIP").is_empty() {
        let random = world.next_random();
        spec["clusterIP"] = format!(
            "10.{}.{}.{}",
            96 + random % 16,
            random >> 8 & 255,
            1 + (random >> 16) % 254
        )
        .into();
    }
    spec["clusterIPs"] = json!([spec["clusterIP"]]);
    for (name, value) in [
        ("ipFamilies", json!(["IPv4"])),
        ("ipFamilyPolicy", json!("SingleStack")),
    ] {
        if spec[name].is_null() {
            spec[name] = value;
        }
    }
    node_ports(world, spec);
}

/// Hands out the ports that a changed Service wants.
pub(crate) fn ports(world: &mut World, kind: &Kind, object: &mut Value) {
    if kind.kind == "Service" {
        node_ports(world, &mut object["spec"]);
    }
}

/// Ports on every node for a Service that wants them.
fn node_ports(world: &mut World, spec: &mut Value) {
    let wanted = matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer"));
    for port in spec["ports"].as_array_mut().into_iter().flatten() {
        if wanted && port["nodePort"].is_null() {
            port["nodePort"] = (30000 + world.next_random() % 2768).into();
        }
    }
}

fn job(name: &str, uid: &str, object: &mut Value) {
    let labels = json!({"batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
        "controller-uid": uid, "job-name": name});
    for (key, value) in labels.as_object().into_iter().flatten() {
        object["spec"]["template"]["metadata"]["labels"][key] = value.clone();
    }
    object["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
    object["spec"]["manualSelector"] = false.into();
    object["status"] = json!({});
}

fn claim(object: &mut Value) {
    object["metadata"]["finalizers"] = json!(["kubernetes.io/pvc-protection"]);
    if object["spec"]["storageClassName"].is_null() {
        object["spec"]["storageClassName"] = "standard".into();
    }
    object["status"] = json!({"phase": "Pending"});
}

fn pod(object: &mut Value) {
    let class = service_class(object);
    object["status"] = json!({"phase": "Pending", "qosClass": class});
    let spec = &mut object["spec"];
    for account in ["serviceAccountName", "serviceAccount"] {
        if text(spec, &format!("/{account}")).is_empty() {
            spec[account] = "default".into();
        }
    }
    let toleration =
        |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    if spec["tolerations"].is_null() {
        spec["tolerations"] = json!([
            toleration("node.kubernetes.io/not-ready"),
            toleration("node.kubernetes.io/unreachable")
        ]);
    }
    spec["priority"] = 0.into();
    spec["preemptionPolicy"] = "PreemptLowerPriority".into();
}

/// `Guaranteed`, `Burstable` or `BestEffort`, by what the containers ask for.
pub(crate) fn service_class(pod: &Value) -> &'static str {
    let containers: Vec<_> = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| &c["resources"])
        .collect();
    let counted = |r: &Value| {
        ["cpu", "memory"]
            .iter()
            .any(|n| r["requests"][n].is_string() || r["limits"][n].is_string())
    };
    if !containers.iter().any(|r| counted(r)) {
        return "BestEffort";
    }
    let full = |r: &&Value| {
        ["cpu", "memory"]
            .iter()
            .all(|n| r["limits"][n].is_string() && r["limits"][n] == r["requests"][n])
    };
    if containers.iter().all(full) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Carries over what a change of an object cannot touch, and counts the generation.
pub(crate) fn update(kind: &Kind, live: &Value, object: &mut Value) {
    for name in [
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "generateName",
        "namespace",
    ] {
        match live["metadata"].get(name) {
            Some(value) => object["metadata"][name] = value.clone(),
            None => drop(object["metadata"].as_object_mut().and_then(|m| m.remove(name))),
        }
    }
    if object["metadata"]["uid"].is_null() {
        object["metadata"]["uid"] = live["metadata"]["uid"].clone();
    }
    if kind.status && kind.kind != "Event" {
        object["status"] = live["status"].clone();
    }
    match kind.kind {
        "Service" => keep_addresses(live, object),
        "Namespace" => {
            object["spec"] = live["spec"].clone();
        }
        "Job" => keep_selector(live, object),
        "PersistentVolumeClaim" if object["spec"]["volumeName"].is_null() && live["spec"]["volumeName"].is_string() => {
            object["spec"]["volumeName"] = live["spec"]["volumeName"].clone();
        }
        _ => {}
    }
    count_generation(kind, live, object);
}

/// The generation goes up with every change of the spec; a Deployment's also with its annotations.
pub(crate) fn count_generation(kind: &Kind, live: &Value, object: &mut Value) {
    let annotated = kind.kind == "Deployment" && live["metadata"]["annotations"] != object["metadata"]["annotations"];
    if kind.generation && (live["spec"] != object["spec"] || annotated) {
        object["metadata"]["generation"] = (live["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
    }
}

fn keep_addresses(live: &Value, object: &mut Value) {
    for name in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
        if object["spec"][name].is_null() && object["spec"]["type"] != "ExternalName" {
            object["spec"][name] = live["spec"][name].clone();
        }
    }
}

fn keep_selector(live: &Value, object: &mut Value) {
    for name in ["selector", "manualSelector"] {
        if object["spec"][name].is_null() {
            object["spec"][name] = live["spec"][name].clone();
        }
    }
    for (key, value) in live["spec"]["selector"]["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if object["spec"]["template"]["metadata"]["labels"][key].is_null() {
            object["spec"]["template"]["metadata"]["labels"][key] = value.clone();
        }
    }
}
