//! What becomes of models: the one thing that a reviewer of a stack must not overlook, as it changes the answers.

use super::fit::{Piece, Rank};
use super::inert::Spot::{Cell, Line};
use super::section::{cells, list, place, row};
use super::{ADDRESS, SENTENCE, VALUE};
use crate::review::{ModelChange, ModelFacts};

/// The most sentences of either sort for one model.
const SENTENCES: usize = 20;

/// A block for each model; those that break callers first.
pub(super) fn piece(models: &[ModelChange]) -> Option<Piece> {
    let mut models: Vec<&ModelChange> = models.iter().collect();
    models.sort_by_key(|model| model.breaking.is_empty());
    let rows: Vec<_> = models.iter().map(|model| row(1, block(model))).collect();
    (!rows.is_empty()).then(|| list(Rank::Weighty, "**Models**\n\n", rows, 0, "model"))
}

fn block(model: &ModelChange) -> String {
    let what = match (&model.before, &model.after) {
        (None, Some(_)) => "is served now",
        (Some(_), None) => "is served no more",
        _ => "changes",
    };
    let source = model
        .source
        .as_ref()
        .map(|source| format!(" ({})", place(source, Line)));
    let mut text = format!(
        "The model of {}{} {what}.",
        Line.code(&model.component, ADDRESS),
        source.unwrap_or_default()
    );
    if !model.breaking.is_empty() {
        text += " **Breaking change** of the prediction API:";
    }
    text += "\n\n";
    for breaking in model.breaking.iter().take(SENTENCES) {
        text.extend(["- breaks callers: ", &Line.prose(breaking, SENTENCE), "\n"]);
    }
    for compatible in model.compatible.iter().take(SENTENCES) {
        text.extend(["- ", &Line.prose(compatible, SENTENCE), "\n"]);
    }
    let more = [&model.breaking, &model.compatible]
        .map(|all| all.len().saturating_sub(SENTENCES))
        .iter()
        .sum::<usize>();
    if more > 0 {
        text.extend(["- and ", &more.to_string(), " more\n"]);
    }
    if !text.ends_with("\n\n") {
        text.push('\n');
    }
    text + &facts(model)
}

/// Both sides beside each other; what is the same on both, and known, once.
fn facts(model: &ModelChange) -> String {
    let (before, after) = (told(model.before.as_ref()), told(model.after.as_ref()));
    let mut names: Vec<&String> = before.iter().map(|(name, _)| name).collect();
    names.extend(
        after
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !before.iter().any(|(other, _)| other == *name)),
    );
    let value = |side: &[(String, String)], name: &str| {
        side.iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.clone())
    };
    let mut text = "| | Before | After |\n|---|---|---|\n".to_owned();
    for name in names {
        let (old, new) = (value(&before, name), value(&after, name));
        let same = old == new;
        let cell = |value: Option<String>| value.map_or_else(|| "–".to_owned(), |value| Cell.code(&value, VALUE));
        let new = if same { "the same".to_owned() } else { cell(new) };
        text += &cells(&[Cell.prose(name, ADDRESS), cell(old), new]);
    }
    text
}

/// What is known of one side, as names and values.
fn told(facts: Option<&ModelFacts>) -> Vec<(String, String)> {
    let Some(facts) = facts else {
        return Vec::new();
    };
    let list = |all: &[String]| (!all.is_empty()).then(|| all.join(", "));
    let fixed = [
        ("file", Some(facts.uri.clone())),
        ("size", facts.bytes.map(|bytes| format!("{bytes} bytes"))),
        (
            "digest",
            facts.sha256.as_ref().map(|digest| digest.chars().take(16).collect()),
        ),
        ("opset", facts.opset.map(|opset| opset.to_string())),
        ("inputs", list(&facts.inputs)),
        ("outputs", list(&facts.outputs)),
        ("licence", facts.licence.clone()),
        ("not read", facts.unread.clone()),
    ];
    let known = fixed
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let metrics = facts
        .metrics
        .iter()
        .take(SENTENCES)
        .map(|(name, value)| (format!("metric {name}"), value.clone()));
    known.chain(metrics).collect()
}
