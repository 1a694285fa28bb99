//! Waits until a workload works, and stops at the first hard evidence that it will not.
//!
//! Only looks, at a steady pace: the workload first, and its newest pods with the cluster's warnings while it is not
//! done. What to do about one that does not come up is the caller's part.

use std::collections::BTreeMap;
use std::time::Duration;

use mlstack_manifest::{Kind, extension};
use mlstack_provider::{ErrorKind, Progress, ProviderError, Resource, Value};
use tokio::time::Instant;

use crate::cause::{Cause, Evidence, Sort, causes};
use crate::health::{self, Verdict};
use crate::look::Look;
use crate::observe::text;

/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(2);
/// What failed when a workload does not come up.
pub(crate) const NOT_READY: &str = "did not become ready:";
/// Log lines shown when it fails.
pub(crate) const LAST_LINES: u32 = 20;
/// How long a workload without a limit of its own may take.
const USUAL: u64 = 600;
/// How long a job without a limit of its own may take.
const JOB: u64 = 3600;

/// How a wait goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Between two looks.
    pub pace: Duration,
    /// How long a workload must stay well to count as working.
    pub settle: Duration,
    /// How long what may pass is waited for: a node that comes, an image that is being pushed.
    pub grace: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            pace: Duration::from_millis(500),
            settle: Duration::from_secs(2),
            grace: Duration::from_secs(25),
        }
    }
}

/// A reason, and below it what the container itself wrote.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct Failure {
    reason: String,
    #[source]
    output: Option<Output>,
}

impl Failure {
    /// A reason with the last lines of a log; may be none.
    pub(crate) fn new(reason: String, lines: String) -> Self {
        Self {
            reason,
            output: (!lines.is_empty()).then_some(Output(lines)),
        }
    }
}

/// The last words of a container.
#[derive(Debug, thiserror::Error)]
#[error("its last lines:\n{0}")]
struct Output(String);

/// What is known of a workload's pods.
pub(crate) struct Gathered {
    pub(crate) pods: Vec<Value>,
    events: Vec<Value>,
}

impl Gathered {
    /// Reads the pods of the newest version, and the warnings about them and what makes them.
    pub(crate) async fn of(look: &Look, kind: &Kind, object: &Value) -> Result<Self, ProviderError> {
        if kind.short == "pod" {
            // The same name may have been another pod's.
            let own = |event: &Value| event["involvedObject"]["uid"] == object["metadata"]["uid"];
            let events = look.warnings().await?.into_iter().filter(own).collect();
            let pods = vec![object.clone()];
            return Ok(Self { pods, events });
        }
        let selector = selector(object);
        let mut makers = vec![text(&object["metadata"]["uid"]).to_owned()];
        let mut names = vec![text(&object["metadata"]["name"]).to_owned()];
        let mut owner = makers[0].clone();
        if kind.short == "deployment" {
            let sets = look.replica_sets(&selector).await?;
            let newest = sets.iter().find(|set| is_newest(object, set));
            owner = newest
                .map(|set| text(&set["metadata"]["uid"]).to_owned())
                .unwrap_or_default();
            names.extend(newest.map(|set| text(&set["metadata"]["name"]).to_owned()));
            makers.push(owner.clone());
        }
        let pods = look.pods(&selector).await?;
        let pods: Vec<Value> = pods
            .into_iter()
            .filter(|pod| is_new(kind, object, pod, &owner))
            .collect();
        names.extend(pods.iter().map(|pod| text(&pod["metadata"]["name"]).to_owned()));
        let since = applied_at(object);
        let about = |event: &Value| {
            names
                .iter()
                .any(|name| event["involvedObject"]["name"] == name.as_str())
                && happened(event) >= since
        };
        let events = look.warnings().await?.into_iter().filter(about).collect();
        Ok(Self { pods, events })
    }

    /// What stands in the way.
    pub(crate) fn causes(&self, object: &Value) -> Vec<Cause> {
        causes(&Evidence {
            object,
            pods: &self.pods,
            events: &self.events,
        })
    }

    /// The pods that will not come up.
    pub(crate) fn hopeless(&self, object: &Value) -> Vec<&Value> {
        let causes = self.causes(object);
        let is_hopeless = |pod: &&Value| {
            causes
                .iter()
                .any(|cause| cause.terminal && pod["metadata"]["name"] == cause.pod.as_str())
        };
        self.pods.iter().filter(is_hopeless).collect()
    }

    /// Pods of a stateful set's older versions that something keeps from coming up.
    pub(crate) async fn stuck(look: &Look, object: &Value) -> Result<Vec<Value>, ProviderError> {
        let (uid, newest) = (text(&object["metadata"]["uid"]), &object["status"]["updateRevision"]);
        let pods = look.pods(&selector(object)).await?;
        let is_old =
            |pod: &Value| is_owned(pod, uid) && pod["metadata"]["labels"]["controller-revision-hash"] != *newest;
        let old: Vec<Value> = pods.into_iter().filter(is_old).collect();
        let is_stuck = |pod: &Value| {
            let evidence = Evidence {
                object: &Value::Null,
                pods: std::slice::from_ref(pod),
                events: &[],
            };
            health::condition(pod, "Ready", "True").is_none() && !causes(&evidence).is_empty()
        };
        Ok(old.into_iter().filter(is_stuck).collect())
    }

    fn restarts(&self) -> u64 {
        let statuses = self
            .pods
            .iter()
            .flat_map(|pod| pod["status"]["containerStatuses"].as_array().into_iter().flatten());
        statuses.filter_map(|status| status["restartCount"].as_u64()).sum()
    }
}

/// The labels that select a workload's pods.
pub(crate) fn selector(object: &Value) -> String {
    let labels = object["spec"]["selector"]["matchLabels"].as_object();
    let each = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", text(value)));
    each.collect::<Vec<_>>().join(",")
}

fn is_newest(deployment: &Value, set: &Value) -> bool {
    const REVISION: &str = "deployment.kubernetes.io/revision";
    let revision = |object: &Value| object["metadata"]["annotations"][REVISION].clone();
    is_owned(set, text(&deployment["metadata"]["uid"])) && revision(set) == revision(deployment)
}

fn is_new(kind: &Kind, object: &Value, pod: &Value, owner: &str) -> bool {
    let revision = &object["status"]["updateRevision"];
    let new = kind.short != "statefulset" || pod["metadata"]["labels"]["controller-revision-hash"] == *revision;
    new && is_owned(pod, owner)
}

fn is_owned(object: &Value, uid: &str) -> bool {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.into_iter().flatten().any(|owner| owner["uid"] == uid)
}

/// When it was last applied, by the server's clock: warnings from before are about what was there before.
fn applied_at(object: &Value) -> String {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let ours = entries.filter(|entry| entry["manager"] == mlstack_manifest::MANAGER && entry["subresource"].is_null());
    ours.map(|entry| text(&entry["time"]).to_owned())
        .max()
        .unwrap_or_default()
}

fn happened(event: &Value) -> String {
    let times = [
        &event["series"]["lastObservedTime"],
        &event["lastTimestamp"],
        &event["eventTime"],
        &event["firstTimestamp"],
    ];
    let time = times.into_iter().find_map(Value::as_str).unwrap_or_default();
    // Whole seconds, as `managedFields` has them.
    match time.split_once('.') {
        Some((whole, _)) => format!("{whole}Z"),
        None => time.to_owned(),
    }
}

/// How long a workload may take: by the stack's word in `ready_within_s`, else by its own.
pub(crate) fn limit(kind: &Kind, object: &Value, wanted: &Value) -> Duration {
    let spec = |key: &str| object["spec"][key].as_u64();
    let told = extension(wanted, "ready_within_s").and_then(Value::as_u64);
    let copies = spec("replicas").unwrap_or(1).clamp(1, 10);
    let seconds = match kind.short {
        // The server says it first.
        "deployment" => spec("progressDeadlineSeconds").or(told).unwrap_or(USUAL) + 30,
        "job" => spec("activeDeadlineSeconds").map_or(JOB, |own| own + 30),
        // One after the other.
        "statefulset" => told.unwrap_or_else(|| (start_up(object) + 120).max(USUAL / 2)) * copies,
        _ => USUAL / 5,
    };
    Duration::from_secs(seconds)
}

/// The longest that a container may take to start, by its start-up probe.
fn start_up(object: &Value) -> u64 {
    let containers = object["spec"]["template"]["spec"]["containers"].as_array();
    let of = |container: &Value| {
        let probe = &container["startupProbe"];
        probe["failureThreshold"].as_u64().unwrap_or(3) * probe["periodSeconds"].as_u64().unwrap_or(10)
    };
    containers.into_iter().flatten().map(of).max().unwrap_or_default()
}

/// Waits for a workload that still starts. One that works is not looked at for long: nothing was done to it.
///
/// # Errors
/// As [`Wait::ready`].
pub(crate) async fn started(look: &Look, resource: &Resource, progress: Progress<'_>) -> Result<(), ProviderError> {
    let (address, workload) = (&resource.address, mlstack_manifest::kind(&resource.address.kind));
    let Some(kind) = workload.filter(|kind| health::has_pods(kind.short)) else {
        return Ok(());
    };
    let Some(object) = look.object(kind, &address.name).await? else {
        return Ok(());
    };
    if health::judge(kind.short, &object) == Verdict::Done {
        return Ok(());
    }
    let wait = Wait {
        look,
        kind,
        name: &address.name,
        action: NOT_READY,
        limit: limit(kind, &object, &resource.spec),
        timing: Timing::default(),
        progress,
    };
    wait.ready().await.map(drop)
}

/// One wait.
pub(crate) struct Wait<'a> {
    pub(crate) look: &'a Look,
    pub(crate) kind: &'a Kind,
    pub(crate) name: &'a str,
    /// What failed if it fails, as a sentence fragment.
    pub(crate) action: &'a str,
    pub(crate) limit: Duration,
    pub(crate) timing: Timing,
    pub(crate) progress: Progress<'a>,
}

/// What was seen while it was well: since when, and how often its containers had restarted.
type Well = Option<(Instant, u64)>;

impl Wait<'_> {
    /// Waits until it works.
    ///
    /// # Errors
    /// When it fails or is too slow, with the cause, the end of its log and a remedy.
    pub(crate) async fn ready(&self) -> Result<Value, ProviderError> {
        let begin = Instant::now();
        let (mut told, mut well, mut first): (_, Well, _) = (begin, None, BTreeMap::new());
        loop {
            let object = self
                .look
                .object(self.kind, self.name)
                .await?
                .ok_or_else(|| self.gone())?;
            let verdict = health::judge(self.kind.short, &object);
            if verdict == Verdict::Done && !has_replicas(self.kind, &object) {
                return Ok(object);
            }
            let gathered = Gathered::of(self.look, self.kind, &object).await?;
            let far = match verdict {
                Verdict::Done if settled(&mut well, gathered.restarts(), self.timing.settle) => return Ok(object),
                Verdict::Done => "settling".to_owned(),
                Verdict::Failed(why) => return Err(self.failed(&object, &gathered, &why).await),
                Verdict::Going(far) => {
                    well = None;
                    far
                }
            };
            if let Some(cause) = gathered
                .causes(&object)
                .into_iter()
                .find(|cause| is_over(cause, &mut first, self.timing.grace))
            {
                return Err(self.because(cause).await);
            }
            if begin.elapsed() >= self.limit {
                return Err(self.too_slow(&object, &gathered, &far).await);
            }
            if told.elapsed() >= TELL {
                (self.progress)(&format!("waiting for {far}, {} s", begin.elapsed().as_secs()));
                told = Instant::now();
            }
            tokio::time::sleep(self.timing.pace).await;
        }
    }

    fn gone(&self) -> ProviderError {
        ProviderError::new(ErrorKind::NotReady, self.action).because("it was removed while it started")
    }

    /// The controller gave up; the pods may say why.
    async fn failed(&self, object: &Value, gathered: &Gathered, why: &str) -> ProviderError {
        let told = gathered.causes(object);
        let best = told
            .iter()
            .find(|cause| !matches!(cause.sort, Sort::Deadline | Sort::JobFailed))
            .or(told.first());
        match best {
            Some(cause) => self.because(cause.clone()).await,
            None => ProviderError::new(ErrorKind::NotReady, self.action).because(why.to_owned()),
        }
    }

    async fn too_slow(&self, object: &Value, gathered: &Gathered, far: &str) -> ProviderError {
        let limit = self.limit.as_secs();
        match gathered.causes(object).into_iter().next() {
            Some(cause) => ProviderError {
                kind: ErrorKind::Timeout,
                ..self.because(cause).await
            },
            None => ProviderError::new(ErrorKind::Timeout, self.action)
                .because(format!("still waiting for {far} after {limit} s"))
                .hint("if it only needs longer, raise rollout.timeout"),
        }
    }

    async fn because(&self, cause: Cause) -> ProviderError {
        let lines = match cause.ran && !cause.pod.is_empty() {
            true => self.last_lines(&cause).await,
            false => String::new(),
        };
        let failure = Failure::new(cause.sentence(), lines);
        ProviderError::new(ErrorKind::NotReady, self.action)
            .because(failure)
            .hint(cause.sort.remedy())
    }

    /// Of the container before, which failed; of the one that runs where there is none before.
    async fn last_lines(&self, cause: &Cause) -> String {
        let before = self
            .look
            .last_lines(&cause.pod, &cause.container, LAST_LINES, true)
            .await;
        match before.is_empty() {
            true => {
                self.look
                    .last_lines(&cause.pod, &cause.container, LAST_LINES, false)
                    .await
            }
            false => before,
        }
    }
}

/// Whether there is anything to wait for once the status is good.
fn has_replicas(kind: &Kind, object: &Value) -> bool {
    matches!(kind.short, "deployment" | "statefulset") && object["spec"]["replicas"] != 0
}

/// Whether it stayed well long enough, without a container that began anew.
fn settled(well: &mut Well, restarts: u64, settle: Duration) -> bool {
    match well {
        Some((since, before)) if *before == restarts => since.elapsed() >= settle,
        _ => {
            *well = Some((Instant::now(), restarts));
            false
        }
    }
}

/// Whether waiting any longer is in vain.
fn is_over(cause: &Cause, first: &mut BTreeMap<(Sort, String), Instant>, grace: Duration) -> bool {
    let since = first
        .entry((cause.sort, cause.pod.clone()))
        .or_insert_with(Instant::now);
    cause.terminal || (has_grace(cause.sort) && since.elapsed() >= grace)
}

/// What is given up when it does not pass. A probe that fails is how starting looks.
fn has_grace(sort: Sort) -> bool {
    !matches!(sort, Sort::Probe | Sort::Liveness | Sort::Crash | Sort::OutOfMemory)
}

#[cfg(test)]
mod tests;
