//! Steps on services: their containers are made, replaced, counted, repaired and removed here.

use std::collections::BTreeMap;

use bollard::models::{ContainerStateStatusEnum as Status, HealthStatusEnum};
use futures_util::future::try_join_all;
use mlstack_compose::{Condition, SERVICE, Service};
use mlstack_provider::{ProviderError, Resource, Step};

use super::copies::Mold;
use super::image;
use super::recover::recover;
use super::update::replace_one;
use crate::encode::Part;
use crate::engine::{Site, spec};
use crate::observe::{self, Found};
use crate::{labels, trouble, wait};

/// Carries out a step.
pub(crate) async fn run(site: &Site<'_>, step: &Step) -> Result<(), ProviderError> {
    debug_assert_eq!(step.address().kind, SERVICE);
    if let Step::Create { resource: after } | Step::Replace { after, .. } | Step::Repair { after, .. } = step {
        used_are_ready(site, after).await?;
    }
    match step {
        Step::Create { resource } => scale(site, resource).await,
        Step::Update { after, .. } => scale(site, after).await,
        Step::Replace { after, .. } => replace(site, after).await,
        Step::Repair { after, .. } => repair(site, after).await,
        Step::Delete { before } => delete(site, &before.address.name).await,
    }
}

/// Waits for services that this one uses and that still start. In one run their own steps came before.
async fn used_are_ready(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let service: Service = spec(&resource.address, &resource.spec)?;
    let healthy = service
        .depends_on
        .iter()
        .filter(|(_, used)| used.condition == Condition::Healthy);
    let limit = wait::limit(&Service::default());
    for (used, _) in healthy {
        let action = format!("waits for `{used}`, which did not become ready:");
        wait::started(&site.look, (site.project(), used), &action, limit, site.progress).await?;
    }
    Ok(())
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
    let mut newcomers = Vec::new();
    for number in 1..=mold.service.replicas() {
        let unstarted = |found: &Found| status(found) == Some(Status::CREATED);
        match here.get(&number).filter(|found| !unstarted(found)) {
            Some(found) => drop(mold.ready(&found.id).await?),
            None => newcomers.push(make(&mold, number).await?),
        }
    }
    settle_in(&mold, &newcomers).await?;
    forget_secrets(site, mold.key()).await
}

async fn drop_surplus(site: &Site<'_>, mold: &Mold<'_>, here: &BTreeMap<u32, Found>) -> Result<(), ProviderError> {
    for found in here.values().filter(|found| found.number > mold.service.replicas()) {
        take_away(site, found).await?;
    }
    Ok(())
}

/// A copy that was started and is to be proven.
struct Newcomer {
    number: u32,
    id: String,
    /// Whether it waits under `NAME.new`.
    nameless: bool,
}

/// Starts a copy where none is. One with golden requests gets its name with the last of their answers, so that an
/// interrupted run is not mistaken for one that passed.
async fn make(mold: &Mold<'_>, number: u32) -> Result<Newcomer, ProviderError> {
    let nameless = mold.service.extension.checks.is_some();
    let name = match nameless {
        true => format!("{}.new", mold.name(number)),
        false => mold.name(number),
    };
    let id = mold.create(number, &name, Part::Whole).await?;
    mold.start(&id).await?;
    Ok(Newcomer { number, id, nameless })
}

/// Proves newcomers, all at once.
async fn settle_in(mold: &Mold<'_>, newcomers: &[Newcomer]) -> Result<(), ProviderError> {
    try_join_all(newcomers.iter().map(|newcomer| settle_one(mold, newcomer)))
        .await
        .map(drop)
}

async fn settle_one(mold: &Mold<'_>, newcomer: &Newcomer) -> Result<(), ProviderError> {
    mold.ready(&newcomer.id).await?;
    if let Err(error) = mold.ask(&newcomer.id).await {
        // It is up, and wrong: nobody shall be served by it.
        mold.site.write.stop(&newcomer.id, None).await?;
        return Err(error);
    }
    match newcomer.nameless {
        true => mold.site.write.rename(&newcomer.id, &mold.name(newcomer.number)).await,
        false => Ok(()),
    }
}

pub(super) async fn take_away(site: &Site<'_>, found: &Found) -> Result<(), ProviderError> {
    stop(site, found).await?;
    site.write.remove_container(&found.id).await
}

pub(super) async fn stop(site: &Site<'_>, found: &Found) -> Result<(), ProviderError> {
    if status(found) == Some(Status::PAUSED) {
        site.write.unpause(&found.id).await?; // a paused container cannot hear the signal
    }
    let seconds = found.inspected.config.as_ref().and_then(|config| config.stop_timeout);
    site.write.stop(&found.id, seconds).await
}

pub(super) fn status(found: &Found) -> Option<Status> {
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
            None => settle_in(&mold, &[make(&mold, number).await?]).await?,
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

/// Brings a service that is right but does not work back to work.
async fn repair(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let mold = Mold::new(site, resource).await?;
    recover(site, mold.key(), Some(&mold)).await?;
    let here = copies(site, mold.key()).await?;
    let mut mended = Vec::new();
    for number in 1..=mold.service.replicas() {
        match here.get(&number) {
            // Recovery put back the version before; what was asked for is still to be done.
            Some(found) if !mold.made(found) => replace_one(&mold, found).await?,
            Some(found) => mended.push(mend(&mold, found).await?),
            None => mended.push(make(&mold, number).await?),
        }
    }
    settle_in(&mold, &mended).await
}

/// Mends one copy and says which container it is now.
async fn mend(mold: &Mold<'_>, found: &Found) -> Result<Newcomer, ProviderError> {
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
    mold.reconnect(found.number, &found.inspected).await?;
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
    Ok(Newcomer {
        number: found.number,
        id: id.clone(),
        nameless: false,
    })
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
