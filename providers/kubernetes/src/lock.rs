//! A lock on a stack in its namespace, for all who may apply it: a Lease.
//!
//! An apply under one manager's name is no lock, as the second one just overwrites; making by POST is, and replacing the
//! version that was read. Time is the server's own, from the header of its answers, so that clocks may differ. In a
//! namespace that is not there yet there is nothing to lock: the lease is made with the first renewal that finds it. One
//! that goes with its namespace is still ours, as nobody can make another there.

use std::time::Duration;

use http::StatusCode;
use k8s_openapi::jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use mlstack_manifest::{MAX_SUBDOMAIN, fit};
use mlstack_provider::{ErrorKind, ProviderError, Value};
use serde_json::json;
use tokio::sync::Mutex;

use crate::cluster::Cluster;
use crate::fault::Sort;
use crate::look::Look;
use crate::observe::text;
use crate::write::Write;

/// A lock that is ours.
#[derive(Debug)]
pub struct ClusterLock {
    look: Look,
    write: Write,
    path: String,
    name: String,
    holder: String,
    time: Duration,
    /// The lease as we wrote it last; `None` while its namespace is not there.
    lease: Mutex<Option<Value>>,
}

/// What came of trying to take a lock.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Ours(Box<ClusterLock>),
    /// Somebody else has it; what he wrote of himself.
    Held(String),
}

/// A stack's lock as it is seen from outside.
#[derive(Clone, Debug)]
pub struct HeldLock {
    /// What its holder wrote of himself.
    pub holder: String,
    /// Whether its time is up.
    pub is_over: bool,
    metadata: Value,
}

/// The name of a stack's lock.
pub fn lock_name(stack: &str) -> String {
    fit(&format!("mlstack-{stack}"), MAX_SUBDOMAIN)
}

impl ClusterLock {
    /// Takes a stack's lock, which lasts for `time` after each renewal. `holder` is any text without a secret, other
    /// for each run; one that `is_free` knows as a holder that is no more is taken over at once.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    pub async fn take(
        cluster: &Cluster,
        stack: &str,
        holder: &str,
        time: Duration,
        is_free: impl Fn(&str) -> bool + Send + Sync,
    ) -> Result<Taken, ProviderError> {
        let lock = Self::of(cluster, stack, holder, time);
        for _ in 0..8 {
            if lock.make().await? {
                return Ok(Taken::Ours(Box::new(lock)));
            }
            let Some((found, now)) = lock.read().await? else {
                continue;
            };
            let other = text(&found["spec"]["holderIdentity"]).to_owned();
            if other != lock.holder && !is_free(&other) && !is_over(&found, now) {
                return Ok(Taken::Held(other));
            }
            if lock.replace(&found, now).await? {
                return Ok(Taken::Ours(Box::new(lock)));
            }
        }
        Err(
            ProviderError::new(ErrorKind::Failed, "cannot lock the stack on the cluster")
                .because(format!("the lease {} comes and goes", lock.name)),
        )
    }

    fn of(cluster: &Cluster, stack: &str, holder: &str, time: Duration) -> Self {
        Self {
            look: Look::new(cluster.clone()),
            write: Write::new(cluster.clone()),
            path: format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", cluster.namespace()),
            name: lock_name(stack),
            holder: holder.to_owned(),
            time,
            lease: Mutex::new(None),
        }
    }

    /// Whether it stands on the cluster; else its namespace was not there yet, and nobody is kept out.
    pub async fn is_made(&self) -> bool {
        self.lease.lock().await.is_some()
    }

    /// Makes it last for another whole time; `false` when it is not ours any more.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn renew(&self) -> Result<bool, ProviderError> {
        if !self.is_made().await && self.make().await? {
            return Ok(true);
        }
        for _ in 0..4 {
            let Some((found, now)) = self.read().await? else {
                let body = self.body(now(None), 0, &json!({"name": self.name}));
                return self.write.has_no_place(&self.path, body).await;
            };
            if found["spec"]["holderIdentity"] != self.holder.as_str() {
                return Ok(false);
            }
            if self.replace(&found, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Gives it back; does nothing where it is another's by now.
    ///
    /// # Errors
    /// When the cluster does not answer; it ends by itself then.
    pub async fn release(&self) -> Result<(), ProviderError> {
        *self.lease.lock().await = None;
        for _ in 0..4 {
            let found = self.look.with_clock(&self.own_path()).await?.0;
            let ours = found.filter(|found| found["spec"]["holderIdentity"] == self.holder.as_str());
            let Some(found) = ours else { return Ok(()) };
            if remove(&self.write, &self.own_path(), &found["metadata"]).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    fn own_path(&self) -> String {
        format!("{}/{}", self.path, self.name)
    }

    /// Makes the lease; `false` when there is one.
    async fn make(&self) -> Result<bool, ProviderError> {
        let (_, date) = self.look.with_clock(&self.own_path()).await?;
        let body = self.body(now(date.as_deref()), 0, &json!({"name": self.name}));
        let answer = self.write.post(&self.path, body).await?;
        match answer.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::NoNamespace) => Ok(true),
            Some(Sort::Exists | Sort::Stale) => Ok(false),
            _ => {
                *self.lease.lock().await = Some(answer.good("cannot lock the stack on the cluster")?);
                Ok(true)
            }
        }
    }

    /// The lease as it is, and the server's clock; `None` when there is none.
    async fn read(&self) -> Result<Option<(Value, Timestamp)>, ProviderError> {
        let (found, date) = self.look.with_clock(&self.own_path()).await?;
        Ok(found.map(|found| (found, now(date.as_deref()))))
    }

    /// Puts ours in the place of what was read; `false` when somebody was faster.
    async fn replace(&self, found: &Value, now: Timestamp) -> Result<bool, ProviderError> {
        let turns = found["spec"]["leaseTransitions"].as_u64().unwrap_or_default();
        let ours = found["spec"]["holderIdentity"] == self.holder.as_str();
        let mut body = self.body(now, turns + u64::from(!ours), &found["metadata"]);
        if ours {
            body["spec"]["acquireTime"] = found["spec"]["acquireTime"].clone();
        }
        let answer = self.write.put(&self.own_path(), body).await?;
        let gone = answer.status == StatusCode::NOT_FOUND.as_u16();
        match answer.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::Stale | Sort::Exists) => Ok(false),
            Some(_) if gone => Ok(false),
            _ => {
                *self.lease.lock().await = Some(answer.good("cannot renew the lock")?);
                Ok(true)
            }
        }
    }

    fn body(&self, now: Timestamp, turns: u64, metadata: &Value) -> Value {
        let now = format!("{now:.6}");
        json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": self.time.as_secs().max(1),
                "acquireTime": now,
                "renewTime": now,
                "leaseTransitions": turns,
            },
        })
    }
}

impl HeldLock {
    /// The lock on a stack, if somebody has it.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    pub async fn find(cluster: &Cluster, stack: &str) -> Result<Option<Self>, ProviderError> {
        let lock = ClusterLock::of(cluster, stack, "", Duration::ZERO);
        let found = lock.read().await?;
        Ok(found.map(|(lease, now)| Self {
            holder: text(&lease["spec"]["holderIdentity"]).to_owned(),
            is_over: is_over(&lease, now),
            metadata: lease["metadata"].clone(),
        }))
    }

    /// Frees it; whether it was still as it was seen.
    ///
    /// # Errors
    /// When the cluster does not answer or refuses.
    pub async fn free(&self, cluster: &Cluster, stack: &str) -> Result<bool, ProviderError> {
        let lock = ClusterLock::of(cluster, stack, "", Duration::ZERO);
        remove(&lock.write, &lock.own_path(), &self.metadata).await
    }
}

/// Deletes the lease if it is still the one that was read; whether it is gone.
async fn remove(write: &Write, path: &str, metadata: &Value) -> Result<bool, ProviderError> {
    let conditions = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
    let answer = write.delete_if(path, conditions).await?;
    match answer.refusal() {
        Some(refusal) if refusal.sort() == Sort::Stale => Ok(false),
        Some(refusal) if !matches!(refusal.sort(), Sort::Missing | Sort::NoNamespace) => {
            Err(refusal.error("cannot give the lock back"))
        }
        _ => Ok(true),
    }
}

/// The server's clock; ours where it tells none.
fn now(date: Option<&str>) -> Timestamp {
    let told = date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
    told.unwrap_or_else(Timestamp::now)
}

/// Whether a lease ran out. The clock of an answer has whole seconds, so one is granted.
fn is_over(lease: &Value, now: Timestamp) -> bool {
    let lasts = lease["spec"]["leaseDurationSeconds"].as_i64().unwrap_or_default();
    let renewed: Option<Timestamp> = text(&lease["spec"]["renewTime"]).parse().ok();
    renewed.is_none_or(|renewed| renewed + SignedDuration::from_secs(lasts + 1) < now)
}

#[cfg(test)]
mod tests;
