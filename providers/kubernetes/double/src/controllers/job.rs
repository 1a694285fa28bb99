//! Jobs: pods until enough have succeeded or too many have failed.

use serde_json::{Value, json};

use super::{MANAGER, Said, condition, is_active, is_ready, number, owned, reference, status_manager, tell};
use crate::kinds::named;
use crate::store::{Key, World, text};
use crate::write::{edit, make};

const COMPONENT: &str = "job-controller";
const TRACKING: &str = "batch.kubernetes.io/job-tracking";

/// Brings a Job on.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(job) = world.get(key).cloned() else { return };
    if job["metadata"]["deletionTimestamp"].is_string() || job["spec"]["suspend"] == true {
        return;
    }
    let pods = owned(world, "Pod", key, text(&job, "/metadata/uid"));
    for (pod, object) in &pods {
        if !is_active(object) {
            let manager = super::Manager::update(MANAGER, "");
            edit(world, pod, &manager, |p| {
                drop(p["metadata"].as_object_mut().and_then(|m| m.remove("finalizers")));
            });
        }
    }
    if ["Complete", "Failed"].iter().any(|end| condition(&job, end).is_some()) {
        return;
    }
    let count = |phase: &str| {
        i64::try_from(pods.iter().filter(|(_, p)| text(p, "/status/phase") == phase).count()).unwrap_or(0)
    };
    let (succeeded, failed) = (count("Succeeded"), count("Failed"));
    let active = pods.iter().filter(|(_, p)| is_active(p)).count();
    let wanted = job["spec"]["completions"].as_i64().unwrap_or(1);
    let over = failed > number(&job, "/spec/backoffLimit");
    let mut active = i64::try_from(active).unwrap_or(0);
    let room = (wanted - succeeded).min(number(&job, "/spec/parallelism"));
    if !over {
        while active < room && create(world, &job) {
            active += 1;
        }
    }
    let ready = pods.iter().filter(|(_, p)| is_active(p) && is_ready(p)).count();
    let end = (succeeded >= wanted || over).then_some(succeeded >= wanted);
    write_status(
        world,
        key,
        &json!({"active": active, "ready": ready, "succeeded": succeeded, "failed": failed}),
        end,
    );
}

fn create(world: &mut World, job: &Value) -> bool {
    let template = &job["spec"]["template"];
    let mut metadata = json!({"generateName": format!("{}-", text(job, "/metadata/name")), "namespace": job["metadata"]["namespace"],
        "labels": template["metadata"]["labels"], "finalizers": [TRACKING], "ownerReferences": [reference(job)]});
    if template["metadata"]["annotations"].is_object() {
        metadata["annotations"] = template["metadata"]["annotations"].clone();
    }
    let made = make(
        world,
        named("Pod"),
        json!({"metadata": metadata, "spec": template["spec"]}),
        MANAGER,
    );
    let (warning, reason, message) = match &made {
        Ok(pod) => (
            false,
            "SuccessfulCreate",
            format!("Created pod: {}", text(pod, "/metadata/name")),
        ),
        Err(why) => (
            true,
            "FailedCreate",
            format!("Error creating: {}", text(&why.body, "/message")),
        ),
    };
    tell(
        world,
        job,
        Said {
            warning,
            reason,
            message: &message,
            component: COMPONENT,
        },
    );
    made.is_ok()
}

fn write_status(world: &mut World, key: &Key, counts: &Value, end: Option<bool>) {
    let Some(job) = world.get(key).cloned() else { return };
    let time = world.time();
    let mut status = counts.clone();
    super::without_zeros(&mut status, &["ready"]);
    status["startTime"] = if job["status"]["startTime"].is_string() {
        job["status"]["startTime"].clone()
    } else {
        time.clone().into()
    };
    status["terminating"] = 0.into();
    status["uncountedTerminatedPods"] = json!({});
    if let Some(succeeded) = end {
        if succeeded {
            status["completionTime"] = time.clone().into();
        }
        status["conditions"] = ends(succeeded, &time);
        let (warning, reason, message) = match succeeded {
            true => (false, "Completed", "Job completed"),
            false => (
                true,
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit",
            ),
        };
        tell(
            world,
            &job,
            Said {
                warning,
                reason,
                message,
                component: COMPONENT,
            },
        );
    }
    edit(world, key, &status_manager(), |j| j["status"] = status);
}

fn ends(succeeded: bool, time: &str) -> Value {
    let (first, last, reason, message) = match succeeded {
        true => (
            "SuccessCriteriaMet",
            "Complete",
            "CompletionsReached",
            "Reached expected number of succeeded pods",
        ),
        false => (
            "FailureTarget",
            "Failed",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        ),
    };
    let condition = |of: &str| json!({"type": of, "status": "True", "lastProbeTime": time, "lastTransitionTime": time, "reason": reason, "message": message});
    json!([condition(first), condition(last)])
}
