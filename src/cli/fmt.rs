//! `mlstack fmt`: the stack file in the canonical layout.

use super::Context;
use super::args::Fmt;
use super::exit::Exit;
use super::failure::Failure;
use super::load::stack_file;
use crate::stack::format;

/// Runs the command.
pub(super) fn run(args: &Fmt, context: &Context) -> Result<Exit, Failure> {
    let file = stack_file(context)?;
    let formatted =
        format(&file.text).map_err(|error| Failure::new(Exit::Invalid, format!("{}: {error}", file.shown)))?;
    if formatted == file.text {
        context.ui.note(&format!("{} is formatted.", file.shown));
        return Ok(Exit::Done);
    }
    if args.check {
        return Err(
            Failure::new(Exit::Error, format!("{} is not formatted", file.shown)).hint("`mlstack fmt` formats it")
        );
    }
    std::fs::write(&file.path, formatted)
        .map_err(|error| Failure::new(Exit::Error, format!("cannot write {}: {error}", file.shown)))?;
    context.ui.note(&format!("{} is formatted now.", file.shown));
    Ok(Exit::Done)
}
