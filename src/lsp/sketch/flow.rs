//! Collections between brackets, closed or not yet.

use super::{Draft, Form};
use crate::stack::{MAX_DEPTH, MAX_VALUES};

/// What ends a word between brackets.
const STOPS: [char; 5] = [',', '[', ']', '{', '}'];

/// A collection that is read.
struct Reading {
    /// The nodes whose brackets are open, outermost first.
    open: Vec<usize>,
    /// The entry or item that the next value belongs to.
    current: Option<usize>,
    /// The column of the node that holds all of it.
    column: usize,
}

impl Draft<'_> {
    /// Reads the collection whose bracket stands at `at` as the value of `owner`; gives the byte behind it. One that is
    /// still open ends where the file goes on as if it were closed.
    pub(super) fn flow(&mut self, owner: usize, mut at: usize) -> usize {
        let mut reading = Reading {
            open: Vec::new(),
            current: None,
            column: self.nodes[owner].column,
        };
        self.enter(&mut reading, owner, at);
        at += 1;
        while !reading.open.is_empty() && self.nodes.len() < 2 * MAX_VALUES {
            let Some(c) = self.text[at..].chars().next() else { break };
            if c == '\n' && self.goes_on(at + 1, reading.column) {
                break;
            }
            at = self.step(&mut reading, c, at);
        }
        while let Some(node) = reading.open.pop() {
            self.leave(&mut reading, node, at, at);
        }
        at
    }

    fn step(&mut self, reading: &mut Reading, c: char, at: usize) -> usize {
        let next = at + c.len_utf8();
        match c {
            '{' | '[' if reading.open.len() < MAX_DEPTH => {
                let node = match reading.current.take() {
                    Some(node) => node,
                    None => self.member(reading, at, at + 1),
                };
                self.enter(reading, node, at);
            }
            '}' | ']' => {
                if let Some(node) = reading.open.pop() {
                    self.leave(reading, node, at, next);
                    reading.current = Some(node);
                }
            }
            ',' => self.finish(reading, at),
            '#' if self.text[..at].ends_with([' ', '\n', '\t']) => return self.line_end(at),
            ':' | '{' | '[' => {}
            c if c.is_whitespace() => {}
            _ => return self.token(reading, at),
        }
        next
    }

    /// A word: a key when a colon follows it in a mapping, a value or an item otherwise.
    fn token(&mut self, reading: &mut Reading, at: usize) -> usize {
        let (word, after) = self.word(at, self.text.len(), &STOPS);
        let is_key = self.text[after..].starts_with(':');
        match reading.current {
            Some(node) if self.nodes[node].value.is_none() && self.nodes[node].brackets.is_none() => {
                self.nodes[node].value = Some(word);
            }
            Some(_) => {}
            None => {
                let node = self.member(reading, at, after);
                if is_key && self.nodes[node].form == Form::Bare {
                    self.nodes[node].form = Form::Entry;
                    self.nodes[node].key = Some(word);
                } else {
                    self.nodes[node].value = Some(word);
                }
                reading.current = Some(node);
            }
        }
        after.max(at + 1)
    }

    /// A new member of the innermost collection.
    fn member(&mut self, reading: &Reading, at: usize, end: usize) -> usize {
        let parent = reading.open.last().copied().unwrap_or(super::ROOT);
        let is_list = self.nodes[parent]
            .brackets
            .is_some_and(|(open, _)| self.text[open..].starts_with('['));
        let form = if is_list { Form::Item } else { Form::Bare };
        self.add(parent, form, at, end, reading.column)
    }

    fn enter(&mut self, reading: &mut Reading, node: usize, at: usize) {
        self.nodes[node].brackets = Some((at, at));
        reading.open.push(node);
        reading.current = None;
    }

    fn leave(&mut self, reading: &mut Reading, node: usize, at: usize, end: usize) {
        self.finish(reading, at);
        if let Some((open, _)) = self.nodes[node].brackets {
            self.nodes[node].brackets = Some((open, at));
        }
        self.nodes[node].end = end;
    }

    /// A member ends at its comma or at the closing bracket.
    fn finish(&mut self, reading: &mut Reading, at: usize) {
        if let Some(node) = reading.current.take() {
            self.nodes[node].end = at;
        }
    }

    /// Whether the line at `at` is one of the file around: not deeper than the brackets' owner, and with a key or a dash.
    fn goes_on(&self, at: usize, column: usize) -> bool {
        let line = self.text.get(at..self.line_end(at)).unwrap_or_default();
        let content = line.trim_start();
        let is_shallow = line.len() - content.len() <= column;
        is_shallow && (content.contains(": ") || content.trim_end().ends_with(':') || content.starts_with("- "))
    }
}
