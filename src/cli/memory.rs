//! The stack's ledger as commands use it: found, locked, told what happens.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mlstack_provider::{ErrorKind, Observed, ProviderError, Resource, Step};
use mlstack_provider_kubernetes::Cluster;

use super::Context;
use super::engine_lock;
use super::exit::Exit;
use super::failure::Failure;
use super::load::{load, read, stack_file, target};
use super::site::Site;
use super::survey::Survey;
use super::who::who;
use crate::apply::{Journal, Outcome};
use crate::ledger::journal::{Cut, Intent, Opened, Settled};
use crate::ledger::{
    Ended, Ending, Holder, LEASE, LedgerError, Location, Namespace, Revision, Session, Store, new_id, now, place,
};
use crate::plan::seal::digest_text;
use crate::plan::{Node, Plan, verb};
use crate::stack::Stack;
use crate::target::Target;

/// Where this stack's ledger is kept: what was typed, never what a stack file says; else the namespace of the stack where
/// it runs on a cluster, and the folder beside the stack file where it does not.
pub(super) async fn store(context: &Context) -> Result<Arc<dyn Store>, Failure> {
    let typed = typed(context);
    let root = stack_file(context)?.root;
    let (stack, target) = stack(context)?;
    if typed.is_none()
        && let Site::Cluster(cluster) = Site::of(target, &stack, context).await?
    {
        return Ok(Arc::new(Namespace::new(Cluster::clone(&cluster), &stack.name, LEASE)));
    }
    let variables: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let location = Location {
        typed,
        root: &root,
        here: &context.here,
        stack: &stack.name,
        variables: &variables,
        lease: LEASE,
    };
    location.store().map_err(|error| {
        failure(&error)
            .hint("`--ledger` is a folder, s3://BUCKET/PREFIX?endpoint=URL, or postgres://USER@HOST/DATABASE")
    })
}

/// What was typed after `--ledger`.
pub(super) fn typed(context: &Context) -> Option<&str> {
    context.global.ledger.as_deref().filter(|typed| !typed.is_empty())
}

/// The stack and its target, whatever else is doubtful in the file.
pub(super) fn stack(context: &Context) -> Result<(Stack, Target), Failure> {
    let stack = match read(context, false)?.parsed.stack {
        Some(stack) => stack,
        None => load(context)?.stack,
    };
    let target = target(context, &stack)?;
    Ok((stack, target))
}

/// Takes the lock and opens the ledger; says so when the run before was cut off.
pub(super) async fn open(context: &Context, command: &str) -> Result<Session, Failure> {
    let id = new_id().map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let holder = Holder::new(id, who(), command, now());
    let mut session = Session::open(store(context).await?, &holder)
        .await
        .map_err(|e| failure(&e))?;
    if let Some(lock) = engine_lock::take(context, &holder).await? {
        session.hold(lock);
    }
    if let Some(cut) = session.cut() {
        context.ui.note(&told(cut));
    }
    Ok(session)
}

/// `note: the last run (apply by …) was cut off during …; going on from there`.
fn told(cut: &Cut) -> String {
    let run = &cut.run;
    let user = run.who.as_ref().map_or("?", |who| &who.user).escape_debug();
    let open: Vec<_> = cut
        .open
        .iter()
        .map(|intent| format!("{} {}/{}", intent.op, intent.kind, intent.resource))
        .collect();
    let during = match open.is_empty() {
        true => format!("after {} steps", run.done),
        false => format!("during {}", open.join(", ")),
    };
    format!(
        "note: the last run (`mlstack {}` by {user}, {}) was cut off {during}; going on from there",
        run.command.escape_debug(),
        run.begun.escape_debug(),
    )
}

/// The place of a survey.
pub(super) fn place_of(survey: &Survey) -> String {
    place(survey.loaded.stack.environment.as_deref(), survey.loaded.target.name())
}

/// A failure of the ledger or its lock as the command's.
pub(super) fn failure(error: &LedgerError) -> Failure {
    match error {
        LedgerError::Held(holder) => {
            let failure = Failure::of(Exit::Locked, error).hint("wait for it to end, then run this again");
            match holder {
                Some(holder) => failure.hint(format!("if it is gone for good: mlstack unlock {}", holder.id)),
                None => failure,
            }
        }
        LedgerError::Alive(_) => Failure::of(Exit::Locked, error),
        LedgerError::Lost => Failure::of(Exit::Locked, error)
            .hint("nothing more was touched; once the other run has ended: mlstack plan"),
        LedgerError::Remote { cause, .. } => {
            let asked = cause.downcast_ref::<ProviderError>();
            let hints = asked.into_iter().flat_map(|error| &error.hints);
            hints.fold(Failure::of(Exit::Error, error), Failure::hint)
        }
        _ => Failure::of(Exit::Error, error),
    }
}

/// One run of a plan, as it is remembered.
pub(super) struct Memory<'a> {
    /// The ledger, locked.
    pub(super) session: &'a mut Session,
    /// The sealed plan that is carried out, if one is.
    pub(super) plan_id: Option<&'a str>,
    /// What was typed.
    pub(super) command: &'static str,
    /// The digest of the stack file that the plan is for, where that is not the one here.
    pub(super) stack_digest: Option<String>,
}

impl Memory<'_> {
    /// Writes down that the run begins.
    pub(super) async fn begin(&self, survey: &Survey, plan: &Plan) -> Result<Opened, Failure> {
        let opened = Opened {
            id: new_id().map_err(|error| Failure::new(Exit::Error, error.to_string()))?,
            place: place_of(survey),
            command: self.command.to_owned(),
            who: who(),
            begun: now(),
            mlstack_version: env!("CARGO_PKG_VERSION").to_owned(),
            stack_digest: self
                .stack_digest
                .clone()
                .unwrap_or_else(|| digest_text(&survey.loaded.file.text)),
            plan_id: self.plan_id.map(str::to_owned),
            steps: plan.nodes.len(),
        };
        self.session.begin(opened.clone()).await.map_err(|e| failure(&e))?;
        Ok(opened)
    }

    /// Writes down how the run ended.
    pub(super) async fn end(
        &mut self,
        opened: Opened,
        survey: &Survey,
        plan: &Plan,
        outcome: &Outcome,
    ) -> Result<(), Failure> {
        let lost = plan.nodes.iter().filter(|node| outcome.done.contains_key(&node.id));
        for node in lost.filter(|node| matches!(node.step, Step::Delete { .. })) {
            self.session.unprotect(&opened.place, node.step.address());
        }
        for (id, took) in &outcome.took {
            let step = &plan.nodes[id - 1].step;
            // What is made for the first time keeps nobody waiting; how long an image was fetched says nothing.
            let seconds = match step {
                Step::Create { .. } => continue,
                Step::Delete { .. } => None,
                Step::Update { .. } | Step::Replace { .. } | Step::Repair { .. } => Some(whole_seconds(*took)),
            };
            self.session.time(&opened.place, step.address(), seconds);
        }
        self.session.protect(&opened.place, holds_data(&survey.desired));
        let ended = Ended {
            done: outcome.done.len(),
            failed: outcome.failed.len(),
            skipped: outcome.skipped.len(),
            ending: ending(outcome),
        };
        let good = outcome
            .is_success()
            .then(|| good(survey, plan, self.session.ledger().revisions(&opened.place)));
        self.session
            .end(opened, ended, good.flatten().as_deref())
            .await
            .map_err(|e| failure(&e))
    }
}

/// At least one.
fn whole_seconds(took: Duration) -> u32 {
    let seconds = took.as_millis().div_ceil(1000).max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Remembers that what is wanted runs already.
pub(super) async fn confirm(session: &mut Session, survey: &Survey, plan: &Plan) -> Result<(), Failure> {
    let place = place_of(survey);
    let Some(good) = good(survey, plan, session.ledger().revisions(&place)) else {
        return Ok(());
    };
    let digest = digest_text(&survey.loaded.file.text);
    session.confirm(&place, &digest, &good).await.map_err(|e| failure(&e))
}

/// The stack as it runs after a plan was carried out: what the plan is about as it is wanted, and the rest, which a
/// plan for a part of the stack leaves alone, as it was. `None` where nothing runs, or nobody knows the rest.
fn good(survey: &Survey, plan: &Plan, before: &[Revision]) -> Option<Vec<Resource>> {
    let about: BTreeSet<_> = plan.changes.iter().map(|change| &change.address).collect();
    let (mut good, rest): (Vec<_>, Vec<_>) = survey
        .desired
        .iter()
        .cloned()
        .partition(|resource| about.contains(&resource.address));
    if !rest.is_empty() || !survey.outside.is_empty() {
        let before = before.last()?.resources.iter();
        good.extend(before.filter(|resource| !about.contains(&resource.address)).cloned());
    }
    (!good.is_empty()).then_some(good)
}

fn holds_data(desired: &[Resource]) -> impl Iterator<Item = mlstack_provider::Address> {
    desired
        .iter()
        .filter(|resource| resource.protected)
        .map(|resource| resource.address.clone())
}

fn ending(outcome: &Outcome) -> Ending {
    match (outcome.is_success(), outcome.failed.is_empty()) {
        (true, _) => Ending::Done,
        (false, true) => Ending::Interrupted,
        (false, false) => Ending::Failed,
    }
}

/// Tells the ledger's journal of each step.
pub(super) struct Written<'a> {
    /// The ledger, locked.
    pub(super) session: &'a Session,
    /// The run.
    pub(super) run: &'a str,
}

#[async_trait]
impl Journal for Written<'_> {
    async fn begin(&self, node: &Node) -> Result<(), ProviderError> {
        let address = node.step.address();
        let intent = Intent {
            step: node.id,
            op: verb(&node.step).to_owned(),
            kind: address.kind.clone(),
            resource: address.name.clone(),
            token: format!("{}/{}", self.run, node.id),
            fingerprint: fingerprint(&node.step),
        };
        let failed = |error| {
            ProviderError::new(ErrorKind::Failed, "start a step")
                .at(address)
                .because(error)
        };
        self.session.intend(intent).await.map_err(failed)
    }

    async fn end(&self, node: &Node, result: Result<Option<&Observed>, &ProviderError>) {
        let settled = Settled {
            step: node.id,
            done: result.is_ok(),
            provider_id: result.ok().flatten().map(|live| live.id.clone()),
        };
        let _next_begin_fails = self.session.settle(settled).await;
    }
}

fn fingerprint(step: &Step) -> Option<String> {
    let before = step.before()?;
    let digest = digest_text(&before.spec.to_string());
    Some(format!("{}:{}", before.id, &digest[..16]))
}
