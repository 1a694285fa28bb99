//! `mlstack apply`, `up` and `destroy`: plan, ask, do, remember.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use mlstack_provider::{Step, Value};

use super::Context;
use super::args::{Apply, Destroy, OnFailure, Rollout, Up};
use super::execute::{all_started, execute};
use super::exit::Exit;
use super::failure::Failure;
use super::memory::{Memory, confirm, open};
use super::plan::{decide, header, options, refuse_conflicts, refuse_misspelt, show_and_judge};
use super::survey::{Look, Survey, survey};
use crate::ledger::Ledger;
use crate::plan::seal::{Sealed, digest_text, unseal};
use crate::plan::{Action, Plan};
use crate::view::fingerprint;

/// Runs `apply`.
pub(super) async fn run(args: &Apply, context: &Context) -> Result<Exit, Failure> {
    match &args.plan {
        Some(path) => sealed(path, args, context).await,
        None => fresh("apply", leave(args), &args.rollout, context)
            .await
            .map(|(exit, _)| exit),
    }
}

/// Whether a plan may be carried out without asking.
#[derive(Clone, Copy, PartialEq)]
enum Leave<'a> {
    /// Not.
    Ask,
    /// Any.
    Given,
    /// The one of this fingerprint, and no other.
    Approved(&'a str),
}

fn leave(args: &Apply) -> Leave<'_> {
    match &args.approved {
        Some(fingerprint) => Leave::Approved(fingerprint),
        None if args.yes => Leave::Given,
        None => Leave::Ask,
    }
}

/// Runs `up`.
pub(super) async fn up(args: &Up, context: &Context) -> Result<Exit, Failure> {
    let (exit, survey) = fresh("up", Leave::Given, &args.rollout, context).await?;
    if exit == Exit::Done {
        context.ui.out(&addresses(&survey));
    }
    Ok(exit)
}

/// Runs `destroy`.
pub(super) async fn destroy(args: &Destroy, context: &Context) -> Result<Exit, Failure> {
    if args.rollout.on_failure == OnFailure::Rollback {
        return Err(Failure::new(Exit::Usage, "a destroy cannot be rolled back").hint("leave --on-failure out"));
    }
    let mut session = open(context, "destroy").await?;
    let mut survey = survey(context, Look::Destroy, &args.rollout.takeover).await?;
    survey.narrow(&args.rollout.scope)?;
    let options = options(&args.rollout.destroy_data, &survey);
    refuse_misspelt(&survey, &options)?;
    let plan = decide(&survey, &options)?;
    show_and_judge(&survey, &plan, context)?;
    if plan.nodes.is_empty() {
        context.ui.note(&kept(&plan));
        return Ok(Exit::Done);
    }
    agree(args.yes, "Take this down?", context)?;
    let memory = Memory {
        session: &mut session,
        plan_id: None,
        command: "destroy",
        stack_digest: None,
    };
    let exit = execute(&mut survey, &plan, &args.rollout, memory, context).await?;
    if exit == Exit::Done {
        context.ui.note(&kept(&plan));
    }
    Ok(exit)
}

/// What a destroy leaves, and how to lose it too; nothing when all is gone.
fn kept(plan: &Plan) -> String {
    let data = plan.changes.iter().filter(|c| c.action == Action::Keep && c.protected);
    let names: Vec<_> = data.map(|c| c.address.name.as_str()).collect();
    if names.is_empty() {
        return String::new();
    }
    let flags: Vec<_> = names.iter().map(|name| format!("--destroy-data {name}")).collect();
    format!(
        "Kept: {}. To lose this data for good: mlstack destroy {}",
        names.join(", "),
        flags.join(" ")
    )
}

/// Plans anew and carries it out.
async fn fresh(
    command: &'static str,
    leave: Leave<'_>,
    rollout: &Rollout,
    context: &Context,
) -> Result<(Exit, Survey), Failure> {
    let mut session = open(context, command).await?;
    let mut survey = survey(context, Look::Prepare, &rollout.takeover).await?;
    survey.narrow(&rollout.scope)?;
    let options = options(&rollout.destroy_data, &survey);
    refuse_misspelt(&survey, &options)?;
    let mut plan = decide(&survey, &options)?;
    show_and_judge(&survey, &plan, context)?;
    if let Leave::Approved(approved) = leave {
        refuse_unapproved(approved, &fingerprint(&header(&survey), &plan))?;
    }
    if plan.nodes.is_empty() {
        let exit = all_started(&survey, rollout, context).await?;
        if exit == Exit::Done {
            confirm(&mut session, &survey, &plan).await?;
        }
        return Ok((exit, survey));
    }
    refuse_conflicts(&survey)?;
    survey.refuse_missing_secrets()?;
    agree(leave != Leave::Ask, "Do this?", context)?;
    if survey.make_secrets()? {
        plan = decide(&survey, &options)?;
    }
    let memory = Memory {
        session: &mut session,
        plan_id: None,
        command,
        stack_digest: None,
    };
    let exit = match execute(&mut survey, &plan, rollout, memory, context).await? {
        Exit::Done => all_started(&survey, rollout, context).await?,
        exit => exit,
    };
    Ok((exit, survey))
}

/// Only what was reviewed is done: a plan of another fingerprint does something else.
fn refuse_unapproved(approved: &str, fingerprint: &str) -> Result<(), Failure> {
    if approved.len() >= LEAST_FINGERPRINT && fingerprint.starts_with(approved) {
        return Ok(());
    }
    if approved.len() < LEAST_FINGERPRINT {
        let text = format!("`{approved}` is too short for a fingerprint");
        return Err(Failure::new(Exit::Usage, text).hint(format!(
            "give at least {LEAST_FINGERPRINT} of its digits; `mlstack plan --format json` tells it"
        )));
    }
    Err(stale(format!(
        "this is not what was approved: its fingerprint is {fingerprint}"
    )))
}

/// The fewest digits that name a plan: 64 bits.
const LEAST_FINGERPRINT: usize = 16;

/// Carries out a sealed plan: exactly it, once, and only on the world it was made for.
async fn sealed(path: &Path, args: &Apply, context: &Context) -> Result<Exit, Failure> {
    let sealed = read(path, context)?;
    let context = &for_plan(&sealed, context);
    let mut session = open(context, "apply").await?;
    refuse_used(&sealed, session.ledger())?;
    let mut survey = survey(context, Look::Prepare, &args.rollout.takeover).await?;
    survey
        .narrow_to(sealed.binding.scope.clone())
        .map_err(|error| stale(format!("the plan is stale:\n  {}", error.text())))?;
    refuse_moved(&sealed, &survey)?;
    show_and_judge(&survey, &sealed.plan, context)?;
    refuse_conflicts(&survey)?;
    survey.refuse_missing_secrets()?;
    agree(args.yes, "Do this?", context)?;
    survey.make_secrets()?;
    let plan = with_digests(&sealed.plan, &survey.secrets.digests);
    let plan_id = Some(sealed.binding.plan_id.as_str());
    let memory = Memory {
        session: &mut session,
        plan_id,
        command: "apply",
        stack_digest: None,
    };
    match execute(&mut survey, &plan, &args.rollout, memory, context).await? {
        Exit::Done => all_started(&survey, &args.rollout, context).await,
        exit => Ok(exit),
    }
}

/// No plan is larger than this, in bytes; what goes on for longer is a device or a mistake.
const MOST_PLAN: u64 = 256 << 20;

fn read(path: &Path, context: &Context) -> Result<Sealed, Failure> {
    let shown = path.display();
    let text = std::fs::File::open(context.here.join(path))
        .and_then(|file| io::read_to_string(file.take(MOST_PLAN)))
        .map_err(|error| Failure::new(Exit::Error, format!("cannot read {shown}: {error}")))?;
    unseal(&text).map_err(|error| {
        Failure::new(Exit::Error, format!("{shown}: {error}"))
            .hint(format!("`mlstack plan --out {shown}` makes a new one"))
    })
}

/// The environment and target of the plan, whatever else was typed.
fn for_plan(sealed: &Sealed, context: &Context) -> Context {
    let mut global = context.global.clone();
    global.env.clone_from(&sealed.environment);
    global.target = Some(sealed.target.clone());
    Context {
        ui: context.ui,
        global,
        here: context.here.clone(),
    }
}

fn refuse_used(sealed: &Sealed, ledger: &Ledger) -> Result<(), Failure> {
    match ledger.used(&sealed.binding.plan_id) {
        None => Ok(()),
        Some(at) => Err(stale(format!("this plan was applied already, at {at}"))),
    }
}

fn refuse_moved(sealed: &Sealed, survey: &Survey) -> Result<(), Failure> {
    let stack = &survey.loaded.stack.name;
    if *stack != sealed.stack {
        return Err(stale(format!(
            "this plan is for the stack `{}`, not `{stack}`",
            sealed.stack
        )));
    }
    let mut moved: Vec<String> = sealed
        .moved(&digest_text(&survey.loaded.file.text), &survey.observed)
        .iter()
        .map(ToString::to_string)
        .collect();
    moved.extend(other_images(&sealed.plan, survey));
    if moved.is_empty() {
        return Ok(());
    }
    Err(stale(format!("the plan is stale:\n  {}", moved.join("\n  "))))
}

/// Images of the plan that cannot be packed here and now: the model, its sidecars or the server changed.
fn other_images(plan: &Plan, survey: &Survey) -> Vec<String> {
    let here: BTreeMap<String, &Value> = survey
        .desired
        .iter()
        .map(|resource| (resource.address.to_string(), &resource.spec))
        .collect();
    let images = plan.nodes.iter().filter_map(|node| match &node.step {
        Step::Create { resource: after } | Step::Update { after, .. } if after.address.kind == "image" => Some(after),
        _ => None,
    });
    images
        .filter(|after| here.get(&after.address.to_string()) != Some(&&after.spec))
        .map(|after| format!("{}: its content changed since the plan was made", after.address))
        .collect()
}

fn stale(text: String) -> Failure {
    Failure::new(Exit::Stale, text).hint("`mlstack plan --out FILE` makes a new one")
}

/// The plan with the digests of secrets that did not exist when it was made.
fn with_digests(plan: &Plan, digests: &BTreeMap<String, String>) -> Plan {
    let mut plan = plan.clone();
    for node in &mut plan.nodes {
        let (Step::Create { resource: after }
        | Step::Update { after, .. }
        | Step::Replace { after, .. }
        | Step::Repair { after, .. }) = &mut node.step
        else {
            continue;
        };
        let wanted = after
            .spec
            .pointer_mut("/x-mlstack/secrets")
            .and_then(Value::as_object_mut);
        for (name, digest) in wanted.into_iter().flatten().filter(|(_, digest)| digest.is_null()) {
            if let Some(known) = digests.get(name) {
                *digest = Value::String(known.clone());
            }
        }
    }
    plan
}

pub(super) fn agree(yes: bool, question: &str, context: &Context) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !context.ui.interactive {
        return Err(Failure::new(Exit::Usage, "nobody can be asked here").hint("`-y` goes ahead without asking"));
    }
    if context.ui.ask(&format!("{question} [y/N] ")) {
        Ok(())
    } else {
        Err(Failure::new(Exit::Error, "nothing was changed: the answer was not yes"))
    }
}

/// What there is to open, one line each.
fn addresses(survey: &Survey) -> String {
    let exposed = survey
        .loaded
        .stack
        .components
        .values()
        .filter_map(|c| Some((c, c.expose.as_ref()?)));
    let lines: Vec<_> = exposed
        .map(|(component, expose)| format!("  {:<12} http://127.0.0.1:{}", component.name, expose.port))
        .collect();
    if lines.is_empty() {
        return "Running. Nothing is reachable from outside: `expose: { port: 8080 }` opens a component.".to_owned();
    }
    format!("Open:\n{}", lines.join("\n"))
}
