//! What `mlstack ci` writes, and this repository's own workflows: every byte, and what those say who judge workflows.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bad_stacks::same_as;
use crate::judge::{self, answer, installed, missing, program};
use crate::support::{Sandbox, repository};

const STACK: &str = "\
version: 1
name: shop
secrets:
  api_key: { env: SHOP_API_KEY }
  other: { generate: 32 }
components:
  cache: { type: cache, engine: valkey, env: { KEY: \"${secrets.api_key}\" } }
";

const ENVIRONMENTS: &str = "\
environments:
  staging: { target: k8s }
  prod: { target: k8s }
";

const ACTION: &str = "--action acme/mlstack@0123456789abcdef0123456789abcdef01234567";

/// A name, a stack file and where it lies, and flags.
fn cases() -> Vec<(&'static str, String, &'static str, String)> {
    let whole = STACK.to_owned() + ENVIRONMENTS;
    let plain = STACK.replace("  api_key: { env: SHOP_API_KEY }\n", "  api_key: { generate: 32 }\n");
    let all =
        "--branch release/1.x --apply prod --release 9.8.7 --runner ubuntu-24.04-arm --login ./.github/actions/login";
    vec![
        ("plain", plain, "mlstack.yaml", ACTION.to_owned()),
        ("secrets", STACK.to_owned(), "mlstack.yaml", ACTION.to_owned()),
        (
            "environments",
            whole.clone(),
            "deploy/shop/mlstack.yaml",
            ACTION.to_owned(),
        ),
        ("all", whole, "mlstack.yaml", format!("{ACTION} {all}")),
    ]
}

/// A repository with the workflows of a case, as git knows one.
fn written(stack: &str, path: &str, flags: &str) -> Sandbox {
    let sandbox = Sandbox::new().file(path, stack);
    let folder = Path::new(path).parent().unwrap().display().to_string();
    let folder = if folder.is_empty() { ".".to_owned() } else { folder };
    let said = sandbox.run(&format!("ci github -f {folder} {flags}"));
    assert!(said.starts_with("exit: 0"), "{said}");
    sandbox
}

#[test]
fn every_byte_is_as_it_was() {
    let (_, stack, path, flags) = cases().swap_remove(2);
    let sandbox = written(&stack, path, &flags);
    for name in ["plan", "comment", "apply", "drift"] {
        let file = format!(".github/workflows/mlstack-{name}.yml");
        let kept = repository().join(format!("tests/fixtures/workflows/mlstack-{name}.yml"));
        same_as(&kept, &sandbox.read(&file)).unwrap_or_else(|error| panic!("{error}"));
    }
    let image = format!("registry.example.com/mlstack@sha256:{}", "0".repeat(64));
    assert!(
        sandbox
            .run(&format!("ci gitlab -f deploy/shop --image {image}"))
            .starts_with("exit: 0")
    );
    let kept = repository().join("tests/fixtures/workflows/gitlab.yml");
    same_as(&kept, &sandbox.read(".gitlab/mlstack.yml")).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn actionlint_finds_nothing() {
    let Some(actionlint) = installed("actionlint") else {
        return;
    };
    for (_, stack, path, flags) in cases() {
        let sandbox = written(&stack, path, &flags);
        if flags.contains("--login") {
            let login = "name: login\ndescription: logs in\ninputs: {environment: {description: which}}\nruns: {using: composite, steps: []}\n";
            sandbox.write(".github/actions/login/action.yml", login);
        }
        assert_eq!(answer(Command::new(&actionlint).current_dir(sandbox.path())), "");
    }
    assert_eq!(answer(Command::new(&actionlint).current_dir(repository())), "");
}

#[test]
fn zizmor_finds_nothing() {
    let Some(zizmor) = installed("zizmor") else {
        return;
    };
    let judge = |paths: &[&str], folder: &Path| {
        answer(
            Command::new(&zizmor)
                .args(["--offline", "--no-progress", "--pedantic", "--quiet"])
                .args(paths)
                .current_dir(folder),
        );
    };
    for (_, stack, path, flags) in cases() {
        judge(&["."], written(&stack, path, &flags).path());
    }
    judge(&[".github", "action.yml"], &repository());
}

/// What `ci gitlab` writes for a case, as GitLab would find it.
fn for_gitlab(stack: &str, path: &str) -> Vec<u8> {
    let sandbox = Sandbox::new().file(path, stack);
    let folder = Path::new("./").join(Path::new(path).parent().unwrap());
    let image = format!("registry.example.com/mlstack@sha256:{}", "0".repeat(64));
    let said = sandbox.run(&format!("ci gitlab -f {} --image {image}", folder.display()));
    assert!(said.starts_with("exit: 0"), "{said}");
    std::fs::read(sandbox.path().join(".gitlab/mlstack.yml")).unwrap()
}

/// A folder with what is written for each case, below the case's name, and with what is this repository's own.
fn everything() -> Sandbox {
    let all = Sandbox::new();
    let copy = |from: &Path, to: &str| {
        for entry in std::fs::read_dir(from.join(".github/workflows")).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            all.write(
                &format!("{to}/.github/workflows/{name}"),
                std::fs::read(entry.path()).unwrap(),
            );
        }
    };
    for (name, stack, path, flags) in cases() {
        copy(written(&stack, path, &flags).path(), name);
        all.write(&format!("{name}/.gitlab-ci.yml"), for_gitlab(&stack, path));
    }
    copy(&repository(), "ours");
    all
}

/// The files of `everything`, in the order of their names.
fn files(all: &Sandbox) -> BTreeSet<String> {
    let ours = std::fs::read_dir(all.path().join("ours/.github/workflows")).unwrap();
    let ours = ours.map(|entry| format!("/ours/.github/workflows/{}", entry.unwrap().file_name().display()));
    let theirs = cases().into_iter().flat_map(|(name, ..)| {
        let github =
            ["plan", "comment", "apply", "drift"].map(|file| format!("/{name}/.github/workflows/mlstack-{file}.yml"));
        github.into_iter().chain([format!("/{name}/.gitlab-ci.yml")])
    });
    ours.chain(theirs).collect()
}

#[test]
fn checkov_finds_nothing() {
    let Some(checkov) = program("checkov", "MLSTACK_TEST_CHECKOV", true) else {
        return;
    };
    let all = everything();
    // A file with a permission that checkov's own schema does not know it passes over in silence.
    let release = "ours/.github/workflows/release.yml";
    let text = all.read(release);
    let known: Vec<_> = text
        .lines()
        .filter(|line| !line.contains("attestations: write"))
        .collect();
    all.write(release, known.join("\n"));
    let (judged, found) = judge::checkov(&checkov, &["github_actions", "gitlab_ci"], &[], all.path());
    assert_eq!(found, [] as [&str; 0]);
    assert_eq!(judged, files(&all));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads what we wrote")]
fn every_file_fits_its_schema() {
    let Some(tools) = std::env::var_os("MLSTACK_TEST_READERS") else {
        return missing(
            "the schemas of CI files",
            "no MLSTACK_TEST_READERS; `tests/run --prepare` installs them",
            true,
        );
    };
    let schemas = Path::new(&tools).join("check_jsonschema/builtin_schemas/vendor");
    let schema = |name: &str| {
        let text = std::fs::read_to_string(schemas.join(name)).unwrap();
        jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
    };
    let (gitlab, github, action) = (
        schema("gitlab-ci.json"),
        schema("github-workflows.json"),
        schema("github-actions.json"),
    );
    let faults = |schema: &jsonschema::Validator, text: &str| -> Vec<String> {
        let document: Value = serde_saphyr::from_str(text).unwrap();
        let told = |fault: jsonschema::ValidationError<'_>| format!("{}: {fault}", fault.instance_path());
        schema.iter_errors(&document).map(told).collect()
    };
    let all = everything();
    for file in files(&all) {
        let schema = if file.contains("gitlab") { &gitlab } else { &github };
        let text = all.read(&file[1..]);
        assert_eq!(faults(schema, &text), [] as [&str; 0], "{file}");
        let wrong = text.replace("script:", "skript:").replace("steps:", "stepps:");
        assert!(!faults(schema, &wrong).is_empty(), "{file}");
    }
    let own = std::fs::read_to_string(repository().join("action.yml")).unwrap();
    assert_eq!(faults(&action, &own), [] as [&str; 0]);
}

#[test]
fn what_others_wrote_is_never_overwritten() {
    let (_, stack, path, flags) = cases().swap_remove(1);
    let sandbox = written(&stack, path, &flags);
    let plan = ".github/workflows/mlstack-plan.yml";
    let check = format!("ci github {flags} --check");
    insta::assert_snapshot!(sandbox.run(&check), @"
    exit: 0
    --- stdout
    .github/workflows/mlstack-plan.yml: up to date
    .github/workflows/mlstack-comment.yml: up to date
    .github/workflows/mlstack-apply.yml: up to date
    .github/workflows/mlstack-drift.yml: up to date
    --- stderr
    ");
    sandbox.write("mlstack.yaml", stack.replace("SHOP_API_KEY", "SHOP_KEY"));
    insta::assert_snapshot!(sandbox.run(&check), @"
    exit: 2
    --- stdout
    .github/workflows/mlstack-plan.yml: up to date
    .github/workflows/mlstack-comment.yml: up to date
    .github/workflows/mlstack-apply.yml: out of date
    .github/workflows/mlstack-drift.yml: out of date
    --- stderr
    ");
    let ours = sandbox.read(plan);
    sandbox.write(plan, ours.replace("ubuntu-24.04", "ubuntu-22.04"));
    insta::assert_snapshot!(sandbox.run(&format!("ci github {flags}")), @"
    exit: 1
    --- stdout
    --- stderr
    error: [DIR]/.github/workflows/mlstack-plan.yml was changed since mlstack wrote it
      hint: move it away, or `--out DIR` writes to another folder to compare with
    ");
    sandbox.write(plan, "name: mine\n");
    insta::assert_snapshot!(sandbox.run(&format!("ci github {flags}")), @"
    exit: 1
    --- stdout
    --- stderr
    error: [DIR]/.github/workflows/mlstack-plan.yml is there already and is not mlstack's
      hint: move it away, or `--out DIR` writes to another folder to compare with
    ");
    assert_eq!(sandbox.read(plan), "name: mine\n");
    assert!(
        sandbox
            .read(".github/workflows/mlstack-apply.yml")
            .contains("SHOP_API_KEY")
    );
}

#[test]
fn what_does_not_mean_itself_never_gets_in() {
    let sandbox = Sandbox::new().stack(STACK);
    let mut said = Vec::new();
    for flags in [
        format!("{ACTION} --branch a'b"),
        format!("{ACTION} --branch ${{{{github.token}}}}"),
        format!("{ACTION} --runner x,y"),
        format!("{ACTION} --login actions/login"),
        format!("{ACTION} --cron @daily"),
        format!("{ACTION} --apply nowhere"),
        "--action acme/mlstack@v1".to_owned(),
        String::new(),
    ] {
        let answer = sandbox.run(&format!("ci github {flags}"));
        assert!(answer.starts_with("exit: 64"), "{flags}: {answer}");
        said.push(answer.split_once("--- stderr\n").unwrap().1.to_owned());
    }
    assert!(!sandbox.path().join(".github").exists());
    insta::assert_snapshot!(said.concat(), @"
    error: branch `a'b` must consist of letters, digits and ._/:-, a letter, digit, _ or . first, without `..`
    error: branch `${{github.token}}` must consist of letters, digits and ._/:-, a letter, digit, _ or . first, without `..`
    error: runner `x,y` must consist of letters, digits and ._/:-, a letter, digit, _ or . first, without `..`
    error: `actions/login` is not an action of the repository itself
      hint: write it as ./.github/actions/login
    error: `@daily` must be five fields of numbers, `*`, `/`, `,` and `-`, such as `17 5 * * *`
    error: the stack file has no environment `nowhere`
      hint: it has none: leave `--apply` out
    error: `acme/mlstack@v1` must be OWNER/REPOSITORY@ and the 40 digits of a commit, in small hexadecimal digits
    error: this mlstack was not built by a release, so it does not know where one can be had
      hint: `--action OWNER/REPOSITORY@COMMIT` names the repository of mlstack and a commit of it
    ");
}

#[test]
fn workflows_of_another_stack_are_not_written_over() {
    let sandbox = written(STACK, "a/mlstack.yaml", ACTION);
    sandbox.write("mlstack.yaml", STACK);
    let said = sandbox.run(&format!("ci github -f . {ACTION}"));
    assert!(
        said.starts_with("exit: 1") && said.contains("is about another stack file"),
        "{said}"
    );
    assert!(
        sandbox
            .read(".github/workflows/mlstack-plan.yml")
            .contains("a/mlstack.yaml")
    );
}

#[test]
fn nothing_is_written_through_a_link_and_a_branch_has_one_name() {
    let sandbox = Sandbox::new().stack(STACK);
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), sandbox.path().join(".github")).unwrap();
    let said = sandbox.run(&format!("ci github {ACTION}"));
    assert!(said.starts_with("exit: 1") && said.contains("is a link"), "{said}");
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    std::fs::remove_file(sandbox.path().join(".github")).unwrap();
    let said = sandbox.run(&format!("ci github {ACTION} --branch refs/heads/main"));
    assert!(said.starts_with("exit: 0"), "{said}");
    let apply = sandbox.read(".github/workflows/mlstack-apply.yml");
    assert!(apply.contains("branches: ['main']"), "{apply}");
}
