//! `mlstack plan`: what apply would change. Changes nothing.

use std::collections::BTreeSet;

use mlstack_provider::Level as Severity;
use mlstack_provider::redact::holds_secret;
use serde_json::{Value, json};

use crate::ledger::new_id;
use crate::plan::scope::refuse_reach;
use crate::plan::seal::{Binding, digest_text, seal};
use crate::plan::{Action, Foresight, Options, drift, forecast, plan, verify};
use crate::review::{Section, Violation, judge};
use crate::stack::suggest::nearest;
use crate::target::capability::{self, Level};
use crate::view::{
    Extras, Header, findings_json, findings_text, plan_json, plan_text, violations_json, violations_text,
};

use super::Context;
use super::args::{DestroyData, Plan as Args, Report};
use super::exit::Exit;
use super::failure::Failure;
use super::load::{Loaded, stack_file};
use super::report::faulty;
use super::review;
use super::site::{impact, outage};
use super::survey::{Look, Survey, out_of_scope, survey};

/// Runs the command.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    if let Some(reference) = &args.base {
        return review::run(args, reference, context);
    }
    let look = if args.offline { Look::Offline } else { Look::Live };
    let mut survey = survey(context, look, &args.takeover)
        .await
        .map_err(|failure| match look {
            Look::Live if failure.exit == Exit::Error && stack_file(context).is_ok() => {
                failure.hint("`mlstack plan --offline` needs neither engine nor cluster")
            }
            _ => failure,
        })
        .map_err(|failure| faulty(failure, args.into(), context))?;
    survey.narrow(&args.scope)?;
    let options = options(&args.destroy_data, &survey);
    refuse_misspelt(&survey, &options)?;
    let plan = decide(&survey, &options)?;
    let review = review::of_plan(&survey, plan, args)?;
    let [Section { plan, violations, .. }] = review.sections.as_slice() else {
        unreachable!("a plan of a target is one section");
    };
    match args.format {
        Report::Json => context.ui.out_json(&document(&survey, plan, violations)),
        _ => review::show(&review, args, context)?,
    }
    refuse_lost_data(plan)?;
    refuse_violations(violations)?;
    if let Some(path) = &args.out {
        let binding = Binding {
            plan_id: new_id().map_err(|error| Failure::of(Exit::Error, &error))?,
            stack_digest: digest_text(&survey.loaded.file.text),
            scope: survey.scope.clone(),
        };
        let sealed = seal(document(&survey, plan, violations), plan, &survey.observed, &binding);
        refuse_secret(path, sealed.as_bytes())?;
        std::fs::write(context.here.join(path), sealed)
            .map_err(|error| Failure::new(Exit::Error, format!("cannot write {}: {error}", path.display())))?;
        context.ui.note(&format!(
            "Sealed into {0}. `mlstack apply {0}` does exactly this.",
            path.display()
        ));
    }
    let changes = args.detailed_exitcode && !plan.is_empty();
    Ok(if changes { Exit::Changes } else { Exit::Done })
}

/// A file that others will read never holds the value of a secret. The plan and what is rendered from it hold none by
/// their types, so this is a value that the stack file itself says in the clear.
pub(super) fn refuse_secret(path: &std::path::Path, bytes: &[u8]) -> Result<(), Failure> {
    if !holds_secret(bytes) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Policy,
        format!("{} is not written: it would hold the value of a secret", path.display()),
    )
    .hint("the stack file says that value in the clear: refer to it as `${secrets.NAME}`, or choose another value"))
}

/// The plan as programs read it, with what the policies say of it.
pub(super) fn document(survey: &Survey, plan: &crate::plan::Plan, violations: &[Violation]) -> Value {
    let beside = Extras {
        unsupported: degraded(&survey.loaded),
        diagnostics: survey.loaded.warnings.clone(),
        findings: findings_json(&survey.findings),
        violations: violations_json(violations),
    };
    plan_json(&header(survey), plan, &beside)
}

/// Fields that the target carries only in part, and how.
pub(super) fn degraded(loaded: &Loaded) -> Vec<Value> {
    let target = loaded.target;
    let used = capability::uses(&loaded.stack);
    let part = used.iter().filter_map(|found| match found.field.on(target) {
        Level::Degraded { how, .. } => {
            let (line, column) = loaded.place(&found.at);
            Some(json!({
                "capability": found.field.name(), "level": "degraded", "how": how,
                "component": found.component.map(|component| &component.name),
                "source": {"file": loaded.file.shown, "line": line, "column": column},
            }))
        }
        Level::Full | Level::Unsupported { .. } => None,
    });
    part.collect()
}

/// A name after `--destroy-data` that fits nothing is a mistake, and a dangerous one. Data that the stack file declares
/// and that is gone already is none: a run that was cut short is finished by typing the same again.
pub(super) fn refuse_misspelt(survey: &Survey, options: &Options) -> Result<(), Failure> {
    let world = survey.world();
    let mut unmatched = options.unmatched(&world);
    if unmatched.is_empty() {
        return Ok(());
    }
    let declared = survey.declared_data();
    unmatched.retain(|name| {
        !declared
            .iter()
            .any(|data| data.name == *name || data.to_string() == *name)
    });
    if unmatched.is_empty() {
        return Ok(());
    }
    let live = world.iter().filter(|live| live.protected).map(|live| &live.address);
    Err(no_such_data(
        &unmatched,
        live.chain(&declared).map(|data| data.name.as_str()),
    ))
}

/// Names that fit none of the data there is.
pub(super) fn no_such_data<'a>(unmatched: &[&str], names: impl Iterator<Item = &'a str>) -> Failure {
    let names: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
    let near = unmatched.first().and_then(|name| nearest(name, names.iter().copied()));
    let hint = match near {
        Some(name) => format!("did you mean `{name}`?"),
        None if names.is_empty() => "there is none".to_owned(),
        None => format!("what there is: {}", names.join(", ")),
    };
    Failure::new(Exit::Usage, format!("there is no data called {}", unmatched.join(", "))).hint(hint)
}

/// What the user allows.
pub(super) fn options(data: &DestroyData, survey: &Survey) -> Options {
    let components = &survey.loaded.stack.components;
    // A component's own data may be named by the component: `db` for `db-data`.
    let own = |name: &String| match components.contains_key(name) {
        true => format!("{name}-data"),
        false => name.clone(),
    };
    Options {
        destroy_data: data.names.iter().map(own).collect::<BTreeSet<_>>(),
    }
}

/// The plan of a survey, checked.
pub(super) fn decide(survey: &Survey, options: &Options) -> Result<crate::plan::Plan, Failure> {
    let impact = impact(survey.loaded.target);
    let world = survey.world();
    let mut plan = plan(&survey.desired, &world, &impact, options);
    let foresight = Foresight {
        outage: outage(survey.loaded.target),
        took: &survey.took,
    };
    forecast(&mut plan, foresight);
    plan.drift = drift(&survey.desired, &world, survey.known());
    plan.drift.retain(|drift| !survey.outside.contains(&drift.address));
    let faults = verify(&plan, &survey.desired, &world);
    if faults.is_empty() {
        return refuse_reach(&plan, &survey.outside)
            .map_err(|error| out_of_scope(&error))
            .map(|()| plan);
    }
    Err(Failure::new(
        Exit::Error,
        format!("this plan contradicts itself: {}", faults.join("; ")),
    )
    .hint("nothing was changed; this is a mistake in mlstack, please report it"))
}

/// What the plan is about.
pub(super) fn header(survey: &Survey) -> Header<'_> {
    Header {
        stack: &survey.loaded.stack.name,
        environment: survey.loaded.stack.environment.as_deref(),
        target: survey.loaded.target.name(),
        context: Some(&survey.place),
    }
}

/// Shows a plan that is to be carried out, and refuses what would lose data or is against a policy.
pub(super) fn show_and_judge(survey: &Survey, plan: &crate::plan::Plan, context: &Context) -> Result<(), Failure> {
    let violations = violations(survey, plan);
    show(survey, plan, &violations, context);
    refuse_lost_data(plan)?;
    refuse_violations(&violations)
}

/// Shows a plan as people read it.
pub(super) fn show(survey: &Survey, plan: &crate::plan::Plan, violations: &[Violation], context: &Context) {
    let style = context.ui.style();
    let text = plan_text(&header(survey), plan, style)
        + &findings_text(&survey.findings, style)
        + &violations_text(violations, style);
    context.ui.out(&text);
}

/// What the stack's policies say of a plan.
pub(super) fn violations(survey: &Survey, plan: &crate::plan::Plan) -> Vec<Violation> {
    let Loaded { stack, target, .. } = &survey.loaded;
    judge(stack, target.name(), plan, &[], &|path| survey.loaded.source(path))
}

/// What is against a policy that weighs as an error, and is not let through, stops everything.
pub(super) fn refuse_violations(violations: &[Violation]) -> Result<(), Failure> {
    let stopping = violations.iter().filter(|found| found.stops());
    let names: BTreeSet<&str> = stopping.map(|found| found.policy.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = names.into_iter().collect();
    Err(Failure::new(
        Exit::Policy,
        format!("this is against the policies of the stack: {}", names.join(", ")),
    )
    .hint(
        "change what is against them, let it through with a reason (`allow_degraded` on the component), \
         or let the policy weigh less",
    ))
}

/// What somebody else manages is taken over only on request.
pub(super) fn refuse_conflicts(survey: &Survey) -> Result<(), Failure> {
    let conflicts = survey.findings.iter().filter(|found| found.level == Severity::Conflict);
    let names: BTreeSet<String> = conflicts.map(|found| found.address.to_string()).collect();
    if names.is_empty() || survey.takeover.force_conflicts {
        return Ok(());
    }
    let names: Vec<String> = names.into_iter().collect();
    Err(Failure::new(
        Exit::Policy,
        format!("somebody else manages fields of {}", names.join(", ")),
    )
    .hint("say in the stack file what they set, or take the fields over: --force-conflicts"))
}

/// A plan that would lose data nobody named is never carried out or sealed.
pub(super) fn refuse_lost_data(plan: &crate::plan::Plan) -> Result<(), Failure> {
    let names: Vec<_> = plan
        .changes
        .iter()
        .filter(|c| c.action == Action::Refuse)
        .map(|c| c.address.name.as_str())
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let flags: Vec<_> = names.iter().map(|name| format!("--destroy-data {name}")).collect();
    Err(Failure::new(
        Exit::Policy,
        format!("this would lose the data of {}", names.join(", ")),
    )
    .hint(format!("if that is what you want: {}", flags.join(" "))))
}
