//! Text of strangers in Markdown: shown, never obeyed.
//!
//! Owns the forms that a stranger's text may take: a code span, words with code between them, a fence, the text of an
//! HTML element, a label of Mermaid. In code GitHub makes no link, mention, reference or picture of anything, whatever
//! a repository has set up; so all that is not a plain word stands in code. See decision 0140.

use super::super::escape;
use super::super::values::shorten;
use crate::diag::visible::visible_lines;

/// Where a text stands: pipes part the cells of a table even within code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// In a line of its own, an item of a list, a heading.
    Line,
    /// In a cell of a table.
    Cell,
}

impl Spot {
    /// A code span of at most about `most` characters.
    pub(super) fn code(self, text: &str, most: usize) -> String {
        let text = self.pipes(&shown(text, most));
        let text = match self {
            Self::Line => shorten(&text, most),
            Self::Cell => text, // an escape must not be cut in two
        };
        if text.is_empty() {
            return "`\"\"`".to_owned();
        }
        let ticks = "`".repeat(longest_run(&text) + 1);
        let edge = |c| c == '`' || c == ' ';
        let pad = if text.starts_with(edge) || text.ends_with(edge) {
            " "
        } else {
            ""
        };
        format!("{ticks}{pad}{text}{pad}{ticks}")
    }

    /// A sentence of at most about `most` characters: words of letters stand as they are, all else in code, and so does
    /// what stands between two backticks.
    pub(super) fn prose(self, text: &str, most: usize) -> String {
        let text = shown(text, most);
        let quoted = text.matches('`').count().is_multiple_of(2) && !text.contains("``");
        if !quoted {
            return self.words(&text);
        }
        let mut out = String::new();
        let mut gap = false;
        for (at, part) in text.split('`').enumerate() {
            let written = match at % 2 {
                0 => self.words(part),
                _ => self.code(part, usize::MAX),
            };
            gap |= part.starts_with(' ') && at % 2 == 0;
            // Two runs of backticks must not become one.
            let touch = out.ends_with('`') && written.starts_with('`');
            if !out.is_empty() && !written.is_empty() && (gap || touch) {
                out.push(' ');
            }
            if !written.is_empty() {
                gap = at % 2 == 0 && part.ends_with(' ');
            }
            out += &written;
        }
        out
    }

    fn words(self, text: &str) -> String {
        let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
        let parts = words.chunk_by(|a, b| is_plain(a) == is_plain(b));
        let parts = parts.map(|part| match is_plain(part[0]) {
            true => part.join(" "),
            false => self.code(&part.join(" "), usize::MAX),
        });
        parts.collect::<Vec<_>>().join(" ")
    }

    /// A pipe in a cell is escaped, as GFM says. Elsewhere, and where a backslash before it would be taken for the
    /// escape, it is spelt out as invisible characters are.
    fn pipes(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '|' if self == Self::Cell && !out.ends_with('\\') => out.push_str("\\|"),
                '|' => out.push_str("\\u{7c}"),
                _ => out.push(c),
            }
        }
        out
    }
}

/// On one line, what is hidden spelt out, the middle of what is too long left out.
fn shown(text: &str, most: usize) -> String {
    // Twice: a long text is not looked at whole, and what is spelt out grows.
    let text = ticks(escape(&shorten(text, most)));
    shorten(&text, most)
}

/// The longest run of backticks that a code span or a fence is put around. GitHub's parser knows none longer than 80 in
/// a line and none longer than 255 as a fence: what stands in longer ones would not be code.
pub(super) const TICKS: usize = 8;

/// Backticks of too long a run are spelt out.
fn ticks(text: String) -> String {
    match longest_run(&text) {
        0..=TICKS => text,
        _ => text.replace('`', "\\u{60}"),
    }
}

/// Whether a word can stand outside code: letters with at most one mark after them, or a small number. Seven letters
/// from a to f may be the name of a commit.
fn is_plain(word: &str) -> bool {
    let bare = word.strip_suffix([',', '.', ';', ':']).unwrap_or(word);
    let mark = bare.is_empty() && !word.is_empty();
    let bare = bare.strip_suffix("'s").unwrap_or(bare);
    let letters = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_alphabetic());
    let commit = bare.len() >= 7 && bare.bytes().all(|b| b.is_ascii_hexdigit());
    let number = (1..=4).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_digit());
    mark || (letters && !commit) || number
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// The text of an HTML element, in `<code>`.
pub(super) fn html(text: &str, most: usize) -> String {
    let mut out = "<code>".to_owned();
    for c in shown(text, most).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out + "</code>"
}

/// A fenced block that its text cannot leave.
pub(super) fn fence(language: &str, text: &str) -> String {
    let text = ticks(visible_lines(text));
    let ticks = "`".repeat((longest_run(&text) + 1).max(3));
    let newline = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{ticks}{language}\n{text}{newline}{ticks}\n")
}

/// The text of a label of Mermaid, which stands between quotes: letters and digits, and as their numbers what else means
/// nothing to it. The rest is spelt out, for Mermaid makes an icon of `fa:fa-car`, mathematics of `$$x$$`, another
/// character of `ﬂ°°64¶ß`, and of a backslash with an n the end of a line.
pub(super) fn label(text: &str, most: usize) -> String {
    let mut spelt = String::new();
    for c in shown(text, most).replace("\\n", "\\u{a}").chars() {
        match c.is_alphanumeric() || "-. \\{}_/…".contains(c) {
            true => spelt.push(c),
            false => spelt.extend(c.escape_unicode()),
        }
    }
    let mut out = String::new();
    for c in shorten(&spelt, most).chars() {
        match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '.' | ' ' => out.push(c),
            _ => out.extend(["#", &u32::from(c).to_string(), ";"]),
        }
    }
    out
}

/// Whether `label` writes such a text.
pub(super) fn is_label(text: &str) -> bool {
    let mut parts = text.split('#');
    let mut meant = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let number = part.split_once(';').and_then(|(number, rest)| {
            let c = char::from_u32(number.parse().ok()?)?;
            Some((c, rest))
        });
        let Some((c, rest)) = number else { return false };
        meant.push(c);
        meant += rest;
    }
    label(&meant, usize::MAX) == text
}
