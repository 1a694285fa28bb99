//! Steps on networks.

use bollard::models::{EndpointSettings, NetworkCreateRequest};
use mlstack_compose::{Network, network_hash, network_labels};
use mlstack_provider::{ProviderError, Resource, Step};

use crate::engine::{Site, spec};
use crate::labels::{self, Labels as _};
use crate::observe::foreign;

/// Carries out a step.
pub(crate) async fn run(site: &Site<'_>, step: &Step) -> Result<(), ProviderError> {
    match step {
        Step::Create { resource } => create(site, resource).await,
        Step::Update { after, .. } | Step::Replace { after, .. } => replace(site, after).await,
        Step::Repair { after, .. } => {
            let network: Network = spec(&after.address, &after.spec)?;
            keep_one(site, &network.name).await
        }
        Step::Delete { before } => {
            let network: Network = spec(&before.address, &before.spec)?;
            remove(site, &network.name).await.map(drop)
        }
    }
}

async fn create(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let network: Network = spec(&resource.address, &resource.spec)?;
    if !ours(site, &network.name).await?.is_empty() {
        return keep_one(site, &network.name).await; // made by an apply that was cut short
    }
    let mut all = network.labels.clone();
    all.extend(network_labels(
        site.project(),
        &resource.address.name,
        &network_hash(&network),
    ));
    all.extend(labels::ours(resource));
    let request = NetworkCreateRequest {
        name: network.name.clone(),
        driver: Some(network.driver).filter(|driver| !driver.is_empty()),
        internal: Some(network.internal),
        labels: Some(all.into_iter().collect()),
        ..Default::default()
    };
    site.write.create_network(request).await?;
    keep_one(site, &network.name).await
}

/// Removes all of one name but one. The engine makes two of one name without a word, and goes on making the one that a
/// killed apply asked for while the next apply asks again.
async fn keep_one(site: &Site<'_>, name: &str) -> Result<(), ProviderError> {
    let all = ours(site, name).await?;
    if all.len() < 2 {
        return Ok(());
    }
    let mut in_use = None;
    for id in &all {
        let containers = site.look.network(id).await?.and_then(|network| network.containers);
        if containers.is_some_and(|containers| !containers.is_empty()) {
            in_use = Some(id);
        }
    }
    let kept = in_use.unwrap_or(&all[0]);
    for id in all.iter().filter(|id| *id != kept) {
        site.write.remove_network(id).await?;
    }
    Ok(())
}

/// Makes it anew and puts the containers that were on it back on it.
async fn replace(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let network: Network = spec(&resource.address, &resource.spec)?;
    let were_on_it = remove(site, &network.name).await?;
    create(site, resource).await?;
    for (id, endpoint) in were_on_it {
        site.write.connect(&network.name, &id, endpoint).await?;
    }
    Ok(())
}

/// Removes the network and says which containers of ours were on it, and how.
async fn remove(site: &Site<'_>, name: &str) -> Result<Vec<(String, EndpointSettings)>, ProviderError> {
    keep_one(site, name).await?;
    let Some(id) = ours(site, name).await?.pop() else {
        return Ok(Vec::new());
    };
    let mut were_on_it = Vec::new();
    for container in site.look.containers(&labels::of(site.project())).await? {
        let networks = container.network_settings.and_then(|settings| settings.networks);
        let endpoint = networks.and_then(|mut networks| networks.remove(name));
        if let (Some(container), Some(_)) = (container.id, endpoint) {
            were_on_it.extend(leave(site, name, container).await?);
        }
    }
    let hint = format!("see who is on it: docker network inspect {name}");
    let removed = site.write.remove_network(&id).await;
    removed.map_err(|error| error.hint(hint))?;
    Ok(were_on_it)
}

async fn leave(site: &Site<'_>, name: &str, id: String) -> Result<Option<(String, EndpointSettings)>, ProviderError> {
    let inspected = site
        .look
        .container(&id)
        .await?
        .and_then(|container| container.network_settings);
    let endpoint = inspected.and_then(|settings| settings.networks?.remove(name));
    site.write.disconnect(name, &id).await?;
    Ok(endpoint.map(|endpoint| {
        (
            id,
            EndpointSettings {
                aliases: endpoint.aliases,
                ..Default::default()
            },
        )
    }))
}

/// The ids of the networks of this name, when they are ours; more than one is possible.
async fn ours(site: &Site<'_>, name: &str) -> Result<Vec<String>, ProviderError> {
    let networks = site.look.networks(&labels::of(site.project())).await?;
    let named = networks
        .into_iter()
        .filter(|network| network.name.as_deref() == Some(name));
    let ids: Vec<String> = named.filter_map(|network| network.id).collect();
    if !ids.is_empty() {
        return Ok(ids);
    }
    // By its name too: it may be somebody else's, or have come this very moment.
    match site.look.network(name).await? {
        Some(network) if network.labels.text(labels::PROJECT) == Some(site.project()) => {
            Ok(network.id.into_iter().collect())
        }
        Some(_) => Err(foreign("network", name)),
        None => Ok(Vec::new()),
    }
}
