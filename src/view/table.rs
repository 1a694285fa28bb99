//! Columns of text.

use super::width;

/// Pads `text`, drawn as `drawn`, to `columns`.
pub(super) fn pad(text: &str, drawn: &str, columns: usize) -> String {
    format!("{drawn}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The width of the widest.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(width).max().unwrap_or(0)
}

/// Breaks at spaces into lines of at most `room` columns; a longer word is a line of its own.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
