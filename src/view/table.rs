//! Columns of text.

use super::{Paint, Style, escape, width};
use crate::diag::visible::visible_lines;

/// Titles and rows, each column as wide as its widest; an empty cell is a dash. `painted` are the columns that say how
/// a row fares, drawn in its colour.
pub(super) fn rows<const N: usize>(
    titles: [&str; N],
    rows: &[([String; N], Paint)],
    painted: &[usize],
    style: Style,
) -> String {
    let shown = |text: &String| if text.is_empty() { "-".to_owned() } else { escape(text) };
    let cells: Vec<[String; N]> = rows.iter().map(|(row, _)| row.each_ref().map(shown)).collect();
    let column = |i: usize| widest(cells.iter().map(|row| row[i].as_str()).chain([titles[i]]));
    let widths: Vec<usize> = (0..N).map(column).collect();
    let line = |row: [&str; N], paint: Option<Paint>| {
        let cell = |i: usize| {
            let paint = paint.filter(|_| painted.contains(&i));
            let drawn = paint.map_or_else(|| row[i].to_owned(), |paint| style.paint(paint, row[i]));
            pad(row[i], &drawn, widths[i])
        };
        let text: Vec<String> = (0..N).map(cell).collect();
        text.join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = line(titles, None);
    for (cells, (_, paint)) in cells.iter().zip(rows) {
        out += &line(cells.each_ref().map(String::as_str), Some(*paint));
    }
    out
}

/// The least columns for text beside its heads; it is broken wider than the terminal rather than narrower.
pub(super) const LEAST_ROOM: usize = 30;

/// A short text at the head of an entry, and its colour.
pub(super) type Head = (String, Option<Paint>);

/// Entries of two heads each, and of as many lines as `lines` makes of it in the columns that are left.
pub(super) fn entries<T>(
    all: &[T],
    heads: impl Fn(&T) -> [Head; 2],
    lines: impl Fn(&T, usize) -> Vec<String>,
    style: Style,
) -> String {
    let heads: Vec<[Head; 2]> = all.iter().map(heads).collect();
    let widths = [0, 1].map(|at| widest(heads.iter().map(|head| head[at].0.as_str())) + 2);
    let indent = 2 + widths[0] + widths[1];
    let room = style.width.saturating_sub(indent).max(LEAST_ROOM);
    let below = format!("\n{}", " ".repeat(indent));
    let cell = |(text, paint): &Head, width| {
        let drawn = paint.map_or_else(|| text.clone(), |paint| style.paint(paint, text));
        pad(text, &drawn, width)
    };
    let drawn = all.iter().zip(&heads).map(|(one, [first, second])| {
        let (first, second) = (cell(first, widths[0]), cell(second, widths[1]));
        format!("  {first}{second}{}\n", lines(one, room).join(&below))
    });
    drawn.collect()
}

/// Pads `text`, drawn as `drawn`, to `columns`.
pub(super) fn pad(text: &str, drawn: &str, columns: usize) -> String {
    format!("{drawn}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The width of the widest.
pub(super) fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(width).max().unwrap_or(0)
}

/// Breaks at spaces into lines of at most `room` columns; a longer word is a line of its own. No line begins as a command
/// to GitHub's runner does.
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
    lines.iter().map(|line| visible_lines(line)).collect()
}
