//! The ledger in an S3-compatible object store.
//!
//! Every write is conditional: it makes an object that is not there (`If-None-Match: *`) or replaces the very one that
//! was read (`If-Match`). The lock is an object too, replaced and never deleted: a free lock says so, and taking one
//! over is the same conditional write, so that of many who try one succeeds. A refused write whose object turns out to
//! be ours happened, and its answer was lost. Ages are told by the store's clock alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use serde::{Deserialize, Serialize};

use super::{Holder, Lease, Leased, LedgerError, Lock, Store, Version, new_id};

/// What names a store and how to reach it.
#[derive(Clone)]
pub(super) struct Bucket {
    /// The bucket.
    pub(super) name: String,
    /// The folder in it that is this stack's alone.
    pub(super) folder: String,
    /// Where the store answers; `None` for AWS.
    pub(super) endpoint: Option<String>,
    /// The region.
    pub(super) region: Option<String>,
    /// The `AWS_*` variables and what a profile adds; credentials come from nowhere else but the machine's own role.
    pub(super) variables: Vec<(String, String)>,
    /// How long the lock lasts without a renewal.
    pub(super) lease: Duration,
}

/// The ledger of one stack in a bucket.
pub(super) struct S3 {
    bucket: Bucket,
    client: Arc<AmazonS3>,
    /// The number of the journal's next line; 0 where nobody has looked.
    next: AtomicU32,
}

/// What the lock's object says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Body {
    /// `None`: it is free.
    holder: Option<Holder>,
    /// How long it lasts after it was written, in milliseconds.
    lasts: u64,
    /// Makes every renewal another object.
    renewal: String,
}

impl S3 {
    /// Opens nothing yet.
    ///
    /// # Errors
    /// When the settings name no store.
    pub(super) fn new(bucket: Bucket) -> Result<Self, LedgerError> {
        let client = Arc::new(client(&bucket)?);
        let next = AtomicU32::new(0);
        Ok(Self { bucket, client, next })
    }

    fn key(&self, name: &str) -> Path {
        Path::from(format!("{}/{name}", self.bucket.folder))
    }

    fn failed(&self, action: &'static str) -> impl Fn(Error) -> LedgerError + use<> {
        let place = self.shown();
        move |cause| {
            let place = place.clone();
            let cause = Box::new(cause);
            LedgerError::Remote { action, place, cause }
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Found>, LedgerError> {
        let failed = self.failed("read");
        let answer = match self.client.get(&self.key(name)).await {
            Ok(answer) => answer,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let (etag, written) = (answer.meta.e_tag.clone().unwrap_or_default(), answer.meta.last_modified);
        let bytes = answer.bytes().await.map_err(failed)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Some(Found {
            text,
            etag,
            written: written.timestamp_millis(),
        }))
    }

    /// Writes an object over the one that was read; `None`: where there was none. `Ok(None)`: somebody was faster.
    async fn put(&self, name: &str, text: &str, over: Option<&str>) -> Result<Option<String>, LedgerError> {
        let mode = over.map_or(PutMode::Create, |etag| {
            PutMode::Update(UpdateVersion {
                e_tag: Some(etag.to_owned()),
                version: None,
            })
        });
        let options = PutOptions {
            mode,
            ..PutOptions::default()
        };
        let put = self
            .client
            .put_opts(&self.key(name), text.to_owned().into(), options)
            .await;
        match put {
            Ok(done) => Ok(Some(done.e_tag.unwrap_or_default())),
            Err(error) => match self.get(name).await? {
                Some(found) if found.text == text => Ok(Some(found.etag)),
                _ if is_conflict(&error) => Ok(None),
                _ => Err(self.failed("write")(error)),
            },
        }
    }

    /// A store that ignores conditions would let two writers win: it is asked before it is trusted.
    async fn probe(&self) -> Result<(), LedgerError> {
        self.has_bucket().await?;
        let text = |n: u8| format!("{n} {}", new_id().unwrap_or_default());
        self.put("probe", &text(1), None).await?;
        let again = self.put("probe", &text(2), None).await?;
        let stale = self
            .put("probe", &text(3), Some("\"0123456789abcdef0123456789abcdef\""))
            .await?;
        let honoured = again.is_none() && stale.is_none();
        if honoured {
            return Ok(());
        }
        Err(LedgerError::Refused(format!(
            "{} ignores conditions on writes (If-None-Match, If-Match), so it cannot keep a ledger safely",
            self.shown()
        )))
    }

    /// Some stores make a bucket that is missing on the first write: a misspelt name would be a new ledger.
    async fn has_bucket(&self) -> Result<(), LedgerError> {
        match self.client.list(Some(&self.key(""))).next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) if is_no_bucket(&error) => Err(LedgerError::Refused(format!(
                "there is no bucket `{}`",
                self.bucket.name
            ))),
            Some(Err(error)) => Err(self.failed("read")(error)),
        }
    }

    /// The store's own time, in milliseconds: that of an object written now.
    async fn clock(&self) -> Result<i64, LedgerError> {
        let failed = self.failed("ask the time of");
        let id = new_id().unwrap_or_default();
        let key = self.key("clock");
        self.client.put(&key, id.into()).await.map_err(&failed)?;
        let meta = self.client.head(&key).await.map_err(failed)?;
        Ok(meta.last_modified.timestamp_millis())
    }

    async fn lock_body(&self) -> Result<Option<(Body, Found)>, LedgerError> {
        let Some(found) = self.get("lock.json").await? else {
            return Ok(None);
        };
        let body = serde_json::from_str(&found.text)
            .map_err(|error| LedgerError::Refused(format!("the lock in {} is damaged: {error}", self.shown())))?;
        Ok(Some((body, found)))
    }

    /// Whether nobody renewed it in its time. The store tells whole seconds, so one is added.
    async fn is_over(&self, body: &Body, found: &Found) -> Result<bool, LedgerError> {
        let age = self.clock().await? - found.written;
        Ok(u64::try_from(age).unwrap_or(0) > body.lasts + 1000)
    }

    /// Takes the lock; gives the version it has now.
    async fn take(&self, holder: &Holder) -> Result<String, LedgerError> {
        self.probe().await?;
        for _ in 0..3 {
            let over = match self.lock_body().await? {
                None => None,
                Some((body, found)) => match &body.holder {
                    Some(other) if other.id == holder.id => return Ok(found.etag),
                    Some(other) if !other.process.is_gone() && !self.is_over(&body, &found).await? => {
                        return Err(LedgerError::Held(Some(Box::new(other.clone()))));
                    }
                    _ => Some(found.etag),
                },
            };
            if let Some(etag) = self
                .put("lock.json", &self.body(Some(holder))?, over.as_deref())
                .await?
            {
                return Ok(etag);
            }
        }
        let holder = self.lock_body().await?.and_then(|(body, _)| body.holder);
        Err(LedgerError::Held(holder.map(Box::new)))
    }

    fn body(&self, holder: Option<&Holder>) -> Result<String, LedgerError> {
        let body = Body {
            holder: holder.cloned(),
            lasts: u64::try_from(self.bucket.lease.as_millis()).unwrap_or(u64::MAX),
            renewal: new_id().map_err(|error| LedgerError::Refused(error.to_string()))?,
        };
        serde_json::to_string(&body).map_err(|error| LedgerError::Refused(error.to_string()))
    }
}

struct Found {
    text: String,
    etag: String,
    /// When it was written, by the store's clock, in milliseconds since 1970.
    written: i64,
}

/// The lock while it is ours.
struct Object {
    store: S3,
    holder: Holder,
    etag: String,
}

#[async_trait]
impl Leased for Object {
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        let body = self.store.body(Some(&self.holder))?;
        if let Some(etag) = self.store.put("lock.json", &body, Some(&self.etag)).await? {
            self.etag = etag;
            return Ok(true);
        }
        // An earlier renewal may have happened without an answer.
        match self.store.lock_body().await? {
            Some((body, found)) if body.holder.as_ref().is_some_and(|holder| holder.id == self.holder.id) => {
                self.etag = found.etag;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        let free = self.store.body(None)?;
        self.store.put("lock.json", &free, Some(&self.etag)).await.map(drop)
    }
}

#[async_trait]
impl Store for S3 {
    fn shown(&self) -> String {
        format!("s3://{}/{}", self.bucket.name, self.bucket.folder)
    }

    async fn read(&self) -> Result<Option<(String, Version)>, LedgerError> {
        let found = self.get("ledger.json").await?;
        Ok(found.map(|found| (found.text, Version(found.etag))))
    }

    async fn write(&self, text: &str, over: Option<&Version>) -> Result<Version, LedgerError> {
        let over = over.map(|Version(etag)| etag.as_str());
        let written = self.put("ledger.json", text, over).await?;
        let overtaken = || LedgerError::Overtaken { place: self.shown() };
        written.map(Version).ok_or_else(overtaken)
    }

    async fn lock(&self, holder: &Holder) -> Result<Lock, LedgerError> {
        let (bucket, own) = (self.bucket.clone(), holder.clone());
        let take = move || async move {
            let store = Self::new(bucket)?;
            let etag = store.take(&own).await?;
            let holder = own;
            Ok(Box::new(Object { store, holder, etag }) as Box<dyn Leased>)
        };
        let lease = Lease::keep(self.bucket.lease, take).await?;
        Ok(Lock::new(holder.clone(), lease))
    }

    async fn holder(&self) -> Result<Option<Holder>, LedgerError> {
        Ok(self.lock_body().await?.and_then(|(body, _)| body.holder))
    }

    async fn unlock(&self, id: &str) -> Result<(), LedgerError> {
        let Some((body, found)) = self.lock_body().await? else {
            return Ok(());
        };
        let Some(holder) = &body.holder else { return Ok(()) };
        if holder.id != id {
            let (asked, found) = (id.to_owned(), holder.id.clone());
            return Err(LedgerError::OtherId { asked, found });
        }
        let over = holder.process.is_gone() || self.is_over(&body, &found).await?;
        if over
            && self
                .put("lock.json", &self.body(None)?, Some(&found.etag))
                .await?
                .is_some()
        {
            return Ok(());
        }
        Err(LedgerError::Alive(Box::new(holder.clone())))
    }

    async fn journal(&self) -> Result<String, LedgerError> {
        let mut text = String::new();
        for key in self.lines().await? {
            let failed = self.failed("read");
            let answer = self.client.get(&key).await.map_err(&failed)?;
            text += &String::from_utf8_lossy(&answer.bytes().await.map_err(failed)?);
        }
        Ok(text)
    }

    async fn append(&self, line: &str) -> Result<(), LedgerError> {
        let next = match self.next.load(Ordering::Relaxed) {
            0 => self.lines().await?.last().map_or(1, |key| number(key) + 1),
            next => next,
        };
        self.next.store(next + 1, Ordering::Relaxed);
        match self.put(&format!("journal/{next:08}"), line, None).await? {
            Some(_) => Ok(()),
            None => Err(LedgerError::Overtaken { place: self.shown() }),
        }
    }

    /// From the end, so that what is left when it is cut off is a whole beginning.
    async fn clear(&self) -> Result<(), LedgerError> {
        self.next.store(0, Ordering::Relaxed);
        for key in self.lines().await?.iter().rev() {
            match self.client.delete(key).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(self.failed("empty the journal of")(error)),
            }
        }
        Ok(())
    }
}

impl S3 {
    /// The journal's objects, one a line, in order.
    async fn lines(&self) -> Result<Vec<Path>, LedgerError> {
        let folder = self.key("journal");
        let mut keys = Vec::new();
        let mut listed = self.client.list(Some(&folder));
        while let Some(meta) = listed.next().await {
            keys.push(meta.map_err(self.failed("read"))?.location);
        }
        keys.sort();
        Ok(keys)
    }
}

fn client(bucket: &Bucket) -> Result<AmazonS3, LedgerError> {
    // Without one no client can be built; a second installation is refused and harmless.
    let _once = rustls::crypto::ring::default_provider().install_default();
    let refused = |error: Error| LedgerError::Refused(format!("cannot use the bucket `{}`: {error}", bucket.name));
    let mut builder = AmazonS3Builder::new().with_retry(RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 5,
        retry_timeout: Duration::from_secs(20),
    });
    for (name, value) in &bucket.variables {
        if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
            builder = builder.with_config(key, value);
        }
    }
    builder = builder.with_bucket_name(&bucket.name);
    if let Some(region) = &bucket.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &bucket.endpoint {
        builder = builder
            .with_endpoint(endpoint)
            .with_allow_http(endpoint.starts_with("http://"));
    }
    builder.build().map_err(refused)
}

/// The number of a line of the journal.
fn number(key: &Path) -> u32 {
    key.filename().and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// The code of S3's answer, which the client shows in this form alone.
fn is_no_bucket(error: &Error) -> bool {
    format!("{error:?}").contains("NoSuchBucket")
}

fn is_conflict(error: &Error) -> bool {
    matches!(
        error,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. }
    )
}
