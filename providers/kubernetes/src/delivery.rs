//! Images that the registry of a stack does not have yet: sent there before anything asks for them.
//!
//! Owns when that is due. How an image is packed and pushed, and with whose credentials, is the caller's.

use std::fmt;

use async_trait::async_trait;
use mlstack_manifest::pod_spec;
use mlstack_provider::{Observed, Progress, ProviderError, Step, Value};

use crate::engine::Site;

/// Where the images come from that no registry has before this stack is applied.
#[async_trait]
pub trait Delivery: fmt::Debug + Send + Sync {
    /// Sees to it that its registry has `reference`, the image of `component`; sends nothing when it does.
    ///
    /// # Errors
    /// When the registry is away or refuses, or the image is another one than can be made here.
    async fn deliver(&self, component: &str, reference: &str, progress: Progress<'_>) -> Result<(), ProviderError>;
}

/// Delivers what `step` needs.
///
/// The way back after a failure needs nothing: that image was there before.
pub(crate) async fn before(site: &Site<'_>, step: &Step) -> Result<(), ProviderError> {
    let (Some(delivery), Some(after)) = (&site.config.images, step.after()) else {
        return Ok(());
    };
    let text = |key: &str| after.spec["x-mlstack"]["image"][key].as_str();
    let (Some(component), Some(reference)) = (text("component"), text("reference")) else {
        return Ok(());
    };
    if matches!(step, Step::Update { before, .. } if runs(before, reference)) {
        return Ok(());
    }
    delivery.deliver(component, reference, site.progress).await
}

/// Whether pods run that image already, and well: they got it from there.
fn runs(before: &Observed, reference: &str) -> bool {
    let containers = pod_spec(&before.spec).map(|pod| &pod["containers"]);
    let mut containers = containers.and_then(Value::as_array).into_iter().flatten();
    before.problem.is_none() && containers.any(|container| container["image"] == reference)
}
