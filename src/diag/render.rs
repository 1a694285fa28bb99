//! Diagnostics as people and programs read them: a picture of the place, or JSON.
//!
//! Returns text; never prints. Hostile text in a stack file cannot steer a terminal through it.

use std::fmt::Write as _;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};
use serde_json::{Value, json};

use super::visible::{visible, visible_source};
use super::{Diagnostic, Locate, Severity, position};

/// The text that diagnostics are about.
pub struct Source<'a> {
    /// The path as the user knows it.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// Where things stand in it.
    pub places: &'a dyn Locate,
}

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// The most pictures that are drawn; the rest is counted.
const MOST: usize = 50;

/// All diagnostics, one picture each, and a line that counts them.
pub fn text(source: &Source<'_>, diagnostics: &[Diagnostic], style: Style) -> String {
    let mut out = String::new();
    let lines = Lines {
        file: visible(source.file),
        text: visible_source(source.text),
    };
    for diagnostic in diagnostics.iter().take(MOST) {
        out.push_str(&picture(source, &lines, diagnostic, style));
        out.push('\n');
    }
    if let Some(more) = diagnostics.len().checked_sub(MOST + 1) {
        let _ = writeln!(out, "… and {} more\n", more + 1);
    }
    if let Some(count) = count(diagnostics) {
        let _ = writeln!(out, "{}: {count}", source.file);
    }
    out
}

fn picture(source: &Source<'_>, lines: &Lines, diagnostic: &Diagnostic, style: Style) -> String {
    let theme = if style.color {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(style.width)
        .with_context_lines(1)
        // A help is there to be pasted: `env-secrets` stays in one piece.
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_links(false);
    let mut out = String::new();
    let report = Report {
        source,
        diagnostic,
        text: lines,
    };
    // Writing to a String cannot fail, and the labels lie within the text.
    let _ = handler.render_report(&mut out, &report);
    out.trim_start_matches('\n')
        .lines()
        .fold(String::new(), |all, line| all + line.trim_end() + "\n")
}

/// "2 errors, 1 warning"; nothing when there is nothing.
pub fn count(diagnostics: &[Diagnostic]) -> Option<String> {
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let of = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{number} {word}s")),
    };
    let parts: Vec<_> = of(errors, "error")
        .into_iter()
        .chain(of(diagnostics.len() - errors, "warning"))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// The `diagnostics` array of machine-readable output.
pub fn json(source: &Source<'_>, diagnostics: &[Diagnostic]) -> Value {
    diagnostics
        .iter()
        .map(|diagnostic| object(source, diagnostic))
        .collect()
}

fn object(source: &Source<'_>, diagnostic: &Diagnostic) -> Value {
    let place = |at| {
        let (line, column) = position(source.text, source.places.locate(at).start);
        json!({ "file": source.file, "line": line, "column": column })
    };
    let mut object = json!({
        "code": format!("mlstack::{}", diagnostic.code.name),
        "severity": severity(diagnostic.code.severity),
        "summary": diagnostic.code.summary,
        "label": diagnostic.label,
        "help": diagnostic.help,
    });
    merge(&mut object, place(&diagnostic.at));
    let related = diagnostic.related.iter().map(|(at, label)| {
        let mut other = json!({ "label": label });
        merge(&mut other, place(at));
        other
    });
    object["related"] = related.collect();
    object
}

fn merge(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// One diagnostic as miette wants it.
struct Report<'a> {
    source: &'a Source<'a>,
    diagnostic: &'a Diagnostic,
    text: &'a Lines,
}

impl std::fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self.diagnostic, f)
    }
}

impl std::fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.diagnostic.code.summary)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(format!("mlstack::{}", self.diagnostic.code.name)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.code.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.diagnostic
            .help
            .as_deref()
            .map(|help| Box::new(visible(help)) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = |at, text: &str| {
            let span = self.source.places.locate(at);
            let end = self.text.text.floor_char_boundary(span.start + span.len.min(BESIDE));
            LabeledSpan::new(Some(visible(text)), span.start, end.saturating_sub(span.start))
        };
        let first = &self.diagnostic.at;
        let main = LabeledSpan::new_primary_with_span(Some(visible(&self.diagnostic.label)), *label(first, "").inner());
        let related = self.diagnostic.related.iter().map(move |(at, text)| label(at, text));
        Some(Box::new(std::iter::once(main).chain(related)))
    }
}

/// The source, shown by whole lines and without their neighbours.
struct Lines {
    file: String,
    text: String,
}

/// The most bytes that are shown beside a place: a line can be a megabyte long.
const BESIDE: usize = 120;

impl SourceCode for Lines {
    /// miette asks with context lines for what it draws, without them for the position in the head.
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        _after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let span = if before == 0 { *span } else { self.whole_lines(*span) };
        let inner = self.text.read_span(&span, 0, 0)?;
        let (line, column, lines) = (inner.line(), inner.column(), inner.line_count());
        let contents = MietteSpanContents::new_named(self.file.clone(), inner.data(), span, line, column, lines);
        Ok(Box::new(contents))
    }
}

impl Lines {
    fn whole_lines(&self, span: SourceSpan) -> SourceSpan {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let (left, right) = (
            self.text.get(..start).unwrap_or_default(),
            self.text.get(end..).unwrap_or_default(),
        );
        let left = left.len() - left.rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let right = right.find(['\n', '\r']).unwrap_or(right.len());
        let from = self.text.ceil_char_boundary(start - left.min(BESIDE));
        let to = self.text.floor_char_boundary(end + right.min(BESIDE));
        (from, to.saturating_sub(from)).into()
    }
}

#[cfg(test)]
mod tests;
