//! `mlstack validate`: everything that is wrong with the stack file, in every environment.

use std::fmt::Write as _;

use serde_json::json;

use super::Context;
use super::args::{Check, Validate};
use super::exit::Exit;
use super::failure::Failure;
use super::load::{self, Read};
use super::report::{diagnosed, from_root};
use crate::diag::render::json;
use crate::diag::{Diagnostic, Severity};
use crate::view::sarif;

/// Runs the command.
pub(super) fn run(args: &Validate, context: &Context) -> Result<Exit, Failure> {
    let read = load::read(context, context.global.env.is_none())?;
    let all = load::diagnose(context, &read)?;
    let exit = load::exit_of(&all);
    match args.format {
        Check::Json => context.ui.out_json(&json!({
            "valid": exit == Exit::Done,
            "diagnostics": json(&read.source(), &all),
        })),
        Check::Text => context.ui.out(&report(context, &read, &all)),
        Check::Sarif => context
            .ui
            .out_json(&sarif(&diagnosed(&read, &all, context), &from_root(context))),
    }
    Ok(exit)
}

/// The pictures, or one line that says that all is well.
fn report(context: &Context, read: &Read, all: &[Diagnostic]) -> String {
    let mut text = read.picture(all, context.ui.color_out, context.ui.width);
    if all
        .iter()
        .all(|diagnostic| diagnostic.code.severity == Severity::Warning)
    {
        let components = read.parsed.stack.as_ref().map_or(0, |stack| stack.components.len());
        let environments = if context.global.env.is_none() {
            ", in every environment"
        } else {
            ""
        };
        let _ = writeln!(
            text,
            "{} is valid: {}{environments}.",
            read.file.shown,
            counted(components, "component")
        );
    }
    text
}

/// `1 component`, `4 components`.
pub(super) fn counted(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
