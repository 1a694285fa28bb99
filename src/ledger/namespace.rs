//! The ledger in the namespace of a stack on a Kubernetes cluster.
//!
//! Ledger and journal are an object each, compressed, replaced over the version that was read; the lock is a Lease. A
//! namespace that is not there yet, or not any more, holds nothing: what would be written stays in memory until the first
//! write that finds it, and that write takes the lock there first. Losing it meanwhile loses no more than a note of a
//! namespace that was made, or that went with all that was in it.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use mlstack_provider::ProviderError;
use mlstack_provider_kubernetes::{Cluster, ClusterLock, HeldLock, Put, Shelf, Taken};

use super::lock::Guard;
use super::{Holder, Lease, Leased, LedgerError, Lock, Store, Version};

/// The namespace of one stack.
pub struct Namespace {
    cluster: Cluster,
    shelf: Shelf,
    stack: String,
    lease: Duration,
    journal: Journal,
    /// What we would write of ourselves into a lock that could not be made yet.
    unmade: Arc<Mutex<Option<String>>>,
    /// Somebody else made the lock first.
    lost: Arc<AtomicBool>,
}

/// The journal as it is written by one run: many lines at once, where many wait.
#[derive(Default)]
struct Journal {
    /// All lines that were asked for since the journal was last read.
    asked: Mutex<String>,
    written: tokio::sync::Mutex<Written>,
}

/// What stands in the journal's object.
#[derive(Default)]
struct Written {
    /// What stood there before our own lines; `None` where nobody has looked.
    before: Option<String>,
    /// How many bytes of our own lines stand there.
    own: usize,
    version: Option<String>,
}

impl Namespace {
    /// The cluster's namespace, for `stack`; a lock lasts for `lease` without a renewal. Asks nothing yet.
    pub fn new(cluster: Cluster, stack: &str, lease: Duration) -> Self {
        Self {
            shelf: Shelf::new(&cluster, stack),
            cluster,
            stack: stack.to_owned(),
            lease,
            journal: Journal::default(),
            unmade: Arc::default(),
            lost: Arc::default(),
        }
    }

    fn failed(&self, action: &'static str, cause: ProviderError) -> LedgerError {
        failed(self.shown(), action, cause)
    }

    fn overtaken(&self) -> LedgerError {
        LedgerError::Overtaken { place: self.shown() }
    }

    fn damaged(&self, item: &str, error: &std::io::Error) -> LedgerError {
        let (namespace, object) = (self.cluster.namespace(), self.shelf.object_name(item));
        LedgerError::Refused(format!(
            "the {item} in {} is damaged ({error}): kubectl delete configmap -n {namespace} {object}; only the history of \
             applies is lost",
            self.shown()
        ))
    }

    /// A text and its version.
    async fn text(&self, item: &str) -> Result<Option<(String, String)>, LedgerError> {
        let found = self.shelf.get(item).await;
        let Some(found) = found.map_err(|error| self.failed("read", error))? else {
            return Ok(None);
        };
        let text = unpacked(&found.bytes).map_err(|error| self.damaged(item, &error))?;
        Ok(Some((text, found.version)))
    }

    async fn put(&self, item: &str, text: &str, over: Option<&str>) -> Result<Put, LedgerError> {
        if !self.may_write().await? {
            return Ok(Put::NoPlace);
        }
        let put = self.shelf.put(item, &packed(text), over).await;
        put.map_err(|error| self.failed("write", error))
    }

    /// Makes a lock that could not be made because the namespace was not there; `false` where it still is not.
    async fn may_write(&self) -> Result<bool, LedgerError> {
        let Some(holder) = lock(&self.unmade).clone() else {
            return Ok(true);
        };
        let taken = ClusterLock::take(&self.cluster, &self.stack, &holder, self.lease, |_| false).await;
        match taken.map_err(|error| self.failed("lock the stack in", error))? {
            Taken::Ours(made) if made.is_made().await => {
                *lock(&self.unmade) = None;
                Ok(true)
            }
            Taken::Ours(_) => Ok(false),
            Taken::Held(_) => {
                self.lost.store(true, Ordering::Relaxed);
                Err(LedgerError::Lost)
            }
        }
    }

    async fn held(&self) -> Result<Option<HeldLock>, LedgerError> {
        let found = HeldLock::find(&self.cluster, &self.stack).await;
        found.map_err(|error| self.failed("read the lock in", error))
    }

    /// Writes all lines that were asked for.
    async fn flush(&self, written: &mut Written) -> Result<(), LedgerError> {
        if written.before.is_none() {
            let found = self.text("journal").await?;
            let (before, version) = found.map_or_else(Default::default, |(text, version)| (text, Some(version)));
            *written = Written {
                before: Some(before),
                own: written.own,
                version,
            };
        }
        let asked = lock(&self.journal.asked).clone();
        let text = written.before.clone().unwrap_or_default() + &asked;
        match self.put("journal", &text, written.version.as_deref()).await? {
            Put::Done(version) => (written.own, written.version) = (asked.len(), Some(version)),
            Put::NoPlace => written.version = None,
            Put::Overtaken => return Err(self.overtaken()),
        }
        Ok(())
    }
}

#[async_trait]
impl Store for Namespace {
    fn shown(&self) -> String {
        format!("the namespace {}", self.cluster.namespace())
    }

    async fn read(&self) -> Result<Option<(String, Version)>, LedgerError> {
        let found = self.text("ledger").await?;
        Ok(found.map(|(text, version)| (text, Version(version))))
    }

    async fn write(&self, text: &str, over: Option<&Version>) -> Result<Version, LedgerError> {
        let over = over.map(|Version(version)| version.as_str());
        match self
            .put("ledger", text, over.filter(|version| !version.is_empty()))
            .await?
        {
            Put::Done(version) => Ok(Version(version)),
            Put::NoPlace => Ok(Version(String::new())),
            Put::Overtaken => Err(self.overtaken()),
        }
    }

    async fn lock(&self, holder: &Holder) -> Result<Lock, LedgerError> {
        let (own, place) = (holder.clone(), self.shown());
        let (cluster, stack, unmade) = (self.cluster.clone(), self.stack.clone(), Arc::clone(&self.unmade));
        let time = self.lease;
        let take = move || async move {
            let failed = |cause| failed(place.clone(), "lock the stack in", cause);
            // A third of its time is all that a renewal may take.
            let cluster = cluster.apart().map_err(failed)?.with_patience(time / 4);
            let text = written(&own)?;
            let is_free = |other: &str| read(other).is_some_and(|other| other.id == own.id || other.process.is_gone());
            let taken = ClusterLock::take(&cluster, &stack, &text, time, is_free).await;
            match taken.map_err(failed)? {
                Taken::Ours(lease) => {
                    *lock(&unmade) = (!lease.is_made().await).then_some(text);
                    Ok(Box::new(Kept { lease, place }) as Box<dyn Leased>)
                }
                Taken::Held(other) => Err(LedgerError::Held(read(&other).map(Box::new))),
            }
        };
        let lease = Lease::keep(self.lease, take).await?;
        self.lost.store(false, Ordering::Relaxed);
        let lost = Arc::clone(&self.lost);
        Ok(Lock::new(holder.clone(), Held { lease, lost }))
    }

    async fn holder(&self) -> Result<Option<Holder>, LedgerError> {
        Ok(self.held().await?.and_then(|held| read(&held.holder)))
    }

    async fn unlock(&self, id: &str) -> Result<(), LedgerError> {
        let Some(held) = self.held().await? else { return Ok(()) };
        let holder = read(&held.holder);
        let found = holder.as_ref().map_or("", |holder| &holder.id);
        if found != id {
            let (asked, found) = (id.to_owned(), found.to_owned());
            return Err(LedgerError::OtherId { asked, found });
        }
        let gone = holder.as_ref().is_some_and(|holder| holder.process.is_gone());
        let freed = (gone || held.is_over)
            && held
                .free(&self.cluster, &self.stack)
                .await
                .map_err(|error| self.failed("free the lock in", error))?;
        match holder {
            Some(holder) if !freed => Err(LedgerError::Alive(Box::new(holder))),
            _ => Ok(()),
        }
    }

    async fn journal(&self) -> Result<String, LedgerError> {
        Ok(self.text("journal").await?.map(|(text, _)| text).unwrap_or_default())
    }

    /// Lines that wait while others are written are written together.
    async fn append(&self, line: &str) -> Result<(), LedgerError> {
        let end = {
            let mut asked = lock(&self.journal.asked);
            asked.push_str(line);
            asked.len()
        };
        let mut written = self.journal.written.lock().await;
        if written.own >= end {
            return Ok(());
        }
        self.flush(&mut written).await
    }

    async fn clear(&self) -> Result<(), LedgerError> {
        let mut written = self.journal.written.lock().await;
        lock(&self.journal.asked).clear();
        *written = Written::default();
        match self.shelf.remove("journal").await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.overtaken()),
            Err(error) => Err(self.failed("empty the journal in", error)),
        }
    }
}

/// Our lease, lost also when somebody else made the lock first.
struct Held {
    lease: Lease,
    lost: Arc<AtomicBool>,
}

impl Guard for Held {
    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed) || self.lease.is_lost()
    }
}

struct Kept {
    lease: Box<ClusterLock>,
    place: String,
}

#[async_trait]
impl Leased for Kept {
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        let renewed = self.lease.renew().await;
        renewed.map_err(|error| failed(self.place.clone(), "renew the lock in", error))
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        let released = self.lease.release().await;
        released.map_err(|error| failed(self.place.clone(), "free the lock in", error))
    }
}

fn failed(place: String, action: &'static str, cause: ProviderError) -> LedgerError {
    let cause = Box::new(cause);
    LedgerError::Remote { action, place, cause }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn written(holder: &Holder) -> Result<String, LedgerError> {
    serde_json::to_string(holder).map_err(|error| LedgerError::Refused(error.to_string()))
}

fn read(holder: &str) -> Option<Holder> {
    serde_json::from_str(holder).ok()
}

/// The same bytes for the same text, always.
fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    let packed = packer.write_all(text.as_bytes()).and_then(|()| packer.finish());
    packed.expect("a Vec takes all that is written to it")
}

fn unpacked(bytes: &[u8]) -> std::io::Result<String> {
    let mut text = String::new();
    GzDecoder::new(bytes).take(MOST_TEXT).read_to_string(&mut text)?;
    Ok(text)
}

/// No text is longer, in bytes: whoever may write into the namespace must not fill our memory.
const MOST_TEXT: u64 = 256 << 20;
