//! A review as people read it: for each environment what becomes of the models, then the plan, then long texts by hunks.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::Value;

use super::plan_text::title;
use super::violations_text;
use super::{Header, Paint, Style, escape, findings_text, plan_text};
use crate::diag::visible::visible_lines;
use crate::lines::{Line, hunks};
use crate::plan::{Action, Plan};
use crate::review::{Blame, ModelChange, ModelFacts, Review, Section};

/// Digits of a commit, as git shows them.
const COMMIT: usize = 12;
/// Digits of a digest that tell it from others.
const DIGEST: usize = 12;
/// The most lines of hunks of one text.
const MOST_LINES: usize = 200;

/// All of it; `context` lines stand around what differs in a long text.
pub fn review_text(review: &Review, context: usize, style: Style) -> String {
    let mut out = String::new();
    if let Some(base) = &review.base {
        let commit = base.commit.get(..COMMIT).unwrap_or(&base.commit);
        let (stack, reference) = (escape(&review.stack), escape(&base.reference));
        out = format!("{stack}: what changes since {reference} ({commit})\n\n");
    }
    let sections: Vec<String> = review
        .sections
        .iter()
        .map(|one| section(review, one, context, style))
        .collect();
    out + &sections.join("\n")
}

fn section(review: &Review, section: &Section, context: usize, style: Style) -> String {
    let header = Header::of(&review.stack, section);
    if let Some(why) = &section.failure {
        let cannot = style.paint(Paint::Bad, "Not compared:");
        return format!("{}\n\n{cannot} {}\n", title(&header), escape(why));
    }
    let plan = plan_text(&header, &section.plan, style);
    let (head, rest) = plan.split_once("\n\n").unwrap_or((&plan, ""));
    let models: String = section.models.iter().map(|change| model(change, style)).collect();
    let gap = if models.is_empty() { "" } else { "\n" };
    let hunks = hunks_text(&section.plan, context, style);
    let why = why_text(review, section, style);
    let findings = findings_text(&section.findings, style);
    let violations = violations_text(&section.violations, style);
    format!("{head}\n\n{models}{gap}{rest}{hunks}{why}{findings}{violations}")
}

/// The model of one component: a row, then what differs, a line each.
fn model(change: &ModelChange, style: Style) -> String {
    let (sign, paint) = match (&change.before, &change.after) {
        (None, _) => ("+", Paint::Good),
        (_, None) => ("-", Paint::Bad),
        _ => ("~", Paint::Careful),
    };
    let what = style.paint(paint, &format!("{sign} model of {}", escape(&change.component)));
    let place = change
        .source
        .as_ref()
        .map(|source| format!("  {}", escape(&source.to_string())));
    let place = style.paint(Paint::Faint, &place.unwrap_or_default());
    let mut lines = vec![format!("  {what}{place}")];
    for text in &change.breaking {
        lines.push(format!(
            "      {} {}",
            style.paint(Paint::Bad, "breaking:"),
            escape(text)
        ));
    }
    lines.extend(change.compatible.iter().map(|text| format!("      {}", escape(text))));
    let told = facts(change.before.as_ref(), change.after.as_ref());
    lines.extend(told.iter().map(|fact| format!("      {fact}")));
    lines.join("\n") + "\n"
}

/// What is told of a model: all of it where one side alone has it, else what differs.
fn facts(before: Option<&ModelFacts>, after: Option<&ModelFacts>) -> Vec<String> {
    let none = ModelFacts::default();
    let both = before.is_some() && after.is_some();
    let sides = [before.unwrap_or(&none), after.unwrap_or(&none)];
    let unread = sides.iter().any(|side| side.unread.is_some());
    let mut told = Vec::new();
    let mut fact = |name: &str, [was, is]: [Option<String>; 2]| match (was, is) {
        (was, is) if both && was == is => {}
        (Some(was), Some(is)) => told.push(format!("{name} {} → {}", escape(&was), escape(&is))),
        (Some(was), None) if both => told.push(format!("{name} {} → none", escape(&was))),
        (None, Some(is)) if both => told.push(format!("{name} none → {}", escape(&is))),
        (was, is) => told.extend(was.or(is).map(|one| format!("{name} {}", escape(&one)))),
    };
    fact(
        "file",
        sides.map(|side| Some(side.uri.clone()).filter(|uri| !uri.is_empty())),
    );
    fact("size", sides.map(|side| side.bytes.map(size)));
    fact(
        "sha256",
        sides.map(|side| side.sha256.as_ref().map(|all| all.chars().take(DIGEST).collect())),
    );
    // What one side does not tell is no change.
    if !(both && unread) {
        fact("opset", sides.map(|side| side.opset.map(|opset| opset.to_string())));
        fact("licence", sides.map(|side| side.licence.clone()));
        if !both {
            fact("inputs", sides.map(|side| list(&side.inputs)));
            fact("outputs", sides.map(|side| list(&side.outputs)));
        }
        let metrics = sides[0].metrics.keys().chain(sides[1].metrics.keys());
        for name in metrics.collect::<BTreeSet<_>>() {
            fact(&escape(name), sides.map(|side| side.metrics.get(name).cloned()));
        }
    }
    for (side, when) in sides.iter().zip(["before", "now"]) {
        let when = if both { format!("{when} ") } else { String::new() };
        told.extend(side.unread.iter().map(|why| format!("{when}not read: {}", escape(why))));
    }
    told
}

/// The most names of a list.
const MOST_NAMES: usize = 12;

fn list(all: &[String]) -> Option<String> {
    let more = all.len().saturating_sub(MOST_NAMES);
    let text = all.iter().take(MOST_NAMES).cloned().collect::<Vec<_>>().join(", ");
    let text = match more {
        0 => text,
        more => format!("{text} and {more} more"),
    };
    (!all.is_empty()).then_some(text)
}

/// A number of bytes, as people say it.
pub fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let of = |unit: u64, name: &str| format!("{:.1} {name}", bytes as f64 / unit as f64);
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => of(1024, "KiB"),
        1_048_576..1_073_741_824 => of(1 << 20, "MiB"),
        _ => of(1 << 30, "GiB"),
    }
}

/// Texts of several lines that differ, by hunks.
pub fn hunks_text(plan: &Plan, context: usize, style: Style) -> String {
    let mut out = String::new();
    for change in plan.changes.iter().filter(|change| change.action != Action::NoOp) {
        for attribute in change.attributes.iter().filter(|attribute| !attribute.sensitive) {
            let (Some(Value::String(before)), Some(Value::String(after))) = (&attribute.before, &attribute.after)
            else {
                continue;
            };
            if !before.trim_end().contains('\n') && !after.trim_end().contains('\n') {
                continue;
            }
            let (address, path) = (escape(&change.address.to_string()), escape(&attribute.path));
            out.extend(["\n", &address, " ", &path, "\n"]);
            out += &drawn(before, after, context, style);
        }
    }
    out
}

fn drawn(before: &str, after: &str, context: usize, style: Style) -> String {
    let mut lines = Vec::new();
    for hunk in hunks(before, after, context) {
        let span = |range: &std::ops::Range<usize>| {
            format!("{},{}", range.start + usize::from(!range.is_empty()), range.len())
        };
        let head = format!("@@ -{} +{} @@", span(&hunk.before), span(&hunk.after));
        lines.push(style.paint(Paint::Faint, &head));
        lines.extend(hunk.lines.iter().map(|line| match line {
            Line::Same(text) => format!(" {}", visible_lines(&escape(text))),
            Line::Gone(text) => style.paint(Paint::Bad, &format!("-{}", escape(text))),
            Line::New(text) => style.paint(Paint::Good, &format!("+{}", escape(text))),
        }));
    }
    let more = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    if more > 0 {
        lines.push(format!("… {more} more lines"));
    }
    lines.iter().map(|line| format!("    {line}\n")).collect()
}

/// Who wrote the lines that changes come from.
fn why_text(review: &Review, section: &Section, style: Style) -> String {
    if review.why.is_empty() {
        return String::new();
    }
    let changes = section
        .plan
        .changes
        .iter()
        .filter(|change| change.action != Action::NoOp);
    let sources = changes.filter_map(|change| change.source.as_ref());
    let sources = sources.chain(section.models.iter().filter_map(|model| model.source.as_ref()));
    let lines: BTreeMap<usize, &str> = sources.map(|at| (at.line, at.file.as_str())).collect();
    let told = lines.iter().map(|(line, file)| {
        let place = style.paint(Paint::Faint, &format!("{}:{line}", escape(file)));
        let who = review.why.get(line).map_or("not committed".to_owned(), who);
        format!("  {place}  {who}\n")
    });
    let told: String = told.collect();
    match told.is_empty() {
        true => told,
        false => format!("\nWhy\n{told}"),
    }
}

fn who(blame: &Blame) -> String {
    let commit = blame.commit.get(..COMMIT).unwrap_or(&blame.commit);
    let (author, summary) = (escape(&blame.author), escape(&blame.summary));
    format!("{commit} {author}, {}: {summary}", blame.date)
}
