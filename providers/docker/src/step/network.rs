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
        Step::Repair { .. } => Ok(()), // a network works or is not there
        Step::Delete { before } => {
            let network: Network = spec(&before.address, &before.spec)?;
            remove(site, &network.name).await.map(drop)
        }
    }
}

async fn create(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let network: Network = spec(&resource.address, &resource.spec)?;
    if ours(site, &network.name).await?.is_some() {
        return Ok(()); // made by an apply that was cut short
    }
    let mut all = network.labels.clone();
    all.extend(network_labels(
        site.project(),
        &resource.address.name,
        &network_hash(&network),
    ));
    all.extend(labels::ours(resource));
    let request = NetworkCreateRequest {
        name: network.name,
        driver: Some(network.driver).filter(|driver| !driver.is_empty()),
        internal: Some(network.internal),
        labels: Some(all.into_iter().collect()),
        ..Default::default()
    };
    site.write.create_network(request).await.map(drop)
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
    let Some(id) = ours(site, name).await? else {
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
    site.write
        .remove_network(&id)
        .await
        .map_err(|error| error.hint(format!("see who is on it: docker network inspect {name}")))?;
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

/// The id of the network, when it is there and ours.
async fn ours(site: &Site<'_>, name: &str) -> Result<Option<String>, ProviderError> {
    let Some(network) = site.look.network(name).await? else {
        return Ok(None);
    };
    match network.labels.text(labels::PROJECT) == Some(site.project()) {
        true => Ok(network.id),
        false => Err(foreign("network", name)),
    }
}
