//! The right to change a stack: a lock that ends with its process, or a lease that must be renewed.
//!
//! A lease is kept in a thread of its own, because the work beside it may block for minutes (an image is packed, a
//! server is built). It counts as lost when two thirds of its time went by without a renewal, for good: whoever lost it
//! starts nothing new, and the last third is for a call that is on its way. Renewing it late all the same could
//! meet somebody who has just seen that its time is up.

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
    guard: Arc<dyn Guard>,
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
            guard: Arc::new(guard),
        }
    }

    /// Whether somebody else may have it by now: nothing new may be started then.
    pub fn is_lost(&self) -> bool {
        self.guard.is_lost()
    }

    /// Tells the same from anywhere, and does not keep the lock: one that was given back is lost.
    pub fn watch(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let guard = Arc::downgrade(&self.guard);
        move || guard.upgrade().is_none_or(|guard| guard.is_lost())
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
    renewed: Mutex<Moment>,
    lost: AtomicBool,
}

/// A moment that also the time counts from in which the machine sleeps.
#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    up: Option<Duration>,
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
            renewed: Mutex::new(Moment::now()),
            lost: AtomicBool::new(false),
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
        self.kept.is_lost(self.time)
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
    let begun = Moment::now();
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
    fn renewed_at(&self, at: Moment) {
        *self.renewed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    fn is_lost(&self, time: Duration) -> bool {
        let renewed = *self.renewed.lock().unwrap_or_else(PoisonError::into_inner);
        let late = renewed.elapsed() >= time * 2 / 3;
        self.lost.fetch_or(late, Ordering::Relaxed) || late
    }
}

impl Moment {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            up: uptime(),
        }
    }

    fn elapsed(self) -> Duration {
        let asleep_too = uptime().zip(self.up).map(|(now, then)| now.saturating_sub(then));
        self.at.elapsed().max(asleep_too.unwrap_or_default())
    }
}

/// Since the machine started, its sleep included, which [`Instant`] leaves out (proc_uptime(5)).
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds = text.split_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

type Renewal = Result<Result<bool, LedgerError>, tokio::time::error::Elapsed>;

/// Renews three times in its time, and ten times as often after a failure. A renewal counts from when it was sent.
fn renewing(time: Duration, kept: &Kept, stop: &Receiver<()>, mut renew: impl FnMut(Duration) -> Renewal) {
    let mut pause = time / 3;
    while stop.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) && !kept.is_lost(time) {
        let sent = Moment::now();
        match renew(time / 3) {
            Ok(Ok(true)) => {
                kept.renewed_at(sent);
                pause = time / 3;
            }
            Ok(Ok(false)) => return kept.lost.store(true, Ordering::Relaxed),
            Ok(Err(_)) | Err(_) => pause = time / 30,
        }
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
