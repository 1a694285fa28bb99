//! The workflows for GitHub Actions.

use crate::render::RenderedFile;

use super::{Cron, Environment, Pinned, Plain, filled, seal::sealed};

/// The actions of others, by the commit of a release.
const ACTIONS: [(&str, &str); 3] = [
    (
        "CHECKOUT",
        "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    ),
    (
        "UPLOAD",
        "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0",
    ),
    (
        "DOWNLOAD",
        "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
    ),
];

/// What the workflows are made for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The branch that is deployed.
    pub branch: Plain,
    /// The stack file, from the root of the repository.
    pub file: Plain,
    /// The action that installs mlstack: `OWNER/REPOSITORY@COMMIT`.
    pub action: Pinned,
    /// The version of mlstack that it installs.
    pub version: Plain,
    /// What runs the jobs that reach the target.
    pub runner: Plain,
    /// An action of the repository that logs in to the target, such as `./.github/actions/login`.
    pub login: Option<Plain>,
    /// When drift is looked for.
    pub cron: Cron,
    /// What is applied and watched, in this order; at least one.
    pub environments: Vec<Environment>,
}

/// The workflows, for the head of which `command` writes them; paths are relative to the root of the repository.
pub fn github(settings: &Settings, command: &str) -> Vec<RenderedFile> {
    let mut apply = include_str!("github/apply.yml").to_owned();
    let mut drift = include_str!("github/drift.yml").to_owned();
    let mut before = None;
    for environment in &settings.environments {
        apply += &job(include_str!("github/apply-job.yml"), environment, before, settings);
        drift += &job(include_str!("github/drift-job.yml"), environment, None, settings);
        before = Some(environment);
    }
    drift += include_str!("github/drift-report.yml");
    let files = [
        ("plan", include_str!("github/plan.yml").to_owned()),
        ("comment", include_str!("github/comment.yml").to_owned()),
        ("apply", apply),
        ("drift", drift),
    ];
    files
        .map(|(name, text)| {
            let body = with_settings(&text, settings);
            RenderedFile::text(format!(".github/workflows/mlstack-{name}.yml"), sealed(&body, command))
        })
        .into()
}

fn with_settings(text: &str, settings: &Settings) -> String {
    let action = format!("{} # v{}", settings.action.as_str(), settings.version.as_str());
    let jobs: Vec<_> = settings
        .environments
        .iter()
        .map(|environment| format!("drift-{}", environment.shown.as_str()))
        .collect();
    let mut values = vec![
        ("BRANCH", settings.branch.as_str()),
        ("FILE", settings.file.as_str()),
        ("ACTION", &action),
        ("VERSION", settings.version.as_str()),
        ("RUNNER", settings.runner.as_str()),
        ("CRON", settings.cron.as_str()),
    ];
    let jobs = jobs.join(", ");
    values.push(("JOBS", &jobs));
    values.extend(ACTIONS);
    filled(text, &values)
}

/// One job of one environment, after that of the environment `before`.
fn job(text: &str, environment: &Environment, before: Option<&Environment>, settings: &Settings) -> String {
    let needs = before.map_or_else(String::new, |before| {
        format!("    needs: [apply-{}]\n", before.shown.as_str())
    });
    let variables = environment
        .name
        .as_ref()
        .map_or_else(String::new, |name| format!("      MLSTACK_ENV: '{}'\n", name.as_str()));
    let secrets: Vec<_> = environment.secrets.iter().map(Plain::as_str).collect();
    filled(
        text,
        &[
            ("NEEDS", &needs),
            ("VARIABLES", &variables),
            ("LOGIN", &login(settings.login.as_ref(), environment)),
            ("SECRETS", &environment_of(&secrets)),
            ("NAME", environment.shown.as_str()),
            ("ENVIRONMENT", environment.shown.as_str()),
        ],
    )
}

/// The step that lets mlstack reach the target: an action of the repository, else a kubeconfig where there is one.
fn login(action: Option<&Plain>, environment: &Environment) -> String {
    match action {
        Some(action) => format!(
            "      - name: Log in\n        uses: {} # zizmor: ignore[self-repository] not every server knows the new form\n        with:\n          environment: '{}'\n",
            action.as_str(),
            environment.shown.as_str()
        ),
        None => include_str!("github/login.yml").to_owned(),
    }
}

/// The variables that the stack file's secrets come from, each from the secret of its name.
fn environment_of(secrets: &[&str]) -> String {
    let lines = secrets
        .iter()
        .map(|name| format!("          {name}: ${{{{ secrets.{name} }}}}\n"));
    match lines.collect::<String>() {
        none if none.is_empty() => none,
        lines => format!("        env:\n{lines}"),
    }
}
