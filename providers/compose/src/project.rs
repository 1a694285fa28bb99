//! A whole Compose file, and its smaller parts: networks, volumes and the files behind secrets.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::Service;

/// A whole Compose file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// The project: the name of the stack.
    pub name: String,
    /// Services by key, in the order of the stack file.
    pub services: IndexMap<String, Service>,
    /// Networks by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, Network>,
    /// Named volumes by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
}

/// A network; the `spec` of kind `network`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Network {
    /// Its name in the engine, `<project>_<key>`.
    pub name: String,
    /// The driver; the engine's own when unsaid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// No way out of the host.
    #[serde(default, skip_serializing_if = "is_false")]
    pub internal: bool,
    /// Labels of the file itself, not those Compose adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A named volume; the `spec` of kind `volume`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name in the engine, `<project>_<key>`.
    pub name: String,
    /// The driver; `local` when unsaid.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub driver: String,
    /// Labels of the file itself, not those Compose adds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A top-level secret of a rendered file. Not part of any hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secret {
    /// The file that holds the value, on the machine that runs Compose.
    pub file: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
pub(crate) fn is_false(value: &bool) -> bool {
    !value
}
