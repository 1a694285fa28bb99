//! `mlstack schema`: the JSON Schema of what mlstack reads and writes.

use super::args::{Schema, SchemaOf};
use super::exit::Exit;
use super::ui::Ui;
use crate::{stack, view};

/// Runs the command.
pub(super) fn run(args: &Schema, ui: &Ui) -> Exit {
    let schema = match args.what {
        SchemaOf::Stack => stack::schema(),
        SchemaOf::Plan => view::plan_schema(),
        SchemaOf::Review => view::review_schema(),
        SchemaOf::Events => view::events_schema(),
    };
    ui.out(&format!("{schema:#}"));
    Exit::Done
}
