//! StatefulSets: pods with numbers, one after the other, each with its claims. A pod that is stuck stays stuck when
//! the template is reverted, as it does on a real server.

use serde_json::{Value, json};

use super::{MANAGER, Said, is_active, is_ready, number, owned, reference, status_manager, tell};
use crate::kinds::named;
use crate::store::{Key, World, name_hash, text};
use crate::validate::sorted;
use crate::write::{self, Delete, edit, make};

const COMPONENT: &str = "statefulset-controller";
const HASH: &str = "controller-revision-hash";

/// Brings a StatefulSet on.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(set) = world.get(key).cloned() else { return };
    let revision = revision(&set, key);
    keep_revision(world, &set, &revision);
    if set["metadata"]["deletionTimestamp"].is_null() {
        step(world, key, &set, &revision);
    }
    write_status(world, key, &revision);
}

fn revision(set: &Value, key: &Key) -> String {
    format!(
        "{}-{}",
        key.name,
        name_hash(&sorted(&set["spec"]["template"]).to_string())
    )
}

fn keep_revision(world: &mut World, set: &Value, name: &str) {
    let namespace = text(set, "/metadata/namespace");
    let kind = named("ControllerRevision");
    if world.get(&Key::new(kind, namespace, name)).is_some() || set["metadata"]["deletionTimestamp"].is_string() {
        return;
    }
    let count = world.list(kind, namespace).count();
    let _ = make(
        world,
        kind,
        json!({"metadata": {"name": name, "namespace": namespace, "ownerReferences": [reference(set)]},
        "data": {"spec": {"template": set["spec"]["template"]}}, "revision": count + 1}),
        MANAGER,
    );
}

fn pod_key(key: &Key, index: i64) -> Key {
    Key::new(named("Pod"), &key.namespace, &format!("{}-{index}", key.name))
}

/// Does the next thing: creates the first missing pod, removes the last surplus one, or replaces the last old one.
fn step(world: &mut World, key: &Key, set: &Value, revision: &str) {
    let wanted = number(set, "/spec/replicas");
    let parallel = set["spec"]["podManagementPolicy"] == "Parallel";
    for index in 0..wanted {
        let pod = world.get(&pod_key(key, index)).cloned();
        match pod {
            None => create(world, key, set, index, revision),
            Some(pod) if matches!(text(&pod, "/status/phase"), "Failed" | "Succeeded") => {
                remove(world, set, &pod_key(key, index));
            }
            Some(pod) if is_active(&pod) && is_ready(&pod) => continue,
            Some(_) => {}
        }
        if !parallel {
            return;
        }
    }
    let pods = owned(world, "Pod", key, text(set, "/metadata/uid"));
    let index = |name: &str| name.rsplit('-').next().and_then(|i| i.parse::<i64>().ok()).unwrap_or(0);
    if let Some((last, _)) = pods
        .iter()
        .filter(|(k, _)| index(&k.name) >= wanted)
        .max_by_key(|(k, _)| index(&k.name))
    {
        remove(world, set, last);
        return;
    }
    if set["spec"]["updateStrategy"]["type"] == "OnDelete" || !pods.iter().all(|(_, p)| is_active(p) && is_ready(p)) {
        return;
    }
    let partition = number(set, "/spec/updateStrategy/rollingUpdate/partition");
    let old = pods
        .iter()
        .filter(|(k, p)| index(&k.name) >= partition && p["metadata"]["labels"][HASH] != revision);
    if let Some((last, _)) = old.max_by_key(|(k, _)| index(&k.name)) {
        remove(world, set, last);
    }
}

fn remove(world: &mut World, set: &Value, pod: &Key) {
    if world
        .get(pod)
        .is_some_and(|p| p["metadata"]["deletionTimestamp"].is_string())
    {
        return;
    }
    if write::delete(world, pod, &Delete::default(), &mut Vec::new()).is_ok() {
        let message = format!(
            "Delete Pod {} in StatefulSet {} successful",
            pod.name,
            text(set, "/metadata/name")
        );
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

fn create(world: &mut World, key: &Key, set: &Value, index: i64, revision: &str) {
    let name = format!("{}-{index}", key.name);
    let mut spec = set["spec"]["template"]["spec"].clone();
    let mut volumes = Vec::new();
    for template in set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten() {
        volumes.push(claim(world, set, template, &name));
    }
    let named_by_claims: Vec<_> = volumes.iter().map(|v| v["name"].clone()).collect();
    let others = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|v| !named_by_claims.contains(&v["name"]))
        .cloned();
    volumes.extend(others.collect::<Vec<_>>());
    spec["volumes"] = volumes.into();
    spec["hostname"] = name.clone().into();
    spec["subdomain"] = set["spec"]["serviceName"].clone();
    let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
    labels["apps.kubernetes.io/pod-index"] = index.to_string().into();
    labels[HASH] = revision.into();
    labels["statefulset.kubernetes.io/pod-name"] = name.clone().into();
    let mut metadata = json!({"name": name, "generateName": format!("{}-", key.name), "namespace": key.namespace,
        "labels": labels, "ownerReferences": [reference(set)]});
    if set["spec"]["template"]["metadata"]["annotations"].is_object() {
        metadata["annotations"] = set["spec"]["template"]["metadata"]["annotations"].clone();
    }
    let made = make(
        world,
        named("Pod"),
        json!({"metadata": metadata, "spec": spec}),
        MANAGER,
    );
    let (warning, reason, message) = match made {
        Ok(_) => (
            false,
            "SuccessfulCreate",
            format!("Create Pod {name} in StatefulSet {} successful", key.name),
        ),
        Err(why) => (
            true,
            "FailedCreate",
            format!(
                "create Pod {name} in StatefulSet {} failed error: {}",
                key.name,
                text(&why.body, "/message")
            ),
        ),
    };
    tell(
        world,
        set,
        Said {
            warning,
            reason,
            message: &message,
            component: COMPONENT,
        },
    );
}

/// The volume of a claim template, whose claim is made when it is not there.
fn claim(world: &mut World, set: &Value, template: &Value, pod: &str) -> Value {
    let volume = text(template, "/metadata/name").to_owned();
    let name = format!("{volume}-{pod}");
    let namespace = text(set, "/metadata/namespace").to_owned();
    let kind = named("PersistentVolumeClaim");
    if world.get(&Key::new(kind, &namespace, &name)).is_none() {
        let labels = &set["spec"]["selector"]["matchLabels"];
        let object =
            json!({"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": template["spec"]});
        if make(world, kind, object, MANAGER).is_ok() {
            let message = format!(
                "Create Claim {name} Pod {pod} in StatefulSet {} success",
                text(set, "/metadata/name")
            );
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
        }
    }
    json!({"name": volume, "persistentVolumeClaim": {"claimName": name}})
}

fn write_status(world: &mut World, key: &Key, revision: &str) {
    let Some(set) = world.get(key).cloned() else { return };
    let pods = owned(world, "Pod", key, text(&set, "/metadata/uid"));
    let wanted = usize::try_from(number(&set, "/spec/replicas")).unwrap_or(0);
    let of = |name: &str| {
        pods.iter()
            .filter(|(_, p)| is_active(p) && p["metadata"]["labels"][HASH] == name)
            .count()
    };
    let ready = pods.iter().filter(|(_, p)| is_ready(p)).count();
    let before = text(&set, "/status/currentRevision");
    let rolled = of(revision) == wanted && ready == wanted && pods.len() == wanted;
    let current = if before.is_empty() || rolled { revision } else { before };
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": pods.len(), "readyReplicas": ready,
        "currentReplicas": of(current), "updatedReplicas": of(revision), "currentRevision": current,
        "updateRevision": revision, "collisionCount": 0, "availableReplicas": ready,
    });
    super::without_zeros(&mut status, &["replicas", "collisionCount", "availableReplicas"]);
    edit(world, key, &status_manager(), |s| s["status"] = status);
}
