//! Sends an image to a registry: only what is not there yet, the manifest last.
//!
//! Everything is named by its content, so that a push that breaks off is continued by the next one, and one that is not
//! needed sends nothing. Never decides who pushes, or where to.

use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use mlstack_provider::Secret;
pub use oci_client::Reference;
use oci_client::RegistryOperation;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;

use super::manifest::MANIFEST;
use super::{Blob, Packed, Parts};

mod refusal;

pub use refusal::{PushError, Words};
use refusal::{Sort, sort, words};

/// Digits of a digest in a tag.
const TAG: usize = 12;
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may go on: a registry takes its time to put a large layer where it belongs.
const STALL: Duration = Duration::from_secs(120);
/// Between two looks at how far it is.
const TICK: Duration = Duration::from_millis(500);
/// Before each further try.
const PAUSES: [Duration; 2] = [Duration::from_millis(300), Duration::from_secs(2)];

/// Who pushes.
#[derive(Clone)]
pub enum Credentials {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password or token.
    Basic {
        /// The user's name.
        user: String,
        /// The password or token.
        password: Secret,
    },
}

/// What a push did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushReport {
    /// `registry/repository@sha256:…`, what a deployment should name.
    pub pinned: String,
    /// Blobs sent.
    pub sent: usize,
    /// Blobs that were there already.
    pub present: usize,
}

/// How far a push is, in bytes of what was not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// All that is to be sent.
    pub total: u64,
    /// What of it the registry was given.
    pub sent: u64,
}

/// Receives how far a push is: at its beginning, then from time to time.
pub type Told<'a> = &'a (dyn Fn(Sending) + Send + Sync);

/// One repository of a registry, and who we are there. Plain HTTP is spoken with registries on this machine only.
pub struct Registry {
    client: Client,
    reference: Reference,
    auth: RegistryAuth,
    stall: Duration,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.repository())
    }
}

impl Registry {
    /// The repository of `reference`; nothing is opened yet. What is named by its digest alone is tagged by the beginning
    /// of it, as registries clear away what has no tag.
    pub fn new(reference: &Reference, who: &Credentials) -> Self {
        let client = Client::new(ClientConfig {
            protocol: protocol(reference.registry()),
            connect_timeout: Some(CONNECT),
            // One request for each layer: some registries want pieces of 5 MiB and more, others of 4 at most.
            use_monolithic_push: true,
            user_agent: concat!("mlstack/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        });
        let auth = match who {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Basic { user, password } => {
                let password = String::from_utf8_lossy(password.expose());
                RegistryAuth::Basic(user.clone(), password.into_owned())
            }
        };
        Self {
            client,
            reference: tagged(reference),
            auth,
            stall: STALL,
        }
    }

    /// Whether the manifest of that digest is there.
    ///
    /// # Errors
    /// When the registry is away, or does not show it to us.
    pub async fn has(&self, digest: &str) -> Result<bool, PushError> {
        let (registry, repository) = (self.reference.registry(), self.reference.repository());
        let pinned = &Reference::with_digest(registry.to_owned(), repository.to_owned(), digest.to_owned());
        let ask = || async move {
            match self.client.fetch_manifest_digest(pinned, &self.auth).await {
                Ok(_) => Ok(true),
                Err(error) if sort(&error) == Sort::Missing => Ok(false),
                Err(error) => Err(error),
            }
        };
        self.patiently(&Course::new(&|_| {}), ask).await
    }

    /// Sends what is not there of `image`.
    ///
    /// # Errors
    /// When the registry is away, refuses the credentials or a blob.
    pub async fn push(&self, image: &Packed, told: Told<'_>) -> Result<PushReport, PushError> {
        let course = &Course::new(told);
        let send = || async move { self.send(image, course).await };
        self.patiently(course, send).await?;
        self.is_kept(image).await?;
        let (blobs, sent) = (image.layers.len() + 1, course.blobs.load(Ordering::Relaxed));
        Ok(PushReport {
            pinned: format!("{}@{}", self.repository(), image.manifest.digest),
            sent,
            present: blobs.saturating_sub(sent),
        })
    }

    /// One who may write may not be allowed to read; then the registry's word must do.
    async fn is_kept(&self, image: &Packed) -> Result<(), PushError> {
        match self.has(image.manifest.digest.as_str()).await {
            Ok(false) => Err(PushError::NotKept {
                repository: self.repository(),
                digest: image.manifest.digest.to_string(),
            }),
            Ok(true) | Err(PushError::Denied { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// One try. What an earlier one brought there is not sent again.
    async fn send(&self, image: &Packed, course: &Course<'_>) -> Result<(), OciDistributionError> {
        self.client
            .auth(&self.reference, &self.auth, RegistryOperation::Push)
            .await?;
        let missing = self.missing(image).await?;
        course.begin(missing.iter().map(|blob| blob.content.len()).sum());
        let mut before = 0;
        for blob in missing {
            self.send_blob(blob, before, &course.given).await?;
            before += blob.content.len();
            course.blobs.fetch_add(1, Ordering::Relaxed);
        }
        self.send_manifest(&image.manifest).await
    }

    /// The blobs that are not there. A registry that does not say so is sent them.
    async fn missing<'a>(&self, image: &'a Packed) -> Result<Vec<&'a Blob>, OciDistributionError> {
        let mut missing = Vec::new();
        for blob in image.layers.iter().chain([&image.config]) {
            match self.client.blob_exists(&self.reference, blob.digest.as_str()).await {
                Ok(true) => {}
                Ok(false) => missing.push(blob),
                Err(error) if sort(&error) == Sort::Denied => missing.push(blob),
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    async fn send_blob(&self, blob: &Blob, before: u64, given: &Arc<AtomicU64>) -> Result<(), OciDistributionError> {
        let stream = stream::iter(chunks(&blob.content, before, given));
        let size = Some(blob.content.len());
        self.client
            .push_blob_stream(&self.reference, stream, blob.digest.as_str(), size)
            .await?;
        Ok(())
    }

    async fn send_manifest(&self, manifest: &Blob) -> Result<(), OciDistributionError> {
        let body = Bytes::from(manifest.content.to_vec()?);
        let media_type = MANIFEST.parse().expect("a media type is a valid header value");
        self.client.push_manifest_raw(&self.reference, body, media_type).await?;
        Ok(())
    }

    /// Tries, again where that may help, as long as something goes on.
    async fn patiently<T, F>(&self, course: &Course<'_>, attempt: impl Fn() -> F) -> Result<T, PushError>
    where
        F: Future<Output = Result<T, OciDistributionError>>,
    {
        let mut pauses = PAUSES.iter();
        loop {
            let error = match self.watched(course, attempt()).await? {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            match (sort(&error), pauses.next()) {
                (Sort::Passing | Sort::Unreachable, Some(pause)) => tokio::time::sleep(*pause).await,
                _ => return Err(self.explain(&error)),
            }
        }
    }

    /// Tells how far it is, and gives up when nothing goes on.
    async fn watched<T>(&self, course: &Course<'_>, work: impl Future<Output = T>) -> Result<T, PushError> {
        let mut work = std::pin::pin!(work);
        let (mut before, mut quiet) = (0, Duration::ZERO);
        while quiet < self.stall {
            if let Ok(done) = tokio::time::timeout(TICK, &mut work).await {
                return Ok(done);
            }
            let now = course.given.load(Ordering::Relaxed);
            if before == now {
                quiet += TICK;
            } else {
                (before, quiet) = (now, Duration::ZERO);
                course.tell();
            }
        }
        Err(PushError::Stalled {
            registry: self.reference.registry().to_owned(),
            seconds: self.stall.as_secs(),
        })
    }

    fn repository(&self) -> String {
        format!("{}/{}", self.reference.registry(), self.reference.repository())
    }

    fn explain(&self, error: &OciDistributionError) -> PushError {
        let (repository, words) = (self.repository(), words(error));
        match sort(error) {
            Sort::Denied => PushError::Denied { repository, words },
            Sort::Unreachable => PushError::Unreachable {
                registry: self.reference.registry().to_owned(),
                words,
            },
            _ => PushError::Failed { repository, words },
        }
    }
}

/// How far a push is.
struct Course<'a> {
    told: Told<'a>,
    total: AtomicU64,
    given: Arc<AtomicU64>,
    /// Blobs sent, over all tries.
    blobs: AtomicUsize,
}

impl<'a> Course<'a> {
    fn new(told: Told<'a>) -> Self {
        Self {
            told,
            total: AtomicU64::default(),
            given: Arc::default(),
            blobs: AtomicUsize::default(),
        }
    }

    /// A try begins that has to send so many bytes.
    fn begin(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
        self.given.store(0, Ordering::Relaxed);
        self.tell();
    }

    fn tell(&self) {
        (self.told)(Sending {
            total: self.total.load(Ordering::Relaxed),
            sent: self.given.load(Ordering::Relaxed),
        });
    }
}

/// The bytes in pieces of one MiB; each is counted in `given`, on top of what went `before`.
fn chunks(
    parts: &Parts,
    before: u64,
    given: &Arc<AtomicU64>,
) -> impl Iterator<Item = Result<Bytes, OciDistributionError>> + Send + use<> {
    let (mut reader, given, mut count) = (parts.reader(), Arc::clone(given), before);
    std::iter::from_fn(move || {
        let mut chunk = Vec::new();
        match reader.by_ref().take(1 << 20).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(length) => {
                count += length as u64;
                given.store(count, Ordering::Relaxed);
                Some(Ok(Bytes::from(chunk)))
            }
            Err(e) => Some(Err(e.into())),
        }
    })
}

fn tagged(reference: &Reference) -> Reference {
    let own = reference
        .digest()
        .and_then(|digest| digest.rsplit(':').next()?.get(..TAG));
    let tag = reference.tag().or(own).unwrap_or("latest");
    let (registry, repository) = (reference.registry(), reference.repository());
    Reference::with_tag(registry.to_owned(), repository.to_owned(), tag.to_owned())
}

fn protocol(registry: &str) -> ClientProtocol {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        ClientProtocol::Http
    } else {
        ClientProtocol::Https
    }
}

#[cfg(test)]
mod tests;
