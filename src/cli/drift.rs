//! `mlstack drift`: what runs, beside what mlstack would send. Changes nothing.

use super::Context;
use super::args::{Drift as Args, Format, Takeover};
use super::exit::Exit;
use super::failure::Failure;
use super::plan::{decide, document, header};
use super::survey::{Look, survey};
use crate::plan::Options;
use crate::view::{Style, drift_text, findings_text};

/// Runs the command.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let mut survey = survey(context, Look::Live, &Takeover::default()).await?;
    survey.narrow(&args.scope)?;
    let plan = decide(&survey, &Options::default())?;
    let style = Style {
        color: context.ui.color_out,
        width: context.ui.width,
    };
    match args.format {
        Format::Text => {
            let said = drift_text(&header(&survey), &plan, style) + &findings_text(&survey.findings, style);
            context.ui.out(&said);
        }
        Format::Json => context.ui.out_json(&document(&survey, &plan)),
    }
    let differs = !plan.drift.is_empty() || plan.intended().next().is_some();
    Ok(if args.detailed_exitcode && differs {
        Exit::Changes
    } else {
        Exit::Done
    })
}
