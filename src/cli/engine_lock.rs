//! The lock on the engine itself, for an engine that several machines share.

use std::time::Duration;

use async_trait::async_trait;
use mlstack_provider::ProviderError;
use mlstack_provider_docker::{Connection, EngineLock, Host, Taken};

use super::Context;
use super::args::When;
use super::failure::Failure;
use super::memory::{failure, stack_name};
use super::survey::connect;
use crate::ledger::{Holder, LEASE, Lease, Leased, LedgerError, Lock};

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

async fn taken(host: Host, project: String, own: Holder) -> Result<Box<dyn Leased>, LedgerError> {
    let place = host.to_string();
    let remote = |cause: ProviderError| LedgerError::Remote {
        action: "lock the stack on",
        place: place.clone(),
        cause: Box::new(cause),
    };
    let text = serde_json::to_string(&own).map_err(|error| LedgerError::Refused(error.to_string()))?;
    let is_free = |text: &str| read(text).is_some_and(|other| other.id == own.id || other.process.is_gone());
    let connection = Connection::new(host.clone()).answering_within(Duration::from_secs(15));
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
