//! A service of a Compose file: the fields mlstack emits, in their long forms.
//!
//! A field stands where `types.go` of compose-go has it, because the hash is taken over fields in that order.

use std::collections::BTreeMap;

use mlstack_provider::golden::Checks;
use serde::{Deserialize, Serialize};

use crate::project::is_false;
use crate::{Bytes, Cpus, Duration};

/// A service; the `spec` of kind `service`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// How plain Compose builds the image. Not hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// Capabilities given back after `cap_drop`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cap_drop: Vec<String>,
    /// Arguments in place of the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// What must run before, by service. Not hashed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub depends_on: BTreeMap<String, Dependency>,
    /// Copies and limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Deploy>,
    /// A program in place of the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// How health is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The image's reference.
    pub image: String,
    /// Whether the engine's own init is PID 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
    /// Labels of the file itself, not those Compose adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Where the logs go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<Logging>,
    /// The networks it is on, by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Option<ServiceNetwork>>,
    /// Published ports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Port>,
    /// `never`, `missing`, `build`, …. Not hashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pull_policy: String,
    /// Root file system cannot be written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// `no`, `always`, `on-failure`, `unless-stopped`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub restart: String,
    /// Files under `/run/secrets`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<ServiceSecret>,
    /// `no-new-privileges:true`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security_opt: Vec<String>,
    /// Size of `/dev/shm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shm_size: Option<Bytes>,
    /// How long it may take to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_grace_period: Option<Duration>,
    /// The signal that asks it to stop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// Folders in memory, with their options: `/tmp:noexec,nosuid,size=67108864`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tmpfs: Vec<String>,
    /// `uid:gid`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Mounts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Mount>,
    /// The folder it starts in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// What mlstack knows and Compose does not. Not hashed.
    #[serde(default, rename = "x-mlstack", skip_serializing_if = "Extension::is_empty")]
    pub extension: Extension,
}

impl Service {
    /// How many copies it asks for.
    pub fn replicas(&self) -> u32 {
        self.deploy.as_ref().and_then(|deploy| deploy.replicas).unwrap_or(1)
    }

    /// The limits of one copy, where there are any.
    pub fn limits(&self) -> Option<&Limits> {
        self.deploy.as_ref()?.resources.limits.as_ref()
    }
}

/// What mlstack knows about a service and Compose does not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Keyed digest (HMAC) of each secret file's content, by file name below `/run/secrets`.
    /// A name without digest is one whose value was not looked at (offline).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Option<String>>,
    /// How long a new version may take to become ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_within: Option<Duration>,
    /// The image's id in the engine, where mlstack knows it (an image it packed itself).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// What a new version must answer before it takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checks: Option<Checks>,
}

impl Extension {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `build`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// The folder sent to the engine.
    pub context: String,
    /// The Dockerfile, relative to the context.
    pub dockerfile: String,
    /// Build arguments.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, String>,
}

/// One entry of `depends_on`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// What is waited for.
    pub condition: Condition,
    /// Whether this service is restarted with the other.
    #[serde(default, skip_serializing_if = "is_false")]
    pub restart: bool,
    /// Whether the other must be there at all.
    pub required: bool,
}

/// What a dependant waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Condition {
    /// It runs.
    #[serde(rename = "service_started")]
    Started,
    /// Its health check passes.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ended with exit code 0.
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

impl Condition {
    /// As written in a Compose file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "service_started",
            Self::Healthy => "service_healthy",
            Self::Completed => "service_completed_successfully",
        }
    }
}

/// `deploy`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Deploy {
    /// How many copies; 1 when unsaid. Not hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// Limits and devices.
    #[serde(default, skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
}

/// `deploy.resources`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Resources {
    /// What one copy may use at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// What one copy is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reservations: Option<Reservations>,
}

impl Resources {
    /// Whether nothing is limited or reserved.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `deploy.resources.limits`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<Cpus>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// Processes and threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pids: Option<u32>,
}

/// `deploy.resources.reservations`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reservations {
    /// GPUs and the like.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Device>,
}

/// Devices of one sort.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// `gpu`.
    pub capabilities: Vec<String>,
    /// `nvidia`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// How many.
    pub count: u32,
}

/// `healthcheck`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Healthcheck {
    /// `CMD` or `CMD-SHELL`, then the command.
    pub test: Vec<String>,
    /// Until one probe counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Between two probes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// Failures in a row until unhealthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// Failures do not count for so long after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<Duration>,
}

/// `logging`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Logging {
    /// The log driver.
    pub driver: String,
    /// Its options.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// How a service is on one network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServiceNetwork {
    /// Host names beside the service's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
}

/// One entry of `ports`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Always `ingress`: what Compose fills in.
    pub mode: String,
    /// The address of the host it is bound to; all when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
    /// The port inside the container.
    pub target: u16,
    /// The port on the host, or a range; the engine picks one when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub published: String,
    /// `tcp` or `udp`.
    pub protocol: String,
}

impl Port {
    /// A TCP port.
    pub fn tcp(host_ip: impl Into<String>, published: u16, target: u16) -> Self {
        Self {
            mode: "ingress".to_owned(),
            host_ip: host_ip.into(),
            target,
            published: published.to_string(),
            protocol: "tcp".to_owned(),
        }
    }
}

/// One entry of `secrets` of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceSecret {
    /// The key among the secrets of the project.
    pub source: String,
    /// The file's name below `/run/secrets`.
    pub target: String,
}

impl ServiceSecret {
    /// A secret whose file carries its own name.
    pub fn named(name: &str) -> Self {
        Self {
            source: name.to_owned(),
            target: name.to_owned(),
        }
    }
}

/// One entry of `volumes` of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// What is mounted.
    #[serde(rename = "type")]
    pub kind: MountKind,
    /// The volume's key, or an absolute path of the host.
    pub source: String,
    /// The absolute path inside the container.
    pub target: String,
    /// Cannot be written.
    #[serde(default, skip_serializing_if = "is_false")]
    pub read_only: bool,
    /// Options of a bind: there for a bind, else absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bind: Option<BindOptions>,
}

impl Mount {
    /// A named volume.
    pub fn volume(key: impl Into<String>, target: impl Into<String>, read_only: bool) -> Self {
        Self {
            kind: MountKind::Volume,
            source: key.into(),
            target: target.into(),
            read_only,
            bind: None,
        }
    }

    /// A path of the host.
    pub fn bind(path: impl Into<String>, target: impl Into<String>, read_only: bool) -> Self {
        Self {
            kind: MountKind::Bind,
            source: path.into(),
            target: target.into(),
            read_only,
            bind: Some(BindOptions {
                create_host_path: false,
            }),
        }
    }
}

/// What a mount mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// A named volume.
    Volume,
    /// A path of the host.
    Bind,
}

/// `bind` of a mount.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BindOptions {
    /// Whether a missing path is made; Compose leaves `true` out.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub create_host_path: bool,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_true(value: &bool) -> bool {
    *value
}
