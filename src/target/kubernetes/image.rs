//! Which image a component runs, as a cluster pulls it.

use crate::stack::{Component, Kubernetes, Stack};
use crate::target::bundled;

/// Digits of a digest in a tag.
const TAG: usize = 12;

/// Whether the image of a component is packed by mlstack and must be pushed before a cluster can pull it.
pub fn is_pushed(stack: &Stack, component: &Component) -> bool {
    stack.kubernetes.registry.is_some() && bundled::pulled(component).is_none()
}

/// The image of a component; `digest` is that of the manifest of one that mlstack packs.
///
/// Without a registry the name is one that no registry of others can answer to: the image must be on the nodes.
pub fn reference(stack: &Stack, component: &Component, digest: Option<&str>) -> String {
    if let Some(reference) = bundled::pulled(component) {
        return reference;
    }
    let tag = digest.and_then(|digest| digest.strip_prefix("sha256:")?.get(..TAG));
    match &stack.kubernetes {
        Kubernetes { registry: None, .. } => {
            format!("localhost/{}/{}:{}", stack.name, component.name, tag.unwrap_or("new"))
        }
        Kubernetes {
            registry: Some(registry),
            ..
        } => {
            let repository = format!("{registry}/{}-{}", stack.name, component.name);
            digest.map_or(format!("{repository}:new"), |digest| format!("{repository}@{digest}"))
        }
    }
}

/// A name that always means the same image, or one that only the node has, need not be asked for again.
pub(super) fn pull_policy(reference: &str) -> &'static str {
    match reference.contains('@') || reference.starts_with("localhost/") {
        true => "IfNotPresent",
        false => "Always",
    }
}

/// What is told as the version: the tag, or the beginning of the digest.
pub(super) fn version(reference: &str) -> Option<&str> {
    if let Some((_, digest)) = reference.split_once("@sha256:") {
        return digest.get(..TAG);
    }
    let last = reference.rsplit('/').next()?;
    last.split_once(':').map(|(_, tag)| tag)
}
