//! `mlstack unlock`: who holds the locks, and the way out when their holder is no more.

use super::Context;
use super::args::Unlock;
use super::engine_lock::{self, Seen};
use super::exit::Exit;
use super::failure::Failure;
use super::memory::{failure, store};
use crate::ledger::{Holder, LedgerError, Store};

/// Runs the command.
pub(super) async fn run(args: &Unlock, context: &Context) -> Result<Exit, Failure> {
    let store = store(context).await?;
    let ledger = store.holder().await.map_err(|error| failure(&error))?;
    let seen = engine_lock::seen(context).await;
    if let Err(error) = &seen {
        let why = error.text();
        context
            .ui
            .note(&format!("note: the lock on the target is not shown: {why}"));
    }
    let is_known = seen.is_ok();
    let engine = seen.ok().flatten();
    context.ui.out(&match (&ledger, is_known) {
        (None, false) => format!("Nobody holds the lock in {}.", store.shown()),
        _ => shown(&*store, ledger.as_ref(), engine.as_ref()),
    });
    if let Some(id) = &args.id
        && (ledger.is_some() || engine.is_some())
    {
        free(id, &*store, ledger.as_ref(), engine.as_ref()).await?;
        context.ui.note("It is free now.");
    }
    Ok(Exit::Done)
}

/// One run may hold both locks; it is told once then.
fn shown(store: &dyn Store, ledger: Option<&Holder>, engine: Option<&Seen>) -> String {
    let place = store.shown();
    match (ledger, engine) {
        (None, None) => format!("Nobody holds the lock in {place}, nor one on the target itself."),
        (Some(holder), None) => lock(holder, &format!("in {place}")),
        (None, Some(engine)) => on_engine(engine),
        (Some(holder), Some(engine)) if engine.has(&holder.id) => {
            lock(holder, &format!("in {place}\nand on {}", engine.place))
        }
        (Some(holder), Some(engine)) => [lock(holder, &format!("in {place}")), on_engine(engine)].join("\n\n"),
    }
}

fn lock(holder: &Holder, place: &str) -> String {
    format!("Lock {}\nheld by {holder}\n{place}", holder.id)
}

fn on_engine(engine: &Seen) -> String {
    let place = format!("on {}", engine.place);
    match &engine.holder {
        Some(holder) => lock(holder, &place),
        None => format!("A lock\nheld by another version of mlstack\n{place}"),
    }
}

/// Frees every lock that has this id.
async fn free(id: &str, store: &dyn Store, ledger: Option<&Holder>, engine: Option<&Seen>) -> Result<(), Failure> {
    let on_engine = engine.filter(|engine| engine.has(id));
    let in_ledger = ledger.filter(|holder| holder.id == id);
    if on_engine.is_none() && in_ledger.is_none() {
        let (asked, held) = (
            id.to_owned(),
            ledger.or(engine.and_then(|engine| engine.holder.as_ref())),
        );
        let found = held.map_or_else(|| "another".to_owned(), |holder| holder.id.clone());
        let error = LedgerError::OtherId { asked, found };
        return Err(Failure::of(Exit::Usage, &error).hint("the id is in the first line above"));
    }
    if in_ledger.is_some() {
        store.unlock(id).await.map_err(|error| in_use(&error))?;
    }
    if let Some(engine) = on_engine {
        engine.free(id).await.map_err(|error| in_use(&error))?;
    }
    Ok(())
}

fn in_use(error: &LedgerError) -> Failure {
    match error {
        LedgerError::Alive(_) => {
            failure(error).hint("end that run first; a lock that nobody renews is free after a minute, by itself")
        }
        _ => failure(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Folder, Process, Who};

    fn holder(id: &str, run_url: Option<&str>) -> Holder {
        let who = Who {
            user: "ann@build-7".into(),
            run_url: run_url.map(str::to_owned),
        };
        let holder = Holder::new(id.into(), who, "apply", "2026-11-23T07:45:14Z".into());
        let process = Process {
            pid: 7,
            ..Process::default()
        };
        Holder { process, ..holder }
    }

    fn seen(holder: Option<Holder>) -> Seen {
        Seen::told(holder, "tcp://10.0.0.7:2376")
    }

    #[test]
    fn both_locks_are_told() {
        let store = Folder::new("team/prices".into());
        let (mine, other) = (holder("0a", Some("https://ci.example/7")), holder("0b", None));
        let told = [
            shown(&store, None, None),
            shown(&store, Some(&mine), Some(&seen(Some(mine.clone())))),
            shown(&store, Some(&mine), Some(&seen(Some(other)))),
            shown(&store, None, Some(&seen(None))),
        ];
        insta::assert_snapshot!(told.join("\n---\n"), @"
        Nobody holds the lock in team/prices, nor one on the target itself.
        ---
        Lock 0a
        held by `mlstack apply` by ann@build-7, since 2026-11-23T07:45:14Z, https://ci.example/7
        in team/prices
        and on tcp://10.0.0.7:2376
        ---
        Lock 0a
        held by `mlstack apply` by ann@build-7, since 2026-11-23T07:45:14Z, https://ci.example/7
        in team/prices

        Lock 0b
        held by `mlstack apply` by ann@build-7, since 2026-11-23T07:45:14Z, process 7
        on tcp://10.0.0.7:2376
        ---
        A lock
        held by another version of mlstack
        on tcp://10.0.0.7:2376
        ");
    }
}
