//! What runs now, one row a component.

use super::table::{pad, widest};
use super::{Paint, Style, escape};

/// One component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRow {
    /// Its name.
    pub component: String,
    /// `running`, `exited (1)`, `missing`.
    pub state: String,
    /// `healthy`, `starting`, `unhealthy`; empty where nobody asks.
    pub health: String,
    /// Since when: `3 minutes`.
    pub since: String,
    /// Where it is reached: `127.0.0.1:3000`.
    pub ports: String,
    /// Whether it is as it should be.
    pub well: bool,
}

const TITLES: [&str; 5] = ["COMPONENT", "STATE", "HEALTH", "SINCE", "PORTS"];

/// The table, with its titles.
pub fn status_text(rows: &[StatusRow], style: Style) -> String {
    let cells: Vec<[String; 5]> = rows.iter().map(cells).collect();
    let column = |i: usize| widest(cells.iter().map(|row| row[i].as_str()).chain([TITLES[i]]));
    let widths: Vec<usize> = (0..TITLES.len()).map(column).collect();
    let line = |row: [&str; 5], paint: Option<Paint>| {
        let cell = |i: usize| {
            let drawn = paint
                .filter(|_| i == 1 || i == 2)
                .map_or_else(|| row[i].to_owned(), |p| style.paint(p, row[i]));
            pad(row[i], &drawn, widths[i])
        };
        let text: Vec<String> = (0..row.len()).map(cell).collect();
        text.join("  ").trim_end().to_owned() + "\n"
    };
    let mut out = line(TITLES, None);
    for (row, cells) in rows.iter().zip(&cells) {
        let paint = if row.well { Paint::Good } else { Paint::Bad };
        out += &line(cells.each_ref().map(String::as_str), Some(paint));
    }
    out
}

fn cells(row: &StatusRow) -> [String; 5] {
    let StatusRow {
        component,
        state,
        health,
        since,
        ports,
        well: _,
    } = row;
    [component, state, health, since, ports].map(|text| if text.is_empty() { "-".to_owned() } else { escape(text) })
}
