//! Waits until a container works.
//!
//! Only looks, at a steady pace; what to do about a container that does not come up is the caller's part.

use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum as Status, HealthStatusEnum};
use bollard::query_parameters::LogsOptionsBuilder;
use futures_util::StreamExt as _;
use mlstack_compose::Service;
use mlstack_provider::{ErrorKind, Progress, ProviderError};
use tokio::time::Instant;

use crate::look::Look;
use crate::{labels, observe, trouble};

/// How long a service may take when its spec says nothing.
const READY_WITHIN: Duration = Duration::from_secs(300);
/// Between two looks.
const PACE: Duration = Duration::from_millis(200);
/// Between two lines of progress.
const TELL: Duration = Duration::from_secs(1);
/// How long a container without a health check must have run to count as working; as long again for each time that it
/// ended and was started again.
const SETTLE: Duration = Duration::from_secs(1);
/// Restarts after which a container counts as crashing.
const CRASHES: i64 = 3;
/// Log lines shown when it fails.
const LAST_LINES: usize = 20;

/// What one look at a starting container says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ready,
    /// Runs, has no health check.
    Running,
    Starting,
    Failed,
}

/// Whether it ended and was started again so often that it cannot be said to work.
pub(crate) fn crashes(container: &ContainerInspectResponse) -> bool {
    container.restart_count.unwrap_or(0) >= CRASHES
}

/// Reads an inspection.
pub(crate) fn judge(container: &ContainerInspectResponse) -> Verdict {
    let state = container.state.as_ref();
    let out_of_memory = state.and_then(|state| state.oom_killed) == Some(true);
    match state.and_then(|state| state.status) {
        // Whatever it went through before, it runs now; how it ends is known when it has ended.
        Some(Status::RUNNING) => match trouble::health(container) {
            HealthStatusEnum::HEALTHY => Verdict::Ready,
            HealthStatusEnum::UNHEALTHY => Verdict::Failed,
            HealthStatusEnum::STARTING => Verdict::Starting,
            _ => Verdict::Running,
        },
        _ if out_of_memory || crashes(container) => Verdict::Failed,
        Some(Status::CREATED | Status::RESTARTING) => Verdict::Starting,
        Some(Status::EXITED) if trouble::problem(container).is_none() => Verdict::Ready,
        Some(Status::EXITED) if may_restart(container) => Verdict::Starting,
        _ => Verdict::Failed,
    }
}

fn may_restart(container: &ContainerInspectResponse) -> bool {
    matches!(
        trouble::restart(container).as_str(),
        "always" | "unless-stopped" | "on-failure"
    )
}

/// Waits until the container `id` is ready, for `limit` at most.
///
/// # Errors
/// When it fails or is too slow, with the reason and the end of its log.
pub(crate) async fn ready(
    look: &Look,
    id: &str,
    action: &str,
    limit: Duration,
    progress: Progress<'_>,
) -> Result<ContainerInspectResponse, ProviderError> {
    let begin = Instant::now();
    let (mut told, mut running_since) = (begin, None);
    let mut run = None;
    loop {
        let container = look.container(id).await?.ok_or_else(|| gone(action))?;
        let this_run = container.state.as_ref().and_then(|state| state.started_at.clone());
        if run != this_run {
            (run, running_since) = (this_run, None); // it ended between two looks
        }
        match judge(&container) {
            Verdict::Ready => return Ok(container),
            Verdict::Running if running_since.get_or_insert_with(Instant::now).elapsed() >= settle(&container) => {
                return Ok(container);
            }
            Verdict::Running => {}
            Verdict::Starting => running_since = None,
            Verdict::Failed => return Err(trouble::not_ready(action, &container, last_lines(look, id).await)),
        }
        if begin.elapsed() >= limit {
            return Err(trouble::too_slow(action, &container, last_lines(look, id).await, limit));
        }
        if told.elapsed() >= TELL {
            let why = trouble::failed_probe(&container).map(|probe| format!(": {probe}"));
            let (why, seconds) = (why.unwrap_or_default(), begin.elapsed().as_secs());
            progress(&format!("waiting for health{why}, {seconds} s"));
            told = Instant::now();
        }
        tokio::time::sleep(PACE).await;
    }
}

fn settle(container: &ContainerInspectResponse) -> Duration {
    let crashes = container.restart_count.unwrap_or(0).clamp(0, CRASHES);
    SETTLE * (1 + u32::try_from(crashes).unwrap_or(0))
}

/// How long a service may take to become ready.
pub(crate) fn limit(service: &Service) -> Duration {
    let within = service.extension.ready_within;
    within.map_or(READY_WITHIN, |within| Duration::from_micros(within.0))
}

/// Waits for the copies of a service that still start: a run that was cut off leaves them so, and the next has nothing
/// else to do about them.
///
/// # Errors
/// As [`ready`].
pub(crate) async fn started(
    look: &Look,
    (project, service): (&str, &str),
    action: &str,
    limit: Duration,
    progress: Progress<'_>,
) -> Result<(), ProviderError> {
    let found = observe::containers(look, &labels::service_of(project, service)).await?;
    for copy in found.into_values().flatten() {
        if trouble::health(&copy.inspected) == HealthStatusEnum::STARTING {
            progress(&format!("waiting for {service}"));
            ready(look, &copy.id, action, limit, progress).await?;
        }
    }
    Ok(())
}

fn gone(action: &str) -> ProviderError {
    ProviderError::new(ErrorKind::NotReady, action).because("its container was removed while it started")
}

/// The end of a container's log, for an error message; empty when there is none to be had.
pub(crate) async fn last_lines(look: &Look, id: &str) -> String {
    let options = LogsOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .tail(&LAST_LINES.to_string())
        .build();
    let lines = look.logs(id, options).filter_map(|line| async { line.ok() });
    let collected = tokio::time::timeout(look.patience().call(), lines.collect::<Vec<LogOutput>>())
        .await
        .unwrap_or_default();
    let text: String = collected
        .iter()
        .map(|line| String::from_utf8_lossy(line.as_ref()))
        .collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
