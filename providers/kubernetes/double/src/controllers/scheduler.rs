//! The scheduler: one node with four GPUs. Owns when a pod stays unscheduled, and what is said of it.

use serde_json::{Value, json};

use super::{Task, involved};
use crate::kinds::named;
use crate::managed::Manager;
use crate::quantity;
use crate::store::{Key, World, text};
use crate::write::edit;

pub(super) const NODE: &str = "fake-0";
/// Milliseconds before a pod that found no node is tried again.
const RETRY: u64 = 500;

/// Finds a node for a pod.
pub(crate) fn schedule(world: &mut World, key: &Key) {
    let Some(pod) = world.get(key).cloned() else { return };
    if !text(&pod, "/spec/nodeName").is_empty() || pod["metadata"]["deletionTimestamp"].is_string() {
        return;
    }
    if let Some(why) = obstacle(world, key, &pod) {
        refuse(world, key, &pod, &why);
        world.queue.push(world.now + RETRY, Task::Schedule(key.clone()));
        return;
    }
    bind(world, key);
    let message = format!("Successfully assigned {}/{} to {NODE}", key.namespace, key.name);
    tell(world, &pod, "Normal", "Scheduled", &message, "Binding");
    world.queue.push(
        world.now + 200,
        Task::Play(key.clone(), text(&pod, "/metadata/uid").to_owned(), 0),
    );
}

fn obstacle(world: &World, key: &Key, pod: &Value) -> Option<String> {
    for volume in pod["spec"]["volumes"].as_array().into_iter().flatten() {
        let Some(name) = volume["persistentVolumeClaim"]["claimName"].as_str() else {
            continue;
        };
        match world.get(&Key::new(named("PersistentVolumeClaim"), &key.namespace, name)) {
            None => {
                return Some(format!(
                    "0/1 nodes are available: persistentvolumeclaim \"{name}\" not found. not found"
                ));
            }
            Some(claim) if claim["status"]["phase"] != "Bound" => {
                return Some(
                    "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found".into(),
                );
            }
            Some(_) => {}
        }
    }
    let node = world.get(&Key::new(named("Node"), "", NODE))?;
    let parsed = |v: &Value| quantity::parse(v.as_str()?);
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        for (name, wanted) in container["resources"]["requests"].as_object().into_iter().flatten() {
            if parsed(wanted) > parsed(&node["status"]["allocatable"][name]) {
                return Some(format!(
                    "0/1 nodes are available: 1 Insufficient {name}. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
                ));
            }
        }
    }
    None
}

fn refuse(world: &mut World, key: &Key, pod: &Value, why: &str) {
    let time = world.time();
    let generation = pod["metadata"]["generation"].clone();
    edit(world, key, &Manager::update("kube-scheduler", "status"), |p| {
        if p["status"]["conditions"][0]["message"] != why {
            p["status"]["conditions"] = json!([{"type": "PodScheduled", "observedGeneration": generation, "status": "False",
                "lastProbeTime": null, "lastTransitionTime": time, "reason": "Unschedulable", "message": why}]);
        }
    });
    tell(world, pod, "Warning", "FailedScheduling", why, "Scheduling");
}

/// Binds a pod to the node; a binding is no write that owns fields.
fn bind(world: &mut World, key: &Key) {
    let Some(mut pod) = world.get(key).cloned() else { return };
    let time = world.time();
    pod["spec"]["nodeName"] = NODE.into();
    pod["status"]["conditions"] =
        json!([{"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": time}]);
    world.put(key.clone(), pod);
}

/// An event of the new events API, as the old one shows it.
fn tell(world: &mut World, pod: &Value, of: &str, reason: &str, message: &str, action: &str) {
    let same = |e: &Value| {
        e["involvedObject"]["uid"] == pod["metadata"]["uid"] && e["reason"] == reason && e["message"] == message
    };
    if world
        .list(named("Event"), text(pod, "/metadata/namespace"))
        .any(|(_, e)| same(e))
    {
        return;
    }
    let name = format!("{}.{:016x}", text(pod, "/metadata/name"), world.next_random());
    let fields = [
        "action",
        "eventTime",
        "note",
        "reason",
        "regarding",
        "reportingController",
        "reportingInstance",
        "type",
    ];
    let owned: serde_json::Map<String, Value> = fields.iter().map(|f| (format!("f:{f}"), json!({}))).collect();
    let event = json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": name, "namespace": pod["metadata"]["namespace"], "uid": world.uid(), "creationTimestamp": world.time(),
            "managedFields": [{"manager": "kube-scheduler", "operation": "Update", "apiVersion": "events.k8s.io/v1",
                "time": world.time(), "fieldsType": "FieldsV1", "fieldsV1": owned}]},
        "involvedObject": involved(pod), "reason": reason, "message": message, "source": {}, "firstTimestamp": null,
        "lastTimestamp": null, "type": of, "eventTime": world.micro_time(), "action": action,
        "reportingComponent": "default-scheduler", "reportingInstance": "default-scheduler-HOST",
    });
    let key = Key::of(named("Event"), &event);
    world.put(key, event);
}
