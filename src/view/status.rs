//! What runs now, one row a component.

use super::{Paint, Style, table};

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
    let paint = |well| if well { Paint::Good } else { Paint::Bad };
    let drawn: Vec<_> = rows.iter().map(|row| (cells(row), paint(row.well))).collect();
    table::rows(TITLES, &drawn, &[1, 2], style)
}

fn cells(row: &StatusRow) -> [String; 5] {
    let StatusRow {
        component,
        state,
        health,
        since,
        ports,
        well: _,
    } = row.clone();
    [component, state, health, since, ports]
}
