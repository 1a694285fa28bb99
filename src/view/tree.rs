//! A plan while it is carried out, as a tree for a terminal: a line a step, each below what it waits for.
//!
//! Pure: one frame for one moment. Where the terminal has fewer rows than the plan has steps, what runs or failed is
//! shown, and the rest is counted.

use std::collections::BTreeMap;
use std::time::Duration;

use super::progress::{doing, done, seconds};
use super::table::{pad, widest};
use super::values::shorten;
use super::{Paint, Style, escape};
use crate::plan::{Node, Plan};

/// Where a step is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It runs; what it said last, and for how long it runs.
    Running {
        /// The target's words; empty when it said nothing yet.
        said: String,
        /// Since it started.
        elapsed: Duration,
    },
    /// It succeeded.
    Done {
        /// How long it took.
        took: Duration,
    },
    /// It failed.
    Failed {
        /// How long it took.
        took: Duration,
    },
    /// It is not tried.
    Skipped,
}

/// The turning mark of what runs, a picture a frame.
const SPINNER: [&str; 8] = ["⠹", "⢸", "⣰", "⣤", "⣆", "⡇", "⠏", "⠛"];
/// The deepest a step is indented; deeper ones stand there too.
const DEEPEST: usize = 5;

/// One frame of at most `rows` lines; a step that is not in `states` waits.
pub fn tree(plan: &Plan, states: &BTreeMap<usize, StepState>, frame: usize, rows: usize, style: Style) -> String {
    let depths = depths(plan);
    let whole = plan.nodes.len() <= rows;
    let alive = |node: &&Node| {
        matches!(
            states.get(&node.id),
            Some(StepState::Running { .. } | StepState::Failed { .. })
        )
    };
    let shown: Vec<&Node> = plan
        .nodes
        .iter()
        .filter(|node| whole || alive(node))
        .take(if whole { rows } else { rows.saturating_sub(1) })
        .collect();
    let names: Vec<String> = shown
        .iter()
        .map(|node| name(node, if whole { depths[node.id - 1] } else { 0 }))
        .collect();
    let column = widest(names.iter().map(String::as_str)).min(style.width / 2);
    let mut lines: Vec<String> = shown
        .iter()
        .zip(&names)
        .map(|(node, name)| line(node, name, column, states.get(&node.id), frame, style))
        .collect();
    if !whole {
        lines.push(style.paint(Paint::Faint, &shorten(&counts(plan, states), style.width)));
    }
    lines.join("\n")
}

/// How many steps each waits for in a row.
fn depths(plan: &Plan) -> Vec<usize> {
    let mut depths: Vec<usize> = Vec::with_capacity(plan.nodes.len());
    for node in &plan.nodes {
        let above = node.after.iter().map(|id| depths[id - 1] + 1).max();
        depths.push(above.unwrap_or(0));
    }
    depths
}

fn name(node: &Node, depth: usize) -> String {
    format!(
        "{}{}",
        "  ".repeat(depth.min(DEEPEST)),
        escape(&node.step.address().to_string())
    )
}

fn line(node: &Node, name: &str, column: usize, state: Option<&StepState>, frame: usize, style: Style) -> String {
    let (paint, mark, text) = match state {
        None => (Paint::Faint, "·", "waits".to_owned()),
        Some(StepState::Running { said, elapsed }) => {
            let said = if said.is_empty() { doing(node) } else { escape(said) };
            let text = format!("{said}, {} s", elapsed.as_secs());
            (Paint::Careful, SPINNER[frame % SPINNER.len()], text)
        }
        Some(StepState::Done { took }) => (Paint::Good, "✓", format!("{} in {}", done(&node.step), seconds(*took))),
        Some(StepState::Failed { took }) => (Paint::Bad, "✗", format!("failed after {}", seconds(*took))),
        Some(StepState::Skipped) => (Paint::Careful, "-", "skipped".to_owned()),
    };
    let name = shorten(name, column);
    let room = style.width.saturating_sub(column + 4);
    let text = shorten(&text, room.max(8));
    let text = if state.is_none() {
        style.paint(Paint::Faint, &text)
    } else {
        text
    };
    format!("{} {}  {text}", style.paint(paint, mark), pad(&name, &name, column))
}

fn counts(plan: &Plan, states: &BTreeMap<usize, StepState>) -> String {
    let count = |wanted: fn(&StepState) -> bool| states.values().filter(|state| wanted(state)).count();
    let settled = count(|state| matches!(state, StepState::Done { .. }));
    let running = count(|state| matches!(state, StepState::Running { .. }));
    let waiting = plan.nodes.len() - states.len();
    format!(
        "{settled} of {} done, {running} running, {waiting} waiting",
        plan.nodes.len()
    )
}
