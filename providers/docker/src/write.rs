//! The engine's calls that change something, each with its limit and its idempotence.
//!
//! 409 on create means look, 404 on delete and 304 on start and stop mean done. A call whose answer was lost is made
//! again when that is the same as making it once, else after a look. Never decides what to change.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, EndpointSettings, NetworkConnectRequest, NetworkCreateRequest,
    NetworkDisconnectRequest, NetworkInspect, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder, RemoveVolumeOptions,
    RenameContainerOptions, RestartContainerOptions, StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use bytes::Bytes;
use mlstack_provider::{Fence, ProviderError};

use crate::fault::{message, status};
use crate::patience::{Patience, is_passing};

/// Between two looks at a container that is going.
const GOING: Duration = Duration::from_millis(100);
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
    patience: Patience,
    fence: &'a Fence,
}

impl<'a> Write<'a> {
    pub(crate) fn new(docker: &'a Docker, patience: Patience, fence: &'a Fence) -> Self {
        Self {
            docker,
            patience,
            fence,
        }
    }

    /// Every call goes through here: each try asks first whether it may be made at all.
    async fn look_first<T, F, L>(
        &self,
        action: &str,
        call: impl Fn() -> F,
        done: impl Fn() -> L,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, Error>>,
        L: Future<Output = Option<T>>,
    {
        let fenced = || async {
            self.fence.pass()?;
            call().await
        };
        self.patience.look_first(action, fenced, done).await
    }

    async fn repeat<T, F>(&self, action: &str, call: impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.look_first(action, call, || std::future::ready(None)).await
    }

    /// The same with another limit.
    fn within(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// Makes a container. When the answer is lost and the container is made, the next try finds its name taken.
    pub(crate) async fn create_container(
        &self,
        name: &str,
        body: ContainerCreateBody,
    ) -> Result<Created, ProviderError> {
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        let call = || async {
            match self.docker.create_container(Some(options.clone()), body.clone()).await {
                Ok(created) => Ok(Created::Id(created.id)),
                Err(error) if status(&error) == Some(409) => Ok(Created::NameTaken),
                Err(error) if status(&error) == Some(404) && is_missing_image(&error) => Ok(Created::NoImage),
                Err(error) => Err(error),
            }
        };
        self.repeat("cannot create a container for", call).await
    }

    /// Starts a container; fine when it runs. The engine's refusal is handed back to be explained.
    pub(crate) async fn start(&self, id: &str) -> Result<Result<(), Error>, ProviderError> {
        let call = || async {
            match self.docker.start_container(id, None).await {
                Err(error) if is_passing(&error) => Err(error),
                answer => Ok(answer),
            }
        };
        self.repeat("cannot start", call).await
    }

    /// Stops a container within its own time; fine when it is stopped or gone.
    pub(crate) async fn stop(&self, id: &str, seconds: Option<i64>) -> Result<(), ProviderError> {
        let seconds = i32::try_from(seconds.unwrap_or(STOP_SECONDS)).unwrap_or(i32::MAX);
        let patience = self.patience.and(Duration::from_secs(seconds.unsigned_abs().into()));
        let options = StopContainerOptionsBuilder::default().t(seconds).build();
        let call = || async { done(self.docker.stop_container(id, Some(options.clone())).await) };
        self.within(patience).repeat("cannot stop", call).await
    }

    pub(crate) async fn restart(&self, id: &str) -> Result<(), ProviderError> {
        let patience = self.patience.and(self.patience.call());
        let call = || self.docker.restart_container(id, None::<RestartContainerOptions>);
        self.within(patience).repeat("cannot restart", call).await
    }

    pub(crate) async fn unpause(&self, id: &str) -> Result<(), ProviderError> {
        let call = || async { done(self.docker.unpause_container(id).await) };
        let runs = |container: ContainerInspectResponse| container.state?.paused.filter(|paused| !paused).map(drop);
        let looked = || async { self.now(id).await.and_then(runs) };
        self.look_first("cannot unpause", call, looked).await
    }

    /// Removes a container and its nameless volumes, running or not; fine when it is gone, and waits when it is going.
    pub(crate) async fn remove_container(&self, id: &str) -> Result<(), ProviderError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let call = || async {
            loop {
                match done(self.docker.remove_container(id, Some(options.clone())).await) {
                    Err(error) if is_going(&error) => tokio::time::sleep(GOING).await,
                    answer => return answer,
                }
            }
        };
        self.repeat("cannot remove a container of", call).await
    }

    pub(crate) async fn rename(&self, id: &str, name: &str) -> Result<(), ProviderError> {
        let options = RenameContainerOptions { name: name.to_owned() };
        let call = || self.docker.rename_container(id, options.clone());
        let named = |container: ContainerInspectResponse| (container.name? == format!("/{name}")).then_some(());
        let looked = || async { self.now(id).await.and_then(named) };
        self.look_first("cannot rename a container of", call, looked).await
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
        let call = || self.docker.connect_network(network, request.clone());
        let looked = || async { self.is_on(network, id).await.filter(|on| *on).map(drop) };
        self.look_first("cannot connect to its network", call, looked).await
    }

    pub(crate) async fn disconnect(&self, network: &str, id: &str) -> Result<(), ProviderError> {
        let request = NetworkDisconnectRequest {
            container: id.to_owned(),
            force: Some(true),
        };
        let call = || async { done(self.docker.disconnect_network(network, request.clone()).await) };
        let looked = || async { self.is_on(network, id).await.filter(|on| !on).map(drop) };
        self.look_first("cannot disconnect from its network", call, looked)
            .await
    }

    /// The container as it is now; `None` also when nobody answers, as this is a look between two tries.
    async fn now(&self, id: &str) -> Option<ContainerInspectResponse> {
        self.docker.inspect_container(id, None).await.ok()
    }

    async fn is_on(&self, network: &str, id: &str) -> Option<bool> {
        let networks = self.now(id).await?.network_settings?.networks?;
        Some(networks.contains_key(network))
    }

    /// Unpacks an archive into a folder of a container.
    pub(crate) async fn upload(&self, id: &str, folder: &str, archive: Vec<u8>) -> Result<(), ProviderError> {
        let options = UploadToContainerOptionsBuilder::default().path(folder).build();
        let archive = Bytes::from(archive);
        let call = || {
            let body = bollard::body_full(archive.clone());
            self.docker.upload_to_container(id, Some(options.clone()), body)
        };
        self.repeat("cannot deliver the secrets of", call).await
    }

    /// Makes a network. The engine makes two of one name without a word, so a lost answer is looked for by its labels.
    pub(crate) async fn create_network(&self, request: NetworkCreateRequest) -> Result<(), ProviderError> {
        let call = || async { self.docker.create_network(request.clone()).await.map(drop) };
        let looked = || async {
            let same = |there: &NetworkInspect| there.labels == request.labels;
            let there = self.docker.inspect_network(&request.name, None).await.ok();
            there.filter(same).map(drop)
        };
        self.look_first("cannot create", call, looked).await
    }

    /// Removes a network; fine when it is gone.
    pub(crate) async fn remove_network(&self, id: &str) -> Result<(), ProviderError> {
        let call = || async { done(self.docker.remove_network(id).await) };
        self.repeat("cannot remove", call).await
    }

    /// Makes a volume; the engine makes only one of a name.
    pub(crate) async fn create_volume(&self, request: VolumeCreateRequest) -> Result<(), ProviderError> {
        let call = || async { self.docker.create_volume(request.clone()).await.map(drop) };
        self.repeat("cannot create", call).await
    }

    /// Removes a volume and what it stores; fine when it is gone.
    pub(crate) async fn remove_volume(&self, name: &str) -> Result<(), ProviderError> {
        let call = || async { done(self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await) };
        self.repeat("cannot remove", call).await
    }

    /// Removes a volume that nothing holds data in; fine when it is gone or in use.
    pub(crate) async fn remove_unused_volume(&self, name: &str) -> Result<(), ProviderError> {
        let call = || async { in_use_is_fine(self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await) };
        self.repeat("cannot remove", call).await
    }

    /// Removes a name of an image, and the image with its last name; fine when it is gone, or when a container needs it.
    pub(crate) async fn remove_image(&self, reference: &str) -> Result<(), ProviderError> {
        let options = RemoveImageOptionsBuilder::default().force(false).build();
        let call = || async {
            let removed = self.docker.remove_image(reference, Some(options.clone()), None).await;
            in_use_is_fine(removed.map(drop))
        };
        self.repeat("cannot remove", call).await
    }
}

/// Done already counts as done.
fn done(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(error) if matches!(status(&error), Some(304 | 404)) => Ok(()),
        other => other,
    }
}

/// Somebody removes it already: a run that was killed, most likely.
fn is_going(error: &Error) -> bool {
    status(error) == Some(409) && message(error).contains("already in progress")
}

/// What is in use stays, without complaint.
fn in_use_is_fine(answer: Result<(), Error>) -> Result<(), Error> {
    match answer {
        Err(error) if matches!(status(&error), Some(404 | 409)) => Ok(()),
        other => other,
    }
}

fn is_missing_image(error: &Error) -> bool {
    message(error).to_lowercase().contains("image")
}
