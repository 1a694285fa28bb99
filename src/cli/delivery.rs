//! Sends the images that mlstack packs to the registry that the stack names, when an apply is about to need them.
//!
//! Never part of a plan: whoever wrote the stack file chose the registry, and only a yes to the plan sends it anything.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use mlstack_provider::{ErrorKind, Progress, ProviderError};
use mlstack_provider_kubernetes::Delivery;

use super::registry;
use crate::image::{Image, Packed, PushError, Reference, Registry, Sending};

/// What a step is about when it fails here.
const ACTION: &str = "cannot push the image of";

/// The packed images of a stack, by component.
pub(super) struct Deliveries(BTreeMap<String, Image>);

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Deliveries {
    /// Delivers `images`.
    pub(super) fn of(images: &BTreeMap<String, Image>) -> Self {
        Self(images.clone())
    }

    /// The image of `component`, if it is the one that `pinned` means.
    async fn pack(&self, component: &str, pinned: &Reference) -> Result<Packed, ProviderError> {
        let failed =
            |why: std::io::Error| ProviderError::new(ErrorKind::Failed, "cannot pack the image of").because(why);
        let Some(image) = self.0.get(component).cloned() else {
            return Err(not_made_here(pinned));
        };
        let packed = tokio::task::spawn_blocking(move || image.pack()).await;
        let packed = packed.map_err(std::io::Error::other).flatten().map_err(failed)?;
        match pinned.digest() == Some(packed.manifest.digest.as_str()) {
            true => Ok(packed),
            false => Err(not_made_here(pinned)),
        }
    }
}

#[async_trait]
impl Delivery for Deliveries {
    async fn deliver(&self, component: &str, reference: &str, progress: Progress<'_>) -> Result<(), ProviderError> {
        let failed = |why: &dyn fmt::Display| ProviderError::new(ErrorKind::Failed, ACTION).because(why.to_string());
        let pinned: Reference = reference.parse().map_err(|error| failed(&error))?;
        let (who, remedy) = registry::stored(&pinned).await;
        let registry = Registry::new(&pinned, &who);
        // Some registries refuse to say whether there is what does not exist: then the push itself tells.
        let hidden = match registry.has(pinned.digest().unwrap_or_default()).await {
            Ok(true) => return Ok(()),
            Ok(false) => None,
            Err(error @ PushError::Denied { .. }) => Some(error),
            Err(error) => return Err(not_pushed(error, remedy)),
        };
        let packed = match (self.pack(component, &pinned).await, hidden) {
            (Ok(packed), _) => packed,
            (Err(_), Some(hidden)) => return Err(not_pushed(hidden, remedy)),
            (Err(error), None) => return Err(error),
        };
        let target = format!("{}/{}", pinned.registry(), pinned.repository());
        let told = |sending: Sending| progress(&registry::line(&target, sending));
        let pushed = registry.push(&packed, &told).await;
        pushed.map(drop).map_err(|error| not_pushed(error, remedy))
    }
}

fn not_pushed(error: PushError, denied: String) -> ProviderError {
    let kind = match &error {
        PushError::Denied { .. } => ErrorKind::Denied,
        PushError::Unreachable { .. } => ErrorKind::Unreachable,
        PushError::Stalled { .. } => ErrorKind::Timeout,
        PushError::NotKept { .. } | PushError::Failed { .. } => ErrorKind::Failed,
    };
    let remedy = registry::remedy(&error).map_or(denied, str::to_owned);
    ProviderError::new(kind, ACTION).because(error).hint(remedy)
}

/// The image of another version: only the registry could still have it.
fn not_made_here(pinned: &Reference) -> ProviderError {
    ProviderError::new(ErrorKind::Failed, ACTION)
        .because(format!(
            "{} has no {}, and the files here make another image",
            pinned.registry(),
            pinned.whole()
        ))
        .hint("check out the files that it was made of, and apply from there")
}

#[cfg(test)]
mod tests;
