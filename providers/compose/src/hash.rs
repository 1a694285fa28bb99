//! The config hash, byte for byte as Compose takes it.
//!
//! It is SHA-256 over what Go's `json.Marshal` makes of compose-go's structs: fields in the order of `types.go`,
//! maps sorted, `<`, `>` and `&` escaped. Some fields are taken out first (`build`, `depends_on`, the number of
//! copies), some are there even when empty (`command`, `entrypoint`). Content of secrets is not in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::project::{Network, Volume, is_false};
use crate::service::*;
use crate::{Bytes, Duration};

/// The hash in a container's `config-hash` label: 64 hex digits.
pub fn service_hash(service: &Service) -> String {
    hash(&Hashed::from(service))
}

/// The hash in a network's `config-hash` label: 64 hex digits.
pub fn network_hash(network: &Network) -> String {
    let Network {
        name,
        driver,
        internal,
        labels,
    } = network;
    hash(&HashedNetwork {
        name,
        driver,
        ipam: Empty {},
        internal: *internal,
        labels,
    })
}

/// The hash in a volume's `config-hash` label: 64 hex digits.
pub fn volume_hash(volume: &Volume) -> String {
    let Volume { name, driver, labels } = volume;
    let driver = if driver.is_empty() { "local" } else { driver };
    hash(&HashedVolume { name, driver, labels })
}

fn hash(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).expect("these structs hold nothing that JSON cannot carry");
    let digest = Sha256::digest(go_escaped(&json).as_bytes());
    digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes all that is written to it");
        hex
    })
}

/// Escapes what Go escapes and `serde_json` does not. All of it can only stand inside JSON strings.
fn go_escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("a String takes all that is written to it");
            }
            _ => out.push(c),
        }
    }
    out
}

/// `{}`.
#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct HashedNetwork<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    driver: &'a str,
    ipam: Empty,
    #[serde(skip_serializing_if = "is_false")]
    internal: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct HashedVolume<'a> {
    name: &'a str,
    driver: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
struct HashedDeploy<'a> {
    resources: &'a Resources,
    placement: Empty,
}

/// What of a service is hashed, in the order of `types.go`.
#[derive(Serialize)]
struct Hashed<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cap_add: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    cap_drop: &'a [String],
    command: &'a Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy: Option<HashedDeploy<'a>>,
    entrypoint: &'a Option<Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    environment: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    healthcheck: &'a Option<Healthcheck>,
    image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    init: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logging: &'a Option<Logging>,
    networks: HashedNetworks<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ports: &'a [Port],
    #[serde(skip_serializing_if = "is_false")]
    read_only: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    restart: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    secrets: &'a [ServiceSecret],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    security_opt: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    shm_size: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_grace_period: Option<Duration>,
    #[serde(skip_serializing_if = "str::is_empty")]
    stop_signal: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tmpfs: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    volumes: &'a [Mount],
    #[serde(skip_serializing_if = "str::is_empty")]
    working_dir: &'a str,
}

/// The networks of a service; `{"default":null}` when the file names none.
#[derive(Serialize)]
#[serde(untagged)]
enum HashedNetworks<'a> {
    Named(&'a BTreeMap<String, Option<ServiceNetwork>>),
    Default { default: () },
}

impl<'a> From<&'a Service> for Hashed<'a> {
    fn from(service: &'a Service) -> Self {
        // Every field is named, so that a new one cannot be forgotten here.
        let Service {
            build: _,
            cap_add,
            cap_drop,
            command,
            depends_on: _,
            deploy,
            entrypoint,
            environment,
            healthcheck,
            image,
            init,
            labels,
            logging,
            networks,
            ports,
            pull_policy: _,
            read_only,
            restart,
            secrets,
            security_opt,
            shm_size,
            stop_grace_period,
            stop_signal,
            tmpfs,
            user,
            volumes,
            working_dir,
            extension: _,
        } = service;
        Self {
            cap_add,
            cap_drop,
            command,
            deploy: deploy.as_ref().map(|Deploy { replicas: _, resources }| HashedDeploy {
                resources,
                placement: Empty {},
            }),
            entrypoint,
            environment,
            healthcheck,
            image,
            init: *init,
            labels,
            logging,
            networks: match networks.is_empty() {
                true => HashedNetworks::Default { default: () },
                false => HashedNetworks::Named(networks),
            },
            ports,
            read_only: *read_only,
            restart,
            secrets,
            security_opt,
            shm_size: *shm_size,
            stop_grace_period: *stop_grace_period,
            stop_signal,
            tmpfs,
            user,
            volumes,
            working_dir,
        }
    }
}

#[cfg(test)]
mod tests;
