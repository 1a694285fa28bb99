//! The lock on the target itself, for an engine that several machines share, or a cluster whose stack's ledger is kept
//! elsewhere: in the namespace, the ledger's own lock is the cluster's.

use std::time::Duration;

use async_trait::async_trait;
use mlstack_provider::ProviderError;
use mlstack_provider_docker::{Connection, EngineLock, HeldLock, Host, Taken};
use mlstack_provider_kubernetes::Cluster;

use super::Context;
use super::args::When;
use super::failure::Failure;
use super::memory::{failure, stack, typed};
use super::site::Site;
use crate::ledger::{Holder, LEASE, Lease, Leased, LedgerError, Lock, Namespace, Store as _};

/// How long the engine may take for an answer: less than a third of the lease.
const ANSWER: Duration = Duration::from_secs(15);

/// The target's lock for this stack; `None` where the engine is this machine's own and nobody asked for one, and where
/// the ledger's own lock is the same.
pub(super) async fn take(context: &Context, holder: &Holder) -> Result<Option<Lock>, Failure> {
    let (stack, target) = stack(context)?;
    let site = Site::of(target, &stack, context).await?;
    let wanted = match (context.global.lock_engine, &site) {
        (When::Never, _) => false,
        (_, Site::Cluster(_)) => typed(context).is_some(),
        (When::Always, _) => true,
        (When::Auto, Site::Engine(connection)) => !matches!(connection.host(), Host::Unix(_)),
    };
    if !wanted {
        return Ok(None);
    }
    let lock = match site {
        Site::Engine(connection) => on_engine(connection.host().clone(), stack.name, holder).await,
        Site::Cluster(cluster) => namespace(&cluster, &stack.name).lock(holder).await,
    };
    lock.map(Some).map_err(|error| failure(&error))
}

fn namespace(cluster: &Cluster, stack: &str) -> Namespace {
    Namespace::new(cluster.clone(), stack, LEASE)
}

async fn on_engine(host: Host, project: String, holder: &Holder) -> Result<Lock, LedgerError> {
    let own = holder.clone();
    let lease = Lease::keep(LEASE, move || taken(host, project, own)).await?;
    Ok(Lock::new(holder.clone(), lease))
}

/// The target's lock on a stack as it is seen from outside.
pub(super) struct Seen {
    /// Who holds it; `None` where that was written by a version that this one cannot read.
    pub(super) holder: Option<Holder>,
    /// The engine or namespace.
    pub(super) place: String,
    lock: Way,
}

/// How a lock is freed.
enum Way {
    Engine(Box<(Connection, HeldLock)>),
    Cluster(Box<Namespace>),
    #[cfg(test)]
    Nothing,
}

/// The target's lock on this stack, if somebody holds one, whether this run would take one or not.
pub(super) async fn seen(context: &Context) -> Result<Option<Seen>, Failure> {
    let (stack, target) = stack(context)?;
    match Site::of(target, &stack, context).await? {
        Site::Engine(engine) => on_engine_seen(engine.host().clone(), &stack.name).await,
        Site::Cluster(cluster) if typed(context).is_some() => {
            let lock = namespace(&cluster, &stack.name);
            let holder = lock.holder().await.map_err(|error| failure(&error))?;
            Ok(holder.map(|holder| Seen {
                holder: Some(holder),
                place: lock.shown(),
                lock: Way::Cluster(Box::new(lock)),
            }))
        }
        Site::Cluster(_) => Ok(None),
    }
}

async fn on_engine_seen(host: Host, project: &str) -> Result<Option<Seen>, Failure> {
    let connection = Connection::new(host).answering_within(ANSWER);
    let lock = HeldLock::find(&connection, project).await?;
    Ok(lock.map(|lock| Seen {
        holder: read(&lock.holder),
        place: connection.host().to_string(),
        lock: Way::Engine(Box::new((connection, lock))),
    }))
}

impl Seen {
    /// Whether this hold has it.
    pub(super) fn has(&self, id: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.id == id)
    }

    /// Frees it when its holder is no more.
    pub(super) async fn free(&self, id: &str) -> Result<(), LedgerError> {
        let (connection, lock) = match &self.lock {
            Way::Engine(engine) => (&engine.0, &engine.1),
            Way::Cluster(namespace) => return namespace.unlock(id).await,
            #[cfg(test)]
            Way::Nothing => return Ok(()),
        };
        if let Some(holder) = &self.holder
            && !lock.is_over
            && !holder.process.is_gone()
        {
            return Err(LedgerError::Alive(Box::new(holder.clone())));
        }
        let freed = lock.free(connection).await;
        freed.map_err(|cause| refused("free the lock on", &self.place, cause))
    }

    /// One that only says who.
    #[cfg(test)]
    pub(super) fn told(holder: Option<Holder>, place: &str) -> Self {
        Self {
            holder,
            place: place.to_owned(),
            lock: Way::Nothing,
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
