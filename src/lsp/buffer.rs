//! An open document: its text as the editor has it, and what came of it.

use std::cell::OnceCell;
use std::path::PathBuf;

use super::names::Reading;
use super::protocol::{Change, Item, Position, Range};
use super::session::Beside;
use super::text::Lines;
use super::uri;
use crate::diag::{At, Diagnostic, Locate, Span};
use crate::stack::{MAX_BYTES, Options, SCHEMA_ID, Stack, parse};

/// An open document.
pub(super) struct Buffer {
    pub(super) uri: String,
    pub(super) version: Option<i64>,
    pub(super) text: String,
    pub(super) lines: Lines,
    language: String,
    /// The text taken apart, when somebody asked.
    reading: OnceCell<Reading>,
    /// What is wrong with it, and where; as of the last [`Buffer::read`].
    pub(super) found: Vec<(Span, Diagnostic)>,
    /// The last stack that was right.
    pub(super) good: Option<Stack>,
    /// Whether the text changed since it was read.
    pub(super) stale: bool,
}

impl Buffer {
    pub(super) fn new(item: Item) -> Self {
        Self {
            lines: Lines::of(&item.text),
            uri: item.uri,
            version: Some(item.version),
            text: item.text,
            language: item.language_id,
            reading: OnceCell::new(),
            found: Vec::new(),
            good: None,
            stale: true,
        }
    }

    /// Puts new text in.
    pub(super) fn change(&mut self, version: Option<i64>, changes: Vec<Change>) {
        for change in changes {
            match change.range {
                None => self.text = change.text,
                Some(range) => {
                    let span = self.span(range);
                    self.text.replace_range(span.start..span.end(), &change.text);
                }
            }
            self.lines = Lines::of(&self.text);
        }
        self.reading.take();
        (self.version, self.stale) = (version, true);
    }

    /// The text taken apart.
    pub(super) fn reading(&self) -> &Reading {
        self.reading.get_or_init(|| Reading::of(&self.text))
    }

    /// The file, where it is one.
    fn file(&self) -> Option<PathBuf> {
        uri::path(&self.uri)
    }

    /// Whether this is a stack file: an editor may send every YAML file that it opens.
    pub(super) fn is_stack(&self) -> bool {
        let name = self.uri.rsplit('/').next().unwrap_or_default();
        let named = name == "mlstack.yaml" || name.ends_with(".mlstack.yaml");
        let modeline = || self.text.lines().take(10).any(|line| line.contains(SCHEMA_ID));
        self.language == "mlstack" || named || modeline()
    }

    /// Whether questions about it are answered: a stack file of a size that one can have.
    pub(super) fn is_readable(&self) -> bool {
        self.is_stack() && self.text.len() <= MAX_BYTES
    }

    /// Reads and checks the text, as `mlstack validate` does.
    pub(super) fn read(&mut self, environment: Option<&str>, beside: &mut dyn Beside) {
        self.stale = false;
        self.found.clear();
        if !self.is_stack() {
            return;
        }
        let options = Options {
            environment: environment.map(str::to_owned),
            every_environment: environment.is_none(),
            today: None,
        };
        let parsed = parse(&self.text, &options);
        let more = parsed
            .stack
            .as_ref()
            .map(|stack| beside.about(self.file().as_deref(), stack));
        let all = parsed.diagnostics.into_iter().chain(more.unwrap_or_default());
        self.found = all
            .map(|diagnostic| {
                (
                    parsed.document.locate(&diagnostic.at),
                    located(diagnostic, &parsed.document),
                )
            })
            .collect();
        self.found.sort_by_key(|(span, _)| *span);
        self.good = parsed.stack.or(self.good.take());
    }

    pub(super) fn byte(&self, position: Position) -> usize {
        self.lines.byte(&self.text, position)
    }

    pub(super) fn range(&self, span: Span) -> Range {
        self.lines.range(&self.text, span)
    }

    fn span(&self, range: Range) -> Span {
        let (start, end) = (self.byte(range.start), self.byte(range.end));
        Span {
            start,
            len: end.saturating_sub(start),
        }
    }
}

/// Every place as bytes.
fn located(diagnostic: Diagnostic, places: &dyn Locate) -> Diagnostic {
    let related = diagnostic.related.into_iter();
    Diagnostic {
        related: related
            .map(|(at, label)| (At::Span(places.locate(&at)), label))
            .collect(),
        ..diagnostic
    }
}
