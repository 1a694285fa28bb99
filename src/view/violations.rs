//! What policies say of a plan, beside the plan.

use mlstack_provider::Value;
use serde_json::json;

use super::table::{entries, wrap};
use super::{Paint, Style, escape};
use crate::review::{Severity, Violation, Waiver};

/// One row a violation; nothing when there are none.
pub fn violations_text(violations: &[Violation], style: Style) -> String {
    if violations.is_empty() {
        return String::new();
    }
    let heads = |found: &Violation| {
        [
            (word(found).to_owned(), Some(paint(found))),
            (escape(&found.policy), None),
        ]
    };
    let lines = |found: &Violation, room| lines(found, room, style);
    format!("\nPolicies:\n\n{}", entries(violations, heads, lines, style))
}

fn lines(found: &Violation, room: usize, style: Style) -> Vec<String> {
    let place = found.source.as_ref().map(|source| format!("{source}: "));
    let text = escape(&(place.unwrap_or_default() + &found.text));
    let more = match &found.waived {
        Some(waiver) => Some(because(waiver)),
        None => found.help.clone(),
    };
    let more = more.iter().flat_map(|more| wrap(&escape(more), room));
    let more: Vec<String> = more.map(|line| style.paint(Paint::Faint, &line)).collect();
    wrap(&text, room).into_iter().chain(more).collect()
}

/// Why something is let through.
fn because(waiver: &Waiver) -> String {
    match &waiver.until {
        Some(until) => format!("let through until {until}: {}", waiver.reason),
        None => format!("let through: {}", waiver.reason),
    }
}

fn word(found: &Violation) -> &'static str {
    match (&found.waived, found.severity) {
        (Some(_), _) => "waived",
        (None, severity) => severity.name(),
    }
}

fn paint(found: &Violation) -> Paint {
    match (&found.waived, found.severity) {
        (Some(_), _) => Paint::Faint,
        (None, Severity::Error) => Paint::Bad,
        (None, Severity::Warning) => Paint::Careful,
    }
}

/// The same for programs.
pub fn violations_json(violations: &[Violation]) -> Vec<Value> {
    violations.iter().map(one).collect()
}

fn one(found: &Violation) -> Value {
    json!({
        "policy": found.policy,
        "severity": found.severity.name(),
        "address": found.address.as_ref().map(ToString::to_string),
        "text": found.text,
        "help": found.help,
        "source": found.source,
        "waived": found.waived.as_ref().map(|waiver| json!({"reason": waiver.reason, "until": waiver.until})),
    })
}
