//! Which pull request a job is about: what was typed, else what the forge told the job. Never what a comment says.

use std::path::Path;

use mlstack_provider::Value;

use super::super::Context;
use super::super::args::Comment as Args;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::forge::Forge;
use super::refused;

/// No event has more bytes.
const LARGEST: u64 = 16 << 20;

/// One pull or merge request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) repo: String,
    pub(super) number: u64,
}

/// What an event says of the pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    /// Its number.
    Number(u64),
    /// The branch and the commit that a run was made for: what GitHub tells of a fork's.
    Branch {
        owner: String,
        branch: String,
        commit: String,
    },
    /// Nothing.
    Nothing,
}

/// The request that is meant; `None` when it has newer commits, whose own run comments.
pub(super) async fn place(args: &Args, forge: &Forge, context: &Context) -> Result<Option<Place>, Failure> {
    let repo = repo(args)?;
    let number = match args.pr {
        Some(number) => Some(number),
        None if args.gitlab => variable("CI_MERGE_REQUEST_IID").and_then(|text| text.parse().ok()),
        None => match about(&event()?) {
            About::Number(number) => Some(number),
            About::Nothing => None,
            About::Branch { owner, branch, commit } => {
                let pulls = forge
                    .pulls(&repo, &owner, &branch)
                    .await
                    .map_err(|trouble| refused(trouble, args))?;
                let Some((number, _)) = pulls.iter().find(|(_, head)| *head == commit) else {
                    context
                        .ui
                        .note("No open pull request ends with the commit of this run: nothing is posted.\n");
                    return Ok(None);
                };
                Some(*number)
            }
        },
    };
    match number {
        Some(0) => {
            Err(Failure::new(Exit::Usage, "no request has the number 0").hint("they are counted from 1: --pr NUMBER"))
        }
        Some(number) => Ok(Some(Place { repo, number })),
        None => Err(Failure::new(Exit::Usage, "this job is about no pull request").hint("name one: --pr NUMBER")),
    }
}

/// How a repository is named.
pub(super) fn name_it(args: &Args) -> &'static str {
    match args.gitlab {
        true => "name it: --repo GROUP/PROJECT, or the project's number",
        false => "name it: --repo OWNER/NAME",
    }
}

/// The repository that was typed, or that the job is of. One that is none is not shown: it may be a URL with a password.
fn repo(args: &Args) -> Result<String, Failure> {
    let job = match args.gitlab {
        true => "CI_PROJECT_ID",
        false => "GITHUB_REPOSITORY",
    };
    let (from, repo) = match &args.repo {
        Some(typed) => ("--repo", Some(typed.clone())),
        None => (job, variable(job)),
    };
    let refused = |text: String| Failure::new(Exit::Usage, text).hint(name_it(args));
    let repo = repo.ok_or_else(|| refused("there is no repository to comment in".to_owned()))?;
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let parts: Vec<&str> = repo.split('/').collect();
    match parts.iter().all(|part| plain(part)) && (args.gitlab || parts.len() == 2) {
        true => Ok(repo),
        false if repo.contains("://") => Err(refused(format!("{from} is a URL, and no name of a repository"))),
        false => Err(refused(format!("{from} is no name of a repository"))),
    }
}

/// What GitHub wrote down of the event that began the job; nothing elsewhere.
fn event() -> Result<Value, Failure> {
    let Some(path) = variable("GITHUB_EVENT_PATH") else {
        return Ok(Value::Null);
    };
    let failed = |why: String| Failure::new(Exit::Error, format!("cannot read the event in {path}: {why}"));
    let meta = std::fs::metadata(Path::new(&path)).map_err(|error| failed(error.to_string()))?;
    if meta.len() > LARGEST {
        return Err(failed("it is too large".to_owned()));
    }
    let text = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
}

fn about(event: &Value) -> About {
    if let Some(number) = event["pull_request"]["number"].as_u64() {
        return About::Number(number);
    }
    if event["issue"]["pull_request"].is_object()
        && let Some(number) = event["issue"]["number"].as_u64()
    {
        return About::Number(number);
    }
    let run = &event["workflow_run"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let parts = (
        text(&run["head_repository"]["owner"]["login"]),
        text(&run["head_branch"]),
        text(&run["head_sha"]),
    );
    match parts {
        (Some(owner), Some(branch), Some(commit)) => About::Branch { owner, branch, commit },
        _ => About::Nothing,
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_says_which_pull_request() {
        assert_eq!(about(&json!({"pull_request": {"number": 7}})), About::Number(7));
        assert_eq!(
            about(&json!({"issue": {"number": 8, "pull_request": {}}})),
            About::Number(8)
        );
        assert_eq!(about(&json!({"issue": {"number": 8}})), About::Nothing);
        assert_eq!(about(&Value::Null), About::Nothing);
        let run = json!({"workflow_run": {
            "head_branch": "topic", "head_sha": "abc", "head_repository": {"owner": {"login": "stranger"}},
        }});
        let branch = About::Branch {
            owner: "stranger".to_owned(),
            branch: "topic".to_owned(),
            commit: "abc".to_owned(),
        };
        assert_eq!(about(&run), branch);
    }
}
