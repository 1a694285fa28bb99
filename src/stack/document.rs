//! Where things stand: symbolic places to bytes, bytes to lines and columns.

use super::node::Node;
use crate::diag::{At, Locate, Part, Span};

/// The text of a stack file with its tree.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    /// The first byte of each line, so that a place is found without reading the text again.
    lines: Vec<usize>,
    root: Option<Node>,
}

impl Document {
    pub(super) fn new(text: &str, root: Option<Node>) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self {
            lines: std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect(),
            text: text.to_owned(),
            root,
        }
    }

    /// The text as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and the column of a place, both from 1; columns count characters.
    pub fn position(&self, at: &At) -> (usize, usize) {
        let byte = self.locate(at).start;
        let line = self.lines.partition_point(|start| *start <= byte);
        let start = self.lines[line - 1];
        let before = self.text.get(start..byte).unwrap_or_default();
        (line, before.chars().count() + 1)
    }

    /// Ends a span with its first line, or after 200 bytes of it: what is longer is shown by its start.
    fn first_line(&self, span: Span) -> Span {
        let start = span.start.min(self.text.len());
        let end = self.text.floor_char_boundary(span.end().min(start + 200));
        let part = self.text.get(start..end).unwrap_or_default();
        let line = part.split(['\n', '\r']).next().unwrap_or_default();
        Span {
            start,
            len: line.trim_end().len(),
        }
    }

    fn path_span(&self, root: &Node, path: &crate::diag::Path, part: Part) -> Span {
        match (root.follow(path), part) {
            ((Some(_), value, true), Part::Value) => value,
            ((Some(key), ..), _) => key,
            ((None, ..), _) => {
                let first = root.map().and_then(|map| map.first()).map(|(_, entry)| entry.key);
                first.unwrap_or(root.span)
            }
        }
    }
}

impl Locate for Document {
    fn locate(&self, at: &At) -> Span {
        let span = match (at, &self.root) {
            (At::Span(span), _) => *span,
            (At::Path(path, part), Some(root)) => self.path_span(root, path, *part),
            (At::Path(..), None) => Span { start: 0, len: 0 },
        };
        self.first_line(span)
    }
}

#[cfg(test)]
mod tests;
