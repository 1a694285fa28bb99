//! ReplicaSets: as many pods as wished, and the condition ReplicaFailure when pods are refused.

use serde_json::{Value, json};

use super::{MANAGER, Said, Task, deployment, is_ready, number, owned, reference, status_manager, tell};
use crate::kinds::named;
use crate::store::{Key, World, text};
use crate::write::{self, Delete, edit, make};

const COMPONENT: &str = "replicaset-controller";
/// Milliseconds before a refused pod is tried again the first time; twice as long each time after.
const RETRY: u64 = 5;

/// Brings a ReplicaSet on.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(set) = world.get(key).cloned() else { return };
    let pods = deployment::active_pods(world, key, &set);
    let wanted = usize::try_from(number(&set, "/spec/replicas")).unwrap_or(0);
    let mut failure = None;
    if set["metadata"]["deletionTimestamp"].is_null() {
        for _ in pods.len()..wanted {
            if let Err(message) = create(world, &set) {
                failure = Some(message);
                retry(world, key);
                break;
            }
        }
        for (pod, _) in surplus(pods, wanted) {
            remove(world, &set, &pod);
        }
    }
    write_status(world, key, failure);
}

/// The pods to go: those that are not ready first, then the newest.
fn surplus(mut pods: Vec<(Key, Value)>, wanted: usize) -> Vec<(Key, Value)> {
    pods.sort_by_key(|(_, p)| (is_ready(p), text(p, "/metadata/name").to_owned()));
    let many = pods.len().saturating_sub(wanted);
    pods.into_iter().take(many).collect()
}

fn create(world: &mut World, set: &Value) -> Result<(), String> {
    let template = &set["spec"]["template"];
    let name = text(set, "/metadata/name");
    let mut metadata = json!({"generateName": format!("{name}-"), "namespace": set["metadata"]["namespace"],
        "labels": template["metadata"]["labels"], "ownerReferences": [reference(set)]});
    if template["metadata"]["annotations"].is_object() {
        metadata["annotations"] = template["metadata"]["annotations"].clone();
    }
    match make(
        world,
        named("Pod"),
        json!({"metadata": metadata, "spec": template["spec"]}),
        MANAGER,
    ) {
        Ok(pod) => {
            let message = format!("Created pod: {}", text(&pod, "/metadata/name"));
            tell(
                world,
                set,
                Said {
                    warning: false,
                    reason: "SuccessfulCreate",
                    message: &message,
                    component: COMPONENT,
                },
            );
            Ok(())
        }
        Err(refusal) => {
            let why = text(&refusal.body, "/message").to_owned();
            let message = format!("Error creating: {why}");
            tell(
                world,
                set,
                Said {
                    warning: true,
                    reason: "FailedCreate",
                    message: &message,
                    component: COMPONENT,
                },
            );
            Err(why)
        }
    }
}

fn retry(world: &mut World, key: &Key) {
    let tries = world.queue.failures.entry(key.clone()).or_insert(0);
    let wait = RETRY << (*tries).min(16);
    *tries += 1;
    world.queue.again(world.now + wait, Task::Sync(key.clone()));
}

fn remove(world: &mut World, set: &Value, pod: &Key) {
    if write::delete(world, pod, &Delete::default(), &mut Vec::new()).is_ok() {
        let message = format!("Deleted pod: {}", pod.name);
        tell(
            world,
            set,
            Said {
                warning: false,
                reason: "SuccessfulDelete",
                message: &message,
                component: COMPONENT,
            },
        );
    }
}

fn write_status(world: &mut World, key: &Key, failure: Option<String>) {
    let Some(set) = world.get(key).cloned() else { return };
    let all = owned(world, "Pod", key, text(&set, "/metadata/uid"));
    let pods = deployment::active_pods(world, key, &set);
    let ready = pods.iter().filter(|(_, p)| is_ready(p)).count();
    let mut status = json!({
        "replicas": pods.len(), "fullyLabeledReplicas": pods.len(), "readyReplicas": ready, "availableReplicas": ready,
        "terminatingReplicas": all.iter().filter(|(_, p)| p["metadata"]["deletionTimestamp"].is_string()).count(),
        "observedGeneration": set["metadata"]["generation"],
    });
    super::without_zeros(&mut status, &["replicas", "terminatingReplicas"]);
    let lacking = number(&set, "/spec/replicas") > i64::try_from(pods.len()).unwrap_or(0);
    let known = super::condition(&set, "ReplicaFailure").cloned();
    let condition = known.or_else(|| {
        failure.map(|message| json!({"type": "ReplicaFailure", "status": "True", "lastTransitionTime": world.time(), "reason": "FailedCreate", "message": message}))
    });
    if let Some(condition) = condition.filter(|_| lacking) {
        status["conditions"] = json!([condition]);
    } else {
        world.queue.failures.remove(key);
    }
    edit(world, key, &status_manager(), |r| r["status"] = status);
}
