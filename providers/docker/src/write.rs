//! The engine's calls that change something, each with its limit and its idempotence.
//!
//! 409 on create means look, 404 on delete and 304 on start and stop mean done. Never decides what to change.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, EndpointSettings, NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest,
    VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptions,
    RenameContainerOptions, RestartContainerOptions, StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use mlstack_provider::ProviderError;

use crate::fault::{CALL, status, within};

/// Beyond a container's own time to stop.
const STOP_SLACK: Duration = Duration::from_secs(30);
/// How long a container may take to stop when its spec says nothing, in seconds: Docker's own default.
pub(crate) const STOP_SECONDS: i64 = 10;

/// The answer to a create call.
pub(crate) enum Created {
    Id(String),
    /// Something with this name exists.
    NameTaken,
    /// The image is not in the engine.
    NoImage,
}

/// The write calls, one client.
#[derive(Clone, Copy)]
pub(crate) struct Write<'a> {
    docker: &'a Docker,
}

impl<'a> Write<'a> {
    pub(crate) fn new(docker: &'a Docker) -> Self {
        Self { docker }
    }

    pub(crate) async fn create_container(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<Created, ProviderError> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        within(CALL, "cannot create a container for", async {
            match self.docker.create_container(Some(options), body).await {
                Ok(created) => Ok(Created::Id(created.id)),
                Err(error) if status(&error) == Some(409) => Ok(Created::NameTaken),
                Err(error) if status(&error) == Some(404) && is_missing_image(&error) => Ok(Created::NoImage),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Starts a container; fine when it runs. The engine's refusal is handed back to be explained.
    pub(crate) async fn start(&self, id: &str) -> Result<Result<(), Error>, ProviderError> {
        within(CALL, "cannot start", async {
            Ok(self.docker.start_container(id, None).await)
        })
        .await
    }

    /// Stops a container within its own time; fine when it is stopped or gone.
    pub(crate) async fn stop(&self, id: &str, seconds: Option<i64>) -> Result<(), ProviderError> {
        let seconds = i32::try_from(seconds.unwrap_or(STOP_SECONDS)).unwrap_or(i32::MAX);
        let limit = STOP_SLACK + Duration::from_secs(seconds.unsigned_abs().into());
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        within(limit, "cannot stop", async {
            done(self.docker.stop_container(id, Some(options)).await)
        })
        .await
    }

    pub(crate) async fn restart(&self, id: &str) -> Result<(), ProviderError> {
        let call = self.docker.restart_container(id, None::<RestartContainerOptions>);
        within(CALL + STOP_SLACK, "cannot restart", call).await
    }

    pub(crate) async fn unpause(&self, id: &str) -> Result<(), ProviderError> {
        within(CALL, "cannot unpause", async {
            done(self.docker.unpause_container(id).await)
        })
        .await
    }

    /// Removes a container and its nameless volumes, running or not; fine when it is gone.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), ProviderError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        within(CALL, "cannot remove a container of", async {
            done(self.docker.remove_container(id, Some(options)).await)
        })
        .await
    }

    pub(crate) async fn rename(&self, id: &str, name: &str) -> Result<(), ProviderError> {
        let options = RenameContainerOptions { name: name.to_owned() };
        within(
            CALL,
            "cannot rename a container of",
            self.docker.rename_container(id, options),
        )
        .await
    }

    pub(crate) async fn connect(
        &self,
        network: &str,
        id: &str,
        endpoint: EndpointSettings,
    ) -> Result<(), ProviderError> {
        let request = NetworkConnectRequest {
            container: id.to_owned(),
            endpoint_config: Some(endpoint),
        };
        within(
            CALL,
            "cannot connect to its network",
            self.docker.connect_network(network, request),
        )
        .await
    }

    pub(crate) async fn disconnect(&self, network: &str, id: &str) -> Result<(), ProviderError> {
        let request = NetworkDisconnectRequest {
            container: id.to_owned(),
            force: Some(true),
        };
        within(CALL, "cannot disconnect from its network", async {
            done(self.docker.disconnect_network(network, request).await)
        })
        .await
    }

    /// Unpacks an archive into a folder of a container.
    pub(crate) async fn upload(&self, id: &str, folder: &str, archive: Vec<u8>) -> Result<(), ProviderError> {
        let options = UploadToContainerOptionsBuilder::default().path(folder).build();
        let body = bollard::body_full(archive.into());
        let call = self.docker.upload_to_container(id, Some(options), body);
        within(CALL, "cannot deliver the secrets of", call).await
    }

    pub(crate) async fn create_network(&self, request: NetworkCreateRequest) -> Result<String, ProviderError> {
        Ok(within(CALL, "cannot create", self.docker.create_network(request))
            .await?
            .id)
    }

    /// Removes a network; fine when it is gone.
    pub(crate) async fn remove_network(&self, id: &str) -> Result<(), ProviderError> {
        within(CALL, "cannot remove", async {
            done(self.docker.remove_network(id).await)
        })
        .await
    }

    pub(crate) async fn create_volume(&self, request: VolumeCreateRequest) -> Result<(), ProviderError> {
        within(CALL, "cannot create", self.docker.create_volume(request))
            .await
            .map(drop)
    }

    /// Removes a volume and what it stores; fine when it is gone.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), ProviderError> {
        let call = self.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        within(CALL, "cannot remove", async { done(call.await) }).await
    }

    /// Removes a volume that nothing holds data in; fine when it is gone or in use.
    pub(crate) async fn remove_unused_volume(&self, name: &str) -> Result<(), ProviderError> {
        let call = self.docker.remove_volume(name, None::<RemoveVolumeOptions>);
        within(CALL, "cannot remove", async { in_use_is_fine(call.await) }).await
    }

    /// Removes a name of an image, and the image with its last name; fine when it is gone, or when a container needs it.
    pub(crate) async fn remove_image(&self, reference: &str) -> Result<(), ProviderError> {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        within(CALL, "cannot remove", async {
            in_use_is_fine(self.docker.remove_image(reference, Some(options), None).await.map(drop))
        })
        .await
    }
}

/// Done already counts as done.
fn done(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(error) if matches!(status(&error), Some(304 | 404)) => Ok(()),
        other => other,
    }
}

/// What is in use stays, without complaint.
fn in_use_is_fine(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
        other => other,
    }
}

fn is_missing_image(error: &Error) -> bool {
    crate::fault::message(error).to_lowercase().contains("image")
}
