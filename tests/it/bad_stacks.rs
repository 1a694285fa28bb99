//! Bad stack files: each says what is wrong in one whole picture, kept beside it as `.txt`.
//!
//! `MLSTACK_BLESS=1` rewrites the pictures.

use std::path::{Path, PathBuf};

use mlstack::diag::codes::{self, Code};
use mlstack::diag::render::{self, Source, Style};
use mlstack::stack::{self, Options};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bad")
}

/// Every bad file: its path and its text, sorted by name.
pub(crate) fn files() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// What `validate` shows for `text`.
pub(crate) fn picture(text: &str) -> String {
    let options = Options {
        environment: None,
        every_environment: true,
        today: Some("2026-11-23".to_owned()),
    };
    let parsed = stack::parse(text, &options);
    let source = Source {
        file: "mlstack.yaml",
        text,
        places: &parsed.document,
    };
    render::text(
        &source,
        &parsed.diagnostics,
        Style {
            color: false,
            width: 100,
        },
    )
}

/// Compares with the file at `path`, or writes it when blessing.
pub(crate) fn same_as(path: &Path, text: &str) -> Result<(), String> {
    if std::env::var_os("MLSTACK_BLESS").is_some() {
        std::fs::write(path, text).unwrap();
        return Ok(());
    }
    match std::fs::read_to_string(path) {
        Ok(kept) if kept == text => Ok(()),
        Ok(kept) => Err(format!("{}\n--- kept\n{kept}\n+++ now\n{text}", path.display())),
        Err(error) => Err(format!("{}: {error} (MLSTACK_BLESS=1 writes it)", path.display())),
    }
}

#[test]
fn every_bad_file_has_its_picture() {
    let files = files();
    assert!(files.len() >= 60, "{} files", files.len());
    let wrong: Vec<_> = files
        .iter()
        .filter_map(|(path, text)| {
            let picture = picture(text);
            assert!(picture.contains("mlstack::"), "{} is not bad", path.display());
            same_as(&path.with_extension("txt"), &picture).err()
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The block of YAML after `fence` in an explanation, completed to a whole stack file.
fn example(code: &Code, fence: &str) -> Option<String> {
    let yaml = code.explanation.split(fence).nth(1)?.split("```").next()?;
    let is_part = ["components:", "environments:", "policies:", "secrets:"]
        .iter()
        .any(|start| yaml.starts_with(start));
    let head = if is_part { "version: 1\nname: shop\n" } else { "" };
    Some(format!("{head}{yaml}"))
}

#[test]
fn explanations_show_the_error_and_its_mend() {
    let of_targets = [
        &codes::UNSUPPORTED,
        &codes::DEGRADED,
        &codes::UNKNOWN_CAPABILITY,
        &codes::UNNEEDED_ALLOWANCE,
    ];
    for code in codes::ALL {
        assert!(code.explanation.len() > 40, "{}: says too little", code.name);
        if let Some(bad) = example(code, "```yaml refused\n")
            && !of_targets.contains(code)
        {
            let summary = format!("mlstack::{}\n", code.name);
            assert!(
                picture(&bad).contains(&summary),
                "{}: fails otherwise\n{}",
                code.name,
                picture(&bad)
            );
        }
        if let Some(good) = example(code, "```yaml\n") {
            assert_eq!(picture(&good), "", "{}", code.name);
        }
    }
}

/// Every test of the package, as text.
fn tests_below(folder: &Path, all: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, all);
        } else if path.ends_with("tests.rs") || path.to_string_lossy().contains("/tests/") {
            *all += &std::fs::read_to_string(&path).unwrap_or_default();
        }
    }
}

#[test]
fn every_code_is_shown_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = String::new();
    tests_below(&root.join("tests"), &mut shown);
    tests_below(&root.join("src"), &mut shown);
    let is_shown = |code: &&&Code| {
        let constant = format!("codes::{}", code.name.replace('-', "_").to_uppercase());
        shown.contains(&format!("mlstack::{}", code.name)) || shown.contains(&constant)
    };
    let missing: Vec<_> = codes::ALL
        .iter()
        .filter(|code| !is_shown(code))
        .map(|code| code.name)
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
