//! Replaces one copy by its new version: proven before the one before it stops, and undone when it fails after all.
//!
//! At every instant the one before exists, until the new one is proven; what an interrupted run leaves is told by names
//! and labels alone, and [`super::recover`] goes on from there.

use mlstack_compose::{MountKind, Service};
use mlstack_provider::{Outage, ProviderError};

use super::copies::Mold;
use super::service::{status, stop, take_away};
use crate::encode::Part;
use crate::engine::Site;
use crate::observe::Found;
use crate::wait::{Verdict, crashes, judge};
use bollard::models::ContainerStateStatusEnum as Status;

/// How a new version is proven, and how it takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// It starts beside the one before, unknown on its networks; proven, it gets its names there and the other goes.
    Beside,
    /// A canary proves the version; then it starts under its names beside the one before. For programs that hold
    /// connections to others and would lose them unnoticed when they get their names.
    CanaryBeside,
    /// It starts beside the one before, on no network; proven, it gets its networks and the published port, which the
    /// one before leaves. For our own server, which waits for nothing when it starts.
    HandOver,
    /// A canary proves the version; then the one before makes room, because it has the published port.
    CanaryFirst,
    /// As [`Self::CanaryFirst`], but the canary has empty volumes: the one before makes room because it writes to them.
    TrialFirst,
    /// The one before stops first: two of it cannot be.
    StopFirst(&'static str),
}

fn way(service: &Service) -> Way {
    let reservations = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.resources.reservations.as_ref());
    let mut written = service.volumes.iter().filter(|mount| !mount.read_only).peekable();
    if reservations.is_some_and(|reservations| !reservations.devices.is_empty()) {
        Way::StopFirst("it has a GPU")
    } else if written.peek().is_some() {
        match written.all(|mount| mount.kind == MountKind::Volume) {
            true => Way::TrialFirst,
            false => Way::StopFirst("it writes to a folder of the host"),
        }
    } else if !service.ports.is_empty() && service.extension.image_id.is_some() {
        Way::HandOver
    } else if !service.ports.is_empty() {
        Way::CanaryFirst
    } else if service.extension.image_id.is_some() || service.depends_on.is_empty() {
        Way::Beside
    } else {
        Way::CanaryBeside
    }
}

/// What users notice while its copies are replaced.
pub(crate) fn outage(wanted: &Service) -> Outage {
    match way(wanted) {
        Way::Beside | Way::CanaryBeside => Outage::Rolling,
        Way::HandOver | Way::CanaryFirst | Way::TrialFirst => Outage::Moment,
        Way::StopFirst(_) => Outage::Stop,
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
        Way::HandOver => hand_over(mold, old).await,
        Way::CanaryFirst => {
            gate(mold, old).await?;
            park(mold, old).await
        }
        Way::TrialFirst => {
            trial(mold, old).await?;
            park(mold, old).await
        }
        Way::StopFirst(why) => {
            mold.site.tell(&format!("not tried beside the old one: {why}"));
            match cannot_run(mold, old).await? {
                Some(error) => Err(untouched(mold, old, error).await),
                None => park(mold, old).await,
            }
        }
    }
}

/// Why the new version runs on no processor of this engine; the one before did, natively or emulated.
async fn cannot_run(mold: &Mold<'_>, old: &Found) -> Result<Option<ProviderError>, ProviderError> {
    let before = mold.site.look.image(old.image_id()).await?;
    let before = before.and_then(|image| image.architecture).unwrap_or_default();
    match before == mold.architecture {
        true => Ok(None),
        false => mold.mismatch().await,
    }
}

/// Proves the version by a container that nobody finds and that publishes nothing.
async fn gate(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    mold.site.tell("trying the new version beside the old one");
    match with_canary(mold, old, async |id| mold.start_and_prove(id).await).await {
        Ok(()) => Ok(()),
        Err(error) => Err(untouched(mold, old, error).await),
    }
}

/// Sees the version come up on empty volumes, which go again. Where nothing serves there is nothing to guard, and the
/// way is free for a version that only starts on the data.
async fn trial(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    if status(old) != Some(Status::RUNNING) {
        return Ok(());
    }
    mold.site.tell("trying the new version on empty volumes");
    let up = async |id: &str| {
        mold.start(id).await?;
        mold.ready(id).await.map(drop)
    };
    match with_canary(mold, old, up).await {
        Ok(()) => Ok(()),
        Err(error) => {
            let name = mold.name(old.number);
            let error = error.hint(format!(
                "it was tried on empty volumes; if it only starts on its data: docker stop {name}, then apply again"
            ));
            Err(untouched(mold, old, error).await)
        }
    }
}

async fn with_canary(
    mold: &Mold<'_>,
    old: &Found,
    proof: impl AsyncFnOnce(&str) -> Result<(), ProviderError>,
) -> Result<(), ProviderError> {
    let name = format!("{}.canary", mold.name(old.number));
    let id = mold.create(old.number, &name, Part::Canary).await?;
    let proven = proof(&id).await;
    let removed = mold.site.write.remove_container(&id).await;
    proven.and(removed)
}

/// Starts the new one beside the old one; proven, it takes its place.
async fn swap(mold: &Mold<'_>, old: &Found, part: Part) -> Result<(), ProviderError> {
    let (site, name) = (mold.site, mold.name(old.number));
    site.tell("starting the new version beside the old one");
    let new = create_beside(mold, old, part).await?;
    let ready = async {
        mold.start_and_prove(&new).await?;
        match part {
            Part::Unnamed => mold.introduce(old.number, &new).await,
            Part::Whole | Part::Apart | Part::Canary => Ok(()),
        }
    };
    if let Err(error) = ready.await {
        site.write.remove_container(&new).await?;
        return Err(untouched(mold, old, error).await);
    }
    set_aside(site, old, &format!("{name}.old")).await?;
    site.write.rename(&new, &name).await?;
    site.tell("stopping the old one");
    take_away(site, old).await
}

/// Starts the new one on no network; proven, it gets what the old one leaves. So the port is nobody's only while the
/// old one stops and a network is joined, and not while a container and its program start.
async fn hand_over(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    let site = mold.site;
    site.tell("starting the new version beside the old one");
    let new = create_beside(mold, old, Part::Apart).await?;
    if let Err(error) = mold.start_and_prove(&new).await {
        site.write.remove_container(&new).await?;
        return Err(untouched(mold, old, error).await);
    }
    let proven = site.look.container(&new).await?.unwrap_or_default();
    take_over(mold, old, &new, async {
        mold.reconnect(old.number, &proven).await?;
        mold.ready(&new).await.map(drop)
    })
    .await
}

/// Stops the old one and starts the new one in its place.
async fn park(mold: &Mold<'_>, old: &Found) -> Result<(), ProviderError> {
    let new = create_beside(mold, old, Part::Whole).await?;
    take_over(mold, old, &new, mold.start_and_prove(&new)).await
}

async fn create_beside(mold: &Mold<'_>, old: &Found, part: Part) -> Result<String, ProviderError> {
    match mold
        .create(old.number, &format!("{}.new", mold.name(old.number)), part)
        .await
    {
        Ok(new) => Ok(new),
        Err(error) => Err(untouched(mold, old, error).await),
    }
}

/// Names the new one, stops the old one and lets the new one `serve` at once; puts the old one back when that fails.
/// Everything that can be done before the stop is.
async fn take_over(
    mold: &Mold<'_>,
    old: &Found,
    new: &str,
    serve: impl Future<Output = Result<(), ProviderError>>,
) -> Result<(), ProviderError> {
    let (site, name) = (mold.site, mold.name(old.number));
    set_aside(site, old, &format!("{name}.old")).await?;
    site.write.rename(new, &name).await?;
    site.tell("stopping the old one");
    stop(site, old).await?;
    match serve.await {
        Ok(()) => site.write.remove_container(&old.id).await,
        Err(error) => Err(roll_back(mold, old, new, error).await),
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
        Verdict::Ready => serves(error),
        Verdict::Running | Verdict::Starting if !crashes(&old.inspected) => serves(error),
        _ => error.hint("the version before it does not work either"),
    }
}

fn serves(error: ProviderError) -> ProviderError {
    let error = error.rolled_back();
    error.hint("the version before it was not touched, and serves")
}

/// Gives the old one another name. The engine refuses that for one that crashed and waits for its next start; nobody is
/// served by it, so it stops.
async fn set_aside(site: &Site<'_>, old: &Found, name: &str) -> Result<(), ProviderError> {
    let Err(error) = site.write.rename(&old.id, name).await else {
        return Ok(());
    };
    let now = site
        .look
        .container(&old.id)
        .await?
        .and_then(|container| container.state);
    if now.and_then(|state| state.status) != Some(Status::RESTARTING) {
        return Err(error);
    }
    stop(site, old).await?;
    site.write.rename(&old.id, name).await
}

#[cfg(test)]
mod tests;
