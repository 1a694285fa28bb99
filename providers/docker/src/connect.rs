//! Where the engine is and how to reach it.
//!
//! Does no work when built: the first call connects, checks the engine's API and keeps the client.
//! Never reads the environment; the caller hands in what `DOCKER_HOST` says.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, ClientVersion, Docker};
use mlstack_provider::{ErrorKind, ProviderError};
use tokio::sync::OnceCell;

use crate::fault;
use crate::look::Look;
use crate::patience::Patience;

/// The oldest Engine API spoken (Docker 20.10).
const OLDEST_API: ClientVersion = ClientVersion {
    major_version: 1,
    minor_version: 41,
};
/// Where the engine listens when nothing else is said.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// How long the engine may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);
/// bollard's own limit, in seconds: only a backstop, each call sets its own.
const BACKSTOP: u64 = 3600;

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// A socket of this machine.
    Unix(PathBuf),
    /// Plain TCP, this machine only.
    Loopback(SocketAddr),
    /// TCP with client certificates: `host:port` and the folder with `ca.pem`, `cert.pem` and `key.pem`.
    Tls {
        /// `host:port`.
        address: String,
        /// The folder `DOCKER_CERT_PATH` names.
        certificates: PathBuf,
    },
}

impl Host {
    /// Reads the value of `DOCKER_HOST` (`None`: the default socket) and of `DOCKER_CERT_PATH`.
    ///
    /// # Errors
    /// When the scheme is unknown, or the address is on another machine without TLS.
    pub fn parse(host: Option<&str>, certificates: Option<&Path>) -> Result<Self, ProviderError> {
        let Some(host) = host.filter(|host| !host.is_empty()) else {
            return Ok(Self::Unix(DEFAULT_SOCKET.into()));
        };
        if let Some(path) = host.strip_prefix("unix://") {
            return Ok(Self::Unix(path.into()));
        }
        match host.strip_prefix("tcp://").map(|address| address.trim_end_matches('/')) {
            Some(address) => Self::tcp(address, certificates),
            None => Err(unsupported(host)),
        }
    }

    fn tcp(address: &str, certificates: Option<&Path>) -> Result<Self, ProviderError> {
        match (certificates, loopback(address)) {
            (Some(folder), _) => Ok(Self::Tls {
                address: address.to_owned(),
                certificates: folder.to_owned(),
            }),
            (None, Some(address)) => Ok(Self::Loopback(address)),
            (None, None) => Err(plain_tcp(address)),
        }
    }

    /// Whether the engine runs on this machine, so that its disk and ports are ours too.
    pub fn is_local(&self) -> bool {
        !matches!(self, Self::Tls { .. })
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Loopback(address) => write!(f, "tcp://{address}"),
            Self::Tls { address, .. } => write!(f, "tcp://{address}"),
        }
    }
}

fn loopback(address: &str) -> Option<SocketAddr> {
    let (name, port) = address.rsplit_once(':')?;
    let ip: IpAddr = match name {
        "localhost" => [127, 0, 0, 1].into(),
        _ => name.trim_matches(['[', ']']).parse().ok()?,
    };
    ip.is_loopback().then_some(SocketAddr::new(ip, port.parse().ok()?))
}

fn unsupported(host: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Unreachable, "cannot reach the Docker engine")
        .because(format!("DOCKER_HOST is `{host}`: only unix:// and tcp:// are understood"))
        .hint("for an engine behind SSH: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock HOST, then DOCKER_HOST=unix:///tmp/docker.sock")
}

fn plain_tcp(address: &str) -> ProviderError {
    ProviderError::new(ErrorKind::Denied, "refused to talk to the Docker engine")
        .because(format!("tcp://{address} is on another machine and DOCKER_CERT_PATH is not set: whoever listens on the way owns that machine"))
        .hint("set DOCKER_CERT_PATH to the folder with ca.pem, cert.pem and key.pem")
}

/// A lazy connection to one engine.
#[derive(Debug)]
pub struct Connection {
    host: Host,
    patience: Patience,
    client: OnceCell<Docker>,
}

impl Connection {
    /// A connection to `host`; nothing is opened yet.
    pub fn new(host: Host) -> Self {
        Self {
            host,
            patience: Patience::default(),
            client: OnceCell::new(),
        }
    }

    /// The same, giving the engine `limit` for each call instead of a minute.
    #[must_use]
    pub fn answering_within(mut self, limit: Duration) -> Self {
        self.patience = Patience::of(limit);
        self
    }

    /// How long calls may take.
    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// Where the engine is.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The calls that only look.
    ///
    /// # Errors
    /// When the engine cannot be reached, refuses us or is too old.
    pub(crate) async fn look(&self) -> Result<Look, ProviderError> {
        Ok(Look::new(self.client().await?.clone(), self.patience))
    }

    /// Every call; only the write side may ask for it.
    pub(crate) async fn client(&self) -> Result<&Docker, ProviderError> {
        self.client.get_or_try_init(|| self.connect()).await
    }

    async fn connect(&self) -> Result<Docker, ProviderError> {
        let docker = self.open().map_err(|error| fault::unreachable(&self.host, error))?;
        let hello = tokio::time::timeout(HELLO.min(self.patience.call()), docker.negotiate_version()).await;
        let docker = hello
            .map_err(|_| fault::silent(&self.host))?
            .map_err(|error| fault::unreachable(&self.host, error))?;
        if docker.client_version() < OLDEST_API {
            return Err(too_old(docker.client_version()));
        }
        Ok(docker)
    }

    fn open(&self) -> Result<Docker, bollard::errors::Error> {
        match &self.host {
            Host::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), BACKSTOP, API_DEFAULT_VERSION),
            Host::Loopback(address) => {
                Docker::connect_with_http(&format!("tcp://{address}"), BACKSTOP, API_DEFAULT_VERSION)
            }
            Host::Tls { address, certificates } => {
                let [key, cert, ca] = ["key.pem", "cert.pem", "ca.pem"].map(|name| certificates.join(name));
                Docker::connect_with_ssl(
                    &format!("tcp://{address}"),
                    &key,
                    &cert,
                    &ca,
                    BACKSTOP,
                    API_DEFAULT_VERSION,
                )
            }
        }
    }
}

fn too_old(version: ClientVersion) -> ProviderError {
    ProviderError::new(ErrorKind::Failed, "cannot use this Docker engine")
        .because(format!("it speaks API {version}, mlstack needs {OLDEST_API} or newer"))
        .hint("update Docker to 20.10 or newer")
}

#[cfg(test)]
mod tests;
