//! Images as they are observed: those that the stack wants, and those that were made for it.

use std::collections::BTreeSet;

use bollard::models::{ImageInspect, ImageSummary};
use mlstack_compose::{IMAGE, ImageSource, ImageSpec};
use mlstack_provider::{Address, Observed, Resource, Value};

use crate::labels::{self, Labels as _};

/// An image that the stack wants, as it is here.
pub(super) fn wanted_image(resource: &Resource, spec: &ImageSpec, image: &ImageInspect) -> Observed {
    let labels = image.config.as_ref().and_then(|config| config.labels.clone());
    let recorded: Option<ImageSpec> = labels.spec().and_then(|spec| serde_json::from_value(spec).ok());
    let source = match &spec.source {
        ImageSource::Pull => ImageSource::Pull,
        ImageSource::Bundle { id: None } => ImageSource::Bundle { id: None },
        ImageSource::Bundle { .. } => ImageSource::Bundle { id: image.id.clone() },
        ImageSource::Build { digest: None, .. } => spec.source.clone(),
        ImageSource::Build { .. } => recorded.map_or(ImageSource::Pull, |recorded| recorded.source),
    };
    let observed = ImageSpec {
        reference: spec.reference.clone(),
        source,
    };
    let seen = serde_json::to_value(observed).unwrap_or(Value::Null);
    Observed {
        address: resource.address.clone(),
        id: image.id.clone().unwrap_or_default(),
        recorded: Some(if names_content(&spec.source) {
            resource.spec.clone()
        } else {
            seen.clone()
        }),
        spec: seen,
        depends_on: resource.depends_on.clone(),
        protected: false,
        problem: None,
    }
}

/// Whether the image's reference holds a digest of what is in it: then it can stand for one content only, and another
/// one there means that somebody moved the name.
fn names_content(source: &ImageSource) -> bool {
    matches!(
        source,
        ImageSource::Bundle { id: Some(_) } | ImageSource::Build { digest: Some(_), .. }
    )
}

/// Every rollout of a component left an image. The one that a service runs, which goes after it, keeps the name; the
/// others get their id into theirs.
pub(super) fn tell_apart(images: &mut [Observed], services: &[Observed]) {
    let runs = |image: &Observed| {
        services
            .iter()
            .any(|service| service.spec["image"] == image.spec["reference"])
    };
    images.sort_by_cached_key(|image| (image.address.clone(), !runs(image), image.id.clone()));
    let mut names = BTreeSet::new();
    for image in images {
        if !names.insert(image.address.name.clone()) {
            let id = image.id.trim_start_matches("sha256:");
            image.address.name = format!("{}@{}", image.address.name, id.get(..12).unwrap_or(id));
        }
    }
}

/// An image that was made for the stack, wanted or not; `None` for one without a name.
pub(super) fn made_image(image: ImageSummary) -> Option<Observed> {
    let labels = Some(image.labels);
    let reference = image.repo_tags.first().filter(|tag| *tag != "<none>:<none>")?.clone();
    let named = labels.text(labels::IMAGE).or_else(|| labels.text(labels::TITLE));
    let name = named.unwrap_or(&reference).to_owned();
    let source = ImageSource::Bundle {
        id: Some(image.id.clone()),
    };
    let spec = labels
        .spec()
        .or_else(|| serde_json::to_value(ImageSpec { reference, source }).ok())?;
    Some(Observed {
        address: Address::new(IMAGE, name),
        id: image.id,
        recorded: Some(spec.clone()),
        spec,
        depends_on: Vec::new(),
        protected: false,
        problem: None,
    })
}
