//! `mlstack version`: which mlstack this is.

use serde_json::{Value, json};

use super::args::{Format, Version};
use super::exit::Exit;
use super::ui::Ui;

/// The number of this version.
pub(super) const NUMBER: &str = env!("CARGO_PKG_VERSION");

/// The commit that this was built from, in hex; whoever builds a release says it (`MLSTACK_COMMIT`).
pub(super) const COMMIT: Option<&str> = option_env!("MLSTACK_COMMIT");

/// Runs the command.
pub(super) fn run(args: &Version, ui: &Ui) -> Exit {
    match if args.json { Format::Json } else { args.format } {
        Format::Json => ui.out_json(&document()),
        Format::Text => ui.out(&format!("mlstack {NUMBER}")),
    }
    Exit::Done
}

fn document() -> Value {
    let features = [("postgres", cfg!(feature = "postgres")), ("s3", cfg!(feature = "s3"))];
    let features: Vec<&str> = features
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name)
        .collect();
    json!({
        "version": NUMBER,
        "commit": COMMIT,
        "target": env!("MLSTACK_BUILT_FOR"),
        "features": features,
        "rustc": env!("MLSTACK_BUILT_WITH"),
    })
}
