//! The pages about the stack language say what the tables say. `MLSTACK_BLESS=1` writes them anew.

use std::path::{Path, PathBuf};

use mlstack::diag::page;
use mlstack::stack::{self, Options, manual};

use crate::bad_stacks::same_as;

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[test]
fn every_code_has_its_heading() {
    same_as(&docs("diagnostics.md"), &page::page()).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_manual_has_the_tables() {
    let path = docs("stack-file.md");
    let page = std::fs::read_to_string(&path).unwrap();
    same_as(&path, &manual::fill(&page).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    for name in manual::names() {
        assert!(
            page.contains(&format!("<!-- table: {name} -->")),
            "docs/stack-file.md lacks the table `{name}`"
        );
    }
}

#[test]
fn the_example_of_the_manual_is_good() {
    let page = std::fs::read_to_string(docs("stack-file.md")).unwrap();
    let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let parsed = stack::parse(
        example,
        &Options {
            environment: None,
            every_environment: true,
            today: Some("2026-11-23".to_owned()),
        },
    );
    assert_eq!(parsed.diagnostics, []);
}
