//! Sends an image to a registry: only what is not there yet, the manifest last.

use std::io::Read;

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

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The registry wants other credentials.
    #[error("the registry refused the credentials for {reference}")]
    Denied {
        /// What was pushed.
        reference: String,
        /// The registry's words.
        #[source]
        source: OciDistributionError,
    },
    /// Anything else.
    #[error("cannot push {reference}")]
    Failed {
        /// What was pushed.
        reference: String,
        /// The registry's words.
        #[source]
        source: OciDistributionError,
    },
}

/// Pushes `image` to `reference`. Plain HTTP is used for registries on this machine only.
///
/// # Errors
/// When the registry is away, refuses the credentials or a blob.
pub async fn push(image: &Packed, reference: &Reference, who: &Credentials) -> Result<PushReport, PushError> {
    let registry = Registry::connect(reference, who)
        .await
        .map_err(|e| explain(reference, e))?;
    registry.send(image).await.map_err(|e| explain(reference, e))
}

struct Registry<'a> {
    client: Client,
    reference: &'a Reference,
}

impl<'a> Registry<'a> {
    async fn connect(reference: &'a Reference, who: &Credentials) -> Result<Self, OciDistributionError> {
        let client = Client::new(ClientConfig {
            protocol: protocol(reference.registry()),
            ..ClientConfig::default()
        });
        let auth = match who {
            Credentials::Anonymous => RegistryAuth::Anonymous,
            Credentials::Basic { user, password } => {
                let password = String::from_utf8_lossy(password.expose());
                RegistryAuth::Basic(user.clone(), password.into_owned())
            }
        };
        client.auth(reference, &auth, RegistryOperation::Push).await?;
        client.store_auth_if_needed(reference.resolve_registry(), &auth).await;
        Ok(Self { client, reference })
    }

    async fn send(&self, image: &Packed) -> Result<PushReport, OciDistributionError> {
        let (mut sent, mut present) = (0, 0);
        for blob in image.layers.iter().chain([&image.config]) {
            if self.client.blob_exists(self.reference, blob.digest.as_str()).await? {
                present += 1;
            } else {
                self.send_blob(blob).await?;
                sent += 1;
            }
        }
        self.send_manifest(&image.manifest).await?;
        Ok(PushReport {
            pinned: format!(
                "{}/{}@{}",
                self.reference.registry(),
                self.reference.repository(),
                image.manifest.digest
            ),
            sent,
            present,
        })
    }

    async fn send_blob(&self, blob: &Blob) -> Result<(), OciDistributionError> {
        let stream = stream::iter(chunks(&blob.content));
        let size = Some(blob.content.len());
        self.client
            .push_blob_stream(self.reference, stream, blob.digest.as_str(), size)
            .await?;
        Ok(())
    }

    async fn send_manifest(&self, manifest: &Blob) -> Result<(), OciDistributionError> {
        let body = Bytes::from(manifest.content.to_vec()?);
        let media_type = MANIFEST.parse().expect("a media type is a valid header value");
        self.client.push_manifest_raw(self.reference, body, media_type).await?;
        Ok(())
    }
}

/// The bytes in pieces of one MiB.
fn chunks(parts: &Parts) -> impl Iterator<Item = Result<Bytes, OciDistributionError>> + Send + use<> {
    let mut reader = parts.reader();
    std::iter::from_fn(move || {
        let mut chunk = Vec::new();
        match reader.by_ref().take(1 << 20).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(_) => Some(Ok(Bytes::from(chunk))),
            Err(e) => Some(Err(e.into())),
        }
    })
}

fn protocol(registry: &str) -> ClientProtocol {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        ClientProtocol::Http
    } else {
        ClientProtocol::Https
    }
}

fn explain(reference: &Reference, source: OciDistributionError) -> PushError {
    let reference = reference.whole();
    if denied(&source) {
        PushError::Denied { reference, source }
    } else {
        PushError::Failed { reference, source }
    }
}

/// A registry may refuse the first request of all, or only a later one.
fn denied(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => true,
        OciDistributionError::RequestError(error) => error
            .status()
            .is_some_and(|status| matches!(status.as_u16(), 401 | 403)),
        OciDistributionError::ServerError { code, .. } => matches!(code, 401 | 403),
        _ => false,
    }
}
