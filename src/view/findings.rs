//! What a target says of what is wanted, beside the plan: warnings, and fields that somebody else manages.

use mlstack_provider::{Finding, Level};
use serde_json::{Value, json};

use super::table::{entries, wrap};
use super::{Paint, Style, escape};

/// One row a finding, the weightiest last; nothing when there are none.
pub fn findings_text(findings: &[Finding], style: Style) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let heads = |found: &Finding| {
        let level = (found.level.name().to_owned(), Some(paint(found.level)));
        [level, (escape(&found.address.to_string()), None)]
    };
    let lines = |found: &Finding, room| {
        let hint = found.hint.iter().flat_map(|hint| wrap(&escape(hint), room));
        let hint = hint.map(|line| style.paint(Paint::Faint, &line));
        wrap(&escape(&found.text), room).into_iter().chain(hint).collect()
    };
    format!("\nThe target says:\n\n{}", entries(findings, heads, lines, style))
}

fn paint(level: Level) -> Paint {
    match level {
        Level::Note => Paint::Faint,
        Level::Warning => Paint::Careful,
        Level::Conflict | Level::Refusal => Paint::Bad,
    }
}

/// The same for programs.
pub fn findings_json(findings: &[Finding]) -> Vec<Value> {
    let one = |found: &Finding| {
        json!({
            "address": found.address.to_string(), "level": found.level.name(),
            "text": found.text, "hint": found.hint,
        })
    };
    findings.iter().map(one).collect()
}
