//! A lock on a stack in its namespace, for all who may apply it: a Lease.
//!
//! An apply under one manager's name is no lock, as the second one just overwrites; making by POST is, and replacing the
//! version that was read. Time is the server's own, from the header of its answers, so that clocks may differ. In a
//! namespace that is not there yet there is nothing to lock: the lease is made with the first renewal that finds it.

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
        let lock = Self {
            look: Look::new(cluster.clone()),
            write: Write::new(cluster.clone()),
            path: format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", cluster.namespace()),
            name: lock_name(stack),
            holder: holder.to_owned(),
            time,
            lease: Mutex::new(None),
        };
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

    /// Makes it last for another whole time; `false` when it is not ours any more.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn renew(&self) -> Result<bool, ProviderError> {
        if self.lease.lock().await.is_none() {
            return self.make().await;
        }
        for _ in 0..4 {
            let Some((found, now)) = self.read().await? else {
                return Ok(false);
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
        let Some(lease) = self.lease.lock().await.take() else {
            return Ok(());
        };
        let metadata = &lease["metadata"];
        let conditions = json!({"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]});
        let answer = self.write.delete_if(&self.own_path(), conditions).await?;
        match answer.refusal() {
            Some(refusal) if !matches!(refusal.sort(), Sort::Missing | Sort::NoNamespace | Sort::Stale) => {
                Err(refusal.error("cannot give the lock back"))
            }
            _ => Ok(()),
        }
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
