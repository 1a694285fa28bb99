//! The tree of a stack file: every value and every key with its bytes, and the source notation of scalars.
//!
//! Owns the shape of the tree and how a symbolic path is followed in it. Knows no field of the language.

use indexmap::IndexMap;

use crate::diag::{Path, Segment, Span};

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Where it stands in the text.
    pub(super) span: Span,
    /// What it is.
    pub(super) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A scalar as written.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in file order.
    Map(Map),
    /// Something that was refused already; later checks stay silent about it.
    Refused,
}

/// The entries of a mapping.
pub(super) type Map = IndexMap<String, Entry>;

/// One entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) key: Span,
    /// The value.
    pub node: Node,
}

/// A scalar as written: what a plain one means is decided by the field that holds it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scalar {
    /// The text, quotes and escapes resolved.
    pub(super) text: String,
    /// Written without quotes.
    pub(super) plain: bool,
}

impl Node {
    /// The entries, when it is a mapping.
    pub(super) fn map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, when it is a sequence.
    pub(super) fn list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The scalar, when it is one.
    pub(super) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it was refused already.
    pub(super) fn is_refused(&self) -> bool {
        self.value == Value::Refused
    }

    /// The value of an entry.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        Some(&self.map()?.get(key)?.node)
    }

    /// Follows one step of a path: the key's place (none for items) and the value.
    fn step(&self, segment: &Segment) -> Option<(Option<Span>, &Self)> {
        match segment {
            Segment::Key(key) => self.map()?.get(key).map(|entry| (Some(entry.key), &entry.node)),
            Segment::Index(index) => self.list()?.get(*index).map(|node| (None, node)),
        }
    }

    /// The deepest place on `path` that exists: the key's place, the value's place, and whether it is all of it.
    pub(super) fn follow(&self, path: &Path) -> (Option<Span>, Span, bool) {
        let (mut key, mut node) = (None, self);
        for segment in &path.0 {
            match node.step(segment) {
                Some((at, next)) => (key, node) = (at.or(Some(next.span)), next),
                None => return (key, node.span, false),
            }
        }
        (key, node.span, true)
    }
}

impl Scalar {
    /// Whether it is YAML's null: written as nothing, `~` or `null`.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

#[cfg(test)]
mod tests;
