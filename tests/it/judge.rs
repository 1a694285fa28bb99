//! Programs that judge what mlstack writes. One that is not there is named, and with `MLSTACK_TEST_REQUIRE=1` the absence
//! of one that `tests/run` installs fails.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Says that `judge` did not judge.
#[expect(
    clippy::print_stderr,
    reason = "a judge that is missing is told to whoever runs the tests"
)]
pub(crate) fn missing(judge: &str, how: &str, required: bool) {
    let must = required && std::env::var("MLSTACK_TEST_REQUIRE").is_ok_and(|value| value == "1");
    assert!(!must, "{judge} is missing: {how}");
    eprintln!("NOT RUN: {judge}: {how}");
}

/// A program that a variable names.
pub(crate) fn program(judge: &str, variable: &str, required: bool) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        let how = format!("no {variable}; `tests/run --prepare` installs it");
        missing(judge, &how, required);
    }
    path
}

/// What checkov says of the files of a folder: which ones it judged, and what it found. It asks nobody.
pub(crate) fn checkov(
    program: &Path,
    frameworks: &[&str],
    waived: &[&str],
    folder: &Path,
) -> (BTreeSet<String>, Vec<String>) {
    let said = answer(
        Command::new(program)
            .args([
                "--compact",
                "--soft-fail",
                "--skip-download",
                "--output",
                "json",
                "--directory",
                ".",
            ])
            .arg("--framework")
            .args(frameworks)
            .args(waived.iter().flat_map(|rule| ["--skip-check", rule]))
            .current_dir(folder)
            .env("CKV_SKIP_PACKAGE_UPDATE_CHECK", "true"),
    );
    let said: Value = serde_json::from_str(&said).unwrap();
    let reports = said.as_array().cloned().unwrap_or_else(|| vec![said]);
    let checks = |which: &str| -> Vec<Value> {
        let lists = reports.iter().filter_map(|report| report["results"][which].as_array());
        lists.flatten().cloned().collect()
    };
    let text = |check: &Value, key: &str| check[key].as_str().unwrap_or_default().to_owned();
    let (passed, failed) = (checks("passed_checks"), checks("failed_checks"));
    let judged = passed.iter().chain(&failed).map(|check| text(check, "file_path"));
    let told = |check| {
        format!(
            "{} {} {}",
            text(check, "check_id"),
            text(check, "file_path"),
            text(check, "resource")
        )
    };
    (judged.collect(), failed.iter().map(told).collect())
}

/// A program below `PATH`.
pub(crate) fn found(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// A program of the distribution, which `tests/run` installs, below `PATH`.
pub(crate) fn installed(judge: &str) -> Option<PathBuf> {
    let path = found(judge);
    if path.is_none() {
        missing(judge, "`tests/run -y --prepare` installs it", true);
    }
    path
}

/// What `command` prints; it must succeed.
#[track_caller]
pub(crate) fn answer(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
