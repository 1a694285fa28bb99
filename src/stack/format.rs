//! The canonical layout of a stack file: two spaces a level, lists below their key, no spaces at the end of lines.
//!
//! Moves lines, never words: comments, quotes, order and flow collections stay as they are. The result is read
//! again; where it would mean anything else, the file is left alone.

use super::node::{Node, Value};
use super::yaml;

/// Why a file is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is no YAML, or uses what stack files do without.
    #[error("the file cannot be read; `mlstack validate` says why")]
    Unreadable,
    /// Its layout is too unusual to be moved.
    #[error("line {line} is laid out in a way that cannot be moved safely")]
    Unsafe {
        /// Counted from 1.
        line: usize,
    },
}

/// `text` in the canonical layout.
///
/// # Errors
/// When the file cannot be read, or cannot be laid out without changing what it says.
pub fn format(text: &str) -> Result<String, FormatError> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let before = tree(&text)?;
    let formatted = Layout::new(&text, &before).write()?;
    let after = tree(&formatted)?;
    let settled = Layout::new(&formatted, &after).write()?;
    let changed = if same(&before, &after) { None } else { Some(1) };
    match changed.or_else(|| first_difference(&formatted, &settled)) {
        None => Ok(formatted),
        Some(line) => Err(FormatError::Unsafe { line }),
    }
}

fn tree(text: &str) -> Result<Node, FormatError> {
    let mut diagnostics = Vec::new();
    let root = yaml::read(text, &mut diagnostics);
    root.filter(|_| diagnostics.is_empty()).ok_or(FormatError::Unreadable)
}

/// Whether two trees say the same, wherever their values stand.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::Scalar(one), Value::Scalar(other)) => one == other,
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            let pairs = || one.iter().zip(other);
            one.len() == other.len() && pairs().all(|((a, one), (b, other))| a == b && same(&one.node, &other.node))
        }
        _ => false,
    }
}

fn first_difference(one: &str, other: &str) -> Option<usize> {
    let same = || {
        one.lines()
            .zip(other.lines())
            .take_while(|(one, other)| one == other)
            .count()
    };
    (one != other).then(|| same() + 1)
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Blank, a comment, or unknown.
    Loose,
    /// Starts at this column.
    Start(usize),
    /// Goes where the line of this number goes; `true` when its end must stay as it is.
    Follow(usize, bool),
}

struct Layout<'t> {
    lines: Vec<&'t str>,
    starts: Vec<usize>,
    fates: Vec<Fate>,
}

impl<'t> Layout<'t> {
    fn new(text: &'t str, root: &Node) -> Self {
        let lines: Vec<_> = text.lines().collect();
        let mut starts = vec![0];
        starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
        let fates = vec![Fate::Loose; lines.len()];
        let mut layout = Self { lines, starts, fates };
        layout.node(text, root, 0, 0);
        layout
    }

    /// Settles the lines of a node whose first line is known to start at `column` or belongs to `owner`.
    fn node(&mut self, text: &str, node: &Node, column: usize, owner: usize) {
        let is_flow = text[node.span.start..].starts_with(['[', '{']);
        match &node.value {
            Value::Map(map) if !is_flow => {
                for entry in map.values() {
                    let line = self.line(entry.key.start);
                    self.start(line, column);
                    self.node(text, &entry.node, column + 2, line);
                }
            }
            Value::List(items) if !is_flow => {
                let mut from = self.line(node.span.start);
                for item in items {
                    let line = self.dash(from, self.line(item.span.start));
                    self.start(line, column);
                    self.node(text, item, column + 2, line);
                    from = self.line(item.span.end().saturating_sub(1)).max(line);
                }
            }
            Value::Scalar(scalar) => self.follow(text, node, owner, !scalar.plain),
            _ => self.follow(text, node, owner, false),
        }
    }

    /// The line with the dash of an item: the first unsettled one, for its value may start below it.
    fn dash(&self, from: usize, item: usize) -> usize {
        let is_dash =
            |line: &usize| self.lines[*line].trim_start().starts_with('-') && self.fates[*line] == Fate::Loose;
        (from..=item).find(is_dash).unwrap_or(item)
    }

    fn start(&mut self, line: usize, column: usize) {
        if self.fates[line] == Fate::Loose {
            self.fates[line] = Fate::Start(column);
        }
    }

    /// Lines of a value after the one that it starts on; the span of a block ends with the indentation of what follows.
    fn follow(&mut self, text: &str, node: &Node, owner: usize, keeps_end: bool) {
        let value = text[node.span.start..node.span.end()].trim_end();
        let last = self.line((node.span.start + value.len()).saturating_sub(1).max(node.span.start));
        for line in owner + 1..=last {
            if self.fates[line] == Fate::Loose {
                self.fates[line] = Fate::Follow(owner, keeps_end);
            }
        }
    }

    fn line(&self, byte: usize) -> usize {
        let line = self.starts.partition_point(|start| *start <= byte) - 1;
        line.min(self.lines.len().saturating_sub(1))
    }

    fn write(&self) -> Result<String, FormatError> {
        let mut out: Vec<String> = Vec::new();
        for (number, line) in self.lines.iter().enumerate() {
            let content = line.trim();
            match self.fates[number] {
                Fate::Start(column) => out.push(" ".repeat(column) + &tight_dashes(content)),
                Fate::Follow(owner, keeps_end) => out.push(self.moved(line, owner, keeps_end)),
                Fate::Loose if content.is_empty() && out.last().is_none_or(String::is_empty) => {}
                Fate::Loose if content.is_empty() => out.push(String::new()),
                Fate::Loose if content.starts_with('#') => out.push(" ".repeat(self.beside(number)) + content),
                Fate::Loose => return Err(FormatError::Unsafe { line: number + 1 }),
            }
        }
        while out.last().is_some_and(String::is_empty) {
            out.pop();
        }
        Ok(out.join("\n") + "\n")
    }

    /// A line moved as far as the line that it belongs to.
    fn moved(&self, line: &str, owner: usize, keeps_end: bool) -> String {
        let line = if keeps_end { line } else { line.trim_end() };
        let (old, new) = (indent(self.lines[owner]), self.column(owner));
        let own = indent(line);
        if line.trim().is_empty() && !keeps_end {
            return String::new();
        }
        " ".repeat((own + new).saturating_sub(old).min(line.len() + new)) + &line[own..]
    }

    /// The new column of a line that has one.
    fn column(&self, line: usize) -> usize {
        match self.fates[line] {
            Fate::Start(column) => column,
            _ => indent(self.lines[line]),
        }
    }

    /// The column of a comment: that of what follows, or of what comes before if it stands there.
    fn beside(&self, number: usize) -> usize {
        let settled = |line: &usize| matches!(self.fates[*line], Fate::Start(_));
        let next = (number + 1..self.lines.len()).find(settled);
        let before = (0..number).rev().find(settled);
        let own = indent(self.lines[number]);
        let stands_with = |line: Option<usize>| line.filter(|line| indent(self.lines[*line]) == own);
        stands_with(next)
            .or(stands_with(before))
            .or(next)
            .map_or(0, |line| self.column(line))
    }
}

/// `-   a` as `- a`; every dash takes two columns.
fn tight_dashes(content: &str) -> String {
    match content.strip_prefix("- ") {
        Some(rest) => format!("- {}", tight_dashes(rest.trim_start())),
        None => content.to_owned(),
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests;
