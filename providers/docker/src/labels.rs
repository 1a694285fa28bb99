//! The labels by which objects are found again: Compose's own and ours.
//!
//! Every list and every removal goes through these; nothing is ever found by guessing its name.

use std::collections::BTreeMap;

/// Compose: the project an object belongs to.
pub(crate) const PROJECT: &str = "com.docker.compose.project";
/// Compose: the service of a container.
pub(crate) const SERVICE: &str = "com.docker.compose.service";
/// Compose: which copy of the service, from 1.
pub(crate) const NUMBER: &str = "com.docker.compose.container-number";
/// Compose: `True` on containers of `docker compose run`.
pub(crate) const ONEOFF: &str = "com.docker.compose.oneoff";
/// Compose: the hash of the configuration.
pub(crate) const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Compose: the engine's id of the image.
pub(crate) const IMAGE: &str = "com.docker.compose.image";
/// Compose: `name:condition:restart`, joined by commas.
pub(crate) const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Compose: the absolute path of the file.
pub(crate) const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// Compose: the absolute folder of the file.
pub(crate) const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Compose: its version.
pub(crate) const VERSION: &str = "com.docker.compose.version";
/// Compose: the key of a network.
pub(crate) const NETWORK: &str = "com.docker.compose.network";
/// Compose: the key of a volume.
pub(crate) const VOLUME: &str = "com.docker.compose.volume";
/// Ours: what cannot be read back from an object, as JSON without secrets.
pub(crate) const SPEC: &str = "io.mlstack.spec";
/// Ours: the stack an image was made for.
pub(crate) const STACK: &str = "io.mlstack.stack";

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

/// Which component a container is a copy of, and which copy.
pub(crate) fn component_and_copy<'a>(
    labels: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Option<(String, u32)> {
    let labels: BTreeMap<_, _> = labels.into_iter().map(|(key, value)| (key.as_str(), value)).collect();
    let number = labels.get(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1);
    Some(((*labels.get(SERVICE)?).clone(), number))
}
