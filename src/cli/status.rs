//! `mlstack status`: what runs, one line a container.

use super::Context;
use super::args::{Format, Status};
use super::exit::Exit;
use super::failure::Failure;
use super::load::load;
use super::site::Site;
use crate::view::{status_json, status_text};

/// Runs the command.
pub(super) async fn run(args: &Status, context: &Context) -> Result<Exit, Failure> {
    let loaded = load(context)?;
    let site = Site::of(loaded.target, &loaded.stack, context).await?;
    let copies = site.reader().status(&loaded.stack.name).await?;
    match args.format {
        Format::Json => context.ui.out_json(&status_json(&loaded.stack.name, &copies)),
        Format::Text if copies.is_empty() => {
            context
                .ui
                .out(&format!("{}: nothing runs. `mlstack up` starts it.", loaded.stack.name));
        }
        Format::Text => context.ui.out(&status_text(&copies, context.ui.style())),
    }
    Ok(Exit::Done)
}
