//! Everything of a project that the engine holds now.
//!
//! Looks only. Finds by label; a name says nothing but whether an update was interrupted or a container renamed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum, ImageConfig, ImageInspect};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mlstack_compose::{
    ContainerLabels, IMAGE, ImageSource, ImageSpec, NETWORK, Network, SERVICE, Service, ServiceSecret, VOLUME, Volume,
    container_name, parse_depends_on,
};
use mlstack_provider::{Address, ErrorKind, Keyed, Observed, ProviderError, Resource, Value};

use crate::labels::{self, Labels as _};
use crate::look::Look;
use crate::secrets;
use crate::{drift, trouble};

/// Inspections at once.
const AT_ONCE: usize = 16;
/// How often, and at what pace, a container that is being removed is looked at again.
const GOING_LOOKS: usize = 50;
const GOING_PACE: Duration = Duration::from_millis(100);

/// One container of a service.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) role: Role,
    pub(crate) inspected: ContainerInspectResponse,
}

/// What a container's name says about its part in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The copy itself, under whatever name.
    Copy,
    /// `NAME.old`: parked until the one that took its place is proven.
    Old,
    /// `NAME.new`: made, and not yet in place.
    New,
    /// `NAME.canary`: shows that a version works, and goes.
    Canary,
}

impl Role {
    fn read(name: &str, labels: &ContainerLabels) -> Self {
        match name.strip_prefix(&container_name(&labels.project, &labels.service, labels.number)) {
            Some(".old") => Self::Old,
            Some(".new") => Self::New,
            Some(".canary") => Self::Canary,
            _ => Self::Copy,
        }
    }
}

impl Found {
    /// Reads an inspection; `None` for a container that is no copy of a service.
    pub(crate) fn read(inspected: ContainerInspectResponse) -> Option<(String, Self)> {
        let labels = inspected.config.as_ref()?.labels.container()?;
        let name = inspected.name.as_deref()?.trim_start_matches('/').to_owned();
        let role = Role::read(&name, &labels);
        if labels.oneoff != (role == Role::Canary) {
            return None; // of `docker compose run`
        }
        let found = Self {
            id: inspected.id.clone()?,
            name,
            number: labels.number,
            role,
            inspected,
        };
        Some((labels.service, found))
    }

    /// The image it was made from.
    pub(crate) fn image_id(&self) -> &str {
        self.inspected.image.as_deref().unwrap_or_default()
    }
}

/// Inspects the containers that carry `labels`; those that vanish meanwhile are left out. By service.
///
/// A run that was killed, or that gave up on a slow engine, may have asked for a removal that still goes on. What is
/// planned while it does is stale at once, so it is waited for, but not for ever: a removal can be stuck.
pub(crate) async fn containers(look: &Look, labels: &[String]) -> Result<BTreeMap<String, Vec<Found>>, ProviderError> {
    let mut inspected = inspect(look, labels).await?;
    for _ in 0..GOING_LOOKS {
        if !inspected.iter().any(is_going) {
            break;
        }
        tokio::time::sleep(GOING_PACE).await;
        inspected = inspect(look, labels).await?;
    }
    let mut services: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for (service, found) in inspected.into_iter().filter_map(Found::read) {
        services.entry(service).or_default().push(found);
    }
    for copies in services.values_mut() {
        copies.sort_by(|a, b| (a.number, &a.name).cmp(&(b.number, &b.name)));
    }
    Ok(services)
}

async fn inspect(look: &Look, labels: &[String]) -> Result<Vec<ContainerInspectResponse>, ProviderError> {
    let listed = look.containers(labels).await?;
    let ids = listed.into_iter().filter_map(|container| container.id);
    let inspections = stream::iter(ids)
        .map(|id| async move { look.container(&id).await })
        .buffer_unordered(AT_ONCE);
    let found: Vec<_> = inspections.try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// Whether the engine is removing it.
fn is_going(container: &ContainerInspectResponse) -> bool {
    let status = container.state.as_ref().and_then(|state| state.status);
    status == Some(ContainerStateStatusEnum::REMOVING)
}

/// Reads the whole of `project`.
pub(crate) async fn everything(
    look: &Look,
    project: &str,
    desired: &[Resource],
    keyed: Option<&Keyed>,
) -> Result<Vec<Observed>, ProviderError> {
    let view = View {
        look,
        project,
        desired,
        keyed,
    };
    let (mut all, networks, volumes, mut images, ()) = futures_util::try_join!(
        view.services(),
        view.networks(),
        view.volumes(),
        view.images(),
        view.refuse_foreign(),
    )?;
    tell_apart(&mut images, &all);
    all.extend([networks, volumes, images].into_iter().flatten());
    all.sort_by(|a, b| a.address.cmp(&b.address));
    Ok(all)
}

struct View<'a> {
    look: &'a Look,
    project: &'a str,
    desired: &'a [Resource],
    keyed: Option<&'a Keyed>,
}

/// By container and secret, the keyed digest of what its file holds now. A container that could not be read is left out.
type Delivered = BTreeMap<String, BTreeMap<String, String>>;

impl View<'_> {
    fn wanted(&self, kind: &str, name: &str) -> Option<&Resource> {
        self.desired
            .iter()
            .find(|resource| resource.address.kind == kind && resource.address.name == name)
    }

    async fn services(&self) -> Result<Vec<Observed>, ProviderError> {
        let services = containers(self.look, &labels::services_of(self.project)).await?;
        let images = self.images_of(services.values().flatten()).await?;
        let moved = self.references(services.values().flatten()).await?;
        let delivered = self.delivered(services.values().flatten()).await;
        let read = |(name, copies): (String, Vec<Found>)| {
            ServiceView {
                delivered: &delivered,
                project: self.project,
                name: &name,
                wanted: self.wanted(SERVICE, &name),
                images: &images,
                references: &moved,
            }
            .observed(&copies)
        };
        Ok(services.into_iter().map(read).collect())
    }

    /// Reads the files of secrets back, where the key of their digests is here.
    async fn delivered(&self, found: impl Iterator<Item = &Found>) -> Delivered {
        let Some(keyed) = self.keyed else {
            return Delivered::new();
        };
        let with_secrets = found.filter_map(|found| Some((found, recorded(found)?.secrets)));
        let read = |(found, secrets): (&Found, Vec<ServiceSecret>)| {
            let id = found.id.clone();
            async move {
                let packed = self.look.download(&id, secrets::FOLDER).await.ok()??;
                let files = secrets::unpack_folder(&packed).ok()?;
                let digest = |secret: &ServiceSecret| match files.get(&secret.target) {
                    Some(content) => keyed.digest(&secret.source, content),
                    None => secrets::GONE.to_owned(),
                };
                let digests = secrets.iter().map(|secret| (secret.source.clone(), digest(secret)));
                Some((id, digests.collect()))
            }
        };
        let wanted: Vec<_> = with_secrets
            .filter(|(_, secrets)| !secrets.is_empty())
            .map(read)
            .collect();
        stream::iter(wanted)
            .buffer_unordered(AT_ONCE)
            .filter_map(|read| async { read })
            .collect()
            .await
    }

    /// What the images of these containers bring along, by id; an image that is gone is left out.
    async fn images_of(
        &self,
        found: impl Iterator<Item = &Found>,
    ) -> Result<BTreeMap<String, ImageConfig>, ProviderError> {
        let ids: BTreeSet<String> = found.map(|found| found.image_id().to_owned()).collect();
        let images = self.inspect(ids).await?;
        Ok(images
            .into_iter()
            .map(|(id, image)| (id, image.config.unwrap_or_default()))
            .collect())
    }

    /// The ids that the references of these containers stand for now.
    async fn references(&self, found: impl Iterator<Item = &Found>) -> Result<BTreeMap<String, String>, ProviderError> {
        let config = |found: &Found| found.inspected.config.as_ref().and_then(|config| config.image.clone());
        let images = self.inspect(found.filter_map(config).collect()).await?;
        Ok(images
            .into_iter()
            .filter_map(|(reference, image)| Some((reference, image.id?)))
            .collect())
    }

    async fn inspect(&self, references: BTreeSet<String>) -> Result<BTreeMap<String, ImageInspect>, ProviderError> {
        let one = |reference: String| async move {
            let image = self.look.image(&reference).await?;
            Ok(image.map(|image| (reference, image)))
        };
        let images: Vec<_> = stream::iter(references)
            .map(one)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(images.into_iter().flatten().collect())
    }

    async fn networks(&self) -> Result<Vec<Observed>, ProviderError> {
        let networks = self.look.networks(&labels::of(self.project)).await?;
        let read = |network: bollard::models::Network| {
            let part = network.labels.part()?;
            let wanted = self.wanted(NETWORK, &part.key);
            let driver = network
                .driver
                .clone()
                .filter(|driver| driver != "bridge" || says_driver(wanted));
            let spec = Network {
                name: network.name.clone()?,
                driver: driver.unwrap_or_default(),
                internal: network.internal.unwrap_or(false),
                labels: own(&network.labels),
            };
            Some(Observed {
                address: Address::new(NETWORK, part.key),
                id: network.id?,
                recorded: network
                    .labels
                    .spec()
                    .map(|made| with_default(made, &spec.driver, "bridge")),
                spec: serde_json::to_value(spec).ok()?,
                depends_on: network.labels.uses().unwrap_or_default(),
                protected: network.labels.protected().unwrap_or(false),
                problem: None,
            })
        };
        Ok(one_of_each(networks.into_iter().filter_map(read)))
    }

    async fn volumes(&self) -> Result<Vec<Observed>, ProviderError> {
        let volumes = self.look.volumes(&labels::of(self.project)).await?;
        let read = |volume: bollard::models::Volume| {
            let labels = Some(volume.labels);
            let part = labels.part()?;
            let wanted = self.wanted(VOLUME, &part.key);
            let driver = Some(volume.driver).filter(|driver| driver != "local" || says_driver(wanted));
            let spec = Volume {
                name: volume.name.clone(),
                driver: driver.unwrap_or_default(),
                labels: own(&labels),
            };
            Some(Observed {
                address: Address::new(VOLUME, part.key),
                id: format!("{} {}", volume.name, labels.text(labels::MADE).unwrap_or("unmarked")),
                recorded: labels.spec().map(|made| with_default(made, &spec.driver, "local")),
                spec: serde_json::to_value(spec).ok()?,
                depends_on: labels.uses().unwrap_or_default(),
                protected: labels.protected().unwrap_or(true),
                problem: None,
            })
        };
        Ok(volumes.into_iter().filter_map(read).collect())
    }

    /// Images that are wanted and here, and those that were made for this stack and are wanted no more.
    async fn images(&self) -> Result<Vec<Observed>, ProviderError> {
        let wanted = self.desired.iter().filter(|resource| resource.address.kind == IMAGE);
        let wanted: Vec<(&Resource, ImageSpec)> = wanted
            .filter_map(|resource| Some((resource, serde_json::from_value(resource.spec.clone()).ok()?)))
            .collect();
        let here = self
            .inspect(wanted.iter().map(|(_, spec)| spec.reference.clone()).collect())
            .await?;
        let mut all: Vec<Observed> = wanted
            .iter()
            .filter_map(|(resource, spec)| Some(wanted_image(resource, spec, here.get(&spec.reference)?)))
            .collect();
        for image in self.look.images(&labels::images_of(self.project)).await? {
            let is_wanted = wanted.iter().any(|(_, spec)| image.repo_tags.contains(&spec.reference));
            let observed = made_image(image).filter(|_| !is_wanted);
            all.extend(observed.filter(|image| self.wanted(IMAGE, &image.address.name).is_none()));
        }
        Ok(all)
    }

    /// Refuses to go on when somebody else's container stands where one of ours must.
    async fn refuse_foreign(&self) -> Result<(), ProviderError> {
        let needed: BTreeMap<String, &Resource> = self
            .desired
            .iter()
            .flat_map(|resource| names(self.project, resource))
            .collect();
        let all = self.look.containers(&[]).await?;
        for container in all {
            let ours = container.labels.text(labels::PROJECT) == Some(self.project);
            let names = container
                .names
                .iter()
                .flatten()
                .map(|name| name.trim_start_matches('/'));
            if let Some(name) = names.into_iter().find(|name| !ours && needed.contains_key(*name)) {
                return Err(foreign("container", name).at(&needed[name].address));
            }
        }
        Ok(())
    }
}

/// What it was made as, where the default driver and none are one.
fn with_default(mut made: Value, driver: &str, default: &str) -> Value {
    let said = made.get("driver").and_then(Value::as_str);
    if driver.is_empty() && said == Some(default) {
        made.as_object_mut().map(|made| made.remove("driver"));
    }
    made
}

fn says_driver(wanted: Option<&Resource>) -> bool {
    wanted.is_some_and(|resource| resource.spec.get("driver").is_some())
}

fn own<M>(labels: &Option<M>) -> BTreeMap<String, String>
where
    for<'a> &'a M: IntoIterator<Item = (&'a String, &'a String)>,
{
    let all = labels.iter().flatten();
    all.filter(|(key, _)| !labels::is_reserved(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// The container names that a service needs.
fn names<'a>(project: &str, resource: &'a Resource) -> Vec<(String, &'a Resource)> {
    let service =
        (resource.address.kind == SERVICE).then(|| serde_json::from_value::<Service>(resource.spec.clone()).ok());
    let copies = service.flatten().map_or(0, |service| service.replicas());
    (1..=copies)
        .map(|number| (container_name(project, &resource.address.name, number), resource))
        .collect()
}

/// Something of somebody else stands where ours must.
pub(crate) fn foreign(sort: &str, name: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Foreign, "cannot take its name:")
        .because(format!("there is a {sort} named {name} that is not of this stack"))
        .hint(match sort {
            "container" => {
                format!("if nobody needs it: docker rm -f {name}; or rename it: docker rename {name} {name}-other")
            }
            _ => format!("if nobody needs it: docker {sort} rm {name}; or give the stack another name"),
        })
}

fn wanted_image(resource: &Resource, spec: &ImageSpec, image: &ImageInspect) -> Observed {
    let labels = image.config.as_ref().and_then(|config| config.labels.clone());
    let recorded: Option<ImageSpec> = labels.spec().and_then(|spec| serde_json::from_value(spec).ok());
    let source = match &spec.source {
        ImageSource::Pull => ImageSource::Pull,
        ImageSource::Bundle { id: None } => ImageSource::Bundle { id: None },
        ImageSource::Bundle { .. } => ImageSource::Bundle { id: image.id.clone() },
        ImageSource::Build { digest: None, .. } => spec.source.clone(),
        ImageSource::Build { .. } => recorded.map_or(ImageSource::Pull, |recorded| recorded.source),
    };
    let observed = ImageSpec {
        reference: spec.reference.clone(),
        source,
    };
    let seen = serde_json::to_value(observed).unwrap_or(Value::Null);
    Observed {
        address: resource.address.clone(),
        id: image.id.clone().unwrap_or_default(),
        recorded: Some(if names_content(&spec.source) {
            resource.spec.clone()
        } else {
            seen.clone()
        }),
        spec: seen,
        depends_on: resource.depends_on.clone(),
        protected: false,
        problem: None,
    }
}

/// Whether the image's reference holds a digest of what is in it: then it can stand for one content only, and another
/// one there means that somebody moved the name.
fn names_content(source: &ImageSource) -> bool {
    matches!(
        source,
        ImageSource::Bundle { id: Some(_) } | ImageSource::Build { digest: Some(_), .. }
    )
}

/// Every rollout of a component left an image. The one that a service runs, which goes after it, keeps the name; the
/// others get their id into theirs.
fn tell_apart(images: &mut [Observed], services: &[Observed]) {
    let runs = |image: &Observed| {
        services
            .iter()
            .any(|service| service.spec["image"] == image.spec["reference"])
    };
    images.sort_by_cached_key(|image| (image.address.clone(), !runs(image), image.id.clone()));
    let mut names = BTreeSet::new();
    for image in images {
        if !names.insert(image.address.name.clone()) {
            let id = image.id.trim_start_matches("sha256:");
            image.address.name = format!("{}@{}", image.address.name, id.get(..12).unwrap_or(id));
        }
    }
}

fn made_image(image: bollard::models::ImageSummary) -> Option<Observed> {
    let labels = Some(image.labels);
    let reference = image.repo_tags.first().filter(|tag| *tag != "<none>:<none>")?.clone();
    let named = labels.text(labels::IMAGE).or_else(|| labels.text(labels::TITLE));
    let name = named.unwrap_or(&reference).to_owned();
    let source = ImageSource::Bundle {
        id: Some(image.id.clone()),
    };
    let spec = labels
        .spec()
        .or_else(|| serde_json::to_value(ImageSpec { reference, source }).ok())?;
    Some(Observed {
        address: Address::new(IMAGE, name),
        id: image.id,
        recorded: Some(spec.clone()),
        spec,
        depends_on: Vec::new(),
        protected: false,
        problem: None,
    })
}

/// The spec on the label of a copy that mlstack made.
fn recorded(copy: &Found) -> Option<Service> {
    let spec = copy.inspected.config.as_ref()?.labels.spec()?;
    serde_json::from_value(spec).ok()
}

struct ServiceView<'a> {
    project: &'a str,
    name: &'a str,
    wanted: Option<&'a Resource>,
    delivered: &'a Delivered,
    images: &'a BTreeMap<String, ImageConfig>,
    references: &'a BTreeMap<String, String>,
}

impl ServiceView<'_> {
    fn observed(&self, all: &[Found]) -> Observed {
        let (copies, leftovers) = settle(all);
        let specs: Vec<(Value, Value)> = copies.iter().map(|copy| self.spec(copy)).collect();
        // The first copy that is not what it was made as speaks for all.
        let speaker = specs.iter().position(|(base, seen)| base != seen).unwrap_or(0);
        let mut spec = specs.get(speaker).map_or(Value::Null, |(_, seen)| seen.clone());
        set_replicas(&mut spec, copies.len());
        let recorded = copies
            .get(speaker)
            .filter(|copy| recorded(copy).is_some())
            .map(|_| self.with_copies(specs[speaker].0.clone(), &copies));
        let labels = all
            .first()
            .and_then(|found| found.inspected.config.as_ref()?.labels.clone());
        Observed {
            address: Address::new(SERVICE, self.name),
            id: copies.iter().map(|copy| copy.id.as_str()).collect::<Vec<_>>().join(","),
            depends_on: labels
                .uses()
                .unwrap_or_else(|| self.uses(&spec, labels.text(labels::DEPENDS_ON))),
            recorded,
            protected: labels.protected().unwrap_or(false),
            problem: leftovers.or_else(|| copies.iter().find_map(|copy| self.problem(copy))),
            spec,
        }
    }

    /// A recorded spec with the number of copies it stands for. Copies that were added later have another number on
    /// their labels, and one that stayed may have any: only the wanted number, where a label has it, is believed.
    fn with_copies(&self, mut made: Value, copies: &[&Found]) -> Value {
        let wanted = self
            .wanted
            .and_then(|resource| serde_json::from_value::<Service>(resource.spec.clone()).ok());
        let wanted = wanted.map(|service| service.replicas());
        let said = copies
            .iter()
            .filter_map(|copy| recorded(copy))
            .find(|service| Some(service.replicas()) == wanted);
        set_replicas(
            &mut made,
            said.map_or(copies.len(), |service| service.replicas() as usize),
        );
        made
    }

    /// The spec a copy was made from, and the one it has now.
    fn spec(&self, copy: &Found) -> (Value, Value) {
        let nothing = ImageConfig::default();
        let image = self.images.get(copy.image_id()).unwrap_or(&nothing);
        let base = self
            .base(copy)
            .unwrap_or_else(|| crate::decode::service(self.project, &copy.inspected, image));
        let mut seen = drift::observed(self.project, &copy.inspected, image, (self.name, copy.number), &base);
        self.note_image(copy, &base, &mut seen);
        self.note_secrets(copy, &base, &mut seen);
        (drift::as_value(&base), seen)
    }

    /// What the copy is compared with: the spec on its label, else (made by `docker compose`) the wanted one.
    ///
    /// What only says how to work, not what the container is, is taken from the wanted spec: so is a secret's digest
    /// on a container without our label. It cannot be known, and no running service is replaced for not knowing.
    fn base(&self, copy: &Found) -> Option<Service> {
        let wanted: Option<Service> = self
            .wanted
            .and_then(|resource| serde_json::from_value(resource.spec.clone()).ok());
        let (Some(mut base), Some(wanted)) = (recorded(copy), wanted.clone()) else {
            return recorded(copy).or(wanted);
        };
        base.build = wanted.build;
        base.pull_policy = wanted.pull_policy;
        base.extension.ready_within = wanted.extension.ready_within;
        base.extension.checks = wanted.extension.checks;
        for (name, digest) in wanted.extension.secrets {
            if let (Some(known), None) = (base.extension.secrets.get_mut(&name), digest) {
                *known = None; // nobody looked at the value this time
            }
        }
        Some(base)
    }

    /// Where the file of a secret was read back, what it holds now.
    fn note_secrets(&self, copy: &Found, base: &Service, seen: &mut Value) {
        let read = self.delivered.get(&copy.id).into_iter().flatten();
        let recorded = |name: &String| base.extension.secrets.get(name).is_some_and(Option::is_some);
        for (name, digest) in read.filter(|(name, _)| recorded(name)) {
            seen["x-mlstack"]["secrets"][name] = digest.as_str().into();
        }
    }

    fn note_image(&self, copy: &Found, base: &Service, seen: &mut Value) {
        let Some(seen) = seen.as_object_mut() else {
            return;
        };
        let id = copy.image_id();
        let now = self.references.get(&base.image);
        if base.extension.image_id.is_some() {
            seen["x-mlstack"]["image_id"] = id.into();
        } else if now.is_some_and(|now| now != id) && seen.get("image") == Some(&Value::from(base.image.as_str())) {
            let short = id.trim_start_matches("sha256:").get(..12).unwrap_or(id);
            seen.insert(
                "image".to_owned(),
                format!("{} (as it was: {short})", base.image).into(),
            );
        }
    }

    fn problem(&self, copy: &Found) -> Option<String> {
        let expected = container_name(self.project, self.name, copy.number);
        let renamed = (copy.name != expected).then(|| format!("renamed to {}", copy.name));
        renamed
            .or_else(|| trouble::problem(&copy.inspected))
            .or_else(|| self.lost_alias(copy))
    }

    fn lost_alias(&self, copy: &Found) -> Option<String> {
        let networks = copy.inspected.network_settings.as_ref()?.networks.as_ref()?;
        let knows = |aliases: &Option<Vec<String>>| aliases.iter().flatten().any(|alias| alias == self.name);
        let mut lost = networks
            .iter()
            .filter(|(_, endpoint)| !knows(&endpoint.aliases))
            .map(|(name, _)| name)
            .collect::<Vec<_>>();
        lost.sort();
        lost.first()
            .map(|network| format!("not known as {} on network {network}", self.name))
    }

    /// What a service that `docker compose` made depends on.
    fn uses(&self, spec: &Value, label: Option<&str>) -> Vec<Address> {
        let keys = |field: &str| {
            spec.get(field)
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
        };
        let volumes = spec.get("volumes").and_then(Value::as_array).into_iter().flatten();
        let volumes = volumes
            .filter(|mount| mount["type"] == "volume")
            .filter_map(|mount| mount["source"].as_str());
        let services = parse_depends_on(label.unwrap_or_default());
        let mut uses: Vec<Address> = keys("networks").map(|key| Address::new(NETWORK, key)).collect();
        uses.extend(volumes.map(|key| Address::new(VOLUME, key)));
        uses.extend(services.keys().map(|key| Address::new(SERVICE, key)));
        uses.sort();
        uses.dedup();
        uses
    }
}

/// Sorts the containers of a service into its copies, one a number, and says whether an update was interrupted.
///
/// The copy of a number is the container in its place, else the one that was parked, else the one that is to come;
/// a canary never is.
fn settle(all: &[Found]) -> (Vec<&Found>, Option<String>) {
    let mut copies: BTreeMap<u32, &Found> = BTreeMap::new();
    for found in all.iter().filter(|found| found.role != Role::Canary) {
        let known = copies.entry(found.number).or_insert(found);
        if found.role < known.role {
            *known = found;
        }
    }
    let interrupted = all.iter().any(|found| found.role != Role::Copy);
    let begun = copies.values().any(|found| found.role == Role::New);
    let problem = match (interrupted, begun) {
        (false, _) => None,
        (true, true) => Some("it never came up".to_owned()),
        (true, false) => Some("an update of it was interrupted".to_owned()),
    };
    (copies.into_values().collect(), problem)
}

/// Writes the number of copies, unless the spec already means it. One copy is not said, as in what is wanted.
fn set_replicas(spec: &mut Value, copies: usize) {
    let said = spec.pointer("/deploy/replicas").and_then(Value::as_u64);
    if said.unwrap_or(1) == copies as u64 || !spec.is_object() {
        return;
    }
    if copies != 1 {
        spec["deploy"]["replicas"] = copies.into();
    } else if let Some(deploy) = spec["deploy"].as_object_mut() {
        deploy.shift_remove("replicas");
        let says_nothing = deploy.is_empty();
        if let Some(spec) = spec.as_object_mut().filter(|_| says_nothing) {
            spec.shift_remove("deploy");
        }
    }
}

/// Two of one name are one that is in trouble: the engine makes both when a killed apply and the next one ask.
fn one_of_each(networks: impl Iterator<Item = Observed>) -> Vec<Observed> {
    let mut all: BTreeMap<Address, Observed> = BTreeMap::new();
    for network in networks {
        match all.entry(network.address.clone()) {
            Entry::Vacant(place) => drop(place.insert(network)),
            Entry::Occupied(mut known) => {
                known.get_mut().problem = Some("there is more than one of this name".to_owned());
            }
        }
    }
    all.into_values().collect()
}

#[cfg(test)]
mod tests;
