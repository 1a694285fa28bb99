//! What a target says of what is wanted, beside the plan: warnings, and fields that somebody else manages.

use mlstack_provider::{Finding, Level};
use serde_json::{Value, json};

use super::plan_text::LEAST_ROOM;
use super::table::{pad, widest, wrap};
use super::{Paint, Style, escape};

/// One row a finding, the weightiest last; nothing when there are none.
pub fn findings_text(findings: &[Finding], style: Style) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let names: Vec<String> = findings
        .iter()
        .map(|found| escape(&found.address.to_string()))
        .collect();
    let level = widest(findings.iter().map(|found| found.level.name())) + 2;
    let name = widest(names.iter().map(String::as_str)) + 2;
    let room = style.width.saturating_sub(2 + level + name).max(LEAST_ROOM);
    let mut out = "\nThe target says:\n\n".to_owned();
    for (found, named) in findings.iter().zip(&names) {
        let word = found.level.name();
        let head = pad(word, &style.paint(paint(found.level), word), level) + &pad(named, named, name);
        let below = " ".repeat(level + name);
        let hint = found.hint.iter().flat_map(|hint| wrap(&escape(hint), room));
        let hint = hint.map(|line| style.paint(Paint::Faint, &line));
        let lines: Vec<String> = wrap(&escape(&found.text), room).into_iter().chain(hint).collect();
        out.extend(["  ", &head, &lines.join(&format!("\n  {below}")), "\n"]);
    }
    out
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
