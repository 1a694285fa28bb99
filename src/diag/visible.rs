//! Text of strangers on a terminal: what steers it or hides what it says is spelt out.
//!
//! The one place that says which characters those are. Every text of a stack file, an engine or a container passes
//! through here on its way out.

use std::fmt::Write as _;

/// Whether a character steers a terminal or turns the direction of others; no stack file may hold one.
pub fn steers(character: char) -> bool {
    let turns =
        matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    turns || (character.is_control() && !matches!(character, '\n' | '\t' | '\r'))
}

/// Whether a character steers, or has no picture of its own, so that two texts look alike and are not.
pub fn is_hidden(character: char) -> bool {
    steers(character)
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A text on one line, hidden characters written as escapes, and what GitHub's runner takes for a command anywhere in a
/// line (`##[error]`).
pub fn visible(text: &str) -> String {
    written(text, |c| is_hidden(c) || matches!(c, '\n' | '\t' | '\r')).replace("##[", "\\u{23}#[")
}

/// A text of several lines, hidden characters written as escapes. What GitHub would take for a command to its runner
/// (`::set-output` at the start of a line, `##[error]` anywhere) loses its first character to an escape as well.
pub fn visible_lines(text: &str) -> String {
    let text = written(&text.replace("\r\n", "\n"), |c| is_hidden(c) || c == '\r');
    let text = text.replace("##[", "\\u{23}#[");
    let lines = text.split('\n').map(|line| match line.trim_start().strip_prefix("::") {
        Some(rest) => format!("{}\\u{{3a}}:{rest}", &line[..line.len() - rest.len() - 2]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A JSON text that says the same with hidden characters as escapes, and with them what GitHub would take for a command.
pub fn visible_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("##[", "\\u0023#[").chars() {
        if is_hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn written(text: &str, escapes: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if escapes(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// A source with hidden characters, and what a runner takes for a command, replaced by others of as many bytes, so that
/// places in it stay right.
pub(super) fn visible_source(text: &str) -> String {
    let replace = |c: char| match c.len_utf8() {
        _ if !is_hidden(c) => c,
        1 => '?',
        2 => '¿',
        3 => '\u{fffd}',
        _ => '\u{1f7e6}',
    };
    let text: String = text.chars().map(replace).collect();
    text.replace("##[", "#?[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_is_spelt_out() {
        assert_eq!(
            visible("a\u{1b}[2J\u{202e}b\n\u{200b}ä"),
            "a\\u{1b}[2J\\u{202e}b\\n\\u{200b}ä"
        );
        assert_eq!(visible_lines("a\r\nb\rc\td\n"), "a\nb\\rc\td\n");
        assert_eq!(
            visible_lines("x\n  ::error::y\na ##[group]"),
            "x\n  \\u{3a}:error::y\na \\u{23}#[group]"
        );
        assert_eq!(visible_json("\"\u{202e}\u{e0041}ä\""), "\"\\u202e\\udb40\\udc41ä\"");
        assert_eq!(visible_json("\"##[error]\""), "\"\\u0023#[error]\"");
    }

    #[test]
    fn a_source_keeps_its_places() {
        assert_eq!(visible_source("a ##[error]"), "a #?[error]");
        let source = "a\u{1b}\u{ad}\u{202e}\u{e0041}é\n";
        let shown = visible_source(source);
        assert_eq!(shown.len(), source.len());
        assert!(!shown.contains(|c| c != '\n' && is_hidden(c)));
    }
}
