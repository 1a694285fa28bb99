//! Steps on images.

use mlstack_compose::{ImageSource, ImageSpec};
use mlstack_provider::{ErrorKind, ProviderError, Resource, Step};

use crate::engine::{Site, spec};
use crate::labels::{self, Labels};
use crate::transfer::{self, BuildRequest, Carrier, Packing};

/// What the engine tells as the name of an image that has none.
const NAMELESS: &str = "<none>:<none>";

/// Carries out a step.
pub(crate) async fn run(site: &Site<'_>, step: &Step) -> Result<(), ProviderError> {
    match step {
        Step::Create { resource: after }
        | Step::Update { after, .. }
        | Step::Replace { after, .. }
        | Step::Repair { after, .. } => {
            bring(site, after).await?;
            clear(site, &after.address.name).await
        }
        Step::Delete { before } => {
            let image: ImageSpec = spec(&before.address, &before.spec)?;
            site.write.remove_image(&image.reference).await?;
            clear(site, &before.address.name).await
        }
    }
}

/// Removes the images of a component that lost their name, to the one that was just brought or to what a killed run had
/// asked for. One that a container still runs stays; the service's step removes it.
async fn clear(site: &Site<'_>, component: &str) -> Result<(), ProviderError> {
    for image in site.look.images(&labels::images_of(site.project())).await? {
        let is_nameless = image.repo_tags.iter().all(|tag| tag == NAMELESS);
        if is_nameless && component_of(&Some(image.labels)).as_deref() == Some(component) {
            site.write.remove_image(&image.id).await?;
        }
    }
    Ok(())
}

/// The component that an image was made for.
fn component_of(all: &impl Labels) -> Option<String> {
    let of = all.text(labels::IMAGE).or_else(|| all.text(labels::TITLE));
    of.map(ToOwned::to_owned)
}

/// Removes an image that has no name any more, unless a container runs it.
pub(crate) async fn forget(site: &Site<'_>, id: &str) -> Result<(), ProviderError> {
    let Some(image) = site.look.image(id).await? else {
        return Ok(());
    };
    let nameless = image.repo_tags.is_none_or(|tags| tags.is_empty());
    let image_labels = image.config.and_then(|config| config.labels);
    let ours = image_labels.text(labels::STACK) == Some(site.project());
    match nameless && ours {
        true => site.write.remove_image(id).await,
        false => Ok(()),
    }
}

/// Removes the images that earlier versions of a component left, but for those that a rollback may need: what is kept,
/// what the component runs now and what it ran until now (`before`, ids).
pub(crate) async fn sweep(site: &Site<'_>, component: &str, now: &str, before: &[&str]) -> Result<(), ProviderError> {
    for image in site.look.images(&labels::images_of(site.project())).await? {
        if component_of(&Some(image.labels)).as_deref() != Some(component) || before.contains(&image.id.as_str()) {
            continue;
        }
        let stays = |tag: &&String| *tag == now || site.config.keep.contains(*tag);
        for tag in image.repo_tags.iter().filter(|tag| !stays(tag)) {
            site.write.remove_image(tag).await?;
        }
    }
    Ok(())
}

async fn bring(site: &Site<'_>, resource: &Resource) -> Result<(), ProviderError> {
    let image: ImageSpec = spec(&resource.address, &resource.spec)?;
    let (reference, config) = (&image.reference, site.config);
    let carrier = Carrier {
        docker: site.docker,
        patience: site.look.patience(),
        fence: site.fence,
    };
    match &image.source {
        ImageSource::Pull => {
            let credentials = config.docker_config.as_deref();
            transfer::pull(carrier, credentials, reference, site.progress).await
        }
        ImageSource::Bundle { id } => {
            let archive = Packing::new(&config.images, reference, |images, name| images.archive(name));
            transfer::load(carrier, reference, &archive, site.progress).await?;
            arrived(site, reference, id.as_deref()).await
        }
        ImageSource::Build { dockerfile, args, .. } => {
            let context = Packing::new(&config.images, &resource.address.name, |images, name| {
                images.context(name)
            });
            let mut labels = labels::ours(resource);
            labels.insert(labels::STACK.to_owned(), site.project().to_owned());
            labels.insert(labels::IMAGE.to_owned(), resource.address.name.clone());
            let request = BuildRequest {
                reference,
                dockerfile,
                arguments: args,
                labels: &labels,
            };
            transfer::build(carrier, request, &context, site.progress).await
        }
    }
}

/// Checks that what was loaded is what was planned.
async fn arrived(site: &Site<'_>, reference: &str, id: Option<&str>) -> Result<(), ProviderError> {
    let here = site.look.image(reference).await?.and_then(|image| image.id);
    match (here, id) {
        (Some(here), Some(id)) if here != id => {
            Err(ProviderError::new(ErrorKind::Stale, "cannot use what was loaded for")
                .because(format!("planned {id}, loaded {here}"))
                .hint("plan again: the model or the server changed meanwhile"))
        }
        (None, _) => Err(ProviderError::new(ErrorKind::Failed, "cannot load")
            .because(format!("the archive does not hold an image named {reference}"))),
        _ => Ok(()),
    }
}

/// A service's image is not in the engine.
pub(crate) fn missing(reference: &str) -> ProviderError {
    ProviderError::new(ErrorKind::NotReady, "cannot start")
        .because(format!("the image {reference} is not in the engine"))
        .hint(format!("docker pull {reference}, or apply again so that it is fetched"))
}
