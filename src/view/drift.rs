//! What changed behind mlstack's back, as people read it: apart from what the stack file asks for.

use super::plan_text::{rows, title};
use super::table::{pad, widest, wrap};
use super::values::attribute;
use super::{Header, Paint, Style, escape};
use crate::plan::{Action, Change, Drift, Plan, Sort};

/// The least columns for what differs.
const LEAST_ROOM: usize = 30;

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
    let names: Vec<String> = all
        .iter()
        .map(|d| format!("≠ {}", escape(&d.address.to_string())))
        .collect();
    let places: Vec<String> = all.iter().map(|drift| place(drift)).collect();
    let name = widest(names.iter().map(String::as_str)) + 2;
    let place = widest(places.iter().map(String::as_str)) + 2;
    let room = style.width.saturating_sub(2 + name + place).max(LEAST_ROOM);
    let mut out = String::new();
    for ((drift, named), placed) in all.iter().zip(&names).zip(&places) {
        let head = pad(named, &style.paint(Paint::Careful, named), name)
            + &pad(placed, &style.paint(Paint::Faint, placed), place);
        let mut lines = details(drift, room);
        if fixes {
            let fix = wrap(&format!("fix: {}", drift.sort.fix()), room);
            lines.extend(fix.iter().map(|line| style.paint(Paint::Faint, line)));
        }
        for (at, line) in lines.iter().enumerate() {
            let before = if at == 0 {
                head.clone()
            } else {
                " ".repeat(name + place)
            };
            out.extend(["  ", &before, line, "\n"]);
        }
    }
    if !all.is_empty() {
        out.push('\n');
    }
    out
}

fn place(drift: &Drift) -> String {
    let source = drift.source.as_ref();
    source.map_or_else(String::new, |source| {
        format!("{}:{}", escape(&source.file), source.line)
    })
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
