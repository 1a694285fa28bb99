//! What changed behind mlstack's back, as people read it: apart from what the stack file asks for.

use super::plan_text::{rows, title};
use super::table::{entries, wrap};
use super::values::attribute;
use super::{Header, Paint, Style, escape};
use crate::plan::{Action, Change, Drift, Plan, Sort};

/// What `mlstack drift` says: each drift with what to do about it, and what was changed on purpose but not applied.
pub fn drift_text(header: &Header<'_>, plan: &Plan, style: Style) -> String {
    let drift: Vec<&Drift> = plan.drift.iter().collect();
    let intended: Vec<&Change> = plan.intended().collect();
    let mut out = format!("{}\n\n", title(header));
    out += &table(&drift, true, style);
    if !intended.is_empty() {
        out += "Not applied yet, changed in the stack file or its secrets:\n\n";
        out += &rows(&intended, style);
        out.push('\n');
    }
    out + &verdict(plan, intended.len())
}

fn verdict(plan: &Plan, intended: usize) -> String {
    let live = plan
        .changes
        .iter()
        .filter(|change| change.action != Action::Create)
        .count();
    let drift = match plan.drift.len() {
        0 => format!("No drift: {live} of {live} are as mlstack made them."),
        1 => "Drift: 1 is not as mlstack made it.".to_owned(),
        many => format!("Drift: {many} are not as mlstack made them."),
    };
    match intended {
        0 => drift + "\n",
        many => format!("{drift} Not applied yet: {many}; see `mlstack plan`.\n"),
    }
}

/// The drift of a plan, but for what only does not work: the change that brings it back says so. Empty without any.
pub(super) fn drift_section(plan: &Plan, style: Style) -> String {
    let shown: Vec<&Drift> = plan.drift.iter().filter(|drift| drift.sort != Sort::Broken).collect();
    match shown.is_empty() {
        true => String::new(),
        false => format!("Drift, not made by mlstack:\n\n{}", table(&shown, false, style)),
    }
}

fn table(all: &[&Drift], fixes: bool, style: Style) -> String {
    let heads = |drift: &&Drift| {
        let name = format!("≠ {}", escape(&drift.address.to_string()));
        [(name, Some(Paint::Careful)), (place(drift), Some(Paint::Faint))]
    };
    let lines = |drift: &&Drift, room| {
        let fix = wrap(&format!("fix: {}", drift.sort.fix()), room).into_iter();
        let fix = fix.filter(|_| fixes).map(|line| style.paint(Paint::Faint, &line));
        details(drift, room).into_iter().chain(fix).collect()
    };
    let gap = if all.is_empty() { "" } else { "\n" };
    entries(all, heads, lines, style) + gap
}

fn place(drift: &Drift) -> String {
    let source = drift.source.as_ref();
    source.map_or_else(String::new, |source| escape(&source.to_string()))
}

/// What differs, as it was made → as it is, a line each.
fn details(drift: &Drift, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = drift.attributes.iter().map(|a| attribute(a, room)).collect();
    lines.extend(drift.problem.iter().flat_map(|problem| wrap(&escape(problem), room)));
    if lines.is_empty() {
        lines.push(drift.sort.to_string());
    }
    lines
}
