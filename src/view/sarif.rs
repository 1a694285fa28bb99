//! A review, or the check of a stack file, as SARIF 2.1.0: what code scanners keep.
//!
//! Owns the rules' descriptions and the fingerprints, which stay the same when lines move. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mlstack_provider::Value;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::remarks::{RULES, Remark, Weight, remarks};
use crate::diag::codes;
use crate::diag::page::address;
use crate::review::Review;

/// Where the schema is, as SARIF asks.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The document. `path` turns the path of a stack file into that from the root of the repository.
pub fn sarif(review: &Review, path: &dyn Fn(&str) -> String) -> Value {
    let all: Vec<Remark> = remarks(review).into_iter().filter(Remark::is_of_the_text).collect();
    let mut rules: Vec<&str> = Vec::new();
    for remark in &all {
        if !rules.contains(&remark.rule.as_str()) {
            rules.push(&remark.rule);
        }
    }
    let mut seen = BTreeMap::new();
    let results = all.iter().map(|remark| {
        let index = rules.iter().position(|rule| *rule == remark.rule);
        result(remark, index, path, &mut seen)
    });
    let results: Vec<Value> = results.collect();
    let failed = review.sections.iter().any(|section| section.failure.is_some());
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "mlstack",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "informationUri": "https://mlstack.dev",
                "rules": rules.iter().map(|rule| described(rule)).collect::<Vec<_>>(),
            }},
            "invocations": [{"executionSuccessful": !failed}],
            "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository"}}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// What a rule means, and where more is said.
fn described(rule: &str) -> Value {
    if let Some(code) = codes::find(rule) {
        let help = code.explanation.replace("```yaml refused", "```yaml");
        return json!({
            "id": rule,
            "name": code.name,
            "shortDescription": {"text": code.summary},
            "fullDescription": {"text": code.summary},
            "help": {"text": help, "markdown": help},
            "helpUri": address(code),
        });
    }
    let known = RULES.iter().find(|known| known.name == rule);
    let summary = known.map_or("a policy of the stack file", |known| known.summary);
    json!({"id": rule, "shortDescription": {"text": summary}, "fullDescription": {"text": summary}})
}

fn result(
    remark: &Remark,
    index: Option<usize>,
    path: &dyn Fn(&str) -> String,
    seen: &mut BTreeMap<String, usize>,
) -> Value {
    let level = match remark.weight {
        Weight::Stops | Weight::Loses => "error",
        Weight::Breaks | Weight::Warns => "warning",
        Weight::Tells => "note",
    };
    let file = remark.source.as_ref().map(|at| path(&at.file));
    let mut result = json!({
        "ruleId": remark.rule,
        "ruleIndex": index,
        "level": level,
        "message": {"text": plain(&remark.text)},
        "partialFingerprints": {"mlstack/v1": fingerprint(remark, file.as_deref(), seen)},
    });
    if let (Some(at), Some(file)) = (&remark.source, &file) {
        result["locations"] = json!([{"physicalLocation": {
            "artifactLocation": {"uri": uri(file), "uriBaseId": "SRCROOT"},
            "region": {"startLine": at.line.max(1), "startColumn": at.column.max(1)},
        }}]);
    }
    if let Some(why) = &remark.waived {
        result["suppressions"] = json!([{"kind": "inSource", "justification": why}]);
    }
    result
}

/// A message in which nothing is a link or a placeholder.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '[' | ']' => out.extend(['\\', c]),
            '{' | '}' => out.extend([c, c]),
            _ => out.push(c),
        }
    }
    if out.is_empty() { "-".to_owned() } else { out }
}

/// The same for the same matter in the same file, wherever its line has gone; of several alike, counted.
fn fingerprint(remark: &Remark, file: Option<&str>, seen: &mut BTreeMap<String, usize>) -> String {
    let matter = json!([remark.rule, file, remark.text]).to_string();
    let count = seen.entry(matter.clone()).or_insert(0);
    *count += 1;
    let digest = Sha256::digest(format!("{count} {matter}"));
    digest.iter().take(16).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    path.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

#[cfg(test)]
mod tests;
