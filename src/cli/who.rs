//! Who runs this, read from where it runs.

use crate::ledger::Who;

/// The user, the machine, and the CI run if this is one.
pub(super) fn who() -> Who {
    of(
        &|name| std::env::var(name).ok().filter(|value| !value.is_empty()),
        &host(),
    )
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").map_or_else(|_| "?".into(), |name| name.trim().to_owned())
}

fn of(variable: &dyn Fn(&str) -> Option<String>, host: &str) -> Who {
    let user = ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| variable(name))
        .unwrap_or_else(|| "?".to_owned());
    Who {
        user: format!("{user}@{host}"),
        run_url: run_url(variable),
    }
}

/// GitHub (and those that do as it does) gives the parts; GitLab and Jenkins the whole.
fn run_url(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let github = || {
        let (server, repository, run) = (
            variable("GITHUB_SERVER_URL")?,
            variable("GITHUB_REPOSITORY")?,
            variable("GITHUB_RUN_ID")?,
        );
        Some(format!("{server}/{repository}/actions/runs/{run}"))
    };
    github()
        .or_else(|| variable("CI_JOB_URL"))
        .or_else(|| variable("BUILD_URL"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(known: &'static [(&'static str, &'static str)]) -> Who {
        let variable = |name: &str| {
            known
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        of(&variable, "build-7")
    }

    #[test]
    fn who_is_told_from_the_surroundings() {
        let github = with(&[
            ("USER", "runner"),
            ("GITHUB_ACTOR", "ann"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/prices"),
            ("GITHUB_RUN_ID", "42"),
        ]);
        assert_eq!(github.user, "ann@build-7");
        assert_eq!(
            github.run_url.unwrap(),
            "https://github.com/acme/prices/actions/runs/42"
        );
        let at_home = with(&[("LOGNAME", "ann")]);
        assert_eq!((at_home.user.as_str(), at_home.run_url), ("ann@build-7", None));
        assert_eq!(
            with(&[("CI_JOB_URL", "https://git/9")]).run_url.unwrap(),
            "https://git/9"
        );
        assert_eq!(with(&[]).user, "?@build-7");
    }
}
