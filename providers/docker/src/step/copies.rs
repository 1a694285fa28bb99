//! One container of a service: made, started, told why it does not start.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, EndpointSettings};
use mlstack_compose::{Service, container_name, service_hash};
use mlstack_provider::golden::{self, Answer, Checks};
use mlstack_provider::{ErrorKind, ProviderError, Resource};

use super::image;
use crate::encode::{self, Copy, Part};
use crate::engine::{Site, spec};
use crate::labels::{self, Labels as _};
use crate::observe::{Found, foreign};
use crate::secrets::{self, Owner};
use crate::write::Created;
use crate::{ask, doctor, fault, trouble, wait};

/// How often a container is created before its name counts as somebody else's.
const CREATES: u32 = 10;

/// A service as it should be, ready to be made copies of.
pub(crate) struct Mold<'a> {
    pub(crate) site: &'a Site<'a>,
    pub(crate) resource: &'a Resource,
    pub(crate) service: Service,
    image_id: String,
    /// The processor that the image is made for; may be empty.
    pub(super) architecture: String,
}

impl<'a> Mold<'a> {
    /// Reads the spec and looks the image up.
    pub(crate) async fn new(site: &'a Site<'a>, resource: &'a Resource) -> Result<Self, ProviderError> {
        let service: Service = spec(&resource.address, &resource.spec)?;
        let image = site.look.image(&service.image).await?.unwrap_or_default();
        let architecture = image.architecture.unwrap_or_default();
        let image_id = image.id.ok_or_else(|| image::missing(&service.image))?;
        let planned = service
            .extension
            .image_id
            .as_ref()
            .filter(|planned| **planned != image_id);
        if let Some(planned) = planned {
            return Err(
                ProviderError::new(ErrorKind::Stale, "another image than planned stands in for")
                    .because(format!("{} is {image_id}, planned was {planned}", service.image))
                    .hint("plan again"),
            );
        }
        Ok(Self {
            site,
            resource,
            service,
            image_id,
            architecture,
        })
    }

    /// The service's key.
    pub(crate) fn key(&self) -> &str {
        &self.resource.address.name
    }

    /// The name of copy `number`.
    pub(crate) fn name(&self, number: u32) -> String {
        container_name(self.site.project(), self.key(), number)
    }

    /// Whether a container was made from this very service.
    pub(crate) fn made(&self, found: &Found) -> bool {
        let labels = found
            .inspected
            .config
            .as_ref()
            .and_then(|config| config.labels.container());
        labels.is_some_and(|labels| labels.config_hash == service_hash(&self.service))
    }

    /// Makes copy `number` under `name`, on the networks its part has and with its secrets, and does not start it.
    pub(crate) async fn create(&self, number: u32, name: &str, part: Part) -> Result<String, ProviderError> {
        let ours = labels::ours(self.resource);
        let copy = self.copy(number, part, &ours);
        let id = self.create_bare(&copy, name).await?;
        match self.furnish(&copy, &id).await {
            Ok(()) => Ok(id),
            Err(error) => {
                // Half made is worse than not made; the first error is the one that counts.
                let _ = self.site.write.remove_container(&id).await;
                Err(error)
            }
        }
    }

    fn copy<'b>(&'b self, number: u32, part: Part, ours: &'b BTreeMap<String, String>) -> Copy<'b> {
        Copy {
            project: self.site.project(),
            service: self.key(),
            number,
            image_id: &self.image_id,
            origin: &self.site.config.origin,
            ours,
            part,
        }
    }

    /// Puts a container under its names on each network where it has not all of them.
    pub(crate) async fn reconnect(
        &self,
        number: u32,
        container: &ContainerInspectResponse,
    ) -> Result<(), ProviderError> {
        let (write, nothing) = (self.site.write, BTreeMap::new());
        let id = container.id.as_deref().unwrap_or_default();
        let settings = container.network_settings.as_ref();
        for (network, endpoint) in encode::endpoints(&self.service, &self.copy(number, Part::Whole, &nothing)) {
            let now = settings.and_then(|settings| settings.networks.as_ref()?.get(&network));
            let aliases = |endpoint: &EndpointSettings| endpoint.aliases.clone().unwrap_or_default();
            let knows = |now| aliases(&endpoint).iter().all(|alias| aliases(now).contains(alias));
            if now.is_none_or(|now| !knows(now)) {
                if now.is_some() {
                    write.disconnect(&network, id).await?;
                }
                write.connect(&network, id, endpoint).await?;
            }
        }
        Ok(())
    }

    /// Lets others find the proven container `id` under its names, and sees that it took that well.
    pub(crate) async fn introduce(&self, number: u32, id: &str) -> Result<(), ProviderError> {
        let container = self.site.look.container(id).await?.unwrap_or_default();
        self.reconnect(number, &container).await?;
        self.ready(id).await.map(drop)
    }

    async fn create_bare(&self, copy: &Copy<'_>, name: &str) -> Result<String, ProviderError> {
        let body = encode::create_body(&self.service, copy);
        for _ in 0..CREATES {
            match self.site.write.create_container(name, body.clone()).await? {
                Created::Id(id) => return Ok(id),
                Created::NoImage => return Err(image::missing(&self.service.image)),
                Created::NameTaken => self.clear(name).await?,
            }
            // A call that a killed apply made may still be under way: its name is taken before it can be seen.
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        Err(foreign("container", name))
    }

    /// Removes what an apply that was cut short left under this name.
    async fn clear(&self, name: &str) -> Result<(), ProviderError> {
        let Some(container) = self.site.look.container(name).await? else {
            return Ok(());
        };
        let labels = container.config.and_then(|config| config.labels).container();
        match labels.is_some_and(|labels| labels.project == self.site.project() && labels.service == self.key()) {
            true => self.site.write.remove_container(name).await,
            false => Err(foreign("container", name)),
        }
    }

    async fn furnish(&self, copy: &Copy<'_>, id: &str) -> Result<(), ProviderError> {
        let mut endpoints = encode::endpoints(&self.service, copy).into_iter();
        match (copy.part, endpoints.next()) {
            (Part::Apart, Some((first, _))) => self.site.write.disconnect(&first, id).await?,
            _ => {
                for (network, endpoint) in endpoints {
                    self.site.write.connect(&network, id, endpoint).await?;
                }
            }
        }
        if self.service.secrets.is_empty() {
            return Ok(());
        }
        let owner = self.owner(id).await?;
        let mut files = Vec::new();
        for secret in &self.service.secrets {
            let value = self
                .site
                .config
                .secrets
                .get(&secret.source)
                .ok_or_else(|| no_value(&secret.source))?;
            files.push((secret.target.as_str(), value));
        }
        let archive = secrets::pack(owner, files)
            .map_err(|error| ProviderError::new(ErrorKind::Failed, "cannot pack the secrets of").because(error))?;
        self.site.write.upload(id, secrets::FOLDER, archive).await
    }

    /// The user the service runs as; names are looked up in the image's own files.
    async fn owner(&self, id: &str) -> Result<Owner, ProviderError> {
        let inspected = self
            .site
            .look
            .container(id)
            .await?
            .and_then(|container| container.config);
        let user = inspected.and_then(|config| config.user).unwrap_or_default();
        let file = async |path| {
            let packed = self.site.look.download(id, path).await?;
            Ok::<_, ProviderError>(secrets::unpack_text(&packed.unwrap_or_default()))
        };
        let (passwd, group) = (file("/etc/passwd").await?, file("/etc/group").await?);
        Owner::parse(&user, &passwd, &group).ok_or_else(|| {
            ProviderError::new(ErrorKind::Failed, "cannot deliver the secrets of")
                .because(format!(
                    "its user `{user}` is in neither /etc/passwd nor /etc/group of the image"
                ))
                .hint("give the user as a number")
        })
    }

    /// Starts a container; a refusal becomes an error that names its cause.
    pub(crate) async fn start(&self, id: &str) -> Result<(), ProviderError> {
        match self.site.write.start(id).await? {
            Ok(()) => Ok(()),
            Err(error) if fault::status(&error) == Some(304) => Ok(()),
            Err(error) => {
                let refused = self.not_started(&fault::message(&error)).await;
                Err(self.mismatched(refused).await?)
            }
        }
    }

    async fn not_started(&self, message: &str) -> ProviderError {
        let Some(port) = trouble::port_taken(message) else {
            let essence = trouble::essence(message).to_owned();
            let error = ProviderError::new(ErrorKind::NotReady, "cannot start").because(essence);
            return trouble::hint_for_start(message, &self.service.image)
                .into_iter()
                .fold(error, ProviderError::hint);
        };
        let host = self.site.connection.host();
        let taken = doctor::taken(&self.site.look, host, &[port]).await.unwrap_or_default();
        let hint = match taken.into_iter().find_map(|taken| taken.container) {
            Some(container) => {
                format!("the container {container} has it; choose another expose.port, or: docker stop {container}")
            }
            None => format!("choose another expose.port, or see who has it: sudo ss -ltnp 'sport = :{port}'"),
        };
        ProviderError::new(ErrorKind::NotReady, "cannot start")
            .because(format!("port {port} is already taken"))
            .hint(hint)
    }

    /// Starts a container, waits until it is ready, and asks its golden requests.
    pub(crate) async fn start_and_prove(&self, id: &str) -> Result<(), ProviderError> {
        self.start(id).await?;
        self.ready(id).await?;
        self.ask(id).await
    }

    /// Waits until a container is ready.
    pub(crate) async fn ready(&self, id: &str) -> Result<ContainerInspectResponse, ProviderError> {
        let limit = wait::limit(&self.service);
        let (look, progress) = (&self.site.look, self.site.progress);
        match wait::ready(look, id, "did not become ready:", limit, progress).await {
            Err(error) if error.kind == ErrorKind::NotReady => Err(self.mismatched(error).await?),
            ready => ready,
        }
    }

    /// The same error, unless it says that no processor of this engine runs the image. One that is emulated may fail
    /// for reasons of its own.
    async fn mismatched(&self, error: ProviderError) -> Result<ProviderError, ProviderError> {
        let said = std::iter::successors(error.source(), |cause| (*cause).source());
        let refused = said
            .into_iter()
            .any(|cause| cause.to_string().contains("exec format error"));
        Ok(match refused {
            true => self.mismatch().await?.unwrap_or(error),
            false => error,
        })
    }

    /// Asks a ready container its golden requests.
    ///
    /// # Errors
    /// When an answer is missing, wrong or late.
    pub(crate) async fn ask(&self, id: &str) -> Result<(), ProviderError> {
        let Some(checks) = &self.service.extension.checks else {
            return Ok(());
        };
        self.site.tell("asking its checks");
        match self.answers(id, checks).await? {
            Some(answers) => golden::judge(checks, &answers),
            None => {
                self.site
                    .tell("its checks cannot be asked: the engine is on another machine");
                Ok(())
            }
        }
    }

    async fn answers(&self, id: &str, checks: &Checks) -> Result<Option<Vec<Answer>>, ProviderError> {
        if self.service.extension.image_id.is_some()
            && let Some(answers) = ask::inside(self.site.docker, id, checks).await?
        {
            return Ok(Some(answers));
        }
        if !cfg!(target_os = "linux") || !self.site.connection.host().is_local() {
            return Ok(None);
        }
        let container = self.site.look.container(id).await?.unwrap_or_default();
        Ok(Some(ask::outside(&container, checks).await))
    }

    /// Why the image cannot run on this engine: it is made for another processor.
    pub(crate) async fn mismatch(&self) -> Result<Option<ProviderError>, ProviderError> {
        let engine = self.site.look.version().await?.arch.unwrap_or_default();
        if self.architecture.is_empty() || engine.is_empty() || self.architecture == engine {
            return Ok(None);
        }
        let (image, made_for) = (&self.service.image, &self.architecture);
        let error = ProviderError::new(ErrorKind::NotReady, "cannot run")
            .because(format!(
                "the image {image} is made for {made_for}, and this engine runs {engine}"
            ))
            .hint(format!(
                "take one that is made for it: docker pull --platform linux/{engine} {image}"
            ));
        Ok(Some(error))
    }
}

fn no_value(name: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Failed, "cannot deliver the secrets of")
        .because(format!("the secret `{name}` has no value"))
}
