//! The side of the provider that writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use mlstack_compose::{IMAGE, NETWORK, Origin, SERVICE, VOLUME};
use mlstack_provider::{
    Address, ErrorKind, Execute, Fence, Impact, Observed, Progress, Provider, ProviderError, Resource, Secret, Step,
};
use serde::de::DeserializeOwned;

use crate::connect::Connection;
use crate::look::Look;
use crate::reader::DockerReader;
use crate::step;
use crate::transfer::ImageSource;
use crate::write::Write;

/// What the write side must know besides the steps.
#[derive(Clone)]
pub struct Config {
    /// The project: the stack's name.
    pub project: String,
    /// Where the rendered Compose file lies, as `docker compose ls` shows it.
    pub origin: Origin,
    /// Secret values by name.
    pub secrets: BTreeMap<String, Secret>,
    /// Where images come from that no registry has.
    pub images: Arc<dyn ImageSource>,
    /// References of images made for this stack that stay although no service runs them: a rollback needs them.
    pub keep: BTreeSet<String>,
    /// Docker's own `config.json`, for the credentials of registries.
    pub docker_config: Option<PathBuf>,
}

/// Looks at an engine and changes it.
#[derive(Clone)]
pub struct DockerEngine {
    connection: Arc<Connection>,
    reader: DockerReader,
    config: Arc<Config>,
    fence: Fence,
}

impl DockerEngine {
    /// An engine over `connection`; nothing is opened yet.
    pub fn new(connection: Arc<Connection>, config: Config) -> Self {
        Self {
            reader: DockerReader::new(Arc::clone(&connection)),
            connection,
            config: Arc::new(config),
            fence: Fence::OPEN,
        }
    }

    /// The same, asking `may_write` right before each call that changes something; none is made when it says no.
    #[must_use]
    pub fn fenced(mut self, may_write: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.fence = Fence::new(may_write);
        self
    }

    /// The side that only looks.
    pub fn reader(&self) -> &DockerReader {
        &self.reader
    }

    async fn carry_out(&self, step: &Step, progress: Progress<'_>) -> Result<(), ProviderError> {
        let docker = self.connection.client().await?;
        let site = Site {
            connection: &self.connection,
            look: self.connection.look().await?,
            write: Write::new(docker, self.connection.patience(), &self.fence),
            fence: &self.fence,
            docker,
            config: &self.config,
            progress,
        };
        match step.address().kind.as_str() {
            SERVICE => step::service::run(&site, step).await,
            NETWORK => step::network::run(&site, step).await,
            VOLUME => step::volume::run(&site, step).await,
            IMAGE => step::image::run(&site, step).await,
            other => Err(ProviderError::new(
                ErrorKind::Failed,
                format!("there is no kind `{other}` on this target:"),
            )),
        }
    }

    /// What stands there after `step`.
    async fn after(&self, step: &Step) -> Result<Option<Observed>, ProviderError> {
        let Some(wanted) = step.after() else {
            return Ok(None);
        };
        let wanted = std::slice::from_ref(wanted);
        let observed = self.reader.observe(&self.config.project, wanted).await?;
        Ok(observed
            .into_iter()
            .find(|observed| observed.address == *step.address()))
    }
}

#[async_trait]
impl Provider for DockerEngine {
    fn name(&self) -> &'static str {
        self.reader.name()
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        self.reader.impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        self.reader.observe(stack, desired).await
    }
}

#[async_trait]
impl Execute for DockerEngine {
    async fn run(&self, step: &Step, progress: Progress<'_>) -> Result<Option<Observed>, ProviderError> {
        let named = |error: ProviderError| error.within(step.address());
        self.carry_out(step, progress).await.map_err(named)?;
        self.after(step).await
    }
}

/// All that a step works with.
pub(crate) struct Site<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) look: Look,
    pub(crate) write: Write<'a>,
    pub(crate) fence: &'a Fence,
    pub(crate) docker: &'a bollard::Docker,
    pub(crate) config: &'a Config,
    pub(crate) progress: Progress<'a>,
}

impl Site<'_> {
    pub(crate) fn project(&self) -> &str {
        &self.config.project
    }

    /// A line about what goes on.
    pub(crate) fn tell(&self, text: &str) {
        (self.progress)(text);
    }
}

/// Reads the spec of a resource of one kind.
pub(crate) fn spec<T: DeserializeOwned>(address: &Address, spec: &serde_json::Value) -> Result<T, ProviderError> {
    serde_json::from_value(spec.clone()).map_err(|error| {
        ProviderError::new(ErrorKind::Failed, "cannot read the spec of")
            .at(address)
            .because(error)
    })
}
