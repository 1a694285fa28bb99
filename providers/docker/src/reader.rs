//! The side of the provider that looks.

use std::sync::Arc;

use async_trait::async_trait;
use mlstack_compose::{IMAGE, SERVICE, VOLUME};
use mlstack_provider::{
    CopyStatus, Impact, Keyed, LogLines, LogsRequest, Observed, Operate, Outage, Progress, Provider, ProviderError,
    Resource, Secret, Value,
};

use crate::connect::Connection;
use crate::doctor::{self, Doctor};
use crate::engine::spec;
use crate::step::update;
use crate::{labels, logs, observe, secrets, status, wait};

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
        impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        observe::everything(&self.connection.look().await?, stack, desired, self.keyed.as_ref()).await
    }
}

/// What changing an attribute costs: nearly everything of a container is fixed when it is made.
pub fn impact(kind: &str, attribute: &str) -> Impact {
    match (kind, attribute) {
        (IMAGE, _) | (SERVICE, "deploy.replicas" | "depends_on.service" | "depends_on.image") => Impact::InPlace,
        (VOLUME, _) => Impact::ReplaceLosesData,
        _ => Impact::Replace,
    }
}

/// What users notice of a change: how a service is replaced depends on what it holds on to.
pub fn outage(kind: &str, wanted: &Value, changed: &[&str]) -> Outage {
    let in_place = changed
        .iter()
        .all(|attribute| impact(kind, attribute) == Impact::InPlace);
    if kind != SERVICE || in_place {
        return Outage::None;
    }
    serde_json::from_value(wanted.clone()).map_or(Outage::Stop, |service| update::outage(&service))
}

#[async_trait]
impl Operate for DockerReader {
    async fn status(&self, stack: &str) -> Result<Vec<CopyStatus>, ProviderError> {
        let look = self.connection.look().await?;
        let services = observe::containers(&look, &labels::containers_of(stack)).await?;
        Ok(status::of(services))
    }

    async fn logs(&self, stack: &str, request: &LogsRequest) -> Result<LogLines, ProviderError> {
        logs::open(&self.connection.look().await?, stack, request).await
    }

    async fn started(&self, stack: &str, desired: &[Resource], progress: Progress<'_>) -> Result<(), ProviderError> {
        let look = self.connection.look().await?;
        for resource in desired.iter().filter(|resource| resource.address.kind == SERVICE) {
            let limit = wait::limit(&spec(&resource.address, &resource.spec)?);
            let of = (stack, resource.address.name.as_str());
            let started = wait::started(&look, of, "did not become ready:", limit, progress).await;
            started.map_err(|error| error.at(&resource.address))?;
        }
        Ok(())
    }

    async fn secret(&self, stack: &str, observed: &[Observed], name: &str) -> Result<Option<Secret>, ProviderError> {
        let Some((service, file)) = observed.iter().find_map(|live| delivered(live, name)) else {
            return Ok(None);
        };
        let look = self.connection.look().await?;
        let path = format!("{}/{file}", secrets::FOLDER);
        let copies = observe::containers(&look, &labels::service_of(stack, service)).await?;
        for found in copies.into_values().flatten() {
            if let Some(packed) = look.download(&found.id, &path).await? {
                let text = Some(secrets::unpack_text(&packed)).filter(|text| !text.is_empty());
                return Ok(text.map(Secret::new));
            }
        }
        Ok(None)
    }

    async fn learn_secrets(&self, stack: &str) -> Result<(), ProviderError> {
        let look = self.connection.look().await?;
        let services = observe::containers(&look, &labels::containers_of(stack)).await?;
        for found in services.into_values().flatten() {
            let packed = look.download(&found.id, secrets::FOLDER).await?;
            // Making a secret makes it known.
            drop(secrets::unpack(&packed.unwrap_or_default()));
        }
        Ok(())
    }
}

/// The service that a secret was delivered to, and the file's name there.
fn delivered<'a>(live: &'a Observed, secret: &str) -> Option<(&'a str, &'a str)> {
    let files = live.spec.get("secrets")?.as_array()?;
    let file = files.iter().find(|file| file["source"] == secret)?;
    Some((live.address.name.as_str(), file["target"].as_str()?))
}
