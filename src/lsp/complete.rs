//! What can be typed at the cursor.

use serde_json::{Value, json};

use super::hover::{described, guide, kind};
use super::protocol::edit;
use super::sketch::{ROOT, Sketch};
use super::spot::{Part, Spot, spot};
use super::text::{Lines, line_start};
use crate::diag::Span;
use crate::stack::guide::{FieldGuide, Guide, Holds, Keys, Names, about_type};
use crate::stack::{POLICIES, Property, Stack, known_policy};
use crate::target::capability::allowable;

/// One thing that can be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    pub(super) label: String,
    pub(super) kind: Sort,
    /// A few words beside the label.
    pub(super) detail: String,
    /// Markdown.
    pub(super) about: Option<String>,
    /// What is replaced, and by what.
    pub(super) span: Span,
    pub(super) text: String,
}

/// What a proposal is; the numbers are the protocol's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Field = 5,
    Component = 9,
    Property = 10,
    Unit = 11,
    Word = 12,
    Secret = 21,
}

impl Proposal {
    /// As an editor wants it; `rank` keeps the order.
    pub(super) fn object(&self, text: &str, lines: &Lines, rank: usize) -> Value {
        let mut object = json!({
            "label": self.label,
            "kind": self.kind as u8,
            "detail": self.detail,
            "sortText": format!("{rank:04}"),
            "textEdit": edit(lines.range(text, self.span), &self.text),
            "insertTextMode": 1,
        });
        if let Some(about) = &self.about {
            object["documentation"] = json!({ "kind": "markdown", "value": about });
        }
        object
    }
}

/// Everything that can be typed at a byte. `good` is the last stack that was right.
pub(super) fn proposals(text: &str, byte: usize, sketch: &Sketch, good: Option<&Stack>) -> Vec<Proposal> {
    let Some(spot) = spot(text, sketch, byte) else {
        return Vec::new();
    };
    let Some(guide) = guide(sketch, &spot.path) else {
        return Vec::new();
    };
    let writer = Writer {
        text,
        byte,
        sketch,
        good,
        spot: &spot,
    };
    match spot.part {
        Part::Value | Part::Open if guide.takes_references() => writer.reference(),
        Part::Value => writer.scalar(&guide),
        Part::Key => writer.keys(&guide),
        Part::Open => match guide.holds() {
            Holds::Mapping => writer.keys(&guide),
            Holds::List => writer.items(),
            Holds::Scalar => writer.scalar(&guide),
        },
    }
}

struct Writer<'a> {
    text: &'a str,
    byte: usize,
    sketch: &'a Sketch,
    good: Option<&'a Stack>,
    spot: &'a Spot,
}

impl Writer<'_> {
    /// Keys that the mapping has not yet: those that must be there first.
    fn keys(&self, here: &Guide) -> Vec<Proposal> {
        let is_new = |name: &str| !self.spot.taken.iter().any(|taken| taken == name);
        let mut fields = here.fields();
        fields.sort_by_key(|field| !field.required);
        let fields = fields.into_iter().filter(|field| is_new(field.name));
        let mut all: Vec<_> = fields.map(|field| self.field(&field)).collect();
        match here.keys() {
            Some(Keys::Components) => all.extend(self.components(&[]).map(|one| self.keyed(one, Holds::Mapping))),
            Some(Keys::Allowances) => {
                let names = allowable().map(|name| self.proposal(name, Sort::Word, "why it is fine"));
                all.extend(names.map(|one| self.keyed(one, Holds::Scalar)));
            }
            Some(Keys::Policies) => {
                let own = self.names("policies").filter(|name| known_policy(name).is_none());
                let own = own.map(|name| self.proposal(name, Sort::Word, "a policy of this stack"));
                let known = POLICIES
                    .iter()
                    .map(|(name, about, _)| self.proposal(name, Sort::Word, about));
                all.extend(known.chain(own).map(|one| self.keyed(one, Holds::Scalar)));
            }
            None => {}
        }
        all.retain(|one| is_new(&one.label));
        all
    }

    fn field(&self, field: &FieldGuide) -> Proposal {
        let detail = if field.required {
            format!("{} (required)", field.value)
        } else {
            field.value.clone()
        };
        let one = self.proposal(field.name, Sort::Field, &detail);
        let path = self.spot.path.key(field.name);
        let about = guide(self.sketch, &path).map(|guide| described(&guide, field));
        self.keyed(Proposal { about, ..one }, field.holds)
    }

    /// With the colon, and the start of what comes behind it, unless both are there.
    fn keyed(&self, one: Proposal, holds: Holds) -> Proposal {
        if self.spot.part == Part::Key {
            return one;
        }
        let start = line_start(self.text, self.spot.word.start);
        let column = self.text[start..self.spot.word.start].chars().count();
        let below = " ".repeat(column + 2);
        let text = match holds {
            _ if self.spot.is_flow => format!("{}: ", one.text),
            Holds::Scalar => format!("{}: ", one.text),
            Holds::List => format!("{}:\n{below}- ", one.text),
            Holds::Mapping => format!("{}:\n{below}", one.text),
        };
        Proposal { text, ..one }
    }

    /// Items of a list, with their dashes, on a line of its own.
    fn items(&self) -> Vec<Proposal> {
        let path = self.spot.path.index(0);
        let Some(item) = guide(self.sketch, &path) else {
            return Vec::new();
        };
        let all = self.scalar(&item).into_iter();
        let dashed = |one: Proposal| match self.spot.is_flow {
            true => one,
            false => Proposal {
                text: format!("- {}", one.text),
                ..one
            },
        };
        all.map(dashed).collect()
    }

    fn scalar(&self, here: &Guide) -> Vec<Proposal> {
        let is_type = here.field().is_some_and(|field| field.name == "type");
        let about = |word: &str| about_type(word).filter(|_| is_type).unwrap_or_default();
        let words = here
            .words()
            .iter()
            .filter(|word| !self.spot.taken.iter().any(|taken| taken == *word))
            .map(|word| self.proposal(word, Sort::Word, about(word)));
        let mut all: Vec<_> = words.collect();
        all.extend(here.quantity().map(|unit| self.proposal(unit, Sort::Unit, "such as")));
        match here.names() {
            Some(Names::Components(types)) => all.extend(self.components(types)),
            Some(Names::Secrets) => all.extend(self.secrets()),
            None => {}
        }
        all
    }

    /// Components of some types, but not the one that the cursor is in, nor those that the list has already.
    fn components(&self, types: &'static [&'static str]) -> impl Iterator<Item = Proposal> {
        let own = super::spot::component(&self.spot.path).map(|(name, _)| name);
        self.names("components").filter_map(move |name| {
            let kind = kind(self.sketch, name).unwrap_or_default();
            let fits = types.is_empty() || types.contains(&kind);
            let is_other = own != Some(name) && !self.spot.taken.iter().any(|taken| taken == name);
            (fits && is_other).then(|| self.proposal(name, Sort::Component, kind))
        })
    }

    fn secrets(&self) -> impl Iterator<Item = Proposal> {
        self.names("secrets")
            .map(|name| self.proposal(name, Sort::Secret, "secret"))
    }

    /// The keys of a mapping of the stack.
    fn names(&self, of: &str) -> impl Iterator<Item = &str> {
        let mapping = self.sketch.get(ROOT, of);
        let children = mapping.into_iter().flat_map(|mapping| self.sketch.children(mapping));
        children.filter_map(|child| Some(self.sketch.nodes[child].key.as_ref()?.text.as_str()))
    }

    /// Inside of `${…}`, what it can name; anywhere else in a text, nothing.
    fn reference(&self) -> Vec<Proposal> {
        let line = line_start(self.text, self.byte);
        let before = &self.text[line..self.byte];
        let Some(open) = before.rfind("${").filter(|open| !before[*open..].contains('}')) else {
            return Vec::new();
        };
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let rest = self.text[self.byte..].find(|c| !is_word(c)).unwrap_or(0);
        let inside = &before[open + 2..];
        let typed = inside.rfind('.').map_or(inside, |dot| &inside[dot + 1..]);
        let span = Span {
            start: self.byte - typed.len(),
            len: typed.len() + rest,
        };
        let all = match inside.rsplit_once('.') {
            None => {
                let secrets = self.proposal("secrets", Sort::Secret, "values that never stand in the file");
                let any = self.names("secrets").next().map(|_| secrets);
                self.components(&[]).chain(any).collect()
            }
            Some(("secrets", _)) => self.secrets().collect(),
            Some((name, _)) if name.starts_with("secrets.") => {
                vec![self.proposal("file", Sort::Property, "the path of a file with the value")]
            }
            Some((name, _)) => self.properties(name),
        };
        all.into_iter().map(|one| Proposal { span, ..one }).collect()
    }

    fn properties(&self, name: &str) -> Vec<Proposal> {
        let component = self.good.and_then(|stack| stack.components.get(name));
        let own = component.map_or(Property::ALL.as_slice(), |component| component.kind.properties());
        let told = own
            .iter()
            .map(|property| self.proposal(property.name(), Sort::Property, property.about()));
        told.collect()
    }

    fn proposal(&self, label: &str, kind: Sort, detail: &str) -> Proposal {
        Proposal {
            label: label.to_owned(),
            kind,
            detail: detail.to_owned(),
            about: None,
            span: self.spot.word,
            text: label.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
