//! Steps on named volumes: what is in them is data, and whoever plans has decided on it.

use std::time::{SystemTime, UNIX_EPOCH};

use bollard::models::VolumeCreateRequest;
use mlstack_compose::{Volume, volume_hash, volume_labels};
use mlstack_provider::{ProviderError, Resource, Step};

use crate::engine::{Site, spec};
use crate::labels::{self, Labels as _};
use crate::observe::foreign;

/// Carries out a step.
pub(crate) async fn run(site: &Site<'_>, step: &Step) -> Result<(), ProviderError> {
    match step {
        Step::Create { resource } => create(site, resource).await,
        Step::Update { before, after } | Step::Replace { before, after } => {
            remove(site, &spec::<Volume>(&before.address, &before.spec)?.name).await?;
            create(site, after).await
        }
        Step::Repair { .. } => Ok(()), // a volume is there or not
        Step::Delete { before } => remove(site, &spec::<Volume>(&before.address, &before.spec)?.name).await,
    }
}

async fn create(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let volume: Volume = spec(&resource.address, &resource.spec)?;
    if ours(site, &volume.name).await? {
        return Ok(()); // made by an apply that was cut short
    }
    let mut all = volume.labels.clone();
    all.extend(volume_labels(
        site.project(),
        &resource.address.name,
        &volume_hash(&volume),
    ));
    all.extend(labels::ours(resource));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    all.insert(labels::MADE.to_owned(), now.as_nanos().to_string());
    let request = VolumeCreateRequest {
        name: Some(volume.name),
        driver: Some(volume.driver).filter(|driver| !driver.is_empty()),
        labels: Some(all.into_iter().collect()),
        ..Default::default()
    };
    site.write.create_volume(request).await
}

async fn remove(site: &Site<'_>, name: &str) -> Result<(), ProviderError> {
    if !ours(site, name).await? {
        return Ok(());
    }
    let hint = format!("see which containers use it: docker ps -a --filter volume={name}");
    site.write.remove_volume(name).await.map_err(|error| error.hint(hint))
}

/// Whether the volume is there, and ours.
async fn ours(site: &Site<'_>, name: &str) -> Result<bool, ProviderError> {
    let Some(volume) = site.look.volume(name).await? else {
        return Ok(false);
    };
    match Some(volume.labels).text(labels::PROJECT) == Some(site.project()) {
        true => Ok(true),
        false => Err(foreign("volume", name)),
    }
}
