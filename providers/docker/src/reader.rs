//! The side of the provider that looks.

use std::sync::Arc;

use async_trait::async_trait;
use mlstack_compose::{IMAGE, SERVICE, VOLUME};
use mlstack_provider::{Impact, Observed, Progress, Provider, ProviderError, Resource, Secret};

use crate::connect::Connection;
use crate::doctor::{self, Doctor};
use crate::engine::spec;
use crate::logs::{self, LogLines, LogsRequest};
use crate::secrets::Keyed;
use crate::status::{self, CopyStatus};
use crate::{labels, observe, secrets, wait};

/// Looks at an engine; has no call that could change it.
#[derive(Clone, Debug)]
pub struct DockerReader {
    connection: Arc<Connection>,
    keyed: Option<Keyed>,
}

impl DockerReader {
    /// A reader over `connection`; nothing is opened yet.
    pub fn new(connection: Arc<Connection>) -> Self {
        Self {
            connection,
            keyed: None,
        }
    }

    /// The same, reading back what the files of secrets hold now: whoever changed one inside a container is found out.
    #[must_use]
    pub fn reading_back(mut self, keyed: Keyed) -> Self {
        self.keyed = Some(keyed);
        self
    }

    /// Every copy of every service of `project`, by service and number.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn status(&self, project: &str) -> Result<Vec<CopyStatus>, ProviderError> {
        let look = self.connection.look().await?;
        let services = observe::containers(&look, &labels::containers_of(project)).await?;
        Ok(status::of(services))
    }

    /// Waits for those of the `desired` services that still start, though there is nothing else to do about them.
    ///
    /// # Errors
    /// When one fails or is too slow, or the engine does not answer.
    pub async fn started(
        &self,
        project: &str,
        desired: &[Resource],
        progress: Progress<'_>,
    ) -> Result<(), ProviderError> {
        let look = self.connection.look().await?;
        for resource in desired.iter().filter(|resource| resource.address.kind == SERVICE) {
            let limit = wait::limit(&spec(&resource.address, &resource.spec)?);
            let of = (project, resource.address.name.as_str());
            let started = wait::started(&look, of, "did not become ready:", limit, progress).await;
            started.map_err(|error| error.at(&resource.address))?;
        }
        Ok(())
    }

    /// A secret of a running stack, read back from the container that it was delivered to; `None` when there is none.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn secret(&self, project: &str, service: &str, file: &str) -> Result<Option<Secret>, ProviderError> {
        let look = self.connection.look().await?;
        let path = format!("{}/{file}", secrets::FOLDER);
        for found in observe::containers(&look, &labels::service_of(project, service))
            .await?
            .into_values()
            .flatten()
        {
            if let Some(packed) = look.download(&found.id, &path).await? {
                return Ok(Some(secrets::unpack_text(&packed))
                    .filter(|text| !text.is_empty())
                    .map(Secret::new));
            }
        }
        Ok(None)
    }

    /// Reads every secret that was delivered to a container of `project`, so that [`redact`] knows it: what a container
    /// prints is what it was given, whatever is set here by now.
    ///
    /// # Errors
    /// When the engine does not answer.
    ///
    /// [`redact`]: mlstack_provider::redact
    pub async fn learn_secrets(&self, project: &str) -> Result<(), ProviderError> {
        let look = self.connection.look().await?;
        let services = observe::containers(&look, &labels::containers_of(project)).await?;
        for found in services.into_values().flatten() {
            let packed = look.download(&found.id, secrets::FOLDER).await?;
            // Making a secret makes it known.
            drop(secrets::unpack(&packed.unwrap_or_default()));
        }
        Ok(())
    }

    /// What the containers of `project` wrote.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub async fn logs(&self, project: &str, request: &LogsRequest) -> Result<LogLines, ProviderError> {
        logs::open(&self.connection.look().await?, project, request).await
    }

    /// How the engine is, and which of `ports` are taken.
    ///
    /// # Errors
    /// When the engine cannot be reached.
    pub async fn doctor(&self, ports: &[u16]) -> Result<Doctor, ProviderError> {
        doctor::examine(&self.connection, ports).await
    }
}

#[async_trait]
impl Provider for DockerReader {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        match (kind, attribute) {
            (IMAGE, _) | (SERVICE, "deploy.replicas" | "depends_on.service" | "depends_on.image") => Impact::InPlace,
            (VOLUME, _) => Impact::ReplaceLosesData,
            _ => Impact::Replace,
        }
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        observe::everything(&self.connection.look().await?, stack, desired, self.keyed.as_ref()).await
    }
}
