//! Every command that the documents show is run by somebody: here where it needs no engine, with its output compared;
//! by `tests/live/docs.rs` or by hand where it does. A command that nobody knows fails.

use std::path::{Path, PathBuf};

use crate::support::{Sandbox, repository};

/// A command of a document, with what the document says it prints.
struct Shown {
    file: String,
    command: String,
    output: String,
}

/// Documents whose commands are walks: `tests/live/docs.rs` and `operate.rs` run them in order on a real engine.
const WALKS: &[&str] = &["examples/diabetes/README.md", "docs/operate.md"];

/// Commands that are run elsewhere, by how they begin, and where.
const ELSEWHERE: &[(&str, &str)] = &[
    ("git clone ", "by hand: a fresh machine"),
    ("tests/run", "itself"),
    ("cargo ", "the builds of every day"),
    ("bash .ci/run", "itself"),
    ("mlstack-server ", "server/tests/it"),
    ("curl ", "server/tests/it"),
];

fn documents() -> Vec<PathBuf> {
    let root = repository();
    let mut all = vec![root.join("README.md"), root.join("CONTRIBUTING.md")];
    for folder in ["docs", "examples", "stacks"] {
        markdown(&root.join(folder), &mut all);
    }
    all
}

fn markdown(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            markdown(&path, found);
        } else if path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

fn shown() -> Vec<Shown> {
    documents().iter().flat_map(|path| in_file(path)).collect()
}

fn in_file(path: &Path) -> Vec<Shown> {
    let text = std::fs::read_to_string(path).unwrap();
    let file = path.strip_prefix(repository()).unwrap().display().to_string();
    let mut all: Vec<Shown> = Vec::new();
    for block in text.split("```console\n").skip(1) {
        let mut continued = false;
        for line in block.split("```").next().unwrap().lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                let (file, command) = (file.clone(), command.to_owned());
                all.push(Shown {
                    file,
                    command,
                    output: String::new(),
                });
            } else if continued {
                let last = all.last_mut().unwrap();
                last.command.extend(["\n", line]);
            } else if let Some(last) = all.last_mut() {
                last.output.extend([line, "\n"]);
            }
            continued = line.ends_with('\\');
        }
    }
    all
}

/// What needs no engine: `mlstack init`, `validate`, `explain`, `fmt`, `version`, `schema`, `ci` and `plan --offline`.
fn runs_here(command: &str) -> Option<&str> {
    let arguments = command.strip_prefix("mlstack ")?.split('#').next()?.trim();
    let word = arguments.split(' ').next()?;
    let alone = ["init", "validate", "explain", "fmt", "version", "schema", "ci"].contains(&word);
    (alone || arguments.contains("--offline")).then_some(arguments)
}

#[test]
fn what_the_documents_show_is_what_happens() {
    let mut sandbox = Sandbox::new();
    let mut wrong = Vec::new();
    let mut file = String::new();
    for shown in shown()
        .into_iter()
        .filter(|shown| !WALKS.contains(&shown.file.as_str()))
    {
        if file != shown.file {
            sandbox = Sandbox::new();
            file.clone_from(&shown.file);
        }
        let Some(arguments) = runs_here(&shown.command) else {
            continue;
        };
        let output = sandbox.run(arguments);
        let (_, output) = output.split_once("--- stdout\n").unwrap();
        let (out, err) = output.split_once("--- stderr\n").unwrap();
        let printed = format!("{out}{err}");
        if printed.trim_end() != shown.output.trim_end() {
            wrong.push(format!("{}: `{}` prints\n{printed}", shown.file, shown.command));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_command_shown_is_run_by_somebody() {
    let known = |shown: &Shown| {
        WALKS.contains(&shown.file.as_str())
            || runs_here(&shown.command).is_some()
            || ELSEWHERE.iter().any(|(start, _)| shown.command.starts_with(start))
    };
    let unknown: Vec<_> = shown().into_iter().filter(|shown| !known(shown)).collect();
    let lines: Vec<_> = unknown
        .iter()
        .map(|s| format!("{}: nobody runs `{}`", s.file, s.command))
        .collect();
    assert!(lines.is_empty(), "\n{}", lines.join("\n"));
}

#[test]
fn the_picture_shows_the_plan_of_the_walk() {
    let picture = std::fs::read_to_string(repository().join("docs/images/plan.svg")).unwrap();
    let pieces = picture.split('<').filter_map(|piece| piece.split_once('>'));
    let lines = pieces.map(|(tag, text)| {
        if tag == "/text" {
            "\n".to_owned()
        } else {
            text.replace('\n', "")
        }
    });
    let drawn: String = lines.collect();
    let walk = in_file(&repository().join(WALKS[0]));
    let plan = walk.iter().find(|shown| shown.command == "mlstack plan").unwrap();
    assert_eq!(
        drawn.trim_end(),
        format!("$ {}\n{}", plan.command, plan.output.trim_end())
    );
}
