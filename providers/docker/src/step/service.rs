//! Steps on services: their containers are made, replaced, counted, repaired and removed here.

use std::collections::BTreeMap;

use bollard::models::{ContainerStateStatusEnum as Status, HealthStatusEnum};
use futures_util::future::try_join_all;
use mlstack_compose::SERVICE;
use mlstack_provider::{ProviderError, Resource, Step};

use super::copies::Mold;
use super::image;
use super::recover::recover;
use crate::engine::Site;
use crate::observe::{self, Found};
use crate::{encode, labels, trouble};

/// Carries out a step.
pub(crate) async fn run(site: &Site<'_>, step: &Step) -> Result<(), ProviderError> {
    debug_assert_eq!(step.address().kind, SERVICE);
    match step {
        Step::Create { resource } => scale(site, resource).await,
        Step::Update { after, .. } => scale(site, after).await,
        Step::Replace { after, .. } => replace(site, after).await,
        Step::Repair { after, .. } => repair(site, after).await,
        Step::Delete { before } => delete(site, &before.address.name).await,
    }
}

/// The containers of a service by copy, once nothing is left of an interrupted update.
async fn copies(site: &Site<'_>, key: &str) -> Result<BTreeMap<u32, Found>, ProviderError> {
    let services = observe::containers(&site.look, &labels::service_of(site.project(), key)).await?;
    Ok(services
        .into_values()
        .flatten()
        .map(|found| (found.number, found))
        .collect())
}

/// Makes the copies that are missing and takes away those that are too many.
async fn scale(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let mold = Mold::new(site, resource).await?;
    recover(site, mold.key(), Some(&mold)).await?;
    let here = copies(site, mold.key()).await?;
    drop_surplus(site, &mold, &here).await?;
    let mut waited_for = Vec::new();
    for number in 1..=mold.service.replicas() {
        let unstarted = |found: &Found| status(found) == Some(Status::CREATED);
        match here.get(&number).filter(|found| !unstarted(found)) {
            Some(found) => waited_for.push(found.id.clone()),
            None => waited_for.push(make(&mold, number).await?),
        }
    }
    try_join_all(waited_for.iter().map(|id| mold.ready(id))).await?;
    forget_secrets(site, mold.key()).await
}

async fn drop_surplus(site: &Site<'_>, mold: &Mold<'_>, here: &BTreeMap<u32, Found>) -> Result<(), ProviderError> {
    for found in here.values().filter(|found| found.number > mold.service.replicas()) {
        take_away(site, found).await?;
    }
    Ok(())
}

async fn make(mold: &Mold<'_>, number: u32) -> Result<String, ProviderError> {
    let id = mold.create(number, &mold.name(number)).await?;
    mold.start(&id).await?;
    Ok(id)
}

async fn take_away(site: &Site<'_>, found: &Found) -> Result<(), ProviderError> {
    stop(site, found).await?;
    site.write.remove_container(&found.id).await
}

async fn stop(site: &Site<'_>, found: &Found) -> Result<(), ProviderError> {
    if status(found) == Some(Status::PAUSED) {
        site.write.unpause(&found.id).await?; // a paused container cannot hear the signal
    }
    let seconds = found.inspected.config.as_ref().and_then(|config| config.stop_timeout);
    site.write.stop(&found.id, seconds).await
}

fn status(found: &Found) -> Option<Status> {
    found.inspected.state.as_ref().and_then(|state| state.status)
}

/// Replaces copy after copy; each one serves until the next is made, and comes back when that one fails.
async fn replace(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let mold = Mold::new(site, resource).await?;
    recover(site, mold.key(), Some(&mold)).await?;
    let here = copies(site, mold.key()).await?;
    for number in 1..=mold.service.replicas() {
        match here.get(&number) {
            Some(old) => replace_one(&mold, old).await?,
            None => {
                let id = make(&mold, number).await?;
                mold.ready(&id).await?;
            }
        }
    }
    drop_surplus(site, &mold, &here).await?;
    for found in here.values() {
        image::forget(site, found.inspected.image.as_deref().unwrap_or_default()).await?;
    }
    let before: Vec<&str> = here
        .values()
        .filter_map(|found| found.inspected.image.as_deref())
        .collect();
    image::sweep(site, mold.key(), &mold.service.image, &before).await
}

async fn replace_one(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    let (site, name) = (mold.site, mold.name(old.number));
    let new = mold.create(old.number, &format!("{name}.new")).await?;
    site.tell("stopping the old container");
    stop(site, old).await?;
    site.write.rename(&old.id, &format!("{name}.old")).await?;
    site.write.rename(&new, &name).await?;
    let proven = async {
        mold.start(&new).await?;
        mold.ready(&new).await
    };
    match proven.await {
        Ok(_) => site.write.remove_container(&old.id).await,
        Err(error) => Err(roll_back(mold, old, &new, error).await),
    }
}

/// Puts the old container back; says so in the error, and more loudly when that failed too.
async fn roll_back(mold: &Mold<'_>, old: &Found, new: &str, error: ProviderError) -> ProviderError {
    let site = mold.site;
    site.tell("rolling back");
    let back = async {
        site.write.remove_container(new).await?;
        site.write.rename(&old.id, &mold.name(old.number)).await?;
        mold.start(&old.id).await
    };
    match back.await {
        Ok(()) => error.rolled_back().hint("the version before it was started again"),
        Err(failed) => error.hint(format!("the version before it could not be started again: {failed}")),
    }
}

/// Brings a service that is right but does not work back to work.
async fn repair(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let mold = Mold::new(site, resource).await?;
    recover(site, mold.key(), Some(&mold)).await?;
    let here = copies(site, mold.key()).await?;
    let mut waited_for = Vec::new();
    for number in 1..=mold.service.replicas() {
        match here.get(&number) {
            // Recovery put back the version before; what was asked for is still to be done.
            Some(found) if !mold.made(found) => replace_one(&mold, found).await?,
            Some(found) => waited_for.push(mend(&mold, found).await?),
            None => waited_for.push(make(&mold, number).await?),
        }
    }
    try_join_all(waited_for.iter().map(|id| mold.ready(id))).await.map(drop)
}

/// Mends one copy and says which container it is now.
async fn mend(mold: &Mold<'_>, found: &Found) -> Result<String, ProviderError> {
    let (site, id) = (mold.site, &found.id);
    if matches!(
        status(found),
        None | Some(Status::CREATED | Status::DEAD | Status::REMOVING)
    ) {
        // It may lack its secrets or a network; nothing is lost with it.
        site.write.remove_container(id).await?;
        return make(mold, found.number).await;
    }
    let name = mold.name(found.number);
    if found.name != name {
        site.write.rename(id, &name).await?;
    }
    reconnect(mold, found).await?;
    match status(found) {
        Some(Status::PAUSED) => {
            site.write.unpause(id).await?;
            // The engine calls it unhealthy from its pause on, until some later probe; a start begins anew.
            if trouble::health(&found.inspected) == HealthStatusEnum::UNHEALTHY {
                site.write.restart(id).await?;
            }
        }
        Some(Status::EXITED) => mold.start(id).await?,
        Some(Status::RUNNING) if trouble::problem(&found.inspected).is_none() => {}
        _ => site.write.restart(id).await?,
    }
    Ok(id.clone())
}

/// Puts a copy back under its name on each network where it lost it.
async fn reconnect(mold: &Mold<'_>, found: &Found) -> Result<(), ProviderError> {
    let (origin, ours) = (&mold.site.config.origin, BTreeMap::new());
    let copy = encode::Copy {
        project: mold.site.project(),
        service: mold.key(),
        number: found.number,
        image_id: "",
        origin,
        ours: &ours,
    };
    let settings = found.inspected.network_settings.as_ref();
    for (network, endpoint) in encode::endpoints(&mold.service, &copy) {
        let now = settings.and_then(|settings| settings.networks.as_ref()?.get(&network));
        let aliases = |endpoint: &bollard::models::EndpointSettings| endpoint.aliases.clone().unwrap_or_default();
        let knows = |now| aliases(&endpoint).iter().all(|alias| aliases(now).contains(alias));
        if now.is_none_or(|now| !knows(now)) {
            if now.is_some() {
                mold.site.write.disconnect(&network, &found.id).await?;
            }
            mold.site.write.connect(&network, &found.id, endpoint).await?;
        }
    }
    Ok(())
}

/// Removes every container of a service, those of an interrupted update too.
async fn delete(site: &Site<'_>, key: &str) -> Result<(), ProviderError> {
    let services = observe::containers(&site.look, &labels::service_of(site.project(), key)).await?;
    let all: Vec<Found> = services.into_values().flatten().collect();
    site.tell("stopping");
    try_join_all(all.iter().map(|found| take_away(site, found))).await?;
    for found in &all {
        image::forget(site, found.inspected.image.as_deref().unwrap_or_default()).await?;
    }
    forget_secrets(site, key).await
}

/// Removes what containers that are gone left of the service's secrets (`docker compose down` leaves it).
async fn forget_secrets(site: &Site<'_>, key: &str) -> Result<(), ProviderError> {
    for volume in site.look.volumes(&labels::secrets_of(site.project(), key)).await? {
        site.write.remove_unused_volume(&volume.name).await?;
    }
    Ok(())
}
