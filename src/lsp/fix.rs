//! Quick fixes: the help of a diagnostic, where it is one edit, as an edit.

use serde_json::{Value, json};

use super::buffer::Buffer;
use super::diagnose::object;
use super::protocol::{Range, edit};
use crate::diag::{Instead, Span};

/// What can be mended in a range.
pub(super) fn fixes(buffer: &Buffer, range: Range) -> Vec<Value> {
    let near = buffer
        .found
        .iter()
        .filter(|(span, _)| buffer.range(*span).touches(range));
    near.filter_map(|(span, diagnostic)| {
        let instead = diagnostic.instead.as_ref()?;
        let wrong = wrong(&buffer.text, *span, instead)?;
        Some(json!({
            "title": format!("Write `{}`", instead.text),
            "kind": "quickfix",
            "isPreferred": true,
            "diagnostics": [object(buffer, *span, diagnostic)],
            "edit": { "changes": { buffer.uri.as_str(): [edit(buffer.range(wrong), &instead.text)] } },
        }))
    })
    .collect()
}

/// The bytes that an edit replaces: the whole place, or the first time that the word stands there.
fn wrong(text: &str, place: Span, instead: &Instead) -> Option<Span> {
    let Some(word) = &instead.word else {
        return Some(place);
    };
    let shown = text.get(place.start..place.end())?;
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    let is_whole = |at: &usize| {
        let (before, after) = (&shown[..*at], &shown[at + word.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    };
    let at = shown.match_indices(word.as_str()).map(|(at, _)| at).find(is_whole)?;
    let (start, len) = (place.start + at, word.len());
    Some(Span { start, len })
}
