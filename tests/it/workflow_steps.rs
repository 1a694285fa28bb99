//! The steps of the workflows that `mlstack ci` writes, run as a runner runs them: with the real mlstack where a
//! repository is enough, with one that only ends as it is told and a `gh` that only remembers where it is not.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::judge::answer;
use crate::support::Sandbox;

const STACK: &str = "\
version: 1
name: shop
components:
  cache: { type: cache, engine: valkey }
environments:
  prod: { target: k8s }
";

const CI: &str = "ci github --action acme/mlstack@0123456789abcdef0123456789abcdef01234567";

fn shop() -> Sandbox {
    let sandbox = Sandbox::new()
        .stack(STACK)
        .file("temp/output", "")
        .file("temp/summary", "");
    let said = sandbox.run(CI);
    assert!(said.starts_with("exit: 0"), "{said}");
    sandbox
}

/// The step of a job of a workflow.
#[expect(clippy::disallowed_methods, reason = "reads what we wrote")]
fn step(sandbox: &Sandbox, workflow: &str, job: &str, name: &str) -> Value {
    let text = sandbox.read(&format!(".github/workflows/mlstack-{workflow}.yml"));
    let document: Value = serde_saphyr::from_str(&text).unwrap();
    let steps = document["jobs"][job]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap().clone()
}

/// Runs a step's script as GitHub's runner does, with `bin` of the sandbox and mlstack's own folder on `PATH`.
fn run(sandbox: &Sandbox, step: &Value, variables: &[(&str, &str)]) -> Output {
    let mlstack = Path::new(env!("CARGO_BIN_EXE_mlstack")).parent().unwrap();
    let own = std::env::var("PATH").unwrap();
    let path = format!("{}/bin:{}:{own}", sandbox.path().display(), mlstack.display());
    let temp = sandbox.path().join("temp");
    Command::new("bash")
        .args(["--noprofile", "--norc", "-e", "-c", step["run"].as_str().unwrap()])
        .current_dir(sandbox.path())
        .env_clear()
        .env("PATH", path)
        .env("HOME", sandbox.path())
        .env("RUNNER_TEMP", &temp)
        .env("GITHUB_OUTPUT", temp.join("output"))
        .env("GITHUB_STEP_SUMMARY", temp.join("summary"))
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

fn program(sandbox: &Sandbox, name: &str, script: &str) {
    let path = format!("bin/{name}");
    sandbox.write(&path, format!("#!/bin/sh\n{script}\n"));
    answer(Command::new("chmod").args(["755", &path]).current_dir(sandbox.path()));
}

/// A pull request: the base has one component, the head has two.
fn pull_request() -> Sandbox {
    let sandbox = shop();
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut command = Command::new("git");
        answer(
            command
                .args(who)
                .args(arguments)
                .current_dir(sandbox.path())
                .env("HOME", sandbox.path()),
        );
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "mlstack.yaml"]);
    git(&["commit", "-qm", "base"]);
    git(&["update-ref", "refs/remotes/origin/main", "HEAD"]);
    let more = "  cache: { type: cache, engine: valkey }\n  broker: { type: broker, engine: mosquitto }\n";
    sandbox.write(
        "mlstack.yaml",
        STACK.replace("  cache: { type: cache, engine: valkey }\n", more),
    );
    git(&["commit", "-qam", "a broker"]);
    sandbox
}

#[test]
fn the_plan_of_a_pull_request_becomes_annotations_comment_and_document() {
    let sandbox = pull_request();
    for name in ["Plan", "Write the comment", "Write the plan"] {
        let variables = [("BASE", "main"), ("CI", "true"), ("GITHUB_ACTIONS", "true")];
        let output = run(&sandbox, &step(&sandbox, "plan", "plan", name), &variables);
        assert!(output.status.success(), "{name}: {output:?}");
    }
    assert!(
        sandbox.read("temp/summary").contains("broker"),
        "{}",
        sandbox.read("temp/summary")
    );
    assert!(
        sandbox.read("temp/output").contains("changes"),
        "{}",
        sandbox.read("temp/output")
    );
    let comment = sandbox.read("temp/review/review.md");
    assert!(comment.contains("broker") && !comment.contains("cache/"), "{comment}");
    let plan: Value = serde_json::from_str(&sandbox.read("temp/review/plan.json")).unwrap();
    assert!(plan.to_string().contains("broker"), "{plan:#}");
}

#[test]
fn looking_for_drift_tells_what_was_seen() {
    let sandbox = shop();
    let look = step(&sandbox, "drift", "drift-prod", "Look");
    for (code, state) in [(0, "state=clean\n"), (2, "state=drifted\n"), (1, ""), (6, "")] {
        program(&sandbox, "mlstack", &format!("echo \"seen $*\"; exit {code}"));
        sandbox.write("temp/output", "");
        let output = run(&sandbox, &look, &[]);
        assert_eq!(sandbox.read("temp/output"), state);
        assert_eq!(output.status.code(), Some(if state.is_empty() { code } else { 0 }));
        assert_eq!(
            sandbox.read("temp/drift/prod.md"),
            "seen drift --detailed-exitcode --format markdown\n"
        );
    }
}

/// What `gh` was asked for, and the body that it was given.
fn asked(open: &str, name: &str) -> (Vec<String>, String) {
    let sandbox = shop().file("temp/drift/prod.md", "memory 1 → 2\n").file("asked", "");
    let script = format!(
        "echo \"$1 $2 $3\" >> asked; case $* in *body-file*) cat temp/body.md > body;; esac; \
         [ \"$2\" = list ] && printf '{open}'; exit 0"
    );
    program(&sandbox, "gh", &script);
    let output = run(
        &sandbox,
        &step(&sandbox, "drift", "report", name),
        &[("RUN", "https://example.com/1")],
    );
    assert!(output.status.success(), "{output:?}");
    let body = std::fs::read_to_string(sandbox.path().join("body")).unwrap_or_default();
    (sandbox.read("asked").lines().map(str::to_owned).collect(), body)
}

#[test]
fn drift_has_one_issue() {
    let say = "Open the issue, or bring it up to date";
    let (asked_for, body) = asked("", say);
    assert_eq!(
        asked_for,
        [
            "label create mlstack-drift",
            "issue list --label",
            "issue create --title"
        ]
    );
    assert!(
        body.contains("https://example.com/1") && body.contains("memory 1 → 2"),
        "{body}"
    );
    let (asked_for, body) = asked("7", say);
    assert_eq!(
        asked_for,
        ["label create mlstack-drift", "issue list --label", "issue edit 7"]
    );
    assert!(body.contains("memory 1 → 2"), "{body}");
    assert_eq!(asked("7", "Close the issue").0, ["issue list --label", "issue close 7"]);
    assert_eq!(asked("", "Close the issue").0, ["issue list --label"]);
}

#[test]
fn a_kubeconfig_is_kept_for_the_job_alone() {
    let sandbox = shop().file("temp/env", "");
    let keep = step(&sandbox, "apply", "apply-prod", "Keep the kubeconfig");
    let environment = sandbox.path().join("temp/env").display().to_string();
    for (text, told) in [("", false), ("apiVersion: v1", true)] {
        let output = run(
            &sandbox,
            &keep,
            &[("KUBECONFIG_TEXT", text), ("GITHUB_ENV", &environment)],
        );
        assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
        assert_eq!(sandbox.read("temp/env").starts_with("KUBECONFIG="), told);
    }
    assert_eq!(sandbox.read("temp/kubeconfig"), "apiVersion: v1\n");
    let mode = answer(
        Command::new("stat")
            .args(["-c", "%a", "temp/kubeconfig"])
            .current_dir(sandbox.path()),
    );
    assert_eq!(mode, "600\n");
}
