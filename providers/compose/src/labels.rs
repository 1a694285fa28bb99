//! Compose's own labels: what makes `docker compose` see what mlstack made as its own.

use std::collections::BTreeMap;

use crate::{Condition, Dependency};

/// The version of Compose whose labels and hashes these are.
pub const COMPOSE_VERSION: &str = "5.6.1";

const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NETWORK: &str = "com.docker.compose.network";
const VOLUME: &str = "com.docker.compose.volume";
const CONFIG_HASH: &str = "com.docker.compose.config-hash";
const NUMBER: &str = "com.docker.compose.container-number";
const ONEOFF: &str = "com.docker.compose.oneoff";
const IMAGE: &str = "com.docker.compose.image";
const DEPENDS_ON: &str = "com.docker.compose.depends_on";
const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
const VERSION: &str = "com.docker.compose.version";

/// Labels as the engine takes them.
type Labels = BTreeMap<String, String>;

/// Where the Compose file of a project lies, as absolute paths; shown by `docker compose ls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub config_file: String,
    /// The folder that relative paths start from.
    pub working_dir: String,
}

/// What Compose writes on a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerLabels {
    /// The project.
    pub project: String,
    /// The service's key.
    pub service: String,
    /// Which copy, from 1.
    pub number: u32,
    /// The service's [config hash](crate::service_hash).
    pub config_hash: String,
    /// The id of the image it runs, `sha256:…`.
    pub image_id: String,
    /// [`depends_on_label`] of the service.
    pub depends_on: String,
    /// Not part of the service but a passing helper: `docker compose run`, or the trial copy of an update.
    pub oneoff: bool,
}

/// All labels Compose writes on a container.
pub fn container_labels(of: &ContainerLabels, origin: &Origin) -> Labels {
    let oneoff = if of.oneoff { "True" } else { "False" };
    labels([
        (CONFIG_HASH, &of.config_hash),
        (NUMBER, &of.number.to_string()),
        (DEPENDS_ON, &of.depends_on),
        (IMAGE, &of.image_id),
        (ONEOFF, oneoff),
        (PROJECT, &of.project),
        (CONFIG_FILES, &origin.config_file),
        (WORKING_DIR, &origin.working_dir),
        (SERVICE, &of.service),
        (VERSION, COMPOSE_VERSION),
    ])
}

/// All labels Compose writes on a network.
pub fn network_labels(project: &str, key: &str, config_hash: &str) -> Labels {
    part_labels(project, NETWORK, key, config_hash)
}

/// All labels Compose writes on a volume.
pub fn volume_labels(project: &str, key: &str, config_hash: &str) -> Labels {
    part_labels(project, VOLUME, key, config_hash)
}

fn part_labels(project: &str, sort: &str, key: &str, config_hash: &str) -> Labels {
    labels([
        (CONFIG_HASH, config_hash),
        (PROJECT, project),
        (sort, key),
        (VERSION, COMPOSE_VERSION),
    ])
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// The value of the `depends_on` label: `db:service_healthy:false,…`, sorted.
pub fn depends_on_label(depends_on: &BTreeMap<String, Dependency>) -> String {
    let one = |(name, on): (&String, &Dependency)| format!("{name}:{}:{}", on.condition.as_str(), on.restart);
    depends_on.iter().map(one).collect::<Vec<_>>().join(",")
}

/// Reads [`depends_on_label`] back; entries that make no sense are left out.
pub fn parse_depends_on(label: &str) -> BTreeMap<String, Dependency> {
    label.split(',').filter_map(dependency).collect()
}

fn dependency(text: &str) -> Option<(String, Dependency)> {
    let mut parts = text.split(':');
    let (name, condition) = (parts.next()?, parts.next()?);
    let condition = match condition {
        "service_started" => Condition::Started,
        "service_healthy" => Condition::Healthy,
        "service_completed_successfully" => Condition::Completed,
        _ => return None,
    };
    let restart = parts.next() == Some("true");
    let dependency = Dependency {
        condition,
        restart,
        required: true,
    };
    Some((name.to_owned(), dependency))
}

/// Reads the labels of a container; `None` when Compose would not see it as a container of a project.
pub fn parse_container<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<ContainerLabels> {
    let text = |key| get(key).map(str::to_owned);
    Some(ContainerLabels {
        project: text(PROJECT)?,
        service: text(SERVICE)?,
        number: get(NUMBER).and_then(|number| number.parse().ok()).unwrap_or(1),
        config_hash: text(CONFIG_HASH)?,
        image_id: text(IMAGE).unwrap_or_default(),
        depends_on: text(DEPENDS_ON).unwrap_or_default(),
        oneoff: get(ONEOFF) == Some("True"),
    })
}

/// What Compose writes on a network or a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The project.
    pub project: String,
    /// The key in the file.
    pub key: String,
    /// The [config hash](crate::network_hash); old Compose versions wrote none.
    pub config_hash: Option<String>,
}

/// Reads the labels of a network or a volume; `None` when it belongs to no project.
pub fn parse_part<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<Part> {
    Some(Part {
        project: get(PROJECT)?.to_owned(),
        key: get(NETWORK).or_else(|| get(VOLUME))?.to_owned(),
        config_hash: config_hash_of(&get),
    })
}

/// The config hash among the labels of anything.
pub fn config_hash_of<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    get(CONFIG_HASH).map(str::to_owned)
}

#[cfg(test)]
mod tests;
