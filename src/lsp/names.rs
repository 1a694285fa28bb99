//! Every place that names a component or a secret: where it is defined, who uses it.

use super::sketch::{Node, Sketch};
use super::spot::component;
use crate::diag::{Path, Segment, Span};

/// What is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Named {
    Component(String),
    Secret(String),
}

/// A place that names something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) what: Named,
    pub(super) span: Span,
    pub(super) role: Role,
    /// Where it stands, symbolically.
    pub(super) at: Path,
}

/// What a place says of what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// This is it.
    Defines,
    /// An environment changes it.
    Changes,
    /// Uses it; of a reference, the property that it wants, with its place.
    Uses(Option<(String, Span)>),
}

impl Mention {
    /// Whether a byte is in it, or in the property that it wants.
    pub(super) fn covers(&self, byte: usize) -> bool {
        self.span.touches(byte) || self.property(byte).is_some()
    }

    /// The word at a byte: what is named, or the property that is wanted of it.
    pub(super) fn word(&self, byte: usize) -> Span {
        match &self.role {
            Role::Uses(Some((_, span))) if self.property(byte).is_some() => *span,
            _ => self.span,
        }
    }

    /// The property at a byte.
    pub(super) fn property(&self, byte: usize) -> Option<&str> {
        match &self.role {
            Role::Uses(Some((name, span))) if span.touches(byte) => Some(name),
            _ => None,
        }
    }
}

/// A text taken apart, with everything that it names.
pub(super) struct Reading {
    pub(super) sketch: Sketch,
    pub(super) mentions: Vec<Mention>,
}

impl Reading {
    /// Takes a text apart.
    pub(super) fn of(text: &str) -> Self {
        let sketch = Sketch::of(text);
        let mentions = mentions(&sketch);
        Self { sketch, mentions }
    }

    /// What is named at a byte.
    pub(super) fn mention(&self, byte: usize) -> Option<&Mention> {
        self.mentions.iter().find(|mention| mention.covers(byte))
    }

    /// The place that defines what is named: the first of the file, be it in an environment only.
    pub(super) fn definition(&self, what: &Named) -> Option<&Mention> {
        let of = |role: Role| {
            self.mentions
                .iter()
                .find(move |one| one.what == *what && one.role == role)
        };
        of(Role::Defines).or_else(|| of(Role::Changes))
    }

    /// Every place that names something.
    pub(super) fn all<'r>(&'r self, what: &'r Named) -> impl Iterator<Item = &'r Mention> {
        self.mentions.iter().filter(move |one| one.what == *what)
    }
}

/// Every mention of a text, in file order.
fn mentions(sketch: &Sketch) -> Vec<Mention> {
    let all = (0..sketch.nodes.len()).flat_map(|at| of_node(&sketch.nodes[at], sketch.path(at)));
    all.collect()
}

fn of_node(node: &Node, at: Path) -> Vec<Mention> {
    let (key, value) = (node.key.as_ref(), node.value.as_ref());
    let one = |what, span, role| {
        let at = at.clone();
        vec![Mention { what, span, role, at }]
    };
    if let ([Segment::Key(secrets), Segment::Key(name)], Some(key)) = (at.0.as_slice(), key)
        && secrets == "secrets"
    {
        return one(Named::Secret(name.clone()), key.span, Role::Defines);
    }
    let Some((name, rest)) = component(&at) else {
        return Vec::new();
    };
    let field = match rest {
        [] => {
            let role = if at.0.len() == 2 { Role::Defines } else { Role::Changes };
            let named = Named::Component(name.to_owned());
            return key.map_or(Vec::new(), |key| one(named, key.span, role));
        }
        [Segment::Key(field), ..] => field.as_str(),
        [Segment::Index(_), ..] => return Vec::new(),
    };
    let Some(value) = value else {
        return Vec::new();
    };
    match (field, rest.len()) {
        ("uses", 2) | ("calls" | "log_predictions", 1) => {
            one(Named::Component(value.text.clone()), value.span, Role::Uses(None))
        }
        ("access_key" | "secret_key", 1) => one(Named::Secret(value.text.clone()), value.span, Role::Uses(None)),
        ("env", 2) => references(&value.text, value.span.start, &at),
        _ => Vec::new(),
    }
}

/// The references in a text that starts at `start`; `$${` is none.
fn references(text: &str, start: usize, at: &Path) -> Vec<Mention> {
    let opens = text.match_indices("${").map(|(open, _)| open);
    let opens = opens.filter(|open| !text[..*open].ends_with('$'));
    opens
        .filter_map(|open| {
            let inside = text[open + 2..].split_once('}')?.0;
            let (first, rest) = inside.split_once('.')?;
            let from = start + open + 2;
            let behind = Span {
                start: from + first.len() + 1,
                len: rest.len(),
            };
            let (what, span, role) = if first == "secrets" {
                let name = rest.split('.').next().unwrap_or_default();
                let span = Span {
                    len: name.len(),
                    ..behind
                };
                (Named::Secret(name.to_owned()), span, Role::Uses(None))
            } else {
                let span = Span {
                    start: from,
                    len: first.len(),
                };
                (
                    Named::Component(first.to_owned()),
                    span,
                    Role::Uses(Some((rest.to_owned(), behind))),
                )
            };
            let at = at.clone();
            Some(Mention { what, span, role, at })
        })
        .collect()
}
