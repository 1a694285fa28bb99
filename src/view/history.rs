//! Who changed a stack, one row a run.

use super::{Paint, Style, table};

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
    let paint = |well| if well { Paint::Good } else { Paint::Bad };
    let drawn: Vec<_> = rows.iter().map(|row| (cells(row), paint(row.well))).collect();
    table::rows(TITLES, &drawn, &[OUTCOME], style)
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
}
