//! The OCI image of server and model: reproducible layers, digest known when planning, no daemon, no base image.
//!
//! Owns the bytes of an image and where they go: a tar that every engine loads, an OCI layout, a registry.
//! Never knows a stack, a plan or an engine. Rules, each with its reason:
//!
//! - layers in the order model, server, config: engines key layers by what lies below them, so a new server must
//!   not make everybody fetch the model again;
//! - the model is stored uncompressed (weights do not shrink, and packing is the dearest part of a build), the
//!   server as gzip; never zstd, which Docker 20.10 cannot read;
//! - `ustar` headers, time 0, owner 0, fixed modes, sorted names: the same input gives the same bytes anywhere.

mod archive;
mod binary;
mod digest;
mod dockerfile;
mod inspect;
mod layer;
mod manifest;
mod parts;
mod push;
#[cfg(test)]
mod tests;
mod tool;

pub use binary::{BinaryError, check_server, check_static};
pub use digest::Digest;
pub use inspect::{InspectError, Summary, inspect};
pub use layer::{Entry, Layer, tar};
pub use manifest::{Blob, Image, Packed};
pub use parts::Parts;
pub use push::{Credentials, PushError, PushReport, Reference, Registry, Sending, Told, Words};
pub use tool::{Tool, assemble_tool};

use std::collections::BTreeMap;

/// The user every bundled image runs as; the number that distroless images use for `nonroot`.
pub const USER: u32 = 65532;
/// The port the bundled server listens on inside its container.
pub const PORT: u16 = 8080;

/// What goes into a bundled image.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// The name shown in the image's title label.
    pub title: String,
    /// The static Linux executable of `mlstack-server`.
    pub server: Parts,
    /// The model and the files beside it, by the name they get below `/model`; empty for a frontend.
    pub model: BTreeMap<String, Parts>,
    /// Arguments of the server: `serve` or `frontend`.
    pub command: Vec<String>,
    /// The server's configuration file, `/app/config.json`.
    pub config: Vec<u8>,
    /// Labels beside the ones every image gets.
    pub labels: BTreeMap<String, String>,
}

/// Packs a bundle into an image.
///
/// # Errors
/// When a file of the bundle cannot be read or is not as long as it was.
pub fn assemble(bundle: &Bundle) -> std::io::Result<Image> {
    let mut layers = Vec::new();
    if !bundle.model.is_empty() {
        layers.push(Layer::plain("model", model_entries(bundle))?);
    }
    layers.push(Layer::gzip("server", server_entries(bundle))?);
    layers.push(Layer::gzip("config", config_entries(bundle))?);
    Ok(Image::new(bundle, layers))
}

fn model_entries(bundle: &Bundle) -> Vec<Entry> {
    let files = bundle
        .model
        .iter()
        .map(|(name, parts)| Entry::file(format!("model/{name}"), 0o444, parts.clone()));
    std::iter::once(Entry::dir("model", 0o555)).chain(files).collect()
}

fn server_entries(bundle: &Bundle) -> Vec<Entry> {
    vec![
        Entry::dir("app", 0o555),
        Entry::file("app/mlstack-server", 0o555, bundle.server.clone()),
    ]
}

fn config_entries(bundle: &Bundle) -> Vec<Entry> {
    let mut entries = vec![
        Entry::dir("app", 0o555),
        Entry::file("app/config.json", 0o444, Parts::bytes(bundle.config.clone())),
    ];
    entries.extend(users());
    entries.push(Entry::dir("tmp", 0o1777));
    entries
}

/// `/etc` with the users and groups of an image without a base.
fn users() -> Vec<Entry> {
    let text = |s: String| Parts::bytes(s.into_bytes());
    let groups = format!("root:x:0:\nnonroot:x:{USER}:\n");
    let users = format!("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/tmp:/sbin/nologin\n");
    vec![
        Entry::dir("etc", 0o755),
        Entry::file("etc/group", 0o444, text(groups)),
        Entry::file("etc/passwd", 0o444, text(users)),
    ]
}
