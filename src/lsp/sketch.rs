//! A tree of any text: what a stack file says, as far as it can be made out, while somebody types in it.
//!
//! Owns a reading of YAML by indentation and brackets that never fails and never looks far: a line that is broken harms
//! its own branch and no other. What is right and wrong is `stack`'s to say; this only tells what stands where.

mod flow;

use crate::diag::{Path, Segment, Span};
use crate::stack::{MAX_DEPTH, MAX_VALUES};

/// The root's place in [`Sketch::nodes`].
pub(super) const ROOT: usize = 0;

/// The tree; parents stand before their children.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub(super) nodes: Vec<Node>,
}

/// A value with its key, if it has one.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) form: Form,
    pub(super) parent: usize,
    /// Of an entry.
    pub(super) key: Option<Word>,
    /// A scalar.
    pub(super) value: Option<Word>,
    /// The brackets of a flow collection: the first byte of the opening one, and the byte of the closing one.
    pub(super) brackets: Option<(usize, usize)>,
    /// Whether the value is a block of text, below its header.
    pub(super) is_block: bool,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Bytes from the start of the line.
    pub(super) column: usize,
    /// How many items of the same list stand before it.
    index: usize,
    /// The first of what stands directly below it, and the next beside it.
    first: Option<usize>,
    next: Option<usize>,
}

/// How a node is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Root,
    /// `key: …`
    Entry,
    /// `- …`, or an item between brackets.
    Item,
    /// A word where a key could stand, without its colon.
    Bare,
}

/// A scalar as written, without its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) span: Span,
    pub(super) text: String,
}

impl Sketch {
    /// Reads a text.
    pub(super) fn of(text: &str) -> Self {
        let mut draft = Draft {
            text,
            nodes: vec![Node::root()],
            open: vec![ROOT],
        };
        let mut at = usize::from(text.starts_with('\u{feff}')) * '\u{feff}'.len_utf8();
        while at < text.len() && draft.nodes.len() < 2 * MAX_VALUES {
            at = draft.line(at);
        }
        let mut nodes = draft.nodes;
        for child in (1..nodes.len()).rev() {
            let (end, parent) = (nodes[child].end, nodes[child].parent);
            nodes[parent].end = nodes[parent].end.max(end);
            nodes[child].next = nodes[parent].first.replace(child);
        }
        Self { nodes }
    }

    /// What stands directly below a node, in file order.
    pub(super) fn children(&self, of: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(self.nodes[of].first, |child| self.nodes[*child].next)
    }

    /// The entry of a mapping.
    pub(super) fn get(&self, of: usize, key: &str) -> Option<usize> {
        self.children(of).find(|child| self.nodes[*child].is_called(key))
    }

    /// The node at a path of keys.
    pub(super) fn follow(&self, keys: &[&str]) -> Option<usize> {
        keys.iter().try_fold(ROOT, |node, key| self.get(node, key))
    }

    /// The scalar at a path of keys.
    pub(super) fn scalar(&self, keys: &[&str]) -> Option<&str> {
        let value = self.nodes[self.follow(keys)?].value.as_ref()?;
        Some(&value.text)
    }

    /// Where a node stands, symbolically; bare words stand where their parent does.
    pub(super) fn path(&self, mut node: usize) -> Path {
        let mut segments = Vec::new();
        while node != ROOT {
            let own = &self.nodes[node];
            match (&own.key, own.form) {
                (Some(key), _) => segments.push(Segment::Key(key.text.clone())),
                (None, Form::Item) => segments.push(Segment::Index(own.index)),
                _ => {}
            }
            node = own.parent;
        }
        segments.reverse();
        Path(segments)
    }
}

impl Node {
    fn root() -> Self {
        Self {
            form: Form::Root,
            parent: ROOT,
            key: None,
            value: None,
            brackets: None,
            is_block: false,
            start: 0,
            end: 0,
            column: 0,
            index: 0,
            first: None,
            next: None,
        }
    }

    pub(super) fn is_called(&self, key: &str) -> bool {
        self.key.as_ref().is_some_and(|own| own.text == key)
    }

    pub(super) fn span(&self) -> Span {
        Span {
            start: self.start,
            len: self.end - self.start,
        }
    }
}

/// A tree in the making.
struct Draft<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    /// The nodes that what follows may stand in, outermost first; the root is always there.
    open: Vec<usize>,
}

impl Draft<'_> {
    /// Reads a line, and the lines that its value goes on in; gives the start of the next.
    fn line(&mut self, start: usize) -> usize {
        let end = self.line_end(start);
        let line = &self.text[start..end];
        let column = line.len() - line.trim_start().len();
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') || content == "---" {
            return end + 1;
        }
        let after = self.content(start, start + column, start + column + content.len());
        self.line_end(after.max(end)) + 1
    }

    /// Reads what stands on the line from `start` between `at` and `end`; gives the byte that it ends before.
    fn content(&mut self, start: usize, mut at: usize, end: usize) -> usize {
        for _ in 0..MAX_DEPTH {
            let rest = &self.text[at..end];
            if rest != "-" && !rest.starts_with("- ") {
                break;
            }
            self.close(at - start, true);
            self.push(Form::Item, at, at + 1, at - start);
            at += 1 + rest[1..].len() - rest[1..].trim_start().len();
        }
        let rest = &self.text[at..end];
        if rest.is_empty() || rest.starts_with('#') {
            return end;
        }
        let column = at - start;
        let (word, after) = self.word(at, end, &[]);
        if self.text[after..end].starts_with(':') && !rest.starts_with(['{', '[']) {
            self.close(column, false);
            let node = self.push(Form::Entry, at, after + 1, column);
            self.nodes[node].key = Some(word);
            let gap = self.text[after + 1..end].len() - self.text[after + 1..end].trim_start().len();
            return self.value(node, after + 1 + gap, end);
        }
        if !self.is_fresh_item(at) {
            self.close(column, false);
        }
        let owner = self.open.last().copied().unwrap_or(ROOT);
        if self.is_fresh_item(at) || rest.starts_with(['{', '[']) {
            return self.value(owner, at, end);
        }
        let node = self.push(Form::Bare, at, end, column);
        self.nodes[node].value = Some(word);
        end
    }

    /// Whether the innermost open node is an item whose dash stands before `at` on the same line.
    fn is_fresh_item(&self, at: usize) -> bool {
        let top = &self.nodes[self.open.last().copied().unwrap_or(ROOT)];
        top.form == Form::Item && top.brackets.is_none() && !self.text[top.start..at].contains('\n')
    }

    /// Reads the value of `node`; gives the byte that it ends before.
    fn value(&mut self, node: usize, at: usize, end: usize) -> usize {
        let rest = &self.text[at..end];
        if rest.is_empty() || rest.starts_with('#') {
            return end;
        }
        if rest.starts_with(['{', '[']) {
            return self.flow(node, at);
        }
        let (word, _) = self.word(at, end, &[]);
        let end = if rest.starts_with(['|', '>']) {
            self.nodes[node].is_block = true;
            self.block(self.line_end(at), self.nodes[node].column)
        } else {
            word.span.end()
        };
        self.nodes[node].end = end;
        self.nodes[node].value = Some(word);
        end
    }

    /// The end of a block of text: the line before the first that stands no deeper than `column`.
    fn block(&self, mut end: usize, column: usize) -> usize {
        while end < self.text.len() {
            let next = self.line_end(end + 1);
            let line = self.text.get(end + 1..next).unwrap_or_default();
            if !line.trim().is_empty() && line.len() - line.trim_start().len() <= column {
                break;
            }
            end = next.max(end + 1);
        }
        end.min(self.text.len())
    }

    /// A scalar that starts at `at`, and the byte behind it. It ends where a key ends, with the line, or before any of
    /// `stops`.
    fn word(&self, at: usize, end: usize, stops: &[char]) -> (Word, usize) {
        let rest = &self.text[at..end];
        if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            let inner = &rest[1..];
            let line = || inner.split('\n').next().unwrap_or_default().trim_end().len();
            let len = closing(inner, quote).unwrap_or_else(line);
            let after = (at + 2 + len).min(end);
            return (self.cut(at + 1, at + 1 + len), after);
        }
        let mut before = ' ';
        let stop = rest.char_indices().find(|(i, c)| {
            let next = rest[i + c.len_utf8()..].chars().next();
            let ends_key = *c == ':' && next.is_none_or(|next| next.is_whitespace() || stops.contains(&next));
            let is_comment = *c == '#' && before == ' ' && *i > 0;
            before = *c;
            ends_key || is_comment || *c == '\n' || stops.contains(c)
        });
        let len = rest[..stop.map_or(rest.len(), |(i, _)| i)].trim_end().len();
        let after = stop.map_or(end, |(i, _)| at + i);
        (self.cut(at, at + len), after)
    }

    fn cut(&self, start: usize, end: usize) -> Word {
        let text = self.text[start..end].to_owned();
        let len = end - start;
        Word {
            span: Span { start, len },
            text,
        }
    }

    /// Leaves what cannot hold something at `column`: a list may stand below its key without being deeper.
    fn close(&mut self, column: usize, is_item: bool) {
        while let [.., _, top] = self.open.as_slice() {
            let top = &self.nodes[*top];
            let holds = top.column < column || (top.column == column && is_item && top.form == Form::Entry);
            if holds {
                break;
            }
            self.open.pop();
        }
    }

    fn push(&mut self, form: Form, start: usize, end: usize, column: usize) -> usize {
        let parent = self.open.last().copied().unwrap_or(ROOT);
        let node = self.add(parent, form, start, end, column);
        self.open.push(node);
        node
    }

    fn add(&mut self, parent: usize, form: Form, start: usize, end: usize, column: usize) -> usize {
        let is_item = |node: &&Node| node.parent == parent && node.form == Form::Item;
        let index = match form {
            Form::Item => self.nodes[parent + 1..]
                .iter()
                .rev()
                .find(is_item)
                .map_or(0, |last| last.index + 1),
            _ => 0,
        };
        self.nodes.push(Node {
            form,
            parent,
            start,
            end,
            column,
            index,
            ..Node::root()
        });
        self.nodes.len() - 1
    }

    fn line_end(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        rest.find('\n').map_or(self.text.len(), |len| at + len)
    }
}

/// The bytes before the quote that closes, on the same line.
fn closing(inner: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' => return None,
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            '\'' if c == quote && chars.peek().is_some_and(|(_, next)| *next == quote) => escaped = true,
            _ if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests;
