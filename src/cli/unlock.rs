//! `mlstack unlock`: who holds the lock, and the way out when its holder is no more.

use super::Context;
use super::args::Unlock;
use super::exit::Exit;
use super::failure::Failure;
use super::memory::{failure, store};
use crate::ledger::LedgerError;

/// Runs the command.
pub(super) async fn run(args: &Unlock, context: &Context) -> Result<Exit, Failure> {
    let store = store(context)?;
    let Some(holder) = store.holder().await.map_err(|error| failure(&error))? else {
        context.ui.out(&format!("Nobody holds the lock in {}.", store.shown()));
        return Ok(Exit::Done);
    };
    context
        .ui
        .out(&format!("Lock {}\nheld by {holder}\nin {}", holder.id, store.shown()));
    let Some(id) = &args.id else {
        return Ok(Exit::Done);
    };
    match store.unlock(id).await {
        Ok(()) => {
            context.ui.note("It is free now.");
            Ok(Exit::Done)
        }
        Err(error @ LedgerError::OtherId { .. }) => {
            Err(Failure::of(Exit::Usage, &error).hint("the id is in the first line above"))
        }
        Err(error @ LedgerError::Alive(_)) => {
            Err(failure(&error).hint("end that run first; a lock that nobody renews is free after a minute, by itself"))
        }
        Err(error) => Err(failure(&error)),
    }
}
