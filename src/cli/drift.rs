//! `mlstack drift`: what runs, beside what mlstack would send. Changes nothing.

use super::Context;
use super::args::{Drift as Args, Report, Takeover};
use super::exit::Exit;
use super::failure::Failure;
use super::plan::{decide, document, header, violations};
use super::report::{Shape, faulty, of_target, report};
use super::survey::{Look, survey};
use crate::plan::Options;
use crate::view::{Topic, drift_text, findings_text};

/// Runs the command.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let shape = Shape {
        topic: Topic::Drift,
        report: args.format,
        around: 0,
        compares: false,
    };
    let survey = survey(context, Look::Live, &Takeover::default()).await;
    let mut survey = survey.map_err(|failure| faulty(failure, shape, context))?;
    survey.narrow(&args.scope)?;
    let plan = decide(&survey, &Options::default())?;
    let style = context.ui.style();
    let text = || drift_text(&header(&survey), &plan, style) + &findings_text(&survey.findings, style);
    match args.format {
        Report::Text => context.ui.out(&text()),
        Report::Json => {
            context
                .ui
                .out_json(&document(&survey, &plan, &violations(&survey, &plan)));
        }
        _ => report(&of_target(&survey, plan.clone(), args.format), shape, &text, context)?,
    }
    let differs = !plan.drift.is_empty() || plan.intended().next().is_some();
    Ok(if args.detailed_exitcode && differs {
        Exit::Changes
    } else {
        Exit::Done
    })
}
