//! What the cursor is on: a key, a value, or a place where either could come.

use super::sketch::{Form, ROOT, Sketch, Word};
use super::text::line_start;
use crate::diag::{Path, Segment, Span};

/// A place in a stack file that somebody types at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) part: Part,
    /// Of a key, the mapping that holds it; of anything else, the value itself.
    pub(super) path: Path,
    /// The word that the cursor is in or at the end of; empty where there is none.
    pub(super) word: Span,
    /// The node that stands here already.
    pub(super) node: Option<usize>,
    /// Whether it is between brackets.
    pub(super) is_flow: bool,
    /// What the mapping or the list has already, without what is under the cursor.
    pub(super) taken: Vec<String>,
}

/// What may come at a [`Spot`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A key that stands there, before its colon.
    Key,
    /// A value behind a colon.
    Value,
    /// Whatever the shape of the place wants: keys of a mapping, items of a list, a scalar.
    Open,
}

/// The spot at a byte of a text; `None` inside of comments and of blocks of text.
pub(super) fn spot(text: &str, sketch: &Sketch, byte: usize) -> Option<Spot> {
    let start = line_start(text, byte);
    let is_in_block = |at: usize| {
        let node = &sketch.nodes[at];
        let header = node.value.as_ref().map_or(node.end, |word| word.span.end());
        node.is_block && header < start && byte <= node.end
    };
    if is_comment(&text[start..byte]) || (0..sketch.nodes.len()).any(is_in_block) {
        return None;
    }
    let finder = Finder { sketch, byte };
    Some(finder.between_brackets().unwrap_or_else(|| finder.on_line(start)))
}

/// Whether a line is in a comment at its end.
fn is_comment(before: &str) -> bool {
    let (mut quote, mut last) = (None, ' ');
    for c in before.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if matches!(last, ' ' | '[' | '{' | ',') => quote = Some(c),
            (None, '#') if last == ' ' => return true,
            _ => {}
        }
        last = c;
    }
    false
}

struct Finder<'a> {
    sketch: &'a Sketch,
    byte: usize,
}

impl Finder<'_> {
    fn between_brackets(&self) -> Option<Spot> {
        let within = |at: &usize| {
            let brackets = self.sketch.nodes[*at].brackets;
            brackets.is_some_and(|(open, close)| open < self.byte && self.byte <= close)
        };
        let holder = (0..self.sketch.nodes.len()).rev().find(within)?;
        let on = |at: &usize| self.sketch.nodes[*at].span().touches(self.byte);
        let member = self.sketch.children(holder).find(on);
        let spot = match member {
            Some(member) => self.on_node(member),
            None => self.gap(holder),
        };
        Some(Spot { is_flow: true, ..spot })
    }

    /// Between two members of a collection.
    fn gap(&self, holder: usize) -> Spot {
        let items = |at: &usize| self.sketch.nodes[*at].form == Form::Item;
        let before = |at: &usize| self.sketch.nodes[*at].end < self.byte;
        let children: Vec<_> = self.sketch.children(holder).collect();
        let path = self.sketch.path(holder);
        let path = match children.iter().any(items) {
            true => path.index(children.iter().filter(|child| before(child)).count()),
            false => path,
        };
        self.spot(Part::Open, path, None, holder)
    }

    /// On a line outside of brackets, that starts at `start`.
    fn on_line(&self, start: usize) -> Spot {
        let here = |at: &usize| {
            let node = &self.sketch.nodes[*at];
            let starts_here = (start..=self.byte).contains(&node.start) && node.form != Form::Root;
            starts_here && self.sketch.nodes[node.parent].brackets.is_none()
        };
        match (0..self.sketch.nodes.len()).rev().find(here) {
            Some(node) => self.on_node(node),
            None => self.blank(start),
        }
    }

    fn on_node(&self, at: usize) -> Spot {
        let node = &self.sketch.nodes[at];
        match (node.form, &node.key) {
            (_, Some(key)) if self.byte <= key.span.end() => {
                let spot = self.spot(Part::Key, self.sketch.path(node.parent), Some(key.span), node.parent);
                let taken = spot.taken.into_iter().filter(|taken| *taken != key.text).collect();
                let node = Some(at);
                Spot { node, taken, ..spot }
            }
            (Form::Entry, _) => self.holding(Part::Value, at),
            (Form::Bare, _) => {
                let word = node.value.as_ref().map(|value| value.span);
                let spot = self.spot(Part::Open, self.sketch.path(node.parent), word, node.parent);
                let node = Some(at);
                Spot { node, ..spot }
            }
            _ => self.holding(Part::Open, at),
        }
    }

    /// At the value of an entry or an item.
    fn holding(&self, part: Part, at: usize) -> Spot {
        let value = self.sketch.nodes[at].value.as_ref().map(|value| value.span);
        let spot = self.spot(
            part,
            self.sketch.path(at),
            value.filter(|word| word.touches(self.byte)),
            at,
        );
        let node = Some(at);
        Spot { node, ..spot }
    }

    /// On a line with nothing on it, or before what is on it: the cursor's column says what it belongs to.
    fn blank(&self, start: usize) -> Spot {
        let column = self.byte - start;
        let before = |at: &usize| self.sketch.nodes[*at].start < start;
        let mut at = (0..self.sketch.nodes.len()).rev().find(before).unwrap_or(ROOT);
        while at != ROOT {
            let node = &self.sketch.nodes[at];
            let outside = self.sketch.nodes[node.parent].brackets.is_none() && node.brackets.is_none();
            if outside && node.column < column && node.value.is_none() {
                break;
            }
            at = node.parent;
        }
        self.spot(Part::Open, self.sketch.path(at), None, at)
    }

    fn spot(&self, part: Part, path: Path, word: Option<Span>, mapping: usize) -> Spot {
        let text = |word: &Option<Word>| word.as_ref().map(|word| word.text.clone());
        let keys = self.sketch.children(mapping);
        let keys = keys.filter_map(|child| text(&self.sketch.nodes[child].key));
        let is_item = self.sketch.nodes[mapping].form == Form::Item;
        let list = if is_item {
            self.sketch.nodes[mapping].parent
        } else {
            mapping
        };
        let items = self.sketch.children(list).filter(|item| *item != mapping);
        let items = items.filter(|item| self.sketch.nodes[*item].form == Form::Item);
        let taken = keys.chain(items.filter_map(|item| text(&self.sketch.nodes[item].value)));
        Spot {
            part,
            path,
            word: word.unwrap_or(Span {
                start: self.byte,
                len: 0,
            }),
            node: None,
            is_flow: false,
            taken: taken.collect(),
        }
    }
}

/// The component that a path is in, with the rest of the path; through environments too.
pub(super) fn component(path: &Path) -> Option<(&str, &[Segment])> {
    let rest = match path.0.as_slice() {
        [Segment::Key(first), Segment::Key(_), rest @ ..] if first == "environments" => rest,
        all => all,
    };
    match rest {
        [Segment::Key(components), Segment::Key(name), rest @ ..] if components == "components" => Some((name, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
