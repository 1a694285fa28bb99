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

/// The blocks of YAML in an explanation, completed to whole stack files.
fn examples(code: &Code) -> Vec<String> {
    let blocks = code.explanation.split("```yaml\n").skip(1);
    let complete = |block: &str| {
        let yaml = block.split("```").next().unwrap_or_default();
        let whole =
            yaml.contains("version: ") && yaml.contains("name: ") || code.name == "empty-file" && yaml.starts_with('#');
        if whole && !yaml.starts_with("components") {
            yaml.to_owned()
        } else {
            format!("version: 1\nname: shop\n{yaml}")
        }
    };
    blocks.map(complete).collect()
}

#[test]
fn explanations_show_the_error_and_its_mend() {
    for code in codes::ALL {
        let examples = examples(code);
        let summary = format!("mlstack::{}\n", code.name);
        if let [bad, good] = examples.as_slice() {
            assert!(
                picture(bad).contains(&summary),
                "{}: fails otherwise\n{}",
                code.name,
                picture(bad)
            );
            assert_eq!(picture(good), "", "{}", code.name);
        } else if let [good] = examples.as_slice() {
            assert_eq!(picture(good), "", "{}", code.name);
        }
    }
}

#[test]
fn every_code_is_shown_by_a_test() {
    let mut shown: String = files()
        .iter()
        .map(|(path, _)| std::fs::read_to_string(path.with_extension("txt")).unwrap())
        .collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/stack");
    for tests in ["tests.rs", "yaml/tests.rs", "models/tests.rs"] {
        shown += &std::fs::read_to_string(source.join(tests)).unwrap_or_default();
    }
    let missing: Vec<_> = codes::ALL
        .iter()
        .filter(|code| !shown.contains(&format!("mlstack::{}", code.name)))
        .map(|code| code.name)
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
