//! One run's hold on the ledger: locked, read, mended where the run before was cut off, written down as it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mlstack_provider::{Address, Resource};

use super::journal::{self, Cut, Entry, Intent, Opened, Settled};
use super::{Ending, Holder, Ledger, LedgerError, Lock, Run, Store, Version, from_text, new_id, now, to_text};

/// The ledger, ours alone until this is dropped.
pub struct Session {
    store: Arc<dyn Store>,
    /// All that must be ours; the ledger's own is the first.
    locks: Vec<Lock>,
    ledger: Ledger,
    version: Option<Version>,
    cut: Option<Cut>,
    /// A line that could not be written may stand there in part: nothing may follow it.
    torn: AtomicBool,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Steps that succeeded.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not tried.
    pub skipped: usize,
    /// How.
    pub ending: Ending,
}

/// Reads the ledger without a lock; a new one where there is none.
///
/// # Errors
/// When it cannot be read, or is not of a version this one knows.
pub async fn look(store: &dyn Store) -> Result<(Ledger, Option<Version>), LedgerError> {
    match store.read().await? {
        Some((text, version)) => {
            let place = store.shown();
            let ledger = from_text(&text).map_err(|cause| LedgerError::Format { place, cause })?;
            Ok((ledger, Some(version)))
        }
        None => {
            let lineage = new_id().map_err(|error| LedgerError::Refused(error.to_string()))?;
            Ok((Ledger::new(lineage), None))
        }
    }
}

impl Session {
    /// Takes the lock and reads the ledger. What a run before left in the journal, because it was cut off, becomes
    /// part of the history; [`cut`](Self::cut) tells of it.
    ///
    /// # Errors
    /// [`LedgerError::Held`] when somebody else is at work; when the ledger cannot be read or written.
    pub async fn open(store: Arc<dyn Store>, holder: &Holder) -> Result<Self, LedgerError> {
        let lock = store.lock(holder).await?;
        let (ledger, version) = look(&*store).await?;
        let mut session = Self {
            store,
            locks: vec![lock],
            ledger,
            version,
            cut: None,
            torn: AtomicBool::new(false),
        };
        session.mend().await?;
        Ok(session)
    }

    async fn mend(&mut self) -> Result<(), LedgerError> {
        let text = self.store.journal().await?;
        if text.is_empty() {
            return Ok(());
        }
        let known = |id: &str| self.ledger.runs.iter().any(|run| run.id == id);
        self.cut = journal::replay(&text).filter(|cut| !known(&cut.run.id));
        if let Some(Cut { run, .. }) = self.cut.clone() {
            if let Some(plan_id) = &run.plan_id {
                self.ledger.mark_used(plan_id, &run.begun);
            }
            self.ledger.record(run);
            self.save().await?;
        }
        self.store.clear().await
    }

    /// What is remembered.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The run before, if it was cut off.
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Whether nothing new may be started, because somebody else may hold the lock by now.
    pub fn is_lost(&self) -> bool {
        self.locks.iter().any(Lock::is_lost)
    }

    /// Tells from anywhere whether something new may still be started.
    pub fn watch(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let locks: Vec<_> = self.locks.iter().map(Lock::watch).collect();
        move || !locks.iter().any(|is_lost| is_lost())
    }

    /// Holds one more lock until the end, on the target itself.
    pub fn hold(&mut self, lock: Lock) {
        self.locks.push(lock);
    }

    /// Writes down that a run begins: from here on its sealed plan is used, whatever happens.
    ///
    /// # Errors
    /// When it cannot be written; nothing may be started then.
    pub async fn begin(&self, opened: Opened) -> Result<(), LedgerError> {
        self.append(&Entry::Run(opened)).await
    }

    /// Writes down that a step is about to touch the target.
    ///
    /// # Errors
    /// When it cannot be written, or the lock is lost; the step may not be started then.
    pub async fn intend(&self, intent: Intent) -> Result<(), LedgerError> {
        self.append(&Entry::Begin(intent)).await
    }

    /// Writes down what came of a step.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn settle(&self, settled: Settled) -> Result<(), LedgerError> {
        self.append(&Entry::End(settled)).await
    }

    async fn append(&self, entry: &Entry) -> Result<(), LedgerError> {
        if self.is_lost() && !matches!(entry, Entry::End(_)) {
            return Err(LedgerError::Lost);
        }
        if self.torn.load(Ordering::Relaxed) {
            let place = self.store.shown();
            return Err(LedgerError::Refused(format!(
                "the journal in {place} could not be written before"
            )));
        }
        let appended = self.store.append(&journal::line(entry)).await;
        self.torn.fetch_or(appended.is_err(), Ordering::Relaxed);
        appended
    }

    /// Remembers what holds data at a place; it is written with the end of the run.
    pub fn protect(&mut self, place: &str, holds_data: impl IntoIterator<Item = Address>) {
        self.ledger.protect(place, holds_data);
    }

    /// Remembers how long a change took, in seconds; `None` for what is there no more.
    pub fn time(&mut self, place: &str, address: &Address, took: Option<u32>) {
        self.ledger.time(place, address, took);
    }

    /// Forgets data that was lost with leave.
    pub fn unprotect(&mut self, place: &str, lost: &Address) {
        self.ledger.unprotect(place, lost);
    }

    /// Writes down how the run ended, with what now runs well at its place if it does, and empties the journal.
    ///
    /// # Errors
    /// When it cannot be written, or the lock is lost and the journal is somebody else's by now; it stands then and the
    /// next run goes on from it.
    pub async fn end(&mut self, run: Opened, ended: Ended, good: Option<&[Resource]>) -> Result<(), LedgerError> {
        if self.is_lost() {
            return Err(LedgerError::Lost);
        }
        let at = now();
        let ledger = &mut self.ledger;
        let revision = good.map(|resources| ledger.revise(&run.place, &at, &run.stack_digest, resources));
        if let Some(plan_id) = &run.plan_id {
            ledger.mark_used(plan_id, &run.begun);
        }
        ledger.record(Run {
            ended: Some(at),
            done: ended.done,
            failed: ended.failed,
            skipped: ended.skipped,
            ending: ended.ending,
            revision,
            ..journal::cut_off(run)
        });
        self.save().await?;
        self.store.clear().await
    }

    /// Remembers that what is wanted runs already, where that is news.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn confirm(&mut self, place: &str, stack_digest: &str, good: &[Resource]) -> Result<(), LedgerError> {
        let before = self.ledger.revisions(place).last().map(|revision| revision.number);
        let number = self.ledger.revise(place, &now(), stack_digest, good);
        if before == Some(number) {
            Ok(())
        } else {
            self.save().await
        }
    }

    async fn save(&mut self) -> Result<(), LedgerError> {
        let next = Ledger {
            serial: self.ledger.serial + 1,
            ..self.ledger.clone()
        };
        let version = self.store.write(&to_text(&next), self.version.as_ref()).await?;
        (self.ledger, self.version) = (next, Some(version));
        Ok(())
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
