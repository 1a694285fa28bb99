//! Why the pods of a workload do not come up, in words a user can act on.
//!
//! Pure: reads a workload, its pods and the warnings of the cluster, asks nobody. Owns the table of causes: which are
//! hard evidence at once and which may pass (a node that an autoscaler brings, an image that is being pushed).

use mlstack_provider::Value;

use crate::health::condition;

/// What stands in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    ImageNeverPulled,
    ImageName,
    ImageDenied,
    ImageMissing,
    ImagePull,
    PodSecurity,
    ServiceAccount,
    Quota,
    Admission,
    RunsAsRoot,
    Configuration,
    Command,
    OutOfMemory,
    Crash,
    Evicted,
    Probe,
    Liveness,
    Volume,
    Claim,
    Accelerator,
    Resources,
    Placement,
    JobFailed,
    Deadline,
}

/// One cause, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) sort: Sort,
    /// Whether nothing will mend it by itself.
    pub(crate) terminal: bool,
    /// The pod; empty when there is none.
    pub(crate) pod: String,
    /// The container; empty when it is about the pod.
    pub(crate) container: String,
    /// What the cluster says.
    pub(crate) text: String,
    /// Whether the container ran, so that there is a log, and whether it ended.
    pub(crate) ran: bool,
}

/// Restarts after which a container that ends by itself counts as crashing.
const CRASHES: u64 = 2;

/// All that is known of a workload.
pub(crate) struct Evidence<'a> {
    pub(crate) object: &'a Value,
    /// Of the newest version alone.
    pub(crate) pods: &'a [Value],
    /// Warnings about the workload, its replica sets and its pods.
    pub(crate) events: &'a [Value],
}

/// What stands in the way, hard evidence first.
pub(crate) fn causes(evidence: &Evidence<'_>) -> Vec<Cause> {
    let mut all: Vec<Cause> = of_workload(evidence.object).into_iter().collect();
    all.extend(of_events_without_pods(evidence));
    for pod in evidence.pods {
        all.extend(of_pod(pod, evidence.events));
    }
    all.sort_by_key(|cause| (!cause.terminal, cause.sort));
    all.dedup_by(|a, b| (a.sort, &a.pod, &a.container) == (b.sort, &b.pod, &b.container));
    all
}

/// Pods that are not even made.
fn of_workload(object: &Value) -> Option<Cause> {
    if let Some((_, message)) = condition(object, "ReplicaFailure", "True") {
        return Some(not_made(message));
    }
    if let Some((_, message)) =
        condition(object, "Failed", "True").or_else(|| condition(object, "FailureTarget", "True"))
    {
        return Some(bare(Sort::JobFailed, message));
    }
    match condition(object, "Progressing", "False") {
        Some(("ProgressDeadlineExceeded", message)) => Some(bare(Sort::Deadline, message)),
        _ => None,
    }
}

/// A stateful set has no condition for it: what its controller cannot make stands in the events alone.
fn of_events_without_pods(evidence: &Evidence<'_>) -> Option<Cause> {
    if !evidence.pods.is_empty() {
        return None;
    }
    let failed = evidence
        .events
        .iter()
        .rfind(|event| event["reason"] == "FailedCreate")?;
    Some(not_made(text(&failed["message"])))
}

fn not_made(message: &str) -> Cause {
    let has = |words: &str| message.contains(words);
    let sort = match () {
        () if has("violates PodSecurity") => Sort::PodSecurity,
        () if has("service account") || has("serviceaccount") => Sort::ServiceAccount,
        () if has("exceeded quota") || has("failed quota") => Sort::Quota,
        () => Sort::Admission,
    };
    bare(sort, message)
}

fn bare(sort: Sort, message: &str) -> Cause {
    Cause {
        sort,
        terminal: true,
        pod: String::new(),
        container: String::new(),
        text: message.to_owned(),
        ran: false,
    }
}

fn of_pod(pod: &Value, events: &[Value]) -> Vec<Cause> {
    let name = text(&pod["metadata"]["name"]);
    let own = |event: &&Value| event["involvedObject"]["name"] == name && event["involvedObject"]["kind"] == "Pod";
    let events: Vec<&Value> = events.iter().filter(own).collect();
    let mut all: Vec<Cause> = evicted(pod).into_iter().collect();
    all.extend(scheduling(pod));
    all.extend(mounts(&events));
    for key in ["initContainerStatuses", "containerStatuses"] {
        for status in pod["status"][key].as_array().into_iter().flatten() {
            all.extend(of_container(status, &events));
        }
    }
    for cause in &mut all {
        name.clone_into(&mut cause.pod);
    }
    all
}

fn evicted(pod: &Value) -> Option<Cause> {
    (pod["status"]["reason"] == "Evicted").then(|| bare(Sort::Evicted, text(&pod["status"]["message"])))
}

fn scheduling(pod: &Value) -> Option<Cause> {
    let (reason, message) = condition(pod, "PodScheduled", "False")?;
    if reason != "Unschedulable" {
        return None;
    }
    let has = |words: &str| message.contains(words);
    let sort = match () {
        () if has("persistentvolumeclaim") || has("PersistentVolumeClaim") => Sort::Claim,
        () if has("Insufficient nvidia.com/") || has("Insufficient amd.com/") || has("Insufficient gpu.") => {
            Sort::Accelerator
        }
        () if has("Insufficient ") => Sort::Resources,
        () => Sort::Placement,
    };
    Some(passing(sort, message))
}

fn mounts(events: &[&Value]) -> Option<Cause> {
    let failed = |event: &&&Value| ["FailedMount", "FailedAttachVolume"].contains(&text(&event["reason"]));
    let event = events.iter().rfind(failed)?;
    Some(passing(Sort::Volume, text(&event["message"])))
}

fn passing(sort: Sort, message: &str) -> Cause {
    Cause {
        terminal: false,
        ..bare(sort, message)
    }
}

fn of_container(status: &Value, events: &[&Value]) -> Option<Cause> {
    if status["ready"] == true && status["state"]["waiting"].is_null() {
        return None;
    }
    let name = text(&status["name"]);
    let cause = waiting(status, events, name)
        .or_else(|| killed(status, events, name))
        .or_else(|| ended(status))
        .or_else(|| unready(status, events, name))?;
    Some(Cause {
        container: name.to_owned(),
        ..cause
    })
}

/// A container that is held back.
fn waiting(status: &Value, events: &[&Value], container: &str) -> Option<Cause> {
    let waiting = status["state"]["waiting"].as_object()?;
    let message = waiting.get("message").map(text).unwrap_or_default();
    let told = || pull_failure(events, container).unwrap_or(message);
    Some(match waiting.get("reason").map(text).unwrap_or_default() {
        "ErrImageNeverPull" => bare(Sort::ImageNeverPulled, message),
        "InvalidImageName" => bare(Sort::ImageName, message),
        reason @ ("ErrImagePull" | "ImagePullBackOff" | "ImageInspectError" | "RegistryUnavailable") => {
            // The registry said no, and the kubelet asked more than once.
            let said = image(told());
            Cause {
                terminal: reason == "ImagePullBackOff" && said != Sort::ImagePull,
                ..bare(said, told())
            }
        }
        "CreateContainerConfigError" | "CreateContainerError"
            if message.contains("runAsNonRoot") || message.contains("non-root") =>
        {
            bare(Sort::RunsAsRoot, message)
        }
        "CreateContainerConfigError" => bare(Sort::Configuration, message),
        "CreateContainerError" | "RunContainerError" | "StartError" => bare(Sort::Command, message),
        _ => return None,
    })
}

fn image(message: &str) -> Sort {
    let has = |words: &[&str]| words.iter().any(|words| message.contains(words));
    match () {
        () if has(&[
            "unauthorized",
            "denied",
            "forbidden",
            "authorization failed",
            "401",
            "403",
        ]) =>
        {
            Sort::ImageDenied
        }
        () if has(&["not found", "manifest unknown", "no such image", "does not exist"]) => Sort::ImageMissing,
        () => Sort::ImagePull,
    }
}

/// What the kubelet said of the pull itself; the state soon says only that it waits.
fn pull_failure<'a>(events: &[&'a Value], container: &str) -> Option<&'a str> {
    let field = format!("{{{container}}}");
    let told = events.iter().rfind(|event| {
        event["reason"] == "Failed"
            && text(&event["involvedObject"]["fieldPath"]).ends_with(&field)
            && text(&event["message"]).starts_with("Failed to pull")
    });
    told.map(|event| text(&event["message"]))
}

/// A container that ended.
fn ended(status: &Value) -> Option<Cause> {
    let ended = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
    let ended = ended.into_iter().find(|state| state.is_object())?;
    let restarts = status["restartCount"].as_u64().unwrap_or_default();
    let code = ended["exitCode"].as_i64().unwrap_or_default();
    let message = text(&ended["message"]);
    match text(&ended["reason"]) {
        "StartError" | "ContainerCannotRun" => Some(bare(Sort::Command, message)),
        "OOMKilled" => Some(ran(Sort::OutOfMemory, restarts > 0, "out of memory".to_owned())),
        _ if code == 0 && restarts < CRASHES => None,
        _ => Some(ran(
            Sort::Crash,
            restarts >= CRASHES,
            format!("exited ({code}), {restarts} restarts"),
        )),
    }
}

fn ran(sort: Sort, terminal: bool, text: String) -> Cause {
    Cause {
        terminal,
        ran: true,
        ..bare(sort, &text)
    }
}

/// A container that the kubelet killed because it did not answer: its exit code says nothing of its own.
fn killed(status: &Value, events: &[&Value], container: &str) -> Option<Cause> {
    let restarts = status["restartCount"].as_u64().unwrap_or_default();
    let ended = [&status["state"]["terminated"], &status["lastState"]["terminated"]];
    let by_signal =
        |state: &&Value| matches!(state["exitCode"].as_i64(), Some(137 | 143)) && state["reason"] != "OOMKilled";
    ended.into_iter().find(by_signal)?;
    let message = unhealthy(events, container).find(|message| !message.starts_with("Readiness"))?;
    Some(ran(Sort::Liveness, restarts > 0, message.to_owned()))
}

/// A container that runs and is not ready.
fn unready(status: &Value, events: &[&Value], container: &str) -> Option<Cause> {
    if !status["state"]["running"].is_object() {
        return None;
    }
    let message = unhealthy(events, container).next()?;
    let sort = if message.starts_with("Readiness") {
        Sort::Probe
    } else {
        Sort::Liveness
    };
    Some(ran(sort, false, message.to_owned()))
}

/// What the probes of a container said, the last first.
fn unhealthy<'a>(events: &'a [&Value], container: &str) -> impl Iterator<Item = &'a str> {
    let field = format!("{{{container}}}");
    let own = move |event: &&&Value| {
        event["reason"] == "Unhealthy" && text(&event["involvedObject"]["fieldPath"]).ends_with(&field)
    };
    events.iter().rev().filter(own).map(|event| text(&event["message"]))
}

impl Cause {
    /// The sentence for it.
    pub(crate) fn sentence(&self) -> String {
        let place = match (self.pod.as_str(), self.container.as_str()) {
            ("", _) => String::new(),
            (pod, "") => format!(" (pod {pod})"),
            (pod, container) => format!(" (pod {pod}, container {container})"),
        };
        match self.text.trim() {
            "" => format!("{}{place}", self.sort.says()),
            told => format!("{}{place}: {told}", self.sort.says()),
        }
    }
}

impl Sort {
    /// What it is.
    fn says(self) -> &'static str {
        match self {
            Self::ImageNeverPulled => "the image is not on the node, and may not be pulled",
            Self::ImageName => "the image's name is none",
            Self::ImageDenied => "the registry refuses the image",
            Self::ImageMissing => "the registry has no such image",
            Self::ImagePull => "the image cannot be pulled",
            Self::PodSecurity => "the namespace's Pod Security level forbids the pods",
            Self::ServiceAccount => "there is no such service account",
            Self::Quota => "a quota of the namespace is used up",
            Self::Admission => "the cluster refuses to make the pods",
            Self::RunsAsRoot => "the image runs as root, which is not allowed",
            Self::Configuration => "a ConfigMap or Secret lacks",
            Self::Command => "the container's command cannot be run",
            Self::OutOfMemory => "the container used more memory than its limit",
            Self::Crash => "the container crashes",
            Self::Evicted => "the node threw the pod out",
            Self::Probe => "its readiness probe fails",
            Self::Liveness => "it is restarted because its probe fails",
            Self::Volume => "a volume cannot be mounted",
            Self::Claim => "its volume claim is not there or not bound",
            Self::Accelerator => "no node has the GPUs it asks for",
            Self::Resources => "no node has the CPU or memory it asks for",
            Self::Placement => "no node may run it",
            Self::JobFailed => "the job failed",
            Self::Deadline => "it made no progress in time",
        }
    }

    /// What to do about it.
    pub(crate) fn remedy(self) -> &'static str {
        match self {
            Self::ImageNeverPulled => "push it to a registry and name that one, or set the pull policy to IfNotPresent",
            Self::ImageName => "mend `image`: registry/name:tag or registry/name@sha256:…",
            Self::ImageDenied => {
                "give the namespace a pull secret, or log in to the registry: kubectl create secret docker-registry"
            }
            Self::ImageMissing => "mend `image`, or push it first",
            Self::ImagePull => "see that the nodes reach the registry",
            Self::PodSecurity => "mend what the message names, or run it in a namespace of another level",
            Self::ServiceAccount => "make it: kubectl create serviceaccount NAME, or leave it out",
            Self::Quota => "lower resources or replicas, or ask for a larger quota: kubectl describe quota",
            Self::Admission => {
                "mend what the message names: kubectl describe limitrange,resourcequota shows the namespace's rules"
            }
            Self::RunsAsRoot => "take an image with a user of its own, or name one: USER 1000 in its Dockerfile",
            Self::Configuration => "make what the message names, with that key",
            Self::Command => "mend `command`: its first word must be a program in the image",
            Self::OutOfMemory => "raise resources.memory",
            Self::Crash => "mend what its last lines say",
            Self::Evicted => "set resources to what it really uses: kubectl describe node",
            Self::Probe => "see that it listens on its port and answers its health path",
            Self::Liveness => "if it only needs longer to start, raise rollout.timeout",
            Self::Volume => {
                "make what the message names; a volume that only one node may use must leave the other one first"
            }
            Self::Claim => "see its claim: kubectl describe pvc; a storage class must be there to make the volume",
            Self::Accelerator => "ask for fewer GPUs, or add nodes that have them: kubectl describe nodes",
            Self::Resources => "lower resources, or add nodes: kubectl describe nodes",
            Self::Placement => "see the nodes' taints and labels: kubectl describe nodes",
            Self::JobFailed => "mend what its last lines say, then apply again",
            Self::Deadline => "if it only needs longer, raise rollout.timeout",
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests;
