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

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ending: &str, well: bool) -> HistoryRow {
        HistoryRow {
            when: "2026-11-23T07:45:14Z".into(),
            place: "prod/compose".into(),
            command: "apply".into(),
            ending: ending.into(),
            steps: "3 of 4".into(),
            revision: "7".into(),
            plan: "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".into(),
            who: "ann@build-7".into(),
            run_url: "https://ci.example/7".into(),
            well,
        }
    }

    #[test]
    fn one_row_a_run() {
        let older = HistoryRow {
            place: "compose".into(),
            steps: "12 of 12".into(),
            revision: String::new(),
            plan: String::new(),
            who: "bob\u{1b}[2J\u{202e}".into(),
            run_url: String::new(),
            ..row("cut off", false)
        };
        let rows = [row("running", true), row("failed", false), older];
        let plain = Style {
            color: false,
            width: 80,
        };
        insta::assert_snapshot!(history_text(&rows, plain), @r"
        WHEN                 WHERE         COMMAND  OUTCOME  STEPS     REVISION  PLAN      WHO
        2026-11-23 07:45:14  prod/compose  apply    running  3 of 4    7         0a1b2c3d  ann@build-7 https://ci.example/7
        2026-11-23 07:45:14  prod/compose  apply    failed   3 of 4    7         0a1b2c3d  ann@build-7 https://ci.example/7
        2026-11-23 07:45:14  compose       apply    cut off  12 of 12  -         -         bob\u{1b}[2J\u{202e}
        ");
        let colored = history_text(&rows[..2], Style { color: true, ..plain });
        insta::assert_snapshot!(colored.escape_debug().to_string().replace("\\n", "\n"), @r"
        WHEN                 WHERE         COMMAND  OUTCOME  STEPS   REVISION  PLAN      WHO
        2026-11-23 07:45:14  prod/compose  apply    \u{1b}[32mrunning\u{1b}[0m  3 of 4  7         0a1b2c3d  ann@build-7 https://ci.example/7
        2026-11-23 07:45:14  prod/compose  apply    \u{1b}[31mfailed\u{1b}[0m   3 of 4  7         0a1b2c3d  ann@build-7 https://ci.example/7
        ");
        insta::assert_snapshot!(history_text(&[], plain), @"WHEN  WHERE  COMMAND  OUTCOME  STEPS  REVISION  PLAN  WHO");
    }
}
