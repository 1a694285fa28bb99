//! Carries out a plan on the engine: shows what happens, listens for Ctrl-C, remembers how it ended.

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use mlstack_compose::Origin;
use mlstack_provider::{ErrorKind, Execute, Impact, Observed, Progress, Provider, ProviderError, Resource, Step};
use mlstack_provider_docker::{Archive, Config, Connection, DockerEngine, ImageSource};
use mlstack_provider_kubernetes::{Cluster, KubeEngine, Timing};
use tokio::signal::unix::Signal;

use super::Context;
use super::args::{OnFailure, Rollout};
use super::delivery::Deliveries;
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::{any, leave, signals};
use super::memory::{Memory, Written};
use super::plan::header;
use super::progress::{Display, EventLog};
use super::registry::docker_config;
use super::render::compose_folder;
use super::rollback::way_back;
use super::site::{Site, policy};
use super::survey::Survey;
use super::ui::Ui;
use crate::apply::{Guarded, Outcome, apply};
use crate::image::Image;
use crate::plan::Plan;
use crate::project::Jail;
use crate::project::context::BuildContext;
use crate::stack::{Build, duration};
use crate::view::outcome_text;

/// Carries out `plan` and says how the command ends; with `--on-failure rollback` after bringing back what stood before.
pub(super) async fn execute(
    survey: &mut Survey,
    plan: &Plan,
    rollout: &Rollout,
    mut memory: Memory<'_>,
    context: &Context,
) -> Result<Exit, Failure> {
    let events = rollout.events.as_ref().map(|path| context.here.join(path));
    let mut course = Course {
        limit: limit(rollout)?,
        most: rollout.parallelism,
        events: events.as_deref().map(EventLog::create).transpose()?,
        is_way_back: false,
    };
    let exit = carry_out(survey, plan, &course, &mut memory, context).await?;
    let failed = matches!(
        exit,
        Exit::Denied | Exit::Timeout | Exit::RolledBack | Exit::RolloutFailed
    );
    if rollout.on_failure == OnFailure::Stop || !failed {
        return Ok(exit);
    }
    context.ui.note("Rolling back what this run changed …");
    let plan = way_back(survey).await?;
    memory.command = "rollback";
    course.is_way_back = true;
    if plan.nodes.is_empty() {
        course.begin(survey, memory.command, &plan);
        course.end_at_once();
    } else if carry_out(survey, &plan, &course, &mut memory, context).await? != Exit::RolledBack {
        return Ok(Exit::RolloutFailed);
    }
    context
        .ui
        .note("Rolled back: what ran before this run runs again. Data was left as it is.");
    Ok(Exit::RolledBack)
}

/// Waits for services that still start although the plan had nothing to do about them: a run that was cut off leaves
/// them so, and a run that ends well leaves everything ready.
pub(super) async fn all_started(survey: &Survey, rollout: &Rollout, context: &Context) -> Result<Exit, Failure> {
    let limit = limit(rollout)?;
    let told = |line: &str| context.ui.note(line);
    let (reader, stack) = (survey.site().reader(), &survey.loaded.stack);
    let (begun, stop) = (Instant::now(), stop(limit, &context.ui));
    let started = reader.started(&stack.name, &survey.desired, &told);
    match select(pin!(started), pin!(stop)).await {
        Either::Left((Ok(()), _)) => Ok(Exit::Done),
        Either::Left((Err(error), _)) => {
            let source = survey
                .desired
                .iter()
                .find(|wanted| Some(&wanted.address) == error.address.as_ref());
            Err(Failure::from(error).asked_at(source.and_then(|wanted| wanted.source.as_ref())))
        }
        Either::Right(_) if limit.is_some_and(|limit| begun.elapsed() >= limit) => Ok(Exit::Timeout),
        Either::Right(_) => Ok(Exit::Interrupted),
    }
}

/// What a run and its way back have in common.
struct Course {
    limit: Option<Duration>,
    most: Option<usize>,
    events: Option<EventLog>,
    is_way_back: bool,
}

impl Course {
    fn begin(&self, survey: &Survey, command: &str, plan: &Plan) {
        if let Some(events) = &self.events {
            events.begin(&header(survey), command, plan);
        }
    }

    /// Ends a way back that has nothing to do.
    fn end_at_once(&self) {
        if let Some(events) = &self.events {
            events.end(&Outcome::default(), Exit::RolledBack);
        }
    }
}

async fn carry_out(
    survey: &Survey,
    plan: &Plan,
    course: &Course,
    memory: &mut Memory<'_>,
    context: &Context,
) -> Result<Exit, Failure> {
    let target = Limited {
        engine: engine(survey, memory.session.watch()),
        most: course.most,
    };
    let look = survey.site().reading_back(&survey.loaded, &survey.takeover)?;
    let target = Guarded::new(
        &target,
        &*look,
        (&survey.loaded.stack.name, &survey.compared),
        (plan, &survey.observed),
    );
    course.begin(survey, memory.command, plan);
    let mut display = Display::new(&context.ui, plan, course.events.as_ref());
    let stop = stop(course.limit, &context.ui);
    let opened = memory.begin(survey, plan).await?;
    let journal = Written {
        session: &*memory.session,
        run: &opened.id,
    };
    let begun = Instant::now();
    let outcome = apply(plan, &target, &journal, &|event| display.show(&event), stop).await;
    let late = course.limit.is_some_and(|limit| begun.elapsed() >= limit);
    let exit = exit_of(&outcome, late, course.is_way_back);
    display.finish(&outcome, exit);
    context.ui.note(&outcome_text(plan, &outcome, begun.elapsed()));
    let finished = match outcome.is_interrupted() {
        true => Ok(()), // the next run does it
        false => target.finish().await,
    };
    let written = memory.end(opened, survey, plan, &outcome).await;
    tell_failures(plan, outcome, context);
    // A lock that is lost is why the inventory could not be made exact.
    written?;
    finished?;
    Ok(exit)
}

fn tell_failures(plan: &Plan, outcome: Outcome, context: &Context) {
    let Outcome { failed, skipped, .. } = outcome;
    for (id, error) in failed {
        let source = plan.nodes[id - 1].step.after().and_then(|after| after.source.as_ref());
        let failure = Failure::from(error)
            .asked_at(source)
            .holds_up(&held_up(plan, &skipped, id));
        context.ui.fault(&failure.render(&context.ui));
    }
}

/// What was not tried because the step `failed` did.
fn held_up(plan: &Plan, skipped: &BTreeMap<usize, Option<usize>>, failed: usize) -> Vec<String> {
    let waiting = skipped.iter().filter(|(_, because)| **because == Some(failed));
    waiting
        .map(|(id, _)| plan.nodes[id - 1].step.address().to_string())
        .collect()
}

fn exit_of(outcome: &Outcome, late: bool, is_way_back: bool) -> Exit {
    match (outcome.is_success(), is_way_back) {
        (true, false) => return Exit::Done,
        (true, true) => return Exit::RolledBack,
        (false, true) => return Exit::RolloutFailed,
        (false, false) => {}
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
/// engine is complete or absent, and the next run goes on from there. Signals are heard from the call on, not from when
/// it is awaited.
fn stop(limit: Option<Duration>, ui: &Ui) -> impl Future<Output = ()> {
    let mut signals = signals();
    async move {
        let time = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let is_signal = matches!(select(pin!(any(&mut signals)), pin!(time)).await, Either::Left(_));
        let (text, exit) = match is_signal {
            true => (
                "Stopping: nothing new starts. Once more leaves at once.",
                Exit::Interrupted,
            ),
            false => ("Stopping: the time is up.", Exit::Timeout),
        };
        ui.note(text);
        leave_after(PARTING, exit);
        drop(tokio::spawn(leave_at_next(signals)));
    }
}

/// How long a run that is to stop may take for that: what runs has [`crate::apply::GRACE`] to end, then the ledger is
/// written and the lock given back. Where nobody answers any more, both are left to the next run.
const PARTING: Duration = Duration::from_millis(4500);

/// A thread of its own: whatever else waits, also without letting others run, is not waited for.
fn leave_after(time: Duration, exit: Exit) {
    std::thread::spawn(move || {
        std::thread::sleep(time);
        leave(exit);
    });
}

async fn leave_at_next(mut signals: Vec<Signal>) {
    any(&mut signals).await;
    leave(Exit::Interrupted);
}

/// The side of the target that writes, as long as `may_write` says so.
fn engine(survey: &Survey, may_write: impl Fn() -> bool + Send + Sync + 'static) -> Box<dyn Execute> {
    match survey.site() {
        Site::Engine(connection) => Box::new(docker(connection, survey).fenced(may_write)),
        Site::Cluster(cluster) => Box::new(kubernetes(cluster, survey).fenced(may_write)),
    }
}

fn kubernetes(cluster: &Cluster, survey: &Survey) -> KubeEngine {
    let config = mlstack_provider_kubernetes::Config {
        stack: survey.loaded.stack.name.clone(),
        secrets: survey.secrets.values.clone(),
        policy: policy(&survey.takeover),
        images: Some(Arc::new(Deliveries::of(&survey.images))),
        timing: Timing::default(),
    };
    KubeEngine::new(cluster, config)
}

fn docker(connection: &Arc<Connection>, survey: &Survey) -> DockerEngine {
    let folder = compose_folder(&survey.loaded.file.root);
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    let config = Config {
        project: survey.loaded.stack.name.clone(),
        origin: Origin {
            config_file: text(&folder.join(crate::render::COMPOSE_FILE)),
            working_dir: text(&folder),
        },
        secrets: survey.secrets.values.clone(),
        images: Arc::new(images(survey)),
        keep: survey.kept_images(),
        docker_config: docker_config(),
    };
    DockerEngine::new(Arc::clone(connection), config)
}

/// Images that no registry has.
struct Images {
    /// By reference.
    packed: BTreeMap<String, Image>,
    builds: BTreeMap<String, Build>,
    jail: Jail,
}

fn images(survey: &Survey) -> Images {
    let builds = survey.loaded.stack.components.iter();
    let builds = builds.filter_map(|(name, component)| Some((name.clone(), component.build.clone()?)));
    Images {
        packed: survey.packed(),
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
        let context = BuildContext::of(&self.jail, build, &[]).map_err(io::Error::other)?;
        Ok(Box::new(context.tar.reader()))
    }
}

/// The target, with at most so many steps at once.
struct Limited {
    engine: Box<dyn Execute>,
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

    async fn finish(&self) -> Result<(), ProviderError> {
        self.engine.finish().await
    }

    fn concurrency(&self) -> usize {
        self.most.unwrap_or_else(|| self.engine.concurrency()).max(1)
    }
}
