//! Lowering to Docker: a stack as the images, networks, volumes and services of a Compose project.
//!
//! Owns what runs for each sort of component, and how it is hardened. Pure, and complete: what a stack may say
//! has been checked before ([`super::capability`]), so lowering cannot fail.

mod foreign;
mod images;
mod ours;
mod parts;
mod service;

use std::collections::BTreeMap;

use mlstack_compose::{IMAGE, NETWORK, SERVICE, VOLUME};
use mlstack_provider::{Address, Resource, Source};
use serde::Serialize;

use super::refs;
use crate::diag::Path;
use crate::stack::{Component, Stack};
use images::Images;
pub use images::made_reference;
pub(crate) use service::below;

/// What lowering needs beyond the stack.
pub struct Inputs<'a> {
    /// The absolute folder of the stack file: host paths start there.
    pub root: &'a str,
    /// By component, `sha256:` and a digest: of the image's config for one packed by mlstack, of the build
    /// context for one built from a Dockerfile. A component whose digest is not known yet is not in it.
    pub digests: &'a BTreeMap<String, String>,
    /// By secret, the keyed digest of its value; a secret whose value was not looked at is not in it.
    pub secrets: &'a BTreeMap<String, String>,
    /// Where a path of the stack file stands.
    pub locate: &'a dyn Fn(&Path) -> Option<Source>,
}

/// The network of all components; nothing on it reaches out of the host.
pub(crate) const BACK: &str = "back";
/// The network of components that publish a port or reach the outside.
pub(crate) const FRONT: &str = "front";

/// All resources of `stack`: networks, volumes, images, services, each sort in the order of the stack file.
pub fn lower(stack: &Stack, inputs: &Inputs<'_>) -> Vec<Resource> {
    let lowering = Lowering {
        stack,
        inputs,
        images: Images::of(stack, inputs),
    };
    let running = || {
        stack
            .components
            .values()
            .filter(|component| !refs::is_external(component))
    };
    let networks = parts::networks(&lowering, running());
    let volumes = running().flat_map(|component| parts::volumes(&lowering, component));
    let mut resources: Vec<Resource> = networks.chain(volumes).collect();
    resources.extend(lowering.images.resources(inputs));
    resources.extend(running().map(|component| service::service(&lowering, component)));
    unique(resources)
}

/// What every step of lowering looks at.
struct Lowering<'a> {
    stack: &'a Stack,
    inputs: &'a Inputs<'a>,
    images: Images<'a>,
}

impl Lowering<'_> {
    fn component(&self, name: &str) -> Option<&Component> {
        self.stack.components.get(name)
    }

    fn source(&self, path: &Path) -> Option<Source> {
        (self.inputs.locate)(path)
    }
}

/// The first resource of each address: a volume that two components mount is one volume.
fn unique(resources: Vec<Resource>) -> Vec<Resource> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |resource: &Resource| seen.insert(resource.address.clone());
    resources.into_iter().filter(first).collect()
}

fn spec(of: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(of).expect("specs are structs with text keys")
}

fn image_address(name: &str) -> Address {
    Address::new(IMAGE, name)
}

fn network_address(key: &str) -> Address {
    Address::new(NETWORK, key)
}

fn volume_address(key: &str) -> Address {
    Address::new(VOLUME, key)
}

fn service_address(name: &str) -> Address {
    Address::new(SERVICE, name)
}

#[cfg(test)]
mod tests;
