//! Carries out a plan on the engine: shows what happens, listens for Ctrl-C, remembers how it ended.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use mlstack_compose::Origin;
use mlstack_provider::{
    ErrorKind, Execute, Impact, Observed, Progress, Provider, ProviderError, Resource, Source, Step,
};
use mlstack_provider_docker::{Archive, Config, DockerEngine, ImageSource};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Context;
use super::args::Rollout;
use super::exit::Exit;
use super::failure::Failure;
use super::memory::{Memory, Written};
use super::plan::header;
use super::progress::Display;
use super::render::compose_folder;
use super::survey::Survey;
use super::ui::Ui;
use crate::apply::{Outcome, apply};
use crate::image::Image;
use crate::plan::Plan;
use crate::project::{Jail, context};
use crate::stack::{Build, duration};
use crate::view::outcome_text;

/// Carries out `plan` and says how the command ends.
pub(super) async fn execute(
    survey: &Survey,
    plan: &Plan,
    rollout: &Rollout,
    memory: Memory<'_>,
    context: &Context,
) -> Result<Exit, Failure> {
    let limit = limit(rollout)?;
    let target = Limited {
        engine: engine(survey)?,
        most: rollout.parallelism,
    };
    let events = rollout.events.as_ref().map(|path| context.here.join(path));
    let mut display = Display::new(&context.ui, plan, &header(survey), events.as_deref())?;
    let opened = memory.begin(survey, plan).await?;
    let journal = Written {
        session: memory.session,
        run: &opened.id,
    };
    let begun = Instant::now();
    let outcome = apply(
        plan,
        &target,
        &journal,
        &|event| display.show(&event),
        stop(limit, &context.ui),
    )
    .await;
    let exit = exit_of(&outcome, limit.is_some_and(|limit| begun.elapsed() >= limit));
    display.finish(&outcome, exit);
    memory.end(opened, survey, plan, &outcome).await?;
    context.ui.note(&outcome_text(plan, &outcome, begun.elapsed()));
    for (id, error) in outcome.failed {
        let source = source(&plan.nodes[id - 1].step);
        context
            .ui
            .fault(&Failure::from(error).asked_at(source).render(&context.ui));
    }
    Ok(exit)
}

/// The line of the stack file that asks for what a step makes.
fn source(step: &Step) -> Option<&Source> {
    match step {
        Step::Create { resource: after }
        | Step::Update { after, .. }
        | Step::Replace { after, .. }
        | Step::Repair { after, .. } => after.source.as_ref(),
        Step::Delete { .. } => None,
    }
}

fn exit_of(outcome: &Outcome, late: bool) -> Exit {
    if outcome.is_success() {
        return Exit::Done;
    }
    if outcome.failed.is_empty() {
        return if late { Exit::Timeout } else { Exit::Interrupted };
    }
    let all = |kind: ErrorKind| outcome.failed.values().all(|error| error.kind == kind);
    match () {
        () if all(ErrorKind::Denied) => Exit::Denied,
        () if all(ErrorKind::Stale) => Exit::Stale,
        () if outcome.failed.values().all(|error| error.rolled_back) => Exit::RolledBack,
        () if all(ErrorKind::Timeout) => Exit::Timeout,
        () => Exit::RolloutFailed,
    }
}

fn limit(rollout: &Rollout) -> Result<Option<Duration>, Failure> {
    let Some(text) = &rollout.timeout else { return Ok(None) };
    let micros = duration(text).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("`{text}` is no duration")).hint("write it as 90s, 10m or 1h")
    })?;
    Ok(Some(Duration::from_micros(micros)))
}

/// Resolves at the first signal or when time is up. A second signal ends the program at once: what a step does to the
/// engine is complete or absent, and the next run goes on from there.
async fn stop(limit: Option<Duration>, ui: &Ui) {
    let time = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    match select(Box::pin(signalled()), Box::pin(time)).await {
        Either::Left((signals, _)) => {
            ui.note("Stopping: nothing new starts. Once more leaves at once.");
            drop(tokio::spawn(leave_at_next(signals)));
        }
        Either::Right(_) => ui.note("Stopping: the time is up."),
    }
}

/// Waits for Ctrl-C, SIGTERM or SIGHUP.
async fn signalled() -> Vec<Signal> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals: Vec<Signal> = kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect();
    any(&mut signals).await;
    signals
}

async fn leave_at_next(mut signals: Vec<Signal>) {
    any(&mut signals).await;
    leave();
}

async fn any(signals: &mut [Signal]) {
    let waiting: Vec<_> = signals.iter_mut().map(|signal| Box::pin(signal.recv())).collect();
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(waiting).await;
}

#[expect(clippy::exit, reason = "the user asked twice")]
fn leave() {
    std::process::exit(i32::from(Exit::Interrupted as u8));
}

fn engine(survey: &Survey) -> Result<DockerEngine, Failure> {
    let folder = compose_folder(&survey.loaded.file.root);
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let docker_config = std::env::var_os("DOCKER_CONFIG").map(std::path::PathBuf::from);
    let docker_config = docker_config.or_else(|| std::env::home_dir().map(|home| home.join(".docker")));
    let config = Config {
        project: survey.loaded.stack.name.clone(),
        origin: Origin {
            config_file: text(&folder.join(crate::render::COMPOSE_FILE)),
            working_dir: text(&folder),
        },
        secrets: survey.secrets.values.clone(),
        images: Arc::new(images(survey)),
        docker_config: docker_config.map(|folder| folder.join("config.json")),
    };
    Ok(DockerEngine::new(Arc::clone(&survey.connection), config))
}

/// Images that no registry has.
struct Images {
    /// By reference.
    packed: BTreeMap<String, Image>,
    builds: BTreeMap<String, Build>,
    jail: Jail,
}

fn images(survey: &Survey) -> Images {
    let stack = &survey.loaded.stack;
    let packed = survey.images.iter().filter_map(|(name, image)| {
        let component = stack.components.get(name)?;
        let reference = crate::target::compose::made_reference(stack, component, Some(image.id().as_str()));
        Some((reference, image.clone()))
    });
    let builds = stack
        .components
        .iter()
        .filter_map(|(name, component)| Some((name.clone(), component.build.clone()?)));
    Images {
        packed: packed.collect(),
        builds: builds.collect(),
        jail: survey.loaded.jail.clone(),
    }
}

impl ImageSource for Images {
    fn archive(&self, reference: &str) -> io::Result<Archive> {
        let image = self
            .packed
            .get(reference)
            .ok_or_else(|| io::Error::other(format!("{reference} is not packed here")))?;
        Ok(Box::new(image.pack()?.archive(reference)?.reader()))
    }

    fn context(&self, component: &str) -> io::Result<Archive> {
        let build = self
            .builds
            .get(component)
            .ok_or_else(|| io::Error::other(format!("`{component}` has no build")))?;
        let parts = context::archive(&self.jail, build).map_err(io::Error::other)?;
        Ok(Box::new(parts.reader()))
    }
}

/// The engine, with at most so many steps at once.
struct Limited {
    engine: DockerEngine,
    most: Option<usize>,
}

#[async_trait]
impl Provider for Limited {
    fn name(&self) -> &'static str {
        self.engine.name()
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        self.engine.impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        self.engine.observe(stack, desired).await
    }
}

#[async_trait]
impl Execute for Limited {
    async fn run(&self, step: &Step, progress: Progress<'_>) -> Result<Option<Observed>, ProviderError> {
        self.engine.run(step, progress).await
    }

    fn concurrency(&self) -> usize {
        self.most.unwrap_or_else(|| self.engine.concurrency()).max(1)
    }
}
