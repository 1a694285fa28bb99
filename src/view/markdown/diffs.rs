//! What changes, in full as far as there is room: collapsed blocks, one a change.

use mlstack_provider::Value;

use super::fit::{Piece, Rank, Row};
use super::inert::{fence, html};
use super::section::{list, row};
use super::{ADDRESS, VALUE};
use crate::lines::{Line, hunks};
use crate::plan::{Action, AttributeChange, Change, Plan, wire};
use crate::view::escape;
use crate::view::values::shorten;

/// The most lines of one change.
const LINES: usize = 60;
/// The most characters of a line.
const WIDE: usize = 240;
/// More changes than this never find room.
const ROWS: usize = 2_000;

/// The details of every change that has any; `context` lines stand around what differs in a long text.
pub(super) fn piece(plan: &Plan, context: usize) -> Option<Piece> {
    let changes = || plan.changes.iter().filter(|change| has_details(change));
    let rows: Vec<Row> = changes().take(ROWS).map(|change| block(change, context)).collect();
    let rest = changes().count().saturating_sub(ROWS);
    (!rows.is_empty()).then(|| list(Rank::Details, "", rows, rest, "diff"))
}

fn has_details(change: &Change) -> bool {
    !change.attributes.is_empty() || (change.action == Action::Create && change.after.is_some())
}

/// One change, collapsed.
fn block(change: &Change, context: usize) -> Row {
    let mut lines = match change.action {
        Action::Create => created(change),
        _ => change
            .attributes
            .iter()
            .flat_map(|one| attribute(one, context))
            .collect(),
    };
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    let mut diff: Vec<String> = lines.iter().map(|line| shorten(line, WIDE)).collect();
    if more > 0 {
        diff.push(format!("@@ and {more} more lines @@"));
    }
    let title = html(&change.address.to_string(), ADDRESS.max(VALUE));
    let fence = fence("diff", &diff.join("\n"));
    row(
        1,
        format!("<details><summary>{title}</summary>\n\n{fence}\n</details>\n\n"),
    )
}

/// What comes, without the digests of its secrets.
fn created(change: &Change) -> Vec<String> {
    let shown = &wire::to_json(change)["change"]["after"];
    format!("{shown:#}").lines().map(|line| format!("+ {line}")).collect()
}

/// One attribute before and after, as lines of a diff.
fn attribute(change: &AttributeChange, context: usize) -> Vec<String> {
    let path = escape(&change.path);
    if change.sensitive {
        return vec![format!("! {path} (secret changed)")];
    }
    if let (Some(Value::String(before)), Some(Value::String(after))) = (&change.before, &change.after)
        && (before.contains('\n') || after.contains('\n'))
    {
        let mut lines = vec![format!("@@ {path} @@")];
        lines.extend(by_hunks(before, after, context));
        return lines;
    }
    let side = |sign: &str, value: &Option<Value>| {
        let value = value.as_ref()?;
        let text = format!("{path}: {value:#}");
        Some(text.lines().map(|line| format!("{sign} {line}")).collect::<Vec<_>>())
    };
    let sides = [side("-", &change.before), side("+", &change.after)];
    sides.into_iter().flatten().flatten().collect()
}

/// Two texts by hunks.
fn by_hunks(before: &str, after: &str, context: usize) -> Vec<String> {
    let signed = |line: &Line<'_>| match line {
        Line::Same(text) => format!("  {text}"),
        Line::Gone(text) => format!("- {text}"),
        Line::New(text) => format!("+ {text}"),
    };
    let hunks = hunks(before, after, context);
    let parts = hunks
        .iter()
        .map(|hunk| hunk.lines.iter().map(signed).collect::<Vec<_>>());
    parts.collect::<Vec<_>>().join(&"@@ … @@".to_owned())
}
