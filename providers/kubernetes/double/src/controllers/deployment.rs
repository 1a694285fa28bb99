//! Deployments: ReplicaSets for each template, scaled against each other, and the conditions that tell how it goes.

use serde_json::{Value, json};

use super::{MANAGER, Said, Task, condition, is_active, number, owned, reference, status_manager, tell};
use crate::kinds::named;
use crate::managed::Manager;
use crate::store::{Key, World, name_hash, text};
use crate::validate::{matches, sorted};
use crate::write::{edit, make};

const REVISION: &str = "deployment.kubernetes.io/revision";

/// Brings a Deployment on.
pub(crate) fn sync(world: &mut World, key: &Key) {
    adopt(world, key);
    let Some(deployment) = world.get(key).cloned() else {
        return;
    };
    if deployment["metadata"]["deletionTimestamp"].is_string() || deployment["spec"]["paused"] == true {
        write_status(world, key);
        return;
    }
    if current(world, &deployment, key).is_none() && may_start(world, &deployment, key) {
        start(world, &deployment, key);
    }
    scale(world, key);
    write_status(world, key);
}

/// Takes over ReplicaSets that fit and have no owner.
fn adopt(world: &mut World, key: &Key) {
    let Some(deployment) = world
        .get(key)
        .filter(|d| d["metadata"]["deletionTimestamp"].is_null())
        .cloned()
    else {
        return;
    };
    let lonely: Vec<_> = world
        .list(named("ReplicaSet"), &key.namespace)
        .filter(|(_, r)| {
            r["metadata"]["ownerReferences"].is_null()
                && matches(&deployment["spec"]["selector"], &r["metadata"]["labels"])
        })
        .map(|(k, _)| k.clone())
        .collect();
    for set in lonely {
        edit(world, &set, &Manager::update(MANAGER, ""), |r| {
            r["metadata"]["ownerReferences"] = json!([reference(&deployment)]);
        });
    }
}

fn sets(world: &World, deployment: &Value, key: &Key) -> Vec<(Key, Value)> {
    owned(world, "ReplicaSet", key, text(deployment, "/metadata/uid"))
}

/// The ReplicaSet of the Deployment's template.
fn current(world: &World, deployment: &Value, key: &Key) -> Option<(Key, Value)> {
    let plain = |template: &Value| {
        let mut template = template.clone();
        template["metadata"]["labels"]
            .as_object_mut()
            .map(|l| l.remove("pod-template-hash"));
        template
    };
    let wanted = plain(&deployment["spec"]["template"]);
    sets(world, deployment, key)
        .into_iter()
        .find(|(_, r)| plain(&r["spec"]["template"]) == wanted)
}

/// Recreate waits until the old pods are gone.
fn may_start(world: &World, deployment: &Value, key: &Key) -> bool {
    deployment["spec"]["strategy"]["type"] != "Recreate" || {
        let old = sets(world, deployment, key);
        old.iter()
            .all(|(k, r)| owned(world, "Pod", k, text(r, "/metadata/uid")).is_empty())
    }
}

/// Percent or number of the wished copies, rounded up or down.
fn share(value: &Value, of: i64, up: bool) -> i64 {
    let percent = value
        .as_str()
        .and_then(|t| t.strip_suffix('%'))
        .and_then(|p| p.parse::<i64>().ok());
    match percent {
        Some(p) if up => (p * of + 99) / 100,
        Some(p) => p * of / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

/// How many more and how many fewer copies than wished a rollout may have.
fn bounds(deployment: &Value) -> (i64, i64) {
    let replicas = number(deployment, "/spec/replicas");
    if deployment["spec"]["strategy"]["type"] == "Recreate" {
        return (0, replicas);
    }
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    let (surge, missing) = (
        share(&rolling["maxSurge"], replicas, true),
        share(&rolling["maxUnavailable"], replicas, false),
    );
    if surge == 0 && missing == 0 {
        (0, 1)
    } else {
        (surge, missing.min(replicas))
    }
}

fn start(world: &mut World, deployment: &Value, key: &Key) {
    let hash = name_hash(&sorted(&deployment["spec"]["template"]).to_string());
    let name = format!("{}-{hash}", key.name);
    let all = sets(world, deployment, key);
    let replicas = number(deployment, "/spec/replicas");
    let (surge, _) = bounds(deployment);
    let there: i64 = all.iter().map(|(_, r)| number(r, "/spec/replicas")).sum();
    let first = (replicas + surge - there).clamp(0, replicas);
    let revision = 1 + all.iter().map(|(_, r)| revision(r)).max().unwrap_or(0);
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = hash.clone().into();
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = hash.into();
    let set = json!({
        "metadata": {"name": name, "namespace": key.namespace, "labels": template["metadata"]["labels"],
            "annotations": annotations(deployment, revision), "ownerReferences": [reference(deployment)]},
        "spec": {"replicas": first, "selector": selector, "template": template},
    });
    if make(world, named("ReplicaSet"), set, MANAGER).is_err() {
        return;
    }
    if first > 0 {
        scaled(world, deployment, &name, 0, first);
    }
    world.queue.progress.insert(key.clone(), world.now);
    let why = json!({"type": "Progressing", "status": "True", "reason": "NewReplicaSetCreated", "message": format!("Created new replica set \"{name}\"")});
    let time = world.time();
    edit(world, key, &status_manager(), |d| {
        d["metadata"]["annotations"][REVISION] = revision.to_string().into();
        set_condition(d, &why, &time, true);
    });
}

fn revision(set: &Value) -> i64 {
    set["metadata"]["annotations"][REVISION]
        .as_str()
        .and_then(|r| r.parse().ok())
        .unwrap_or(0)
}

fn annotations(deployment: &Value, revision: i64) -> Value {
    let replicas = number(deployment, "/spec/replicas");
    let mut all = json!({});
    for (name, value) in deployment["metadata"]["annotations"].as_object().into_iter().flatten() {
        if !name.starts_with("kubectl.kubernetes.io/last-applied") {
            all[name] = value.clone();
        }
    }
    all["deployment.kubernetes.io/desired-replicas"] = replicas.to_string().into();
    all["deployment.kubernetes.io/max-replicas"] = (replicas + bounds(deployment).0).to_string().into();
    all[REVISION] = revision.to_string().into();
    all
}

fn scaled(world: &mut World, deployment: &Value, set: &str, from: i64, to: i64) {
    let way = if to > from { "up" } else { "down" };
    let message = format!("Scaled {way} replica set {set} from {from} to {to}");
    tell(
        world,
        deployment,
        Said {
            warning: false,
            reason: "ScalingReplicaSet",
            message: &message,
            component: "deployment-controller",
        },
    );
}

fn resize(world: &mut World, deployment: &Value, key: &Key, set: &Value, to: i64) {
    let from = number(set, "/spec/replicas");
    let marks = annotations(deployment, revision(set));
    edit(world, key, &Manager::update(MANAGER, ""), |r| {
        r["spec"]["replicas"] = to.into();
        r["metadata"]["annotations"] = marks;
    });
    if from != to {
        scaled(world, deployment, &key.name, from, to);
    }
}

/// Scales the new ReplicaSet up and the old ones down, within the bounds of the strategy.
fn scale(world: &mut World, key: &Key) {
    let Some(deployment) = world.get(key).cloned() else {
        return;
    };
    let replicas = number(&deployment, "/spec/replicas");
    let (surge, missing) = bounds(&deployment);
    let new = current(world, &deployment, key);
    let all = sets(world, &deployment, key);
    let total: i64 = all.iter().map(|(_, r)| number(r, "/spec/replicas")).sum();
    if let Some((new_key, set)) = &new {
        renew(world, &deployment, key, new_key, set);
        let now = number(set, "/spec/replicas");
        let to = if now > replicas {
            replicas
        } else {
            (now + (replicas + surge - total).max(0)).min(replicas)
        };
        let marks = annotations(&deployment, revision(set));
        if to != now
            || set["metadata"]["annotations"]["deployment.kubernetes.io/desired-replicas"]
                != marks["deployment.kubernetes.io/desired-replicas"]
        {
            let set = world.get(new_key).cloned().unwrap_or_else(|| set.clone());
            resize(world, &deployment, new_key, &set, to);
        }
    }
    let new_key = new.as_ref().map(|(k, _)| k.clone());
    let unavailable = new.as_ref().map_or(0, |(_, r)| {
        number(r, "/spec/replicas") - number(r, "/status/availableReplicas")
    });
    let available: i64 = all.iter().map(|(_, r)| number(r, "/status/availableReplicas")).sum();
    let old: Vec<_> = all
        .into_iter()
        .filter(|(k, r)| Some(k) != new_key.as_ref() && number(r, "/spec/replicas") > 0)
        .collect();
    let mut spare = (total - (replicas - missing) - unavailable).max(0);
    for (old_key, set) in &old {
        let (now, ready) = (number(set, "/spec/replicas"), number(set, "/status/availableReplicas"));
        let sick = (now - ready).min(spare);
        let well = (available - (replicas - missing)).clamp(0, ready).min(spare - sick);
        if sick + well > 0 {
            spare -= sick + well;
            resize(world, &deployment, old_key, set, now - sick - well);
        }
    }
}

/// A roll back makes an old ReplicaSet the newest.
fn renew(world: &mut World, deployment: &Value, key: &Key, new_key: &Key, set: &Value) {
    let newest = sets(world, deployment, key)
        .iter()
        .map(|(_, r)| revision(r))
        .max()
        .unwrap_or(0);
    let to = if revision(set) < newest { newest + 1 } else { newest };
    if revision(set) < newest {
        edit(world, new_key, &Manager::update(MANAGER, ""), |r| {
            r["metadata"]["annotations"][REVISION] = to.to_string().into();
        });
        world.queue.progress.insert(key.clone(), world.now);
    }
    edit(world, key, &status_manager(), |d| {
        d["metadata"]["annotations"][REVISION] = to.to_string().into();
    });
}

fn write_status(world: &mut World, key: &Key) {
    let Some(deployment) = world.get(key).cloned() else {
        return;
    };
    let all = sets(world, &deployment, key);
    let new = current(world, &deployment, key);
    let sum = |path: &str| all.iter().map(|(_, r)| number(r, path)).sum::<i64>();
    let wanted = number(&deployment, "/spec/replicas");
    let available = sum("/status/availableReplicas");
    let updated = new.as_ref().map_or(0, |(_, r)| number(r, "/status/replicas"));
    let mut status = json!({
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": sum("/status/replicas"),
        "updatedReplicas": updated,
        "readyReplicas": sum("/status/readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": (sum("/spec/replicas") - available).max(0),
        "terminatingReplicas": sum("/status/terminatingReplicas"),
    });
    super::without_zeros(&mut status, &["terminatingReplicas"]);
    if let Some(conditions) = deployment["status"].get("conditions") {
        status["conditions"] = conditions.clone();
    }
    let time = world.time();
    let mut next = deployment.clone();
    next["status"] = status;
    let enough = available >= wanted - bounds(&deployment).1;
    let (state, reason, message) = match enough {
        true => (
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        ),
        false => (
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        ),
    };
    set_condition(
        &mut next,
        &json!({"type": "Available", "status": state, "reason": reason, "message": message}),
        &time,
        false,
    );
    failure(&mut next, &all, &time);
    if deployment["metadata"]["deletionTimestamp"].is_null() {
        progress(
            world,
            key,
            &deployment,
            &mut next,
            new.as_ref().map(|(k, _)| k.name.as_str()),
        );
    }
    edit(world, key, &status_manager(), |d| d["status"] = next["status"].clone());
}

/// The condition ReplicaFailure, as a ReplicaSet has it.
fn failure(next: &mut Value, sets: &[(Key, Value)], time: &str) {
    match sets.iter().find_map(|(_, r)| condition(r, "ReplicaFailure")) {
        Some(c) => {
            let c = json!({"type": "ReplicaFailure", "status": c["status"], "reason": c["reason"], "message": c["message"]});
            set_condition(next, &c, time, false);
        }
        None => {
            if let Some(all) = next["status"]["conditions"].as_array_mut() {
                all.retain(|c| c["type"] != "ReplicaFailure");
            }
        }
    }
}

/// The condition Progressing: done, on the way, or out of time.
fn progress(world: &mut World, key: &Key, before: &Value, next: &mut Value, set: Option<&str>) {
    let n = |o: &Value, name: &str| number(o, &format!("/status/{name}"));
    let wanted = number(before, "/spec/replicas");
    let reason = condition(before, "Progressing")
        .map_or("", |c| text(c, "/reason"))
        .to_owned();
    let all = |name: &str| n(next, name) == wanted;
    let complete = all("updatedReplicas") && all("replicas") && all("availableReplicas");
    let settled = n(next, "replicas") == n(next, "updatedReplicas") && reason == "NewReplicaSetAvailable";
    let old = |o: &Value| n(o, "replicas") - n(o, "updatedReplicas");
    let moving = n(next, "updatedReplicas") > n(before, "updatedReplicas")
        || old(next) < old(before)
        || n(next, "readyReplicas") > n(before, "readyReplicas")
        || n(next, "availableReplicas") > n(before, "availableReplicas");
    let called = set.map_or_else(
        || format!("Deployment \"{}\"", key.name),
        |s| format!("ReplicaSet \"{s}\""),
    );
    let time = world.time();
    let say = |status: &str, reason: &str, what: &str| json!({"type": "Progressing", "status": status, "reason": reason, "message": format!("{called} {what}")});
    if settled {
        return;
    }
    let deadline = u64::try_from(number(before, "/spec/progressDeadlineSeconds")).unwrap_or(0) * 1000 + 1000;
    let since = *world.queue.progress.entry(key.clone()).or_insert(world.now);
    if complete {
        set_condition(
            next,
            &say("True", "NewReplicaSetAvailable", "has successfully progressed."),
            &time,
            true,
        );
    } else if moving {
        world.queue.progress.insert(key.clone(), world.now);
        set_condition(next, &say("True", "ReplicaSetUpdated", "is progressing."), &time, true);
        world.queue.again(world.now + deadline, Task::Sync(key.clone()));
    } else if world.now >= since + deadline && reason != "ProgressDeadlineExceeded" {
        set_condition(
            next,
            &say("False", "ProgressDeadlineExceeded", "has timed out progressing."),
            &time,
            true,
        );
    } else if world.now < since + deadline {
        world.queue.again(since + deadline, Task::Sync(key.clone()));
    }
}

/// Sets a condition; one of the same status and reason stays as it is unless `renew`, and a changed one goes to the end.
fn set_condition(deployment: &mut Value, condition: &Value, time: &str, renew: bool) {
    let before = super::condition(deployment, text(condition, "/type")).cloned();
    let same = |name: &str| before.as_ref().is_some_and(|b| b[name] == condition[name]);
    if same("status") && same("reason") && (!renew || same("message") && condition["reason"] != "ReplicaSetUpdated") {
        return;
    }
    let since = before
        .as_ref()
        .filter(|_| same("status"))
        .map_or_else(|| time.into(), |b| b["lastTransitionTime"].clone());
    let written = json!({"type": condition["type"], "status": condition["status"], "lastUpdateTime": time,
        "lastTransitionTime": since, "reason": condition["reason"], "message": condition["message"]});
    let mut all = deployment["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    all.retain(|c| c["type"] != condition["type"]);
    all.push(written);
    deployment["status"]["conditions"] = all.into();
}

/// The pods of a ReplicaSet that are there to stay.
pub(super) fn active_pods(world: &World, key: &Key, set: &Value) -> Vec<(Key, Value)> {
    owned(world, "Pod", key, text(set, "/metadata/uid"))
        .into_iter()
        .filter(|(_, p)| is_active(p))
        .collect()
}
