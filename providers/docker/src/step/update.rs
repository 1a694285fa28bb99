//! Replaces one copy by its new version: proven before the one before it stops, and undone when it fails after all.
//!
//! At every instant the one before exists, until the new one is proven; what an interrupted run leaves is told by names
//! and labels alone, and [`super::recover`] goes on from there.

use mlstack_compose::Service;
use mlstack_provider::ProviderError;

use super::copies::Mold;
use super::service::{status, stop, take_away};
use crate::encode::Part;
use crate::observe::Found;
use crate::wait::{Verdict, judge};
use bollard::models::ContainerStateStatusEnum as Status;

/// How a new version is proven, and how it takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It starts beside the one before, unknown on its networks; proven, it gets its names there and the other goes.
    Beside,
    /// A canary proves the version; then it starts under its names beside the one before. For programs that hold
    /// connections to others and would lose them unnoticed when they get their names.
    CanaryBeside,
    /// A canary proves the version; then the one before makes room, because it has the published port.
    CanaryFirst,
    /// The one before stops first: two of it cannot be.
    StopFirst(&'static str),
}

fn way(service: &Service) -> Way {
    let reservations = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.resources.reservations.as_ref());
    if service.volumes.iter().any(|mount| !mount.read_only) {
        Way::StopFirst("it writes to a volume")
    } else if reservations.is_some_and(|reservations| !reservations.devices.is_empty()) {
        Way::StopFirst("it has a GPU")
    } else if !service.ports.is_empty() {
        Way::CanaryFirst
    } else if service.extension.image_id.is_some() || service.depends_on.is_empty() {
        Way::Beside
    } else {
        Way::CanaryBeside
    }
}

/// Replaces `old`. When that fails before `old` was touched it serves on, else it is put back.
pub(super) async fn replace_one(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    match way(&mold.service) {
        Way::Beside => swap(mold, old, Part::Unnamed).await,
        Way::CanaryBeside => {
            gate(mold, old).await?;
            swap(mold, old, Part::Whole).await
        }
        Way::CanaryFirst => {
            gate(mold, old).await?;
            park(mold, old).await
        }
        Way::StopFirst(why) => {
            mold.site.tell(&format!("not tried beside the old one: {why}"));
            match mold.mismatch().await? {
                Some(error) => Err(untouched(mold, old, error).await),
                None => park(mold, old).await,
            }
        }
    }
}

/// Proves the version by a container that nobody finds and that publishes nothing.
async fn gate(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    mold.site.tell("trying the new version beside the old one");
    let tried = async {
        let id = mold
            .create(old.number, &format!("{}.canary", mold.name(old.number)), Part::Canary)
            .await?;
        let proven = mold.start_and_prove(&id).await;
        let removed = mold.site.write.remove_container(&id).await;
        proven.and(removed)
    };
    match tried.await {
        Ok(()) => Ok(()),
        Err(error) => Err(untouched(mold, old, error).await),
    }
}

/// Starts the new one beside the old one; proven, it takes its place.
async fn swap(mold: &Mold<'_>, old: &Found, part: Part) -> Result<(), ProviderError> {
    let (site, name) = (mold.site, mold.name(old.number));
    site.tell("starting the new version beside the old one");
    let new = match mold.create(old.number, &format!("{name}.new"), part).await {
        Ok(new) => new,
        Err(error) => return Err(untouched(mold, old, error).await),
    };
    let ready = async {
        mold.start_and_prove(&new).await?;
        match part {
            Part::Unnamed => mold.introduce(old.number, &new).await,
            Part::Whole | Part::Canary => Ok(()),
        }
    };
    if let Err(error) = ready.await {
        site.write.remove_container(&new).await?;
        return Err(untouched(mold, old, error).await);
    }
    site.write.rename(&old.id, &format!("{name}.old")).await?;
    site.write.rename(&new, &name).await?;
    site.tell("stopping the old one");
    take_away(site, old).await
}

/// Stops the old one, starts the new one in its place, and puts the old one back when the new one fails. Everything
/// that can be done before the stop is.
async fn park(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    let (site, name) = (mold.site, mold.name(old.number));
    let new = match mold.create(old.number, &format!("{name}.new"), Part::Whole).await {
        Ok(new) => new,
        Err(error) => return Err(untouched(mold, old, error).await),
    };
    site.write.rename(&old.id, &format!("{name}.old")).await?;
    site.write.rename(&new, &name).await?;
    site.tell("stopping the old one");
    stop(site, old).await?;
    match mold.start_and_prove(&new).await {
        Ok(()) => site.write.remove_container(&old.id).await,
        Err(error) => Err(roll_back(mold, old, &new, error).await),
    }
}

/// Puts the old container back; says so in the error, and more loudly when that failed too.
async fn roll_back(mold: &Mold<'_>, old: &Found, new: &str, error: ProviderError) -> ProviderError {
    let site = mold.site;
    site.tell("rolling back");
    let back = async {
        site.write.remove_container(new).await?;
        mold.start(&old.id).await?;
        site.write.rename(&old.id, &mold.name(old.number)).await
    };
    match back.await {
        Ok(()) => error.rolled_back().hint("the version before it was started again"),
        Err(failed) => error.hint(format!("the version before it could not be started again: {failed}")),
    }
}

/// The new version failed before the old one was touched. One that an interrupted run had stopped is started again.
async fn untouched(mold: &Mold<'_>, old: &Found, error: ProviderError) -> ProviderError {
    if matches!(status(old), Some(Status::EXITED | Status::CREATED)) {
        return match mold.start(&old.id).await {
            Ok(()) => error.rolled_back().hint("the version before it was started again"),
            Err(failed) => error.hint(format!("the version before it does not start either: {failed}")),
        };
    }
    match judge(&old.inspected) {
        Verdict::Failed => error.hint("the version before it does not work either"),
        Verdict::Ready | Verdict::Running | Verdict::Starting => error
            .rolled_back()
            .hint("the version before it was not touched, and serves"),
    }
}

#[cfg(test)]
mod tests;
