//! What is wrong with a document, as an editor underlines it.

use serde_json::{Value, json};

use super::buffer::Buffer;
use super::protocol::notification;
use crate::diag::page::address;
use crate::diag::{At, Diagnostic, Severity, Span};

/// The most that is published of one document.
const MOST: usize = 200;

/// Everything that was found in a document, at its version.
pub(super) fn publish(buffer: &Buffer) -> Value {
    let all = buffer.found.iter().take(MOST);
    let all: Vec<_> = all
        .map(|(span, diagnostic)| object(buffer, *span, diagnostic))
        .collect();
    let params = json!({ "uri": buffer.uri, "version": buffer.version, "diagnostics": all });
    notification("textDocument/publishDiagnostics", &params)
}

/// A document without anything wrong: one that is closed.
pub(super) fn clear(uri: &str) -> Value {
    notification(
        "textDocument/publishDiagnostics",
        &json!({ "uri": uri, "diagnostics": [] }),
    )
}

/// One diagnostic.
pub(super) fn object(buffer: &Buffer, span: Span, diagnostic: &Diagnostic) -> Value {
    let related = diagnostic.related.iter().filter_map(|(at, label)| match at {
        At::Span(span) => Some(json!({
            "location": { "uri": buffer.uri, "range": buffer.range(*span) },
            "message": label,
        })),
        At::Path(..) => None,
    });
    json!({
        "range": buffer.range(span),
        "severity": match diagnostic.code.severity { Severity::Error => 1, Severity::Warning => 2 },
        "code": diagnostic.code.name,
        "codeDescription": { "href": address(diagnostic.code) },
        "source": "mlstack",
        "message": message(diagnostic),
        "relatedInformation": related.collect::<Vec<_>>(),
    })
}

fn message(diagnostic: &Diagnostic) -> String {
    let help = diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}"));
    format!(
        "{}: {}{}",
        diagnostic.code.summary,
        diagnostic.label,
        help.unwrap_or_default()
    )
}
