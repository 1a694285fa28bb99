//! What happens while a plan is carried out, a line an event, and what became of it.

use std::time::Duration;

use mlstack_provider::Step;

use super::{Paint, Style, escape};
use crate::apply::{Event, Outcome};
use crate::plan::{Node, Plan, Reason};

/// One line for one event, without its end.
pub fn event_line(event: &Event<'_>, style: Style) -> String {
    let name = |node: &Node| escape(&node.step.address().to_string());
    match event {
        Event::Started { node } => format!("  {} is {}", name(node), doing(node)),
        Event::Progress { node, message } => {
            style.paint(Paint::Faint, &format!("  {} {}", name(node), escape(message)))
        }
        Event::Done { node, took } => {
            let mark = style.paint(Paint::Good, "✓");
            format!("{mark} {} {} in {}", name(node), done(&node.step), seconds(*took))
        }
        Event::Failed { node, error, took } => {
            let mark = style.paint(Paint::Bad, "✗");
            let cause = error
                .cause
                .as_ref()
                .map(|cause| format!(": {}", escape(&cause.to_string())))
                .unwrap_or_default();
            format!(
                "{mark} {} {}{cause} after {}",
                name(node),
                escape(error.action.trim_end_matches(':')),
                seconds(*took)
            )
        }
        Event::Left { node } => {
            let mark = style.paint(Paint::Careful, "-");
            format!("{mark} {} left where it was: interrupted", name(node))
        }
        Event::Skipped { node, because } => {
            let mark = style.paint(Paint::Careful, "-");
            let why = because.map_or_else(|| "interrupted".to_owned(), |failed| format!("{} failed", name(failed)));
            format!("{mark} {} skipped: {why}", name(node))
        }
    }
}

/// What became of a plan, in one line: `Applied: 3 done, 1 failed, 2 skipped.`
pub fn outcome_text(plan: &Plan, outcome: &Outcome, took: Duration) -> String {
    let Outcome {
        done,
        failed,
        skipped,
        took: _,
    } = outcome;
    if outcome.is_success() {
        return format!(
            "Applied: {} of {} done in {}.\n",
            done.len(),
            plan.nodes.len(),
            seconds(took)
        );
    }
    let verdict = if outcome.is_interrupted() {
        "Interrupted"
    } else {
        "Not applied"
    };
    let counts = format!(
        "{} done, {} failed, {} skipped",
        done.len(),
        failed.len(),
        skipped.len()
    );
    format!("{verdict}: {counts}; run `mlstack apply` again to do the rest.\n")
}

/// What is being done, and why: `being replaced: memory changed`.
pub(super) fn doing(node: &Node) -> String {
    let doing = match node.step {
        Step::Create { .. } => "being created",
        Step::Update { .. } => "being changed",
        Step::Replace { .. } => "being replaced",
        Step::Repair { .. } => "being brought back",
        Step::Delete { .. } => "being deleted",
    };
    match &node.reason {
        Reason::NotFound => doing.to_owned(),
        reason => format!("{doing}: {}", escape(&reason.to_string())),
    }
}

pub(super) fn done(step: &Step) -> &'static str {
    match step {
        Step::Create { .. } => "created",
        Step::Update { .. } => "changed",
        Step::Replace { .. } => "replaced",
        Step::Repair { .. } => "brought back",
        Step::Delete { .. } => "deleted",
    }
}

pub(super) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
