//! The table as a page of the documentation.

use std::fmt::Write;

use super::{Field, Level};
use crate::target::Target;

const HEAD: &str = "\
# What each target can carry

<!-- Written from the table in src/target/capability.rs; `MLSTACK_BLESS=1 cargo test --test it capabilities` writes it again. -->

Every field of the stack language has an entry here for every target. Nothing is lost in silence:

- **full**: as the stack file says.
- **degraded**: not quite as the stack file says; the entry says how. Where it *needs allowance*, a stack that uses
  the field is refused until the component says why that is fine:

  ```yaml
  allow_degraded: {env-secrets: \"the application reads API_KEY_FILE\"}
  ```
- **unsupported**: a stack that uses the field is refused at its line; the entry says what to write instead.

";

/// `docs/capabilities.md`.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    let names: Vec<_> = Target::ALL.iter().map(|target| target.name()).collect();
    row(
        &mut page,
        "field",
        "capability",
        names.iter().map(|name| (*name).to_owned()),
    );
    row(&mut page, "---", "---", names.iter().map(|_| "---".to_owned()));
    for field in Field::ALL {
        let levels = Target::ALL.iter().map(|target| cell(field.on(*target)));
        row(
            &mut page,
            &format!("`{}`", field.place()),
            &format!("`{}`", field.name()),
            levels,
        );
    }
    page
}

fn row(page: &mut String, place: &str, name: &str, levels: impl Iterator<Item = String>) {
    let levels: Vec<_> = levels.collect();
    writeln!(page, "| {place} | {name} | {} |", levels.join(" | ")).expect("a text takes every text");
}

fn cell(level: Level) -> String {
    match level {
        Level::Full => "full".to_owned(),
        Level::Degraded {
            how,
            needs_allowance: false,
        } => format!("**degraded**: {how}"),
        Level::Degraded {
            how,
            needs_allowance: true,
        } => format!("**degraded, needs allowance**: {how}"),
        Level::Unsupported { why, instead } => format!("**unsupported**: {why}; {instead}"),
    }
}
