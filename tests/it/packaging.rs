//! How a release reaches a machine: the script behind `action.yml`, fed from a folder; and that what ships agrees.

use std::path::PathBuf;
use std::process::Command;

use crate::judge::{answer, missing};
use crate::support::{Sandbox, repository};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn name() -> Option<String> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", machine @ ("x86_64" | "aarch64")) => Some(format!("mlstack-{VERSION}-{machine}-unknown-linux-gnu")),
        (os, machine) => {
            missing("packaging/install", &format!("no release for {os} on {machine}"), false);
            None
        }
    }
}

/// A folder with a release, whose mlstack says who it is, and SHA256SUMS that say `digest` or what is so.
fn release(name: &str, digest: Option<&str>) -> Sandbox {
    let sandbox = Sandbox::new().file(&format!("made/{name}/mlstack"), "#!/bin/sh\necho released\n");
    let folder = format!("releases/v{VERSION}");
    std::fs::create_dir_all(sandbox.path().join(&folder)).unwrap();
    let archive = format!("{folder}/{name}.tar.gz");
    answer(
        Command::new("sh")
            .args([
                "-c",
                "chmod 755 made/*/mlstack && tar -czf \"$1\" -C made \"$2\"",
                "sh",
                &archive,
                name,
            ])
            .current_dir(sandbox.path()),
    );
    let sums = answer(Command::new("sha256sum").arg(&archive).current_dir(sandbox.path()));
    let digest = digest.unwrap_or_else(|| sums.split(' ').next().unwrap());
    let others = "0".repeat(64);
    let sums = format!("{others}  other.tar.gz\n{digest}  {name}.tar.gz\n");
    sandbox.file(&format!("{folder}/SHA256SUMS"), sums).file("path", "")
}

/// Whether the installation succeeded, and all that it said.
fn install(sandbox: &Sandbox, version: &str, digest: &str) -> (bool, String) {
    let output = Command::new(repository().join("packaging/install"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("MLSTACK_VERSION", version)
        .env("MLSTACK_SHA256", digest)
        .env(
            "MLSTACK_RELEASES",
            format!("file://{}", sandbox.path().join("releases").display()),
        )
        .env("RUNNER_TEMP", sandbox.path())
        .env("GITHUB_PATH", sandbox.path().join("path"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.into_owned())
}

#[test]
fn a_release_is_installed_when_its_digest_is_right() {
    let Some(name) = name() else { return };
    let sandbox = release(&name, None);
    let (done, said) = install(&sandbox, VERSION, "");
    assert!(done, "{said}");
    let folder = PathBuf::from(sandbox.read("path").trim());
    assert_eq!(answer(&mut Command::new(folder.join("mlstack"))), "released\n");
}

#[test]
fn what_is_not_what_the_release_says_is_not_installed() {
    let Some(name) = name() else { return };
    let wrong = "1".repeat(64);
    for (sandbox, version, digest, why) in [
        (
            release(&name, Some(&wrong)),
            VERSION,
            "",
            "is not what the release says",
        ),
        (
            release(&name, None),
            VERSION,
            wrong.as_str(),
            "is not what the release says",
        ),
        (release(&name, Some("")), VERSION, "", "there is no SHA-256"),
        (release(&name, None), "9.9.9", "", "cannot fetch"),
        (
            release(&name, None),
            "1.0.0/../../x",
            "",
            "the version must be as 1.2.3",
        ),
    ] {
        let (done, said) = install(&sandbox, version, digest);
        assert!(!done && said.contains(why), "{why}: {said}");
        assert_eq!(sandbox.read("path"), "");
    }
}

#[test]
fn the_action_installs_this_version() {
    let action = std::fs::read_to_string(repository().join("action.yml")).unwrap();
    assert!(action.contains(&format!("    default: {VERSION}\n")), "{action}");
}

/// The steps of workflows that use an action of somebody else.
fn used(folder: &str) -> Vec<String> {
    let files = std::fs::read_dir(repository().join(folder)).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let uses = |text: String| {
        let steps = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("uses: actions/"));
        steps.map(str::to_owned).collect::<Vec<_>>()
    };
    texts.flat_map(uses).collect()
}

#[test]
fn what_we_write_and_what_we_use_name_the_same_actions() {
    let written = used("tests/fixtures/workflows");
    let ours = used(".github/workflows");
    assert!(written.len() > 5 && ours.len() > 3);
    for action in &ours {
        let name = action.split('@').next().unwrap();
        let same = written.iter().filter(|other| other.starts_with(&format!("{name}@")));
        assert!(same.clone().all(|other| other == action), "{action}");
    }
}
