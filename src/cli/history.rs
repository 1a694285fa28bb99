//! `mlstack history`: who changed the stack, when, and how it ended.

use serde_json::{Value, json};

use super::Context;
use super::args::{Format, History};
use super::exit::Exit;
use super::failure::Failure;
use super::memory::{failure, store};
use crate::ledger::journal::replay;
use crate::ledger::{Ending, Run, look};
use crate::view::{HistoryRow, history_text};

/// Runs the command.
pub(super) async fn run(args: &History, context: &Context) -> Result<Exit, Failure> {
    let store = store(context).await?;
    let (ledger, _) = look(&*store).await.map_err(|error| failure(&error))?;
    let journal = store.journal().await.map_err(|error| failure(&error))?;
    let holder = store.holder().await.map_err(|error| failure(&error))?;
    let mut runs: Vec<(Run, bool)> = ledger.runs.into_iter().map(|run| (run, false)).collect();
    let left = replay(&journal).filter(|cut| runs.iter().all(|(run, _)| run.id != cut.run.id));
    runs.extend(left.map(|cut| (cut.run, holder.is_some())));
    runs.reverse();
    match args.format {
        Format::Json => {
            let runs: Vec<Value> = runs.iter().map(|(run, running)| json_of(run, *running)).collect();
            context
                .ui
                .out(&format!("{:#}", json!({"format_version": "1.0", "runs": runs})));
        }
        Format::Text if runs.is_empty() => context.ui.out("Nothing was changed yet, or the ledger was lost."),
        Format::Text => {
            let rows: Vec<_> = runs.iter().map(|(run, running)| row(run, *running)).collect();
            context.ui.out(&history_text(&rows, context.ui.style()));
        }
    }
    Ok(Exit::Done)
}

/// A run that left its journal behind is at work as long as somebody holds the lock.
fn ending(run: &Run, running: bool) -> &'static str {
    match run.ending {
        Ending::CutOff if running => "running",
        Ending::CutOff => "cut off",
        Ending::Done => "done",
        Ending::Failed => "failed",
        Ending::Interrupted => "interrupted",
    }
}

fn row(run: &Run, running: bool) -> HistoryRow {
    let steps = run.done + run.failed + run.skipped;
    let who = run.who.as_ref();
    HistoryRow {
        when: run.begun.clone(),
        place: run.place.clone(),
        command: run.command.clone(),
        ending: ending(run, running).to_owned(),
        steps: format!("{} of {steps}", run.done),
        revision: run.revision.map(|number| number.to_string()).unwrap_or_default(),
        plan: run.plan_id.clone().unwrap_or_default(),
        who: who.map(|who| who.user.clone()).unwrap_or_default(),
        run_url: who.and_then(|who| who.run_url.clone()).unwrap_or_default(),
        well: matches!(run.ending, Ending::Done) || running,
    }
}

fn json_of(run: &Run, running: bool) -> Value {
    json!({
        "id": run.id, "place": run.place, "command": run.command, "begun": run.begun, "ended": run.ended,
        "ending": if running { "running".to_owned() } else { ending(run, false).replace(' ', "-") },
        "done": run.done, "failed": run.failed, "skipped": run.skipped, "revision": run.revision,
        "plan_id": run.plan_id, "stack_digest": run.stack_digest, "mlstack_version": run.mlstack_version,
        "user": run.who.as_ref().map(|who| &who.user),
        "run_url": run.who.as_ref().and_then(|who| who.run_url.as_ref()),
    })
}
