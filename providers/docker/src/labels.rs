//! The labels by which objects are found again, beside those that [`mlstack_compose`] writes as Compose does.
//!
//! Every list and every removal goes through these; nothing is ever found by guessing its name.

use std::collections::BTreeMap;

use mlstack_compose::{ContainerLabels, Part, parse_container, parse_part};
use mlstack_provider::{Address, Resource};

/// Compose: the project an object belongs to.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
/// Compose: the service of a container.
pub(crate) const SERVICE: &str = "com.docker.compose.service";
/// Compose: which copy of the service, from 1.
pub(crate) const NUMBER: &str = "com.docker.compose.container-number";
/// Compose: what it depends on.
pub(crate) const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Compose: `True` on containers of `docker compose run`.
const ONEOFF: &str = "com.docker.compose.oneoff";
/// Ours: the spec it was made from, as JSON; there is no secret in a spec.
const SPEC: &str = "io.mlstack.spec";
/// Ours: `kind/name` of all it depends on, joined by commas.
const USES: &str = "io.mlstack.depends-on";
/// Ours: `true` when it holds data that cannot be made again.
const PROTECTED: &str = "io.mlstack.protected";
/// Ours: when a volume was made, in nanoseconds since 1970. The engine's own word for it is the time of the last
/// change in the volume's top folder, which its contents move.
pub(crate) const MADE: &str = "io.mlstack.made";
/// Ours: the stack an image was made for.
pub(crate) const STACK: &str = "io.mlstack.stack";
/// Ours: the name of an image within its stack.
pub(crate) const IMAGE: &str = "io.mlstack.image";
/// OCI: the name that an image mlstack packed has within its stack.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";
/// Ours: `project/service` on the nameless volume that holds the secrets of a container.
pub(crate) const SECRETS_OF: &str = "io.mlstack.secrets-of";

/// Labels as the engine hands them out, whatever map it uses.
pub(crate) trait Labels {
    /// The value of a label.
    fn text(&self, key: &str) -> Option<&str>;

    /// Compose's labels of a container.
    fn container(&self) -> Option<ContainerLabels>
    where
        Self: Sized,
    {
        parse_container(|key| self.text(key))
    }

    /// Compose's labels of a network or a volume.
    fn part(&self) -> Option<Part>
    where
        Self: Sized,
    {
        parse_part(|key| self.text(key))
    }

    /// The spec it was made from, when we made it.
    fn spec(&self) -> Option<serde_json::Value> {
        serde_json::from_str(self.text(SPEC)?).ok()
    }

    /// What it was said to depend on, when we made it.
    fn uses(&self) -> Option<Vec<Address>> {
        let address = |text: &str| text.split_once('/').map(|(kind, name)| Address::new(kind, name));
        Some(self.text(USES)?.split(',').filter_map(address).collect())
    }

    /// Whether it was marked as holding data, or as holding none, when we made it.
    fn protected(&self) -> Option<bool> {
        self.text(PROTECTED).map(|text| text == "true")
    }
}

impl<M> Labels for Option<M>
where
    for<'a> &'a M: IntoIterator<Item = (&'a String, &'a String)>,
{
    fn text(&self, key: &str) -> Option<&str> {
        let mut all = self.as_ref()?.into_iter();
        all.find(|(name, _)| *name == key).map(|(_, value)| value.as_str())
    }
}

/// Our labels for something made from `resource`.
pub(crate) fn ours(resource: &Resource) -> BTreeMap<String, String> {
    let uses: Vec<String> = resource.depends_on.iter().map(ToString::to_string).collect();
    BTreeMap::from([
        (SPEC.to_owned(), resource.spec.to_string()),
        (USES.to_owned(), uses.join(",")),
        (PROTECTED.to_owned(), resource.protected.to_string()),
    ])
}

/// Whether a label is written by Compose or by us, not by the spec.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.starts_with("com.docker.compose.") || key.starts_with("io.mlstack.")
}

/// The filter for everything of a project.
pub(crate) fn of(project: &str) -> Vec<String> {
    vec![format!("{PROJECT}={project}")]
}

/// The filter for the lasting containers of a project, without those of `docker compose run`.
pub(crate) fn containers_of(project: &str) -> Vec<String> {
    vec![
        format!("{PROJECT}={project}"),
        SERVICE.to_owned(),
        format!("{ONEOFF}=False"),
    ]
}

/// The filter for all containers of a project: those of `docker compose run` and canaries too.
pub(crate) fn services_of(project: &str) -> Vec<String> {
    vec![format!("{PROJECT}={project}"), SERVICE.to_owned()]
}

/// The filter for all containers of one service, as [`services_of`].
pub(crate) fn service_of(project: &str, service: &str) -> Vec<String> {
    vec![format!("{PROJECT}={project}"), format!("{SERVICE}={service}")]
}

/// The filter for the nameless volumes that hold the secrets of a service.
pub(crate) fn secrets_of(project: &str, service: &str) -> Vec<String> {
    vec![format!("{SECRETS_OF}={project}/{service}")]
}

/// The filter for the images made for a stack.
pub(crate) fn images_of(stack: &str) -> Vec<String> {
    vec![format!("{STACK}={stack}")]
}

#[cfg(test)]
mod tests;
