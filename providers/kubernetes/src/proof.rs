//! Whether a version gives the answers that it must: golden requests to one of its pods.
//!
//! One pod stands for all: they have one image and one template, and each is asked by its own probes whether it works.
//! A time that must be kept is the server's own, where it says one ([`crate::forward`]).

use mlstack_manifest::{Kind, extension};
use mlstack_provider::golden::{self, Checks};
use mlstack_provider::{ErrorKind, ProviderError, Value};

use crate::engine::Site;
use crate::forward::Line;
use crate::health::{condition, is_terminating};
use crate::observe::text;
use crate::wait::{Failure, Gathered, LAST_LINES};

/// The golden requests of a spec.
///
/// # Errors
/// When they are none that this version of mlstack can read.
pub(crate) fn checks(spec: &Value) -> Result<Option<Checks>, ProviderError> {
    let read = extension(spec, "checks").map(|checks| serde_json::from_value(checks.clone()));
    read.transpose()
        .map_err(|error| ProviderError::new(ErrorKind::Failed, "cannot read the checks of").because(error))
}

/// Asks a pod of the newest version of a workload that is up; one without pods has nothing to prove.
///
/// # Errors
/// When an answer is missing, wrong or late.
pub(crate) async fn of_workload(
    site: &Site<'_>,
    kind: &Kind,
    object: &Value,
    checks: &Checks,
) -> Result<(), ProviderError> {
    let gathered = Gathered::of(site.look, kind, object).await?;
    let serves = |pod: &&Value| condition(pod, "Ready", "True").is_some() && !is_terminating(pod);
    let mut names: Vec<&str> = gathered
        .pods
        .iter()
        .filter(serves)
        .map(|pod| text(&pod["metadata"]["name"]))
        .collect();
    names.sort_unstable();
    match names.first() {
        Some(pod) => of_pod(site, pod, checks).await,
        None => Ok(()),
    }
}

/// Asks one pod.
///
/// # Errors
/// When an answer is missing, wrong or late.
pub(crate) async fn of_pod(site: &Site<'_>, pod: &str, checks: &Checks) -> Result<(), ProviderError> {
    site.tell("asking its checks");
    let line = Line::open(site.write.cluster(), pod, checks.port).await?;
    let (mut answers, mut refuses) = (Vec::new(), false);
    for check in &checks.requests {
        let body = check.request.to_string();
        let answer = golden::ask(check, || line.post(&checks.path, &body)).await;
        refuses = answer.error.is_some() || answer.status != 200;
        answers.push(answer);
        if refuses {
            break;
        }
    }
    match golden::judge(checks, &answers) {
        Err(error) if refuses => Err(with_log(site, pod, error).await),
        judged => judged,
    }
}

/// Adds what the pod wrote last: why it gives no answer may stand there, and the pod will soon be gone.
async fn with_log(site: &Site<'_>, pod: &str, error: ProviderError) -> ProviderError {
    let lines = site.look.last_lines(pod, "", LAST_LINES, false).await;
    let failure = Failure::new(error.reason(), lines);
    error.because(failure)
}
