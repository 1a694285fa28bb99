//! The engine's calls that change nothing.
//!
//! Holds the client privately and offers GETs alone: whoever has only a [`Look`] cannot write.

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::models::{
    ContainerInspectResponse, ContainerSummary, ImageInspect, ImageSummary, Network, NetworkInspect, SystemInfo,
    SystemVersion, Volume,
};
use bollard::query_parameters::{
    DownloadFromContainerOptionsBuilder, ListContainersOptionsBuilder, ListImagesOptionsBuilder,
    ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, LogsOptions,
};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use mlstack_provider::ProviderError;

use crate::fault::refused;
use crate::patience::Patience;

/// A view of the engine.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    docker: Docker,
    patience: Patience,
}

impl Look {
    pub(crate) fn new(docker: Docker, patience: Patience) -> Self {
        Self { docker, patience }
    }

    /// How long calls may take.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// All containers, stopped ones too, that carry every label.
    pub(crate) async fn containers(&self, labels: &[String]) -> Result<Vec<ContainerSummary>, ProviderError> {
        let options = ListContainersOptionsBuilder::default()
            .all(true)
            .filters(&[("label", labels.to_vec())].into())
            .build();
        self.patience
            .repeat("cannot list containers", || {
                self.docker.list_containers(Some(options.clone()))
            })
            .await
    }

    /// One container by id or exact name.
    pub(crate) async fn container(&self, id: &str) -> Result<Option<ContainerInspectResponse>, ProviderError> {
        self.patience
            .find("cannot inspect a container", || self.docker.inspect_container(id, None))
            .await
    }

    /// A file of a container, packed; `None` when there is no such file.
    pub(crate) async fn download(&self, id: &str, path: &str) -> Result<Option<Vec<u8>>, ProviderError> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let call = || {
            let chunks = self.docker.download_from_container(id, Some(options.clone()));
            chunks.try_collect::<Vec<_>>()
        };
        let chunks = self.patience.find("cannot read from a container of", call).await?;
        Ok(chunks.map(|chunks| chunks.concat()))
    }

    /// All networks that carry every label.
    pub(crate) async fn networks(&self, labels: &[String]) -> Result<Vec<Network>, ProviderError> {
        let options = ListNetworksOptionsBuilder::default()
            .filters(&[("label", labels.to_vec())].into())
            .build();
        self.patience
            .repeat("cannot list networks", || {
                self.docker.list_networks(Some(options.clone()))
            })
            .await
    }

    /// One network by id or exact name.
    pub(crate) async fn network(&self, id: &str) -> Result<Option<NetworkInspect>, ProviderError> {
        self.patience
            .find("cannot inspect a network", || self.docker.inspect_network(id, None))
            .await
    }

    /// All volumes that carry every label.
    pub(crate) async fn volumes(&self, labels: &[String]) -> Result<Vec<Volume>, ProviderError> {
        let options = ListVolumesOptionsBuilder::default()
            .filters(&[("label", labels.to_vec())].into())
            .build();
        let answer = self
            .patience
            .repeat("cannot list volumes", || {
                self.docker.list_volumes(Some(options.clone()))
            })
            .await?;
        Ok(answer.volumes.unwrap_or_default())
    }

    /// One volume by name.
    pub(crate) async fn volume(&self, name: &str) -> Result<Option<Volume>, ProviderError> {
        self.patience
            .find("cannot inspect a volume", || self.docker.inspect_volume(name))
            .await
    }

    /// All images that carry every label.
    pub(crate) async fn images(&self, labels: &[String]) -> Result<Vec<ImageSummary>, ProviderError> {
        let options = ListImagesOptionsBuilder::default()
            .filters(&[("label", labels.to_vec())].into())
            .build();
        self.patience
            .repeat("cannot list images", || self.docker.list_images(Some(options.clone())))
            .await
    }

    /// One image by reference or id.
    pub(crate) async fn image(&self, reference: &str) -> Result<Option<ImageInspect>, ProviderError> {
        self.patience
            .find("cannot inspect an image", || self.docker.inspect_image(reference))
            .await
    }

    /// Who the engine is.
    pub(crate) async fn version(&self) -> Result<SystemVersion, ProviderError> {
        self.patience
            .repeat("cannot ask for the version", || self.docker.version())
            .await
    }

    /// How the engine is set up.
    pub(crate) async fn info(&self) -> Result<SystemInfo, ProviderError> {
        self.patience
            .repeat("cannot ask for the engine's setup", || self.docker.info())
            .await
    }

    /// What a container wrote; endless when the options say `follow`.
    pub(crate) fn logs(
        &self,
        id: &str,
        options: LogsOptions,
    ) -> impl Stream<Item = Result<LogOutput, ProviderError>> + use<> {
        let lines = self.docker.logs(id, Some(options));
        lines.map(|line| line.map_err(|error| refused("cannot read logs", &error)))
    }
}
