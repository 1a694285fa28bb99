//! A plan as people read it: one row a change, what differs, what users notice, and a line that counts.

use super::drift::drift_section;
use super::table::{LEAST_ROOM, pad, widest, wrap};
use super::values::attribute;
use super::{Header, Paint, Style, escape, width};
use crate::plan::{Action, AttributeChange, Change, Disruption, Plan, Reason, Summary};

/// The whole plan. Unchanged things are only counted.
pub fn plan_text(header: &Header<'_>, plan: &Plan, style: Style) -> String {
    let changes: Vec<&Change> = plan.changes.iter().filter(|c| c.action != Action::NoOp).collect();
    let mut out = format!("{}\n\n{}", title(header), drift_section(plan, style));
    if !changes.is_empty() {
        out += &rows(&changes, style);
        out.push('\n');
    }
    out + &verdict(plan, style)
}

/// One row a change.
pub(super) fn rows(changes: &[&Change], style: Style) -> String {
    let rows: Vec<Row<'_>> = changes.iter().map(|change| Row::new(change)).collect();
    let layout = Layout::new(&rows, style);
    let mut out = String::new();
    rows.iter().for_each(|row| layout.draw(row, &mut out));
    out
}

/// `house-prices · prod → k8s (context kind)`.
pub(super) fn title(header: &Header<'_>) -> String {
    let Header {
        stack,
        environment,
        target,
        context,
    } = header;
    let environment = environment
        .map(|name| format!(" · {}", escape(name)))
        .unwrap_or_default();
    let context = context.map(|place| format!(" ({})", escape(place))).unwrap_or_default();
    format!("{}{environment} → {target}{context}", escape(stack))
}

fn verdict(plan: &Plan, style: Style) -> String {
    if plan.is_empty() {
        let same = plan.changes.iter().filter(|c| c.action == Action::NoOp).count();
        return format!("No changes: {same} of {same} are as they should be.\n");
    }
    let refused: Vec<String> = plan.refused().map(|change| refusal(change, style)).collect();
    if !refused.is_empty() {
        return refused.concat();
    }
    let Summary {
        add,
        change,
        replace,
        destroy,
    } = plan.summary();
    format!("Plan: {add} to add, {change} to change, {replace} to replace, {destroy} to destroy.\n")
}

fn refusal(change: &Change, style: Style) -> String {
    let name = escape(&change.address.name);
    let help = match change.reason {
        Reason::WouldLoseData { .. } => format!("To let its data go: --destroy-data {name}"),
        _ => "Declare what is kept again, or let its data go with --destroy-data".to_owned(),
    };
    let verdict = format!(
        "Refused: nothing is done because of {}.",
        escape(&change.address.to_string())
    );
    format!("{} {help}\n", style.paint(Paint::Bad, &verdict))
}

/// One change, not yet in columns.
struct Row<'a> {
    change: &'a Change,
    what: String,
    place: String,
    notice: String,
}

impl<'a> Row<'a> {
    fn new(change: &'a Change) -> Self {
        let unsourced = if change.protected { "protected" } else { "" };
        let source = change.source.as_ref().map(|source| escape(&source.to_string()));
        Self {
            change,
            what: format!("{} {}", sign(change.action), escape(&change.address.to_string())),
            place: source.unwrap_or_else(|| unsourced.to_owned()),
            notice: change.disruption.to_string(),
        }
    }

    /// What is told about it, a line each.
    fn details(&self, room: usize) -> Vec<String> {
        let change = self.change;
        let because = || wrap(&escape(&change.reason.to_string()), room);
        match (&change.reason, change.action) {
            (Reason::CannotUpdateInPlace { attribute, .. }, _) => attributes(change, Some(attribute), room),
            (Reason::Drifted { attribute, .. }, _) => attributes(change, Some(attribute), room),
            (_, Action::Update) => attributes(change, None, room),
            (_, Action::Repair) => wrap(
                &format!("{}: will be brought back", escape(&change.reason.to_string())),
                room,
            ),
            _ => because(),
        }
    }
}

/// All attributes but the id of an image that mlstack packs, which is in its name already.
pub(super) fn told(change: &Change) -> impl Iterator<Item = &AttributeChange> {
    let named = change.attributes.iter().any(|a| a.path == "image");
    change
        .attributes
        .iter()
        .filter(move |a| a.path != "x-mlstack.image_id" || !named)
}

/// All attributes, the one that forces the rest first.
fn attributes(change: &Change, first: Option<&str>, room: usize) -> Vec<String> {
    let (head, tail): (Vec<_>, Vec<_>) = told(change).partition(|a| Some(a.path.as_str()) == first);
    head.into_iter().chain(tail).map(|a| attribute(a, room)).collect()
}

pub(super) fn sign(action: Action) -> &'static str {
    match action {
        Action::NoOp => " ",
        Action::Create => "+",
        Action::Update | Action::Repair => "~",
        Action::Replace => "-/+",
        Action::Delete => "-",
        Action::Keep | Action::Refuse => "!",
    }
}

fn paint(action: Action) -> Paint {
    match action {
        Action::Create => Paint::Good,
        Action::Update | Action::Repair => Paint::Careful,
        Action::Replace => Paint::Anew,
        Action::Delete | Action::Refuse => Paint::Bad,
        Action::NoOp | Action::Keep => Paint::Faint,
    }
}

/// Where the columns stand, for all rows.
struct Layout {
    style: Style,
    what: usize,
    place: usize,
    /// The columns left for what differs.
    room: usize,
    /// The width of what differs, where what users notice stands beside it.
    detail: usize,
    below: bool,
}

impl Layout {
    fn new(rows: &[Row<'_>], style: Style) -> Self {
        let what = widest(rows.iter().map(|row| row.what.as_str())) + 2;
        let place = widest(rows.iter().map(|row| row.place.as_str())) + 2;
        let beside = style.width.saturating_sub(2 + what + place);
        let below = beside < LEAST_ROOM;
        let room = if below {
            style.width.saturating_sub(6).max(20)
        } else {
            beside
        };
        let mut layout = Self {
            style,
            what,
            place,
            room,
            detail: 0,
            below,
        };
        let fitting = rows.iter().filter(|row| !row.notice.is_empty()).filter_map(|row| {
            let first = row.details(room).first().map_or(0, |d| width(d));
            (first + 2 + width(&row.notice) <= room).then_some((first, width(&row.notice)))
        });
        let (first, notice) = fitting.fold((0, 0), |(a, b), (c, d)| (a.max(c), b.max(d)));
        layout.detail = first.min(room.saturating_sub(notice + 2));
        layout
    }

    fn draw(&self, row: &Row<'_>, out: &mut String) {
        let paint = paint(row.change.action);
        let what = pad(&row.what, &self.style.paint(paint, &row.what), self.what);
        let place = pad(&row.place, &self.style.paint(Paint::Faint, &row.place), self.place);
        let indent = if self.below { 6 } else { 2 + self.what + self.place };
        let mut details = self.details(row);
        let first = if self.below { String::new() } else { details.remove(0) };
        *out += format!("  {what}{place}{first}").trim_end();
        out.push('\n');
        for detail in details {
            out.extend([" ".repeat(indent), detail, "\n".to_owned()]);
        }
    }

    /// The details, with what users notice beside the first where it fits, else below it.
    fn details(&self, row: &Row<'_>) -> Vec<String> {
        let mut details = row.details(self.room);
        if row.notice.is_empty() || details.is_empty() {
            details.resize(details.len().max(1), String::new());
            return details;
        }
        let paint = if row.change.disruption == Disruption::DataLoss {
            Paint::Bad
        } else {
            Paint::Careful
        };
        let notice = self.style.paint(paint, &row.notice);
        let first = &details[0];
        let column = self.detail.max(width(first));
        if column + 2 + width(&row.notice) <= self.room {
            details[0] = pad(first, first, column) + "  " + &notice;
        } else {
            details.push(notice);
        }
        details
    }
}
