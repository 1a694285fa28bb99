//! The lock on the engine itself, for an engine that several machines share.

use std::time::Duration;

use async_trait::async_trait;
use mlstack_provider::ProviderError;
use mlstack_provider_docker::{Connection, EngineLock, HeldLock, Host, Taken};

use super::Context;
use super::args::When;
use super::failure::Failure;
use super::memory::{failure, stack_name};
use super::survey::connect;
use crate::ledger::{Holder, LEASE, Lease, Leased, LedgerError, Lock};

/// How long the engine may take for an answer: less than a third of the lease.
const ANSWER: Duration = Duration::from_secs(15);

/// The engine's lock for this stack; `None` where the engine is this machine's own and nobody asked for one.
pub(super) async fn take(context: &Context, holder: &Holder) -> Result<Option<Lock>, Failure> {
    let host = connect()?.host().clone();
    let wanted = match context.global.lock_engine {
        When::Auto => !matches!(host, Host::Unix(_)),
        When::Always => true,
        When::Never => false,
    };
    if !wanted {
        return Ok(None);
    }
    let (project, own) = (stack_name(context)?, holder.clone());
    let lease = Lease::keep(LEASE, move || taken(host, project, own)).await;
    let lease = lease.map_err(|error| failure(&error))?;
    Ok(Some(Lock::new(holder.clone(), lease)))
}

/// The engine's lock on a stack as it is seen from outside.
pub(super) struct Seen {
    /// Who holds it; `None` where that was written by a version that this one cannot read.
    pub(super) holder: Option<Holder>,
    /// The engine.
    pub(super) place: String,
    lock: Option<(Connection, HeldLock)>,
}

/// The engine's lock on this stack, if somebody holds one, whether this run would take one or not.
pub(super) async fn seen(context: &Context) -> Result<Option<Seen>, Failure> {
    let connection = Connection::new(connect()?.host().clone()).answering_within(ANSWER);
    let lock = HeldLock::find(&connection, &stack_name(context)?).await?;
    Ok(lock.map(|lock| Seen {
        holder: read(&lock.holder),
        place: connection.host().to_string(),
        lock: Some((connection, lock)),
    }))
}

impl Seen {
    /// Whether this hold has it.
    pub(super) fn has(&self, id: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.id == id)
    }

    /// Frees it when its holder is no more.
    pub(super) async fn free(&self) -> Result<(), LedgerError> {
        let Some((connection, lock)) = &self.lock else {
            return Ok(());
        };
        if let Some(holder) = &self.holder
            && !lock.is_over
            && !holder.process.is_gone()
        {
            return Err(LedgerError::Alive(Box::new(holder.clone())));
        }
        lock.free(connection).await.map_err(|cause| LedgerError::Remote {
            action: "free the lock on",
            place: self.place.clone(),
            cause: Box::new(cause),
        })
    }

    /// One that only says who.
    #[cfg(test)]
    pub(super) fn told(holder: Option<Holder>, place: &str) -> Self {
        Self {
            holder,
            place: place.to_owned(),
            lock: None,
        }
    }
}

async fn taken(host: Host, project: String, own: Holder) -> Result<Box<dyn Leased>, LedgerError> {
    let place = host.to_string();
    let remote = |cause: ProviderError| LedgerError::Remote {
        action: "lock the stack on",
        place: place.clone(),
        cause: Box::new(cause),
    };
    let text = serde_json::to_string(&own).map_err(|error| LedgerError::Refused(error.to_string()))?;
    let is_free = |text: &str| read(text).is_some_and(|other| other.id == own.id || other.process.is_gone());
    let connection = Connection::new(host.clone()).answering_within(ANSWER);
    match EngineLock::take(connection, &project, &text, LEASE, is_free)
        .await
        .map_err(&remote)?
    {
        Taken::Ours(lock) => Ok(Box::new(Kept { lock, place })),
        Taken::Held(other) => Err(LedgerError::Held(read(&other).map(Box::new))),
    }
}

fn read(text: &str) -> Option<Holder> {
    serde_json::from_str(text).ok()
}

struct Kept {
    lock: EngineLock,
    place: String,
}

impl Kept {
    fn failed(&self, action: &'static str, cause: ProviderError) -> LedgerError {
        let place = self.place.clone();
        let cause = Box::new(cause);
        LedgerError::Remote { action, place, cause }
    }
}

#[async_trait]
impl Leased for Kept {
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        let renewed = self.lock.renew().await;
        renewed.map_err(|error| self.failed("renew the lock on", error))
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        let released = self.lock.release().await;
        released.map_err(|error| self.failed("free the lock on", error))
    }
}
