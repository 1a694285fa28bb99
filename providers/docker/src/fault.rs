//! Turns what the engine and the wire say into [`ProviderError`]s with a kind, a cause and a hint.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use bollard::errors::Error;
use mlstack_provider::{ErrorKind, ProviderError};

use crate::connect::Host;
use crate::trouble::DISK_FULL;

/// The HTTP status in an engine's refusal.
pub(crate) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// What the engine said, without the wrapping.
pub(crate) fn message(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::RequestTimeoutError => "no answer in time".to_owned(),
        other => innermost(other).to_string(),
    }
}

/// A refusal while trying `action`.
pub(crate) fn refused(action: &str, error: &Error) -> ProviderError {
    let kind = match (status(error), io_kind(error)) {
        (Some(401 | 403), _) | (_, Some(io::ErrorKind::PermissionDenied)) => ErrorKind::Denied,
        (Some(_), _) | (_, Some(io::ErrorKind::ResourceBusy)) => ErrorKind::Failed, // the fence's own, the latter
        (None, Some(_)) => ErrorKind::Unreachable,
        _ if matches!(error, Error::RequestTimeoutError) => ErrorKind::Timeout,
        _ => ErrorKind::Failed,
    };
    let message = message(error);
    let hint = if is_full(&message) {
        Some(DISK_FULL)
    } else if message.contains("non-overlapping IPv4 address pool") {
        Some("the engine has no address left for a network; remove those that nobody uses: docker network prune")
    } else {
        None
    };
    let refused = ProviderError::new(kind, action).because(message);
    hint.into_iter().fold(refused, ProviderError::hint)
}

/// Whether the engine's disk is what is in the way.
pub(crate) fn is_full(message: &str) -> bool {
    message.contains("no space left on device")
}

/// The engine did not finish in time.
pub(crate) fn slow(action: &str, limit: Duration) -> ProviderError {
    ProviderError::new(ErrorKind::Timeout, action)
        .because(format!("the Docker engine gave no answer within {} s", limit.as_secs()))
        .hint("see whether the engine is stuck: docker info")
}

/// Nobody answers at `host`.
pub(crate) fn unreachable(host: &Host, error: Error) -> ProviderError {
    match io_kind(&error) {
        Some(io::ErrorKind::PermissionDenied) => denied(host),
        _ => {
            let error = match error {
                Error::SocketNotFoundError(path) => format!("{path} does not exist"),
                other => message(&other),
            };
            ProviderError::new(
                ErrorKind::Unreachable,
                format!("cannot reach the Docker engine at {host}"),
            )
            .because(error)
            .hint("start it: sudo systemctl start docker (or: sudo dockerd &)")
            .hint("if it listens elsewhere, set DOCKER_HOST, such as unix:///run/user/1000/docker.sock")
        }
    }
}

/// Something listens at `host` but says nothing.
pub(crate) fn silent(host: &Host) -> ProviderError {
    ProviderError::new(
        ErrorKind::Unreachable,
        format!("cannot reach the Docker engine at {host}"),
    )
    .because("it accepts connections but gives no answer")
    .hint("restart it: sudo systemctl restart docker")
}

fn denied(host: &Host) -> ProviderError {
    ProviderError::new(
        ErrorKind::Denied,
        format!("the Docker engine at {host} refuses this user"),
    )
    .because("permission denied")
    .hint("add yourself to the group docker: sudo usermod -aG docker $USER, then log in again")
}

/// What went wrong on the way, when it was the way.
pub(crate) fn io_kind(error: &Error) -> Option<io::ErrorKind> {
    if let Error::IOError { err } = error {
        return Some(err.kind()); // transparent: its own source is one further in
    }
    chain(error)
        .find_map(|error| error.downcast_ref::<io::Error>())
        .map(io::Error::kind)
        .or_else(|| is_wire(error).then_some(io::ErrorKind::ConnectionAborted))
}

fn is_wire(error: &Error) -> bool {
    matches!(error, Error::HyperResponseError { .. } | Error::HyperLegacyError { .. })
}

fn innermost(error: &Error) -> &(dyn StdError + 'static) {
    chain(error).last().expect("a chain starts with the error itself")
}

fn chain(error: &Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}

#[cfg(test)]
mod tests;
