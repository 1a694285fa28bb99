//! `docs/operate.md` on a real engine: each command in order, and each line that is promised.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::stage::Stage;

const PAGE: &str = include_str!("../../docs/operate.md");

/// What a command prints, in the page's names.
fn run(stage: &Stage, command: &str) -> (i32, String) {
    let bin = Path::new(env!("CARGO_BIN_EXE_mlstack")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let own = command.replace("minimal-predictor-1", &format!("{}-predictor-1", stage.name));
    let output = stage
        .command("")
        .get_envs()
        .fold(&mut Command::new("bash"), |shell, (key, value)| match value {
            Some(value) => shell.env(key, value),
            None => shell.env_remove(key),
        })
        .args(["-c", &own])
        .env("PATH", format!("{}:{path}", bin.display()))
        .current_dir(stage.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap().replace(&stage.name, "minimal");
    (output.status.code().unwrap_or(-1), text)
}

fn words(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_for_operators() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    for block in PAGE.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for shown in block.strip_prefix("$ ").unwrap().split("\n$ ") {
            let (command, promised) = shown.split_once('\n').unwrap_or((shown, ""));
            if command.starts_with("mlstack init") {
                continue; // the stage is that stack
            }
            let wanted = command
                .split_once("# exit code ")
                .map_or(0, |(_, code)| code.trim().parse().unwrap());
            let (code, printed) = run(&stage, command);
            assert_eq!(code, wanted, "{command}\n{printed}");
            let printed: Vec<String> = printed.lines().map(words).collect();
            for line in promised.lines().map(words).filter(|line| !line.is_empty()) {
                let start = line.trim_end_matches('…').trim_end();
                assert!(
                    printed.iter().any(|p| p.starts_with(start)),
                    "{command}: no `{line}` in\n{}",
                    printed.join("\n")
                );
            }
        }
    }
}
