//! The images of a stack: pulled, packed by mlstack, or built from a Dockerfile.

use std::collections::BTreeMap;

use mlstack_compose::{ImageSource, ImageSpec};
use mlstack_provider::Resource;

use super::{Inputs, image_address, refs, spec};
use crate::diag::Path;
use crate::stack::{Component, Stack};
use crate::target::bundled;

/// Digits of a digest in a tag.
const TAG: usize = 12;

/// Which image each component runs.
pub(super) struct Images<'a> {
    /// By component: the name of the image's resource.
    names: BTreeMap<&'a str, String>,
    /// In the order of the stack file.
    images: Vec<Image<'a>>,
}

struct Image<'a> {
    name: String,
    spec: ImageSpec,
    path: Path,
    id: Option<&'a str>,
}

impl<'a> Images<'a> {
    pub(super) fn of(stack: &'a Stack, inputs: &Inputs<'a>) -> Self {
        let mut all = Self {
            names: BTreeMap::new(),
            images: Vec::new(),
        };
        for component in stack
            .components
            .values()
            .filter(|component| !refs::is_external(component))
        {
            let id = inputs.digests.get(&component.name).map(String::as_str);
            match bundled::pulled(component) {
                Some(reference) => all.add_pulled(stack, component, reference),
                None => all.add_made(stack, component, id),
            }
        }
        all
    }

    fn add_pulled(&mut self, stack: &Stack, component: &'a Component, reference: String) {
        let known = self.images.iter().find(|image| image.spec.reference == reference);
        let name = match known {
            Some(image) => image.name.clone(),
            None => {
                let name = self.free_name(stack, &reference);
                let source = ImageSource::Pull;
                self.images.push(Image {
                    name: name.clone(),
                    spec: ImageSpec { reference, source },
                    path: component.path.clone(),
                    id: None,
                });
                name
            }
        };
        self.names.insert(&component.name, name);
    }

    fn add_made(&mut self, stack: &Stack, component: &'a Component, id: Option<&'a str>) {
        self.images.push(Image {
            name: component.name.clone(),
            spec: ImageSpec {
                reference: made_reference(stack, component, id),
                source: made_source(component, id),
            },
            path: component.path.clone(),
            id,
        });
        self.names.insert(&component.name, component.name.clone());
    }

    /// `postgres-17`; with the whole reference where that is taken by another image or a component.
    fn free_name(&self, stack: &Stack, reference: &str) -> String {
        let taken =
            |name: &str| stack.components.contains_key(name) || self.images.iter().any(|image| image.name == name);
        let short = plain(reference.rsplit('/').next().unwrap_or(reference));
        let long = plain(reference);
        let numbered = (2..).map(|n| format!("{long}-{n}"));
        [short, long.clone()]
            .into_iter()
            .chain(numbered)
            .find(|name| !taken(name))
            .unwrap_or(long)
    }

    /// The resource's name and the image of a component.
    pub(super) fn get(&self, component: &Component) -> (&str, &ImageSpec) {
        let name = &self.names[component.name.as_str()];
        let image = self
            .images
            .iter()
            .find(|image| image.name == *name)
            .expect("every name in `names` is of an image");
        (name, &image.spec)
    }

    /// The engine's id of the image of a component, where mlstack packed it and knows.
    pub(super) fn id(&self, component: &Component) -> Option<&str> {
        let image = self.images.iter().find(|image| image.name == component.name)?;
        image
            .id
            .filter(|_| matches!(image.spec.source, ImageSource::Bundle { .. }))
    }

    pub(super) fn resources(&self, inputs: &Inputs<'_>) -> impl Iterator<Item = Resource> {
        self.images.iter().map(|image| Resource {
            address: image_address(&image.name),
            spec: spec(&image.spec),
            depends_on: Vec::new(),
            source: (inputs.locate)(&image.path),
            protected: false,
        })
    }
}

/// `localhost/house-prices/predictor:3fa9…`: a name no registry of others can answer to. The tag is the digest,
/// so that a new image is a new name.
pub fn made_reference(stack: &Stack, component: &Component, id: Option<&str>) -> String {
    let digest = id
        .and_then(|id| id.strip_prefix("sha256:"))
        .and_then(|id| id.get(..TAG));
    format!(
        "localhost/{}/{}:{}",
        stack.name,
        component.name,
        digest.unwrap_or("new")
    )
}

fn made_source(component: &Component, id: Option<&str>) -> ImageSource {
    let id = id.map(str::to_owned);
    match &component.build {
        None => ImageSource::Bundle { id },
        Some(build) => ImageSource::Build {
            context: build.context.clone(),
            dockerfile: build.dockerfile.clone(),
            args: build
                .args
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            digest: id,
        },
    }
}

/// Letters and digits, and hyphens for the rest.
fn plain(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    lower.replace(|c: char| !(c.is_ascii_alphanumeric() || c == '.'), "-")
}
