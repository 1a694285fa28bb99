//! Reads a comment with suspicion: whether it is one that mlstack could have written.
//!
//! What comes from the run of a stranger's pull request may be anything. Posted with a project's own token it could
//! call people, link to anywhere and hide what it says. [`judge`] lets pass a small language: the lines that `markdown`
//! makes. What it says may still be untrue, see decision 0140. Pure.

use std::fmt;

use super::COMMENT;
use super::fit::cost;
use super::inert::TICKS;
use super::topology::drawn;
use crate::diag::visible::is_hidden;

/// The first line of a comment, by which it is found again: `<!-- mlstack:house-prices:plan -->`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The stack's name.
    pub stack: String,
    /// What the comment is about: `plan`.
    pub topic: String,
    /// Whether it tells of nothing.
    pub empty: bool,
}

impl Marker {
    /// The marker of that stack; other characters than names have are taken for dashes.
    pub fn new(stack: &str, topic: &str, empty: bool) -> Self {
        let plain = |c: char| if is_name(c) { c } else { '-' };
        let stack = if stack.is_empty() { "-" } else { stack };
        Self {
            stack: stack.chars().take(NAME).map(plain).collect(),
            topic: topic.to_owned(),
            empty,
        }
    }

    /// Reads the first line of a comment.
    pub fn read(comment: &str) -> Option<Self> {
        let line = comment.lines().next()?;
        let inner = line.strip_prefix("<!-- mlstack:")?.strip_suffix(" -->")?;
        let (name, empty) = match inner.strip_suffix(" empty") {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let (stack, topic) = name.split_once(':')?;
        let named = |text: &str| !text.is_empty() && text.len() <= NAME && text.chars().all(is_name);
        (named(stack) && named(topic)).then(|| Self::new(stack, topic, empty))
    }

    /// Whether both mark the same comment.
    pub fn names_the_same(&self, other: &Self) -> bool {
        (&self.stack, &self.topic) == (&other.stack, &other.topic)
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let empty = if self.empty { " empty" } else { "" };
        write!(f, "<!-- mlstack:{}:{}{empty} -->", self.stack, self.topic)
    }
}

/// The most characters of a name in a marker.
const NAME: usize = 63;

fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// Why a comment is not one of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// The first line is no marker.
    #[error("it does not begin with the marker that `--format markdown` writes")]
    NoMarker,
    /// It is longer than a comment may be.
    #[error("it has {0} characters; a comment has at most {COMMENT}")]
    TooLong(usize),
    /// A line that mlstack does not write.
    #[error("line {line} is not one that mlstack writes: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// Says whose comment it is, if it holds nothing but what mlstack could have written.
///
/// # Errors
/// The first thing that it could not have.
pub fn judge(comment: &str) -> Result<Marker, Objection> {
    if cost(comment) > COMMENT {
        return Err(Objection::TooLong(cost(comment)));
    }
    let marker = Marker::read(comment).ok_or(Objection::NoMarker)?;
    let mut fence: Option<(&str, &str)> = None;
    let mut before = "";
    let mut last = 1;
    for (at, line) in comment.split('\n').enumerate().skip(1) {
        last = at + 1;
        let fault = |why| Objection::Line { line: at + 1, why };
        if line.contains(is_hidden) {
            return Err(fault("an invisible character"));
        }
        after(before, line).map_err(fault)?;
        fence = match fence {
            Some((ticks, _)) if line == ticks => None,
            Some((ticks, language)) => {
                within(line, ticks, language).map_err(fault)?;
                Some((ticks, language))
            }
            None => match opening(line) {
                None => outside(line).map(|()| None).map_err(fault)?,
                opened => opened,
            },
        };
        before = if fence.is_none() { line } else { "" };
    }
    match fence {
        Some(_) => Err(Objection::Line {
            line: last,
            why: "a block that does not end",
        }),
        None => Ok(marker),
    }
}

/// The backticks and the language of a fence that begins.
fn opening(line: &str) -> Option<(&str, &str)> {
    let language = line.trim_start_matches('`');
    let ticks = &line[..line.len() - language.len()];
    ((3..=TICKS + 1).contains(&ticks.len()) && ["diff", "mermaid"].contains(&language)).then_some((ticks, language))
}

fn within(line: &str, ticks: &str, language: &str) -> Result<(), &'static str> {
    if line.trim_start().starts_with(ticks) {
        return Err("a block that ends twice");
    }
    match language {
        "mermaid" if !drawn(line) => Err("a picture that mlstack does not draw"),
        _ => Ok(()),
    }
}

/// A line after another, where both belong to no block of code.
fn after(before: &str, line: &str) -> Result<(), &'static str> {
    let item = before.is_empty() || before.starts_with("- ");
    match line {
        _ if before.starts_with('<') && !line.is_empty() => Err("HTML, which goes on until an empty line"),
        "- " if !item => Err("what makes a heading of the line before"),
        _ => Ok(()),
    }
}

/// A line that is not in a block of code.
fn outside(line: &str) -> Result<(), &'static str> {
    let alert = line.strip_prefix("> [!").and_then(|rest| rest.strip_suffix(']'));
    if alert.is_some_and(|name| ["TIP", "NOTE", "WARNING", "CAUTION"].contains(&name)) {
        return Ok(());
    }
    if ["", "- ", "</details>"].contains(&line) {
        return Ok(());
    }
    let summary = line.strip_prefix("<details><summary><code>");
    if let Some(text) = summary.and_then(|rest| rest.strip_suffix("</code></summary>")) {
        return summarised(text);
    }
    if let Some(row) = line.strip_prefix('|') {
        let parts = row.bytes().all(|b| b"|-".contains(&b));
        return if parts { Ok(()) } else { inline(row, true) };
    }
    let item = ["> ", "### ", "- "].iter().find_map(|start| line.strip_prefix(start));
    let text = item.unwrap_or(line);
    let first = |c: char| c.is_ascii_alphanumeric() || c == '*' || c == '…' || c == '`';
    let rule = text.chars().all(|c| c == '*' || c == ' ');
    if text.starts_with("```") && item.is_none() || !text.starts_with(first) || rule {
        return Err("it begins as no line of a comment does");
    }
    inline(text, false)
}

fn summarised(text: &str) -> Result<(), &'static str> {
    let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
    let entity = |rest: &str| known.iter().any(|name| rest.starts_with(name));
    match text.contains(['<', '>']) || !text.split('&').skip(1).all(entity) {
        true => Err("HTML"),
        false => Ok(()),
    }
}

/// Text with code spans, which must end in the line they begin in.
fn inline(line: &str, row: bool) -> Result<(), &'static str> {
    let mut rest = line;
    while let Some(at) = rest.find('`') {
        words(&rest[..at], row)?;
        let code = rest[at..].trim_start_matches('`');
        let ticks = rest[at..].len() - code.len();
        let (inside, after) = span(code, ticks).ok_or("backticks without their like")?;
        if ticks > TICKS + 1 {
            return Err("more backticks than GitHub counts");
        }
        let pipes = inside.match_indices('|').all(|(at, _)| row && escaped(&inside[..at]));
        if !pipes {
            return Err("a pipe within code");
        }
        rest = after;
    }
    words(rest, row)
}

/// Whether one backslash, and one alone, stands before.
fn escaped(before: &str) -> bool {
    before.ends_with('\\') && !before.ends_with("\\\\")
}

/// What stands before and after the next run of exactly so many backticks.
fn span(text: &str, ticks: usize) -> Option<(&str, &str)> {
    let mut from = 0;
    while let Some(at) = text[from..].find('`').map(|at| from + at) {
        let run = text[at..].len() - text[at..].trim_start_matches('`').len();
        if run == ticks {
            return Some((&text[..at], &text[at + run..]));
        }
        from = at + run;
    }
    None
}

/// Text outside code: words and a few marks that mean nothing to GitHub.
fn words(text: &str, row: bool) -> Result<(), &'static str> {
    let text = text.replace("**", " "); // what is bold ends a word
    let mark = |c: char| " .,;:()'≈→…–".contains(c) || (row && c == '|');
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || mark(c)) {
        return Err("a mark that may mean something");
    }
    if text
        .split(':')
        .skip(1)
        .any(|rest| !rest.is_empty() && !rest.starts_with(' '))
        || text.contains("www.")
    {
        return Err("what may become a link");
    }
    let commit = |word: &str| word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    match text.split(|c: char| !c.is_ascii_alphanumeric()).any(commit) {
        true => Err("what may be the name of a commit"),
        false => Ok(()),
    }
}
