//! How the engine is: version, storage, room on its disk, ports that are taken.
//!
//! Looks only; says nothing about any one stack.

use std::net::{Ipv4Addr, TcpListener};

use bollard::models::{ContainerSummary, SystemInfo, SystemVersion};
use mlstack_provider::ProviderError;

use crate::connect::{Connection, Host};
use crate::look::Look;

/// Less room than this on the engine's disk is worth a warning, in bytes.
const LITTLE_ROOM: u64 = 2 << 30;

/// What [`crate::DockerReader::doctor`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doctor {
    /// Where the engine listens, as `DOCKER_HOST` would say it.
    pub host: String,
    /// The engine's version, such as `20.10.24`.
    pub version: String,
    /// The newest API it speaks.
    pub api: String,
    /// The storage driver, such as `overlay2`.
    pub storage_driver: String,
    /// Where it keeps images and volumes.
    pub root: String,
    /// Free bytes there; `None` when the engine is on another machine or the folder cannot be seen.
    pub free_disk: Option<u64>,
    /// Bytes of memory of its machine.
    pub memory: u64,
    /// Processors of its machine.
    pub cpus: u64,
    /// Containers running now, everybody's.
    pub running: u64,
    /// The ports asked about that are taken.
    pub taken: Vec<TakenPort>,
    /// What may go wrong later, one sentence each.
    pub warnings: Vec<String>,
}

/// A port of this machine that something listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenPort {
    /// The port.
    pub port: u16,
    /// The container that publishes it; `None` when no container does.
    pub container: Option<String>,
}

/// Examines the engine; `ports` are those a stack wants to publish.
pub(crate) async fn examine(connection: &Connection, ports: &[u16]) -> Result<Doctor, ProviderError> {
    let look = connection.look().await?;
    let (version, info) = futures_util::try_join!(look.version(), look.info())?;
    let taken = taken(&look, connection.host(), ports).await?;
    Ok(describe(connection.host(), version, info, taken))
}

fn describe(host: &Host, version: SystemVersion, info: SystemInfo, taken: Vec<TakenPort>) -> Doctor {
    let root = info.docker_root_dir.unwrap_or_default();
    let free_disk = host.is_local().then(|| free(&root)).flatten();
    let mut warnings = info.warnings.unwrap_or_default();
    if free_disk.is_some_and(|free| free < LITTLE_ROOM) {
        warnings.push(format!("less than 2 GiB are free below {root}"));
    }
    if info.os_type.as_deref().is_some_and(|os| os != "linux") {
        warnings.push("the engine runs Windows containers; stacks need Linux ones".to_owned());
    }
    Doctor {
        host: host.to_string(),
        version: version.version.unwrap_or_default(),
        api: version.api_version.unwrap_or_default(),
        storage_driver: info.driver.unwrap_or_default(),
        root,
        free_disk,
        memory: unsigned(info.mem_total),
        cpus: unsigned(info.ncpu),
        running: unsigned(info.containers_running),
        taken,
        warnings,
    }
}

fn unsigned(number: Option<i64>) -> u64 {
    number.and_then(|number| number.try_into().ok()).unwrap_or(0)
}

fn free(folder: &str) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

/// Which of `ports` are taken on the engine's machine, and by whom.
pub(crate) async fn taken(look: &Look, host: &Host, ports: &[u16]) -> Result<Vec<TakenPort>, ProviderError> {
    let containers = look.containers(&[]).await?;
    let by = |port| {
        let container = containers.iter().find(|container| publishes(container, port)).map(name);
        let taken = container.is_some() || (host.is_local() && listens(port));
        taken.then_some(TakenPort { port, container })
    };
    Ok(ports.iter().copied().filter_map(by).collect())
}

fn publishes(container: &ContainerSummary, port: u16) -> bool {
    container
        .ports
        .iter()
        .flatten()
        .any(|published| published.public_port == Some(port))
}

fn name(container: &ContainerSummary) -> String {
    let name = container
        .names
        .iter()
        .flatten()
        .next()
        .map(|name| name.trim_start_matches('/'));
    name.or(container.id.as_deref()).unwrap_or_default().to_owned()
}

fn listens(port: u16) -> bool {
    let refused = |error: std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED]
        .into_iter()
        .any(|address| TcpListener::bind((address, port)).is_err_and(refused))
}

#[cfg(test)]
mod tests;
