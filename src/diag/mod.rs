//! What is wrong in a stack file, as data: a code, a place, a label, a help.
//!
//! Owns [`Diagnostic`] and the symbolic [`Path`]. Never reads files, never prints, knows nothing else of ours.

use std::fmt;

pub mod codes;
mod help;
pub mod page;
pub mod render;
pub mod visible;

pub use help::{Help, Instead};

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a mapping.
    Key(String),
    /// A zero-based place in a sequence.
    Index(usize),
}

/// A place in a stack file, named symbolically: `components.api.uses[0]`.
///
/// Bytes are found only when a diagnostic is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(pub Vec<Segment>);

impl Path {
    /// The path of the whole file.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path, one key deeper.
    #[must_use]
    pub fn key(&self, key: impl Into<String>) -> Self {
        self.push(Segment::Key(key.into()))
    }

    /// This path, one place deeper.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.push(Segment::Index(index))
    }

    fn push(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if i == 0 => write!(f, "{key}")?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The stack cannot be used.
    Error,
    /// The stack can be used; advice.
    Warning,
}

/// Whether a diagnostic points at the key or at the value of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The key itself (an unknown key).
    Key,
    /// The value.
    Value,
}

/// A byte range in the text of the stack file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Number of bytes; may be 0.
    pub len: usize,
}

impl Span {
    /// The byte after the last one.
    pub fn end(self) -> usize {
        self.start + self.len
    }

    /// Whether a byte is in it, or right behind it, where an editor's cursor still is on it.
    pub fn touches(self, byte: usize) -> bool {
        (self.start..=self.end()).contains(&byte)
    }

    /// From the start of this span to the end of `last`.
    #[must_use]
    pub fn to(self, last: Self) -> Self {
        Self {
            start: self.start,
            len: last.end().saturating_sub(self.start),
        }
    }
}

/// The line and the column of a byte, both from 1; columns count characters.
pub fn position(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// Turns the place of a diagnostic into bytes.
pub trait Locate {
    /// The bytes of `at`; the nearest place there is when `at` names none.
    fn locate(&self, at: &At) -> Span;
}

/// Where a diagnostic points.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// A symbolic place.
    Path(Path, Part),
    /// Bytes, where no tree exists yet (syntax errors).
    Span(Span),
}

/// One thing wrong in a stack file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The stable code; its short name is what `mlstack explain` takes.
    pub code: &'static codes::Code,
    /// What exactly, shown under the place: "no component is named `dbb`".
    pub label: String,
    /// One remedy that can be pasted.
    pub help: Option<String>,
    /// The same as an edit, where one edit is all it takes.
    pub instead: Option<Instead>,
    /// Where.
    pub at: At,
    /// Other places that matter, each with its own label (the first use of a duplicate key).
    pub related: Vec<(At, String)>,
}

impl Diagnostic {
    /// A diagnostic that points at the value of `path`.
    pub fn at_value(code: &'static codes::Code, path: &Path, label: impl Into<String>) -> Self {
        Self::new(code, At::Path(path.clone(), Part::Value), label)
    }

    /// A diagnostic that points at the key of `path`.
    pub fn at_key(code: &'static codes::Code, path: &Path, label: impl Into<String>) -> Self {
        Self::new(code, At::Path(path.clone(), Part::Key), label)
    }

    /// A diagnostic at any place.
    pub fn new(code: &'static codes::Code, at: At, label: impl Into<String>) -> Self {
        Self {
            code,
            label: label.into(),
            help: None,
            instead: None,
            at,
            related: Vec::new(),
        }
    }

    /// Adds the remedy.
    #[must_use]
    pub fn help(self, help: impl Into<Help>) -> Self {
        let Help { text, instead } = help.into();
        Self {
            help: Some(text),
            instead,
            ..self
        }
    }

    /// Adds another place.
    #[must_use]
    pub fn related(mut self, at: At, label: impl Into<String>) -> Self {
        self.related.push((at, label.into()));
        self
    }

    /// Whether it stops everything.
    pub fn is_error(&self) -> bool {
        self.code.severity == Severity::Error
    }
}
