//! The words of Docker Compose: its file, its names, its labels and its config hash, as data.
//!
//! Owns what must be the same on both sides of the contract: [`Service`], [`Network`] and [`Volume`] are the
//! `spec` of the resources of those kinds, [`ImageSpec`] that of `image`. Pure: reads no file, talks to no engine.
//! Never knows a stack file.

mod hash;
mod image;
mod labels;
mod names;
mod project;
mod scalar;
mod service;

pub use hash::{network_hash, service_hash, volume_hash};
pub use image::{ImageSource, ImageSpec};
pub use labels::{
    COMPOSE_VERSION, ContainerLabels, Origin, Part, config_hash_of, container_labels, depends_on_label, network_labels,
    parse_container, parse_depends_on, parse_part, volume_labels,
};
pub use mlstack_provider::Duration;
pub use names::{container_name, network_name, volume_name};
pub use project::{Network, Project, Secret, Volume};
pub use scalar::{Bytes, Cpus};
pub use service::*;

/// The kind of a resource that is an image in the engine.
pub const IMAGE: &str = "image";
/// The kind of a resource that is a network.
pub const NETWORK: &str = "network";
/// The kind of a resource that is a named volume.
pub const VOLUME: &str = "volume";
/// The kind of a resource that is a service: one or more equal containers.
pub const SERVICE: &str = "service";
