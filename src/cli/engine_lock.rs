//! The lock on the target itself, for an engine that several machines share, or a cluster.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use mlstack_provider::ProviderError;
use mlstack_provider_docker::{Connection, EngineLock, HeldLock, Host, Taken};
use mlstack_provider_kubernetes::{self as kubernetes, Cluster, ClusterLock};

use super::Context;
use super::args::When;
use super::failure::Failure;
use super::memory::{failure, stack};
use super::site::Site;
use crate::ledger::{Holder, LEASE, Lease, Leased, LedgerError, Lock};

/// How long the engine may take for an answer: less than a third of the lease.
const ANSWER: Duration = Duration::from_secs(15);

/// The target's lock for this stack; `None` where the engine is this machine's own and nobody asked for one.
pub(super) async fn take(context: &Context, holder: &Holder) -> Result<Option<Lock>, Failure> {
    let (stack, target) = stack(context)?;
    let site = Site::of(target, &stack, context).await?;
    let wanted = match context.global.lock_engine {
        When::Auto => is_shared(&site),
        When::Always => true,
        When::Never => false,
    };
    if !wanted {
        return Ok(None);
    }
    let (project, own) = (stack.name, holder.clone());
    let lease = match site {
        Site::Engine(connection) => {
            let host = connection.host().clone();
            Lease::keep(LEASE, move || taken(host, project, own)).await
        }
        Site::Cluster(cluster) => Lease::keep(LEASE, move || taken_of(cluster, project, own)).await,
    };
    let lease = lease.map_err(|error| failure(&error))?;
    Ok(Some(Lock::new(holder.clone(), lease)))
}

fn is_shared(site: &Site) -> bool {
    match site {
        Site::Engine(connection) => !matches!(connection.host(), Host::Unix(_)),
        Site::Cluster(_) => true,
    }
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
    let (stack, target) = stack(context)?;
    let Site::Engine(engine) = Site::of(target, &stack, context).await? else {
        return Ok(None);
    };
    let connection = Connection::new(engine.host().clone()).answering_within(ANSWER);
    let lock = HeldLock::find(&connection, &stack.name).await?;
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
    let connection = Connection::new(host.clone()).answering_within(ANSWER);
    let text = told(&own)?;
    let taken = EngineLock::take(connection, &project, &text, LEASE, |other| is_free(&own, other)).await;
    match taken.map_err(|cause| refused("lock the stack on", &place, cause))? {
        Taken::Ours(lock) => Ok(Box::new(Kept { lock, place })),
        Taken::Held(other) => Err(LedgerError::Held(read(&other).map(Box::new))),
    }
}

async fn taken_of(cluster: Arc<Cluster>, stack: String, own: Holder) -> Result<Box<dyn Leased>, LedgerError> {
    let place = cluster.server().to_owned();
    let cluster = cluster
        .apart()
        .map_err(|cause| refused("lock the stack on", &place, cause))?;
    let cluster = cluster.with_patience(ANSWER);
    let text = told(&own)?;
    let taken = ClusterLock::take(&cluster, &stack, &text, LEASE, |other| is_free(&own, other)).await;
    match taken.map_err(|cause| refused("lock the stack on", &place, cause))? {
        kubernetes::Taken::Ours(lock) => Ok(Box::new(KeptOf { lock, place })),
        kubernetes::Taken::Held(other) => Err(LedgerError::Held(read(&other).map(Box::new))),
    }
}

fn told(own: &Holder) -> Result<String, LedgerError> {
    serde_json::to_string(own).map_err(|error| LedgerError::Refused(error.to_string()))
}

/// Whether the lock that somebody holds is our own, or that of a process that is no more.
fn is_free(own: &Holder, text: &str) -> bool {
    read(text).is_some_and(|other| other.id == own.id || other.process.is_gone())
}

fn refused(action: &'static str, place: &str, cause: ProviderError) -> LedgerError {
    LedgerError::Remote {
        action,
        place: place.to_owned(),
        cause: Box::new(cause),
    }
}

fn read(text: &str) -> Option<Holder> {
    serde_json::from_str(text).ok()
}

struct Kept {
    lock: EngineLock,
    place: String,
}

#[async_trait]
impl Leased for Kept {
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        let renewed = self.lock.renew().await;
        renewed.map_err(|error| refused("renew the lock on", &self.place, error))
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        let released = self.lock.release().await;
        released.map_err(|error| refused("free the lock on", &self.place, error))
    }
}

struct KeptOf {
    lock: Box<ClusterLock>,
    place: String,
}

#[async_trait]
impl Leased for KeptOf {
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        let renewed = self.lock.renew().await;
        renewed.map_err(|error| refused("renew the lock on", &self.place, error))
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        let released = self.lock.release().await;
        released.map_err(|error| refused("free the lock on", &self.place, error))
    }
}
