//! The right to change a stack: a lock that ends with its process, or a lease that must be renewed.
//!
//! A lease is kept in a thread of its own, because the work beside it may block for minutes (an image is packed, a
//! server is built). It counts as lost when two thirds of its time went by without a renewal: whoever lost it starts
//! nothing new, and the last third is for what still runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Holder, LedgerError};

/// The right to change a stack, until it is dropped.
#[must_use = "the lock is free again as soon as this is dropped"]
pub struct Lock {
    /// Who holds it: we.
    pub holder: Holder,
    guard: Box<dyn Guard>,
}

/// What makes a lock free again when it is dropped.
pub trait Guard: Send + Sync {
    /// Whether somebody else may have it by now.
    fn is_lost(&self) -> bool;
}

impl Lock {
    /// A lock that `guard` frees.
    pub fn new(holder: Holder, guard: impl Guard + 'static) -> Self {
        Self {
            holder,
            guard: Box::new(guard),
        }
    }

    /// Whether somebody else may have it by now: nothing new may be started then.
    pub fn is_lost(&self) -> bool {
        self.guard.is_lost()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock")
            .field("holder", &self.holder)
            .finish_non_exhaustive()
    }
}

/// What a lease is kept by.
#[async_trait]
pub trait Leased: Send {
    /// Makes it last for another whole time; `false` when somebody else has it.
    ///
    /// # Errors
    /// When nobody answers; it is tried again.
    async fn renew(&mut self) -> Result<bool, LedgerError>;

    /// Gives it back.
    ///
    /// # Errors
    /// When nobody answers; it ends by itself then.
    async fn release(&mut self) -> Result<(), LedgerError>;
}

/// A lease that is being renewed; given back when it is dropped.
pub struct Lease {
    kept: Arc<Kept>,
    time: Duration,
    stop: Option<SyncSender<()>>,
    keeper: Option<JoinHandle<()>>,
}

struct Kept {
    renewed: Mutex<Instant>,
    taken: AtomicBool,
}

/// How long a thread waits for an answer when it gives a lease back.
const PATIENCE: Duration = Duration::from_secs(5);

impl Lease {
    /// Takes a lease that lasts for `time` without renewals, and keeps it. `take` runs in the keeper's thread, so that
    /// what it connects to is served there.
    ///
    /// # Errors
    /// What `take` ends with.
    pub async fn keep<F, W>(time: Duration, take: F) -> Result<Self, LedgerError>
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = Result<Box<dyn Leased>, LedgerError>>,
    {
        let (answer, taken) = tokio::sync::oneshot::channel();
        let (stop, stopped) = sync_channel(1);
        let kept = Arc::new(Kept {
            renewed: Mutex::new(Instant::now()),
            taken: AtomicBool::new(false),
        });
        let also_kept = Arc::clone(&kept);
        let keeper = std::thread::Builder::new()
            .name("lease".into())
            .spawn(move || keeper(time, take, &also_kept, answer, &stopped))
            .map_err(|error| LedgerError::Refused(format!("cannot start a thread: {error}")))?;
        let lost = || LedgerError::Refused("the keeper of the lease ended early".into());
        taken.await.unwrap_or_else(|_| Err(lost()))?;
        Ok(Self {
            kept,
            time,
            stop: Some(stop),
            keeper: Some(keeper),
        })
    }
}

impl Guard for Lease {
    fn is_lost(&self) -> bool {
        let renewed = *self.kept.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.kept.taken.load(Ordering::Relaxed) || renewed.elapsed() >= self.time * 2 / 3
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take() {
            let _ended = keeper.join();
        }
    }
}

fn keeper<F, W>(
    time: Duration,
    take: F,
    kept: &Kept,
    answer: tokio::sync::oneshot::Sender<Result<(), LedgerError>>,
    stop: &Receiver<()>,
) where
    F: FnOnce() -> W,
    W: Future<Output = Result<Box<dyn Leased>, LedgerError>>,
{
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let _gone = answer.send(Err(LedgerError::Refused(format!("cannot start: {error}"))));
            return;
        }
    };
    let begun = Instant::now();
    let mut leased = match runtime.block_on(take()) {
        Ok(leased) => leased,
        Err(error) => {
            let _gone = answer.send(Err(error));
            return;
        }
    };
    kept.renewed_at(begun);
    if answer.send(Ok(())).is_ok() {
        renewing(time, kept, stop, |limit| {
            runtime.block_on(async { tokio::time::timeout(limit, leased.renew()).await })
        });
    }
    let _tried = runtime.block_on(async { tokio::time::timeout(PATIENCE, leased.release()).await });
    runtime.shutdown_background();
}

impl Kept {
    fn renewed_at(&self, at: Instant) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

type Renewal = Result<Result<bool, LedgerError>, tokio::time::error::Elapsed>;

/// Renews three times in its time, and ten times as often after a failure. A renewal counts from when it was sent.
fn renewing(time: Duration, kept: &Kept, stop: &Receiver<()>, mut renew: impl FnMut(Duration) -> Renewal) {
    let mut pause = time / 3;
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let sent = Instant::now();
        match renew(time / 3) {
            Ok(Ok(true)) => {
                kept.renewed_at(sent);
                pause = time / 3;
            }
            Ok(Ok(false)) => return kept.taken.store(true, Ordering::Relaxed),
            Ok(Err(_)) | Err(_) => pause = time / 30,
        }
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
