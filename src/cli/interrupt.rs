//! Signals that end the program: how they are heard, and what goes with it.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::Exit;
use super::failure::Failure;
use crate::project::git::Shelf;

/// The signals that ask the program to end. To be called where a runtime listens; heard from now on.
pub(super) fn signals() -> Vec<Signal> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect()
}

/// Resolves at the first of them.
pub(super) async fn any(signals: &mut [Signal]) {
    let waiting: Vec<_> = signals.iter_mut().map(|signal| Box::pin(signal.recv())).collect();
    if waiting.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(waiting).await;
}

#[expect(clippy::exit, reason = "the user asked for it, or what is left to do does not end")]
pub(super) fn leave(exit: Exit) {
    std::process::exit(i32::from(exit as u8));
}

/// Ends the program at the first signal, without what was put aside. A thread of its own: who reads and compares waits
/// for nothing.
pub(super) fn clear_when_interrupted(shelf: &Shelf) -> Result<(), Failure> {
    let failed = |error| Failure::new(Exit::Error, format!("cannot start: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.map_err(failed)?;
    let mut signals = {
        let _here = runtime.enter();
        signals()
    };
    let shelf = shelf.clone();
    std::thread::spawn(move || {
        runtime.block_on(any(&mut signals));
        shelf.clear();
        leave(Exit::Interrupted);
    });
    Ok(())
}
