//! Programs that judge what mlstack writes. One that is not there is named, and with `MLSTACK_TEST_REQUIRE=1` the absence
//! of one that `tests/run` installs fails.

use std::path::PathBuf;
use std::process::Command;

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
pub(crate) fn program(judge: &str, variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        missing(
            judge,
            &format!("no {variable}; `pip install` it and say where it is"),
            false,
        );
    }
    path
}

/// A program of the distribution, which `tests/run` installs, below `PATH`.
pub(crate) fn installed(judge: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::split_paths(&folders)
        .map(|folder| folder.join(judge))
        .find(|path| path.is_file());
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
