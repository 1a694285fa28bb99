//! Who we are to registries, and what is said of a push.
//!
//! Owns where Docker's own configuration lies. Credentials are looked for when something is about to be pushed, never for
//! a plan: a stack file of somebody else may name any registry.

use std::path::PathBuf;

use mlstack_provider::Secret;
use mlstack_provider_docker::{Login, stored_login};

use super::image::human_size;
use crate::image::{Credentials, PushError, Reference, Sending};

/// What Docker is asked for when it is meant to be Docker Hub.
const HUB: &str = "docker.io";

/// Docker's `config.json`: below `DOCKER_CONFIG`, else below the home folder.
pub(super) fn docker_config() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| std::env::home_dir().map(|home| home.join(".docker")))?;
    Some(folder.join("config.json"))
}

/// What `docker login` stored for the registry of `reference`, else nobody's; and what to do when that is refused.
pub(super) async fn stored(reference: &Reference) -> (Credentials, String) {
    let registry = (reference.registry() != HUB).then(|| reference.registry());
    let name = registry.unwrap_or_default();
    let again = format!("`docker login {name}`").replace(" `", "`");
    match stored_login(docker_config().as_deref(), registry).await {
        Ok(Some(login)) => (
            credentials(login),
            format!("log in as somebody who may write there: {again}"),
        ),
        Ok(None) => (Credentials::Anonymous, format!("log in first: {again}")),
        Err(trouble) => (
            Credentials::Anonymous,
            format!("Docker's credentials cannot be had: {trouble}"),
        ),
    }
}

/// An identity token stands for a password, of the user that it was given to.
fn credentials(login: Login) -> Credentials {
    match login.password.or(login.identity_token) {
        Some(password) => Credentials::Basic {
            user: login.user,
            password,
        },
        None => Credentials::Basic {
            user: login.user,
            password: Secret::new(""),
        },
    }
}

/// What is said while it goes on.
pub(super) fn line(target: &str, sending: Sending) -> String {
    let Sending { total, sent } = sending;
    let size = human_size(total);
    match (sent * 100).checked_div(total) {
        None => format!("pushing to {target}"),
        Some(0) => format!("pushing {size} to {target}"),
        Some(percent) => format!("pushing {size} to {target}: {percent} %"),
    }
}

/// What to do about a push that failed, where there is something to do.
pub(super) fn remedy(error: &PushError) -> Option<&'static str> {
    Some(match error {
        PushError::Unreachable { .. } => {
            "see whether the name is right and the registry is up; with one on another machine, mlstack speaks HTTPS only"
        }
        PushError::Stalled { .. } | PushError::Failed { .. } => "try again: what has arrived is not sent a second time",
        PushError::NotKept { .. } => "ask whoever runs the registry whether it keeps images as they are sent",
        PushError::Denied { .. } => return None,
    })
}

#[cfg(test)]
mod tests;
