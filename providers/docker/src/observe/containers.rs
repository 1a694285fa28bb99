//! The containers of a project's services, and what part each has in an update.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::{ContainerInspectResponse, ContainerStateStatusEnum};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mlstack_compose::{ContainerLabels, Service, container_name};
use mlstack_provider::ProviderError;

use super::AT_ONCE;
use crate::labels::Labels as _;
use crate::look::Look;

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
    pub(super) fn read(name: &str, labels: &ContainerLabels) -> Self {
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

    /// The spec on its label, where mlstack made it.
    pub(super) fn recorded(&self) -> Option<Service> {
        let spec = self.inspected.config.as_ref()?.labels.spec()?;
        serde_json::from_value(spec).ok()
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
