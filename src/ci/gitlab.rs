//! The jobs for GitLab, as one file to include.

use crate::render::RenderedFile;

use super::{Environment, Pinned, Plain, filled, seal::sealed};

/// Where the file lies, from the root of the repository.
const FILE: &str = ".gitlab/mlstack.yml";

/// What the jobs are made for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The branch that is deployed.
    pub branch: Plain,
    /// The stack file, from the root of the repository.
    pub file: Plain,
    /// An image with mlstack and a shell.
    pub image: Pinned,
    /// What is applied and watched, in this order; at least one.
    pub environments: Vec<Environment>,
}

/// The file, which `command` writes.
pub fn gitlab(settings: &Settings, command: &str) -> Vec<RenderedFile> {
    let mut text = include_str!("gitlab/plan.yml").to_owned();
    let mut before = None;
    for environment in &settings.environments {
        text += &jobs(environment, before);
        before = Some(environment);
    }
    let body = filled(
        &text,
        &[
            ("BRANCH", settings.branch.as_str()),
            ("FILE", settings.file.as_str()),
            ("IMAGE", settings.image.as_str()),
        ],
    );
    vec![RenderedFile::text(FILE, sealed(&body, command))]
}

/// Applying one environment, after the environment `before`, and looking for drift in it.
fn jobs(environment: &Environment, before: Option<&Environment>) -> String {
    let needs = before.map_or_else(
        || "[]".to_owned(),
        |before| format!("['mlstack apply {}']", before.shown.as_str()),
    );
    let variables = environment
        .name
        .as_ref()
        .map_or_else(String::new, |name| format!("    MLSTACK_ENV: '{}'\n", name.as_str()));
    filled(
        include_str!("gitlab/jobs.yml"),
        &[
            ("NEEDS", &needs),
            ("VARIABLES", &variables),
            ("NAME", environment.shown.as_str()),
        ],
    )
}
