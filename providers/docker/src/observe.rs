//! Everything of a project that the engine holds now.
//!
//! Looks only. Finds by label; a name says nothing but whether an update was interrupted or a container renamed.

mod containers;
mod images;
mod service;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use bollard::models::{ImageConfig, ImageInspect};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mlstack_compose::{
    IMAGE, ImageSpec, NETWORK, Network, SERVICE, Service, ServiceSecret, VOLUME, Volume, container_name,
};
use mlstack_provider::{Address, ErrorKind, Keyed, Observed, ProviderError, Resource, Value};

pub(crate) use containers::{Found, Role, containers};

use crate::labels::{self, Labels as _};
use crate::look::Look;
use crate::secrets;
use images::{made_image, tell_apart, wanted_image};
use service::{Delivered, ServiceView};

/// Inspections at once.
const AT_ONCE: usize = 16;

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
        let with_secrets = found.filter_map(|found| Some((found, found.recorded()?.secrets)));
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
