//! What happens in one environment, as pieces of a comment.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use mlstack_provider::{Level, Source, Value};

use super::fit::{Piece, Rank, Row};
use super::inert::Spot::{self, Cell, Line};
use super::{ADDRESS, Form, Group, SENTENCE, Topic, VALUE, diffs, first, models, places, topology};
use crate::plan::{Action, AttributeChange, Change, Disruption, Drift, Plan, Reason, Summary};
use crate::review::{Review, Section, Severity, Violation};
use crate::view::plan_text::{sign, told};
use crate::view::values::attribute;

/// More rows than this never find room in the longest comment.
const ROWS: usize = 8_000;
/// The most attributes of a change in its row.
const ATTRIBUTES: usize = 3;
/// The most characters of one row of a compact list.
const COMPACT: usize = 1_500;

/// All of it.
pub(super) fn pieces(group: &Group<'_>, review: &Review, form: Form) -> Vec<Piece> {
    let topic = form.topic;
    let section = group.section();
    let mut all = vec![Piece::must(heading(group, topic))];
    if section.failure.is_none() {
        match topic {
            Topic::Plan => planned(section, review, &mut all),
            Topic::Drift => drifted(section, review, &mut all),
        }
    }
    all.extend(
        [diagnostics(section), findings(section), unsupported(section)]
            .into_iter()
            .flatten(),
    );
    if topic == Topic::Plan {
        all.extend(diffs::piece(&section.plan, form.context));
        all.extend(fingerprints(group));
    }
    all
}

fn planned(section: &Section, review: &Review, all: &mut Vec<Piece>) {
    all.extend(lost(
        &section.plan,
        Action::Refuse,
        "**Refused**, as data would be lost",
    ));
    all.extend(lost(&section.plan, Action::Delete, "**Destroyed**"));
    all.extend(violations(section));
    all.extend(models::piece(&section.models));
    let mut changes: Vec<&Change> = section
        .plan
        .changes
        .iter()
        .filter(|c| c.action != Action::NoOp)
        .collect();
    changes.sort_by_key(|change| (Reverse(weight(change)), &change.address));
    all.extend(table(&changes, review));
    let picture = topology::picture(&section.topology);
    all.extend(picture.map(|picture| one_row(Rank::Picture, picture, "picture")));
}

fn drifted(section: &Section, review: &Review, all: &mut Vec<Piece>) {
    let rows = section
        .plan
        .drift
        .iter()
        .take(ROWS)
        .map(|drift| row(1, drift_row(drift)));
    let rest = section.plan.drift.len().saturating_sub(ROWS);
    let head = "| | Address | What was changed | What to do | Line |\n|---|---|---|---|---|\n";
    all.push(list(Rank::Changes, head, rows.collect(), rest, "thing"));
    let intended: Vec<&Change> = section.plan.intended().collect();
    if !intended.is_empty() {
        all.push(Piece::must(
            "Not applied yet, changed in the stack file or its secrets:\n\n",
        ));
        all.extend(table(&intended, review));
    }
}

/// What goes in the environments that there is no room for; nothing when there is room for all.
pub(super) fn beyond(groups: &[Group<'_>]) -> Option<Piece> {
    let rows = groups.iter().map(|group| {
        let plan = &group.section().plan;
        let goes = |change: &&Change| matches!(change.action, Action::Delete | Action::Refuse);
        let goes = plan.changes.iter().filter(goes).count();
        let Summary {
            add, change, replace, ..
        } = plan.summary();
        let (places, others) = (places(&group.sections), add + change + replace);
        row(1, format!("- {places}: {goes} destroyed or refused, {others} others\n"))
    });
    let head = format!("**{} more environments** are not told one by one.\n\n", groups.len());
    (!groups.is_empty()).then(|| list(Rank::Lost, &head, rows.collect(), 0, "environment"))
}

/// `### prod → compose`, and the counts.
fn heading(group: &Group<'_>, topic: Topic) -> String {
    let section = group.section();
    let named = group.sections.iter().any(|section| section.environment.is_some());
    let target = match named && !section.target.is_empty() {
        true => format!(" → {}", Line.code(&section.target, ADDRESS)),
        false => String::new(),
    };
    let context = section.context.as_ref();
    let context = context
        .map(|place| format!(" ({})", Line.code(place, VALUE)))
        .unwrap_or_default();
    let title = format!("### {}{target}{context}\n\n", places(&group.sections));
    if let Some(why) = &section.failure {
        return title + &format!("There is no plan: {}\n\n", Line.prose(why, SENTENCE));
    }
    if topic == Topic::Drift {
        return title;
    }
    let Summary {
        add,
        change,
        replace,
        destroy,
    } = section.plan.summary();
    title + &format!("{add} to add, {change} to change, {replace} to replace, {destroy} to destroy.\n\n")
}

/// A compact list of all that goes, by kind: it has room for thousands.
fn lost(plan: &Plan, action: Action, title: &str) -> Option<Piece> {
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| change.action == action) {
        kinds
            .entry(&change.address.kind)
            .or_default()
            .push(&change.address.name);
    }
    let count: usize = kinds.values().map(Vec::len).sum();
    let rows = kinds.iter().flat_map(|(kind, names)| compact(kind, names));
    let head = format!("{title} ({count}):\n\n");
    (count > 0).then(|| list(Rank::Lost, &head, rows.collect(), 0, "thing"))
}

/// `- service: a b c`, in rows of a bounded length.
fn compact(kind: &str, names: &[&str]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut line: Vec<&str> = Vec::new();
    let (kind, mut length) = (Line.code(kind, ADDRESS), 0);
    let write = |line: &[&str]| {
        // A name with a space in it, which no target allows, is told from two names.
        let quoted = |name: &&str| {
            if name.contains(' ') {
                format!("{name:?}")
            } else {
                (*name).to_owned()
            }
        };
        let names: Vec<String> = line.iter().map(quoted).collect();
        row(
            line.len(),
            format!("- {kind}: {}\n", Line.code(&names.join(" "), usize::MAX)),
        )
    };
    for name in names {
        if length + name.len() > COMPACT && !line.is_empty() {
            rows.push(write(&line));
            line.clear();
            length = 0;
        }
        length += name.len() + 1;
        line.push(name);
    }
    if !line.is_empty() {
        rows.push(write(&line));
    }
    rows
}

/// What a reviewer looks at first.
fn weight(change: &Change) -> (u8, Disruption) {
    let action = match change.action {
        Action::Refuse => 6,
        Action::Delete => 5,
        Action::Replace => 4,
        Action::Update | Action::Repair => 3,
        Action::Create => 2,
        Action::Keep => 1,
        Action::NoOp => 0,
    };
    (action, change.disruption)
}

/// One row a change.
fn table(changes: &[&Change], review: &Review) -> Option<Piece> {
    let rows = changes
        .iter()
        .take(ROWS)
        .map(|change| row(1, change_row(change, review)));
    let head = "| | Address | What | Why | Disruption | Line |\n|---|---|---|---|---|---|\n";
    let rest = changes.len().saturating_sub(ROWS);
    (!changes.is_empty()).then(|| list(Rank::Changes, head, rows.collect(), rest, "change"))
}

fn change_row(change: &Change, review: &Review) -> String {
    let disruption = match change.disruption {
        Disruption::DataLoss => "**data loss**".to_owned(),
        other => other.to_string(),
    };
    let line = change
        .source
        .as_ref()
        .map(|source| place(source, Cell) + &blame(source, review));
    cells(&[
        Cell.code(sign(change.action), ADDRESS),
        Cell.code(&change.address.to_string(), ADDRESS),
        what(change),
        Cell.prose(&change.reason.to_string(), SENTENCE),
        disruption,
        line.unwrap_or_default(),
    ])
}

/// What differs, or what comes.
fn what(change: &Change) -> String {
    if change.attributes.is_empty() {
        let image = change
            .after
            .as_ref()
            .and_then(|spec| spec.get("image"))
            .and_then(Value::as_str);
        return match (change.action, image) {
            (Action::Create, Some(image)) => format!("new, {}", Cell.code(image, VALUE)),
            (Action::Create, None) => "new".to_owned(),
            (Action::Delete, _) => "goes".to_owned(),
            (Action::Keep, _) => "stays".to_owned(),
            _ => String::new(),
        };
    }
    let mut forced: Vec<_> = told(change).collect();
    if let Reason::CannotUpdateInPlace { attribute, .. } | Reason::Drifted { attribute, .. } = &change.reason {
        forced.sort_by_key(|a| a.path != *attribute);
    }
    attributes(forced.into_iter()).join(", ")
}

/// The first few attributes, before and after.
fn attributes<'a>(all: impl ExactSizeIterator<Item = &'a AttributeChange>) -> Vec<String> {
    first(all.map(|one| Cell.code(&attribute(one, VALUE), VALUE)), ATTRIBUTES)
}

fn drift_row(drift: &Drift) -> String {
    let mut shown = attributes(drift.attributes.iter());
    shown.extend(drift.problem.iter().map(|problem| Cell.prose(problem, SENTENCE)));
    if shown.is_empty() {
        shown.push(drift.sort.to_string());
    }
    let line = drift.source.as_ref().map(|source| place(source, Cell));
    cells(&[
        "`≠`".to_owned(),
        Cell.code(&drift.address.to_string(), ADDRESS),
        shown.join(", "),
        drift.sort.fix().to_owned(),
        line.unwrap_or_default(),
    ])
}

fn violations(section: &Section) -> Option<Piece> {
    let rows: Vec<Row> = section
        .violations
        .iter()
        .map(|found| row(1, violation(found)))
        .collect();
    (!rows.is_empty()).then(|| list(Rank::Weighty, "**Policies**\n\n", rows, 0, "violation"))
}

fn violation(found: &Violation) -> String {
    let word = match (found.severity, &found.waived) {
        (_, Some(_)) => "waived",
        (Severity::Error, None) => "**error**",
        (Severity::Warning, None) => "warning",
    };
    let address = found
        .address
        .as_ref()
        .map(|address| Line.code(&address.to_string(), ADDRESS));
    let source = found.source.as_ref().map(|source| place(source, Line));
    let about: Vec<String> = address.into_iter().chain(source).collect();
    let about = if about.is_empty() {
        String::new()
    } else {
        format!(" ({})", about.join(", "))
    };
    let mut text = format!(
        "- {word} {}{about}: {}",
        Line.code(&found.policy, ADDRESS),
        Line.prose(&found.text, SENTENCE)
    );
    if let Some(help) = &found.help {
        text.extend(["; help: ", &Line.prose(help, SENTENCE)]);
    }
    if let Some(waiver) = &found.waived {
        text.extend(["; reason: ", &Line.code(&waiver.reason, SENTENCE)]);
        text.extend(
            waiver
                .until
                .iter()
                .map(|day| format!(", until {}", Line.code(day, ADDRESS))),
        );
    }
    text + "\n"
}

fn diagnostics(section: &Section) -> Option<Piece> {
    let row_of = |told: &Value| {
        let text = |key: &str| told[key].as_str().unwrap_or_default();
        let word = if text("severity") == "error" {
            "**error**"
        } else {
            "warning"
        };
        let line = told["line"].as_u64().unwrap_or_default();
        let place = Line.code(&format!("{}:{line}", text("file")), ADDRESS);
        let mut said = format!(
            "- {word} {} at {place}: {}",
            Line.code(text("code"), ADDRESS),
            Line.prose(text("summary"), SENTENCE)
        );
        if !text("label").is_empty() {
            said.extend(["; ", &Line.prose(text("label"), SENTENCE)]);
        }
        if !text("help").is_empty() {
            said.extend(["; help: ", &Line.prose(text("help"), SENTENCE)]);
        }
        row(1, said + "\n")
    };
    let rows: Vec<Row> = section.diagnostics.iter().map(row_of).collect();
    (!rows.is_empty()).then(|| list(Rank::Notes, "**The stack file**\n\n", rows, 0, "remark"))
}

fn findings(section: &Section) -> Option<Piece> {
    let mut found: Vec<_> = section.findings.iter().collect();
    found.sort_by_key(|found| Reverse(found.level));
    let row_of = |found: &&mlstack_provider::Finding| {
        let word = match found.level {
            Level::Conflict | Level::Refusal => format!("**{}**", found.level.name()),
            _ => found.level.name().to_owned(),
        };
        let (address, text) = (
            Line.code(&found.address.to_string(), ADDRESS),
            Line.prose(&found.text, SENTENCE),
        );
        let hint = found
            .hint
            .iter()
            .map(|hint| format!("; hint: {}", Line.prose(hint, SENTENCE)));
        row(1, format!("- {word} {address}: {text}{}\n", hint.collect::<String>()))
    };
    let rows: Vec<Row> = found.iter().map(row_of).collect();
    (!rows.is_empty()).then(|| list(Rank::Notes, "**The target says**\n\n", rows, 0, "remark"))
}

fn unsupported(section: &Section) -> Option<Piece> {
    let row_of = |told: &Value| {
        let text = |key: &str| told[key].as_str().unwrap_or_default();
        let line = told["source"]["line"].as_u64().unwrap_or_default();
        let file = told["source"]["file"].as_str().unwrap_or_default();
        let place = Line.code(&format!("{file}:{line}"), ADDRESS);
        let (what, how) = (
            Line.code(text("capability"), ADDRESS),
            Line.prose(text("how"), SENTENCE),
        );
        row(1, format!("- {what} at {place}: {how}\n"))
    };
    let rows: Vec<Row> = section.unsupported.iter().map(row_of).collect();
    (!rows.is_empty()).then(|| list(Rank::Notes, "**Honoured in part**\n\n", rows, 0, "field"))
}

/// What `apply --approved` takes, one for each environment whose target was looked at: what is compared with a commit, or
/// with nothing, is not what an apply will find.
fn fingerprints(group: &Group<'_>) -> Option<Piece> {
    let looked = |section: &Section| section.context.as_deref().is_some_and(|place| place != "offline");
    let told = |section: &&&Section| looked(section) && !section.fingerprint.is_empty() && !section.plan.is_empty();
    let sections = group.sections.iter().filter(told);
    let row_of = |section: &&Section| {
        let fingerprint = Line.code(&section.fingerprint, ADDRESS);
        row(1, format!("- {}: {fingerprint}\n", places(&[*section])))
    };
    let rows: Vec<Row> = sections.map(row_of).collect();
    let head = "Fingerprint, for `mlstack apply --approved`:\n\n";
    (!rows.is_empty()).then(|| list(Rank::Weighty, head, rows, 0, "fingerprint"))
}

/// `mlstack.yaml:7`.
pub(super) fn place(source: &Source, spot: Spot) -> String {
    spot.code(&source.to_string(), ADDRESS)
}

/// Who last wrote that line, and with what.
fn blame(source: &Source, review: &Review) -> String {
    let Some(blame) = review.why.get(&source.line) else {
        return String::new();
    };
    let commit: String = blame.commit.chars().take(10).collect();
    let told = format!("{commit} {} {}: {}", blame.date, blame.author, blame.summary);
    format!(" {}", Cell.code(&told, VALUE))
}

/// A row of a table.
pub(super) fn cells(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

pub(super) fn row(holds: usize, text: String) -> Row {
    Row { text, holds }
}

/// A piece of rows.
pub(super) fn list(rank: Rank, head: &str, rows: Vec<Row>, rest: usize, noun: &'static str) -> Piece {
    Piece {
        rank,
        head: head.to_owned(),
        rows,
        rest,
        noun,
    }
}

fn one_row(rank: Rank, text: String, noun: &'static str) -> Piece {
    list(rank, "", vec![row(1, text)], 0, noun)
}
