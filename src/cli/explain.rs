//! `mlstack explain`: what a diagnostic code means.

use super::Context;
use super::args::Explain;
use super::exit::Exit;
use super::failure::Failure;
use crate::diag::codes::{ALL, Code, find};

/// Runs the command.
pub(super) fn run(args: &Explain, context: &Context) -> Result<Exit, Failure> {
    match &args.code {
        None => context.ui.out(&list()),
        Some(name) => context.ui.out(&page(known(name)?)),
    }
    Ok(Exit::Done)
}

fn list() -> String {
    ALL.iter()
        .map(|code| format!("mlstack::{:<26} {}\n", code.name, code.summary))
        .collect()
}

fn page(code: &Code) -> String {
    format!("mlstack::{}: {}\n\n{}", code.name, code.summary, code.explanation)
}

fn known(name: &str) -> Result<&'static Code, Failure> {
    find(name).ok_or_else(|| {
        let failure = Failure::new(Exit::Usage, format!("there is no diagnostic `{name}`"));
        let short = name.strip_prefix("mlstack::").unwrap_or(name);
        let near = ALL
            .iter()
            .max_by(|a, b| likeness(short, a).total_cmp(&likeness(short, b)));
        match near.filter(|code| likeness(short, code) > 0.7) {
            Some(code) => failure.hint(format!("did you mean `mlstack explain {}`?", code.name)),
            None => failure.hint("`mlstack explain` lists them all"),
        }
    })
}

fn likeness(name: &str, code: &Code) -> f64 {
    strsim::jaro_winkler(name, code.name)
}
