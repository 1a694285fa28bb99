//! Completions, loaded by the shells they are for; and the manual, read by those who know manuals.

use std::process::Command;

use crate::judge::{answer, installed};
use crate::support::Sandbox;

/// What `shell` prints when it runs `script` with the completions of mlstack in the file `$0` names.
fn completed(shell: &str, flags: &[&str], script: &str) -> Option<String> {
    let program = installed(shell)?;
    let sandbox = Sandbox::new();
    let completions = sandbox.stdout(&format!("completions {shell}"));
    assert!(completions.len() > 2000, "{shell}: {completions}");
    let sandbox = sandbox.file("_mlstack", completions);
    let mut command = Command::new(program);
    command
        .current_dir(sandbox.path())
        .env_clear()
        .env("HOME", sandbox.path());
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    Some(answer(command.args(flags).args(["-c", script])))
}

#[test]
fn bash_completes() {
    let script = "source ./_mlstack && COMP_WORDS=(mlstack val) COMP_CWORD=1 && _mlstack mlstack val mlstack && \
                  echo \"${COMPREPLY[@]}\" && COMP_WORDS=(mlstack plan --det) COMP_CWORD=2 && \
                  _mlstack mlstack --det plan && echo \"${COMPREPLY[@]}\"";
    if let Some(said) = completed("bash", &["--norc"], script) {
        assert_eq!(said, "validate\n--detailed-exitcode\n");
    }
}

#[test]
fn fish_completes() {
    let script = "source ./_mlstack; complete -C 'mlstack val'; complete -C 'mlstack plan --det'";
    if let Some(said) = completed("fish", &["--no-config"], script) {
        assert_eq!(
            said,
            "validate\tCheck the stack file\n--detailed-exitcode\tExit with 2 when there are changes\n"
        );
    }
}

#[test]
fn zsh_loads_the_completions() {
    let script = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d ./dump; autoload +X _mlstack; \
                  echo $_comps[mlstack]; zsh -n ./_mlstack && whence -w _mlstack";
    if let Some(said) = completed("zsh", &["-f"], script) {
        assert_eq!(said, "_mlstack\n_mlstack: function\n");
    }
}

/// No such shell comes with the distributions: what is there is there in all of it.
#[test]
fn powershell_and_elvish_know_every_command() {
    let sandbox = Sandbox::new();
    for shell in ["powershell", "elvish"] {
        let script = sandbox.stdout(&format!("completions {shell}"));
        for command in ["validate", "plan", "apply", "completions"] {
            assert!(
                script.contains(&format!("'{command}'")) || script.contains(&format!("cand {command} ")),
                "{shell}: {command}"
            );
        }
    }
}

/// What a page of ours may be blamed for: a page is the same whenever it is made, so it bears no date.
const WAIVED: &str = "missing date";

#[test]
fn the_pages_of_the_manual_are_well_formed() {
    let sandbox = Sandbox::new();
    let said = sandbox.run("man --out pages");
    assert!(said.starts_with("exit: 0"), "{said}");
    let mut pages: Vec<_> = std::fs::read_dir(sandbox.path().join("pages"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    pages.sort();
    assert_eq!(sandbox.read("pages/mlstack.1"), sandbox.stdout("man"));
    assert!(sandbox.read("pages/mlstack-plan.1").contains("EXIT STATUS"));
    let Some(mandoc) = installed("mandoc") else {
        return;
    };
    let judged = Command::new(mandoc)
        .args(["-T", "lint", "-W", "warning"])
        .args(&pages)
        .output()
        .unwrap();
    let judged = String::from_utf8(judged.stdout).unwrap();
    let faults: Vec<_> = judged.lines().filter(|line| !line.contains(WAIVED)).collect();
    assert_eq!(faults, [] as [&str; 0]);
}
