//! Who changed a stack, one row a run.

use super::table::{pad, widest};
use super::{Paint, Style, escape};

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// When it began (RFC 3339).
    pub when: String,
    /// `prod/compose`.
    pub place: String,
    /// `apply`.
    pub command: String,
    /// `done`, `failed`, `interrupted`, `cut off`, `running`.
    pub ending: String,
    /// `3 of 4`.
    pub steps: String,
    /// The good revision it left; empty where it left none.
    pub revision: String,
    /// The sealed plan; empty without one.
    pub plan: String,
    /// `ann@build-7`; empty where nobody said.
    pub who: String,
    /// The page of its CI run; empty without one.
    pub run_url: String,
    /// Whether it ended as it should, or still may.
    pub well: bool,
}

const TITLES: [&str; 8] = [
    "WHEN", "WHERE", "COMMAND", "OUTCOME", "STEPS", "REVISION", "PLAN", "WHO",
];
const OUTCOME: usize = 3;

/// The table, with its titles.
pub fn history_text(rows: &[HistoryRow], style: Style) -> String {
    let cells: Vec<[String; 8]> = rows.iter().map(cells).collect();
    let column = |i: usize| widest(cells.iter().map(|row| row[i].as_str()).chain([TITLES[i]]));
    let widths: Vec<usize> = (0..TITLES.len()).map(column).collect();
    let line = |row: [&str; 8], paint: Option<Paint>| {
        let cell = |i: usize| {
            let paint = paint.filter(|_| i == OUTCOME);
            let drawn = paint.map_or_else(|| row[i].to_owned(), |paint| style.paint(paint, row[i]));
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

fn cells(row: &HistoryRow) -> [String; 8] {
    // The first eight digits tell plans apart; all of them are in the JSON.
    let plan = row.plan.chars().take(8).collect();
    let who = [row.who.as_str(), row.run_url.as_str()].join(" ").trim().to_owned();
    let when = row.when.replace('T', " ").replace('Z', "");
    let HistoryRow {
        place,
        command,
        ending,
        steps,
        revision,
        ..
    } = row.clone();
    [when, place, command, ending, steps, revision, plan, who]
        .map(|text| if text.is_empty() { "-".to_owned() } else { escape(&text) })
}
