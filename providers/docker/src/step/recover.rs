//! Finishes or undoes an update that was cut short.
//!
//! Decides from names and labels alone, so that a killed apply leaves nothing that only its memory could explain:
//! `NAME.new` is made and not yet in place, `NAME.old` is parked until `NAME` is proven, `NAME.canary` only shows that a
//! version works and always goes.

use std::collections::BTreeMap;

use bollard::models::ContainerStateStatusEnum as Status;
use mlstack_compose::container_name;
use mlstack_provider::ProviderError;

use super::copies::Mold;
use super::service::{status, stop, take_away};
use crate::engine::Site;
use crate::labels;
use crate::observe::{self, Found, Role};

/// What the names of one copy's containers call for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Nothing was under way.
    Nothing,
    /// `.new` never came into place: remove it.
    DropNew,
    /// Died between the two renames: put `.new` into place, then as [`Self::Prove`].
    Promote,
    /// Nothing took the place of `.old`: put it back.
    Restore,
    /// `NAME` took the place of `.old` and was not proven yet.
    Prove,
}

/// Reads the names.
pub(crate) fn remedy(current: bool, new: bool, old: bool) -> Remedy {
    match (current, new, old) {
        (_, false, false) => Remedy::Nothing,
        (true, true, _) | (false, true, false) => Remedy::DropNew,
        (false, true, true) => Remedy::Promote,
        (false, false, true) => Remedy::Restore,
        (true, false, true) => Remedy::Prove,
    }
}

/// The containers of one copy, by the part they play.
#[derive(Debug, Default)]
struct Parts {
    current: Option<Found>,
    new: Option<Found>,
    old: Option<Found>,
}

/// Brings the service `key` back to one container a copy. `mold` is what it should be, `None` when it shall go.
pub(crate) async fn recover(site: &Site<'_>, key: &str, mold: Option<&Mold<'_>>) -> Result<(), ProviderError> {
    for (number, mut parts) in parts(site, key).await? {
        let name = container_name(site.project(), key, number);
        if remedy(parts.current.is_some(), parts.new.is_some(), parts.old.is_some()) != Remedy::Nothing {
            site.tell("finishing an update that was interrupted");
        }
        loop {
            match remedy(parts.current.is_some(), parts.new.is_some(), parts.old.is_some()) {
                Remedy::Nothing => break,
                Remedy::DropNew => remove(site, parts.new.take()).await?,
                Remedy::Promote => parts.current = rename(site, parts.new.take(), &name).await?,
                Remedy::Restore => parts.current = rename(site, parts.old.take(), &name).await?,
                Remedy::Prove => {
                    prove(site, mold, &mut parts, &name).await?;
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Sorts a service's containers by copy and part. A container under any other name counts as the copy itself.
async fn parts(site: &Site<'_>, key: &str) -> Result<BTreeMap<u32, Parts>, ProviderError> {
    let services = observe::containers(&site.look, &labels::service_of(site.project(), key)).await?;
    let mut copies: BTreeMap<u32, Parts> = BTreeMap::new();
    for found in services.into_values().flatten() {
        let parts = copies.entry(found.number).or_default();
        match found.role {
            Role::New => parts.new = Some(found),
            Role::Old => parts.old = Some(found),
            Role::Canary => site.write.remove_container(&found.id).await?,
            Role::Copy => parts.current = Some(found),
        }
    }
    Ok(copies)
}

/// Starts what took the place: healthy, and the old one goes; else the old one comes back.
async fn prove(site: &Site<'_>, mold: Option<&Mold<'_>>, parts: &mut Parts, name: &str) -> Result<(), ProviderError> {
    let (Some(current), Some(mold)) = (parts.current.take(), mold) else {
        return Ok(()); // it goes altogether
    };
    let Some(old) = parts.old.take() else { return Ok(()) };
    if status(&current) != Some(Status::RUNNING) {
        stop(site, &old).await?; // it may have the port, or write to the volume
    }
    let proven = async {
        mold.start(&current.id).await?;
        mold.ready(&current.id).await?;
        if is_apart(&current) {
            stop(site, &old).await?; // it has the port
            mold.reconnect(current.number, &current.inspected).await?;
        }
        match mold.made(&current) {
            true => mold.ask(&current.id).await,
            false => Ok(()), // a third version: these are not its answers
        }
    };
    if proven.await.is_ok() {
        return take_away(site, &old).await;
    }
    site.write.remove_container(&current.id).await?;
    mold.start(&old.id).await?;
    site.write.rename(&old.id, name).await
}

/// Whether a container is on no network yet.
fn is_apart(found: &Found) -> bool {
    let settings = found.inspected.network_settings.as_ref();
    settings
        .and_then(|settings| settings.networks.as_ref())
        .is_none_or(|networks| networks.is_empty())
}

async fn remove(site: &Site<'_>, found: Option<Found>) -> Result<(), ProviderError> {
    match found {
        Some(found) => site.write.remove_container(&found.id).await,
        None => Ok(()),
    }
}

async fn rename(site: &Site<'_>, found: Option<Found>, name: &str) -> Result<Option<Found>, ProviderError> {
    if let Some(found) = &found {
        site.write.rename(&found.id, name).await?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
