//! A review in the words of GitHub's runner: annotations, and the outputs of a step.
//!
//! Owns their escapes: no text of a stranger forms a command of its own, a further property, or a further output. Pure.

use std::fmt::Write as _;

use mlstack_provider::Value;
use serde_json::json;

use super::escape;
use super::plan_json::destructive;
use super::remarks::{Remark, Weight, remarks};
use super::values::shorten;
use crate::plan::Summary;
use crate::review::Review;

/// The most annotations: GitHub shows ten of a sort for one step.
const MOST: usize = 10;
/// The most characters of one.
const TEXT: usize = 1_000;
/// The most characters of a title or a path.
const PROPERTY: usize = 200;

/// The annotations, one a line, the weightiest first, and how many more there would be. `path` turns the path of a
/// stack file into that from the root of the repository.
pub fn annotations(review: &Review, path: &dyn Fn(&str) -> String) -> (String, usize) {
    let all = remarks(review);
    let lines = all.iter().take(MOST).map(|remark| annotation(remark, path));
    (lines.collect(), all.len().saturating_sub(MOST))
}

fn annotation(remark: &Remark, path: &dyn Fn(&str) -> String) -> String {
    let command = match remark.weight {
        Weight::Stops | Weight::Loses => "error",
        Weight::Breaks | Weight::Warns => "warning",
        Weight::Tells => "notice",
    };
    let place = remark.source.as_ref().map(|at| {
        let (line, column) = (at.line, at.column);
        format!("file={},line={line},col={column},", property(&path(&at.file)))
    });
    let (place, title) = (place.unwrap_or_default(), property(&remark.rule));
    let waived = remark.waived.as_ref().map(|why| format!(" (waived: {why})"));
    let text = message(&format!("{}{}", remark.text, waived.unwrap_or_default()));
    format!("::{command} {place}title={title}::{text}\n")
}

/// A property of a command, by GitHub's rules.
fn property(text: &str) -> String {
    percent(&shorten(text, PROPERTY))
        .replace(':', "%3A")
        .replace(',', "%2C")
}

/// The text of a command, by GitHub's rules.
fn message(text: &str) -> String {
    percent(&shorten(text, TEXT))
}

/// On one line; a line break, were there one, would be written as GitHub reads it.
fn percent(text: &str) -> String {
    escape(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The outputs of a step, as they are appended to `$GITHUB_OUTPUT`. `delimiter` gives a text that nobody can guess.
pub fn outputs(review: &Review, delimiter: &str) -> String {
    // What was not compared may take something away.
    let destroys = review
        .sections
        .iter()
        .any(|section| section.failure.is_some() || destructive(&section.plan));
    let counts: Vec<Summary> = review.sections.iter().map(|section| section.plan.summary()).collect();
    let total = |of: fn(&Summary) -> usize| counts.iter().map(of).sum::<usize>();
    let mut out = format!("changes={}\ndestructive={destroys}\n", !review.is_empty());
    let _ = write!(
        out,
        "add={}\nchange={}\nreplace={}\ndestroy={}\n",
        total(|count| count.add),
        total(|count| count.change),
        total(|count| count.replace),
        total(|count| count.destroy)
    );
    if let [section] = &review.sections[..] {
        out += &output("fingerprint", &section.fingerprint, delimiter);
    }
    let known = review.sections.iter().filter(|section| !section.fingerprint.is_empty());
    let prints = known.map(|section| {
        let name = section.environment.clone().unwrap_or_default();
        (name, json!(section.fingerprint))
    });
    let prints: serde_json::Map<String, Value> = prints.collect();
    out + &output("fingerprints", &Value::Object(prints).to_string(), delimiter)
}

/// One output: a hex number as it is, anything else between delimiters.
fn output(name: &str, value: &str, delimiter: &str) -> String {
    match value.bytes().all(|b| b.is_ascii_hexdigit()) {
        true => format!("{name}={value}\n"),
        false => format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"),
    }
}

#[cfg(test)]
mod tests;
