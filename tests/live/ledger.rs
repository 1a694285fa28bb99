//! What the ledger remembers and who may change a stack, on a real engine.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::stage::Stage;

const ONE: &str = "version: 1
name: STACK

components:
  one:
    type: service
    image: busybox:1
    command: [sh, -c, 'trap exit TERM; sleep 3600 & wait']
  two:
    type: service
    image: busybox:1
    command: [sh, -c, 'trap exit TERM; sleep 3600 & wait']
    uses: [one]
";

fn stage() -> Option<Stage> {
    Stage::with(ONE, &["busybox:1"])
}

fn history(stage: &Stage) -> Vec<Value> {
    let document: Value = serde_json::from_str(&stage.ends(0, "history --format json")).unwrap();
    document["runs"].as_array().unwrap().clone()
}

#[test]
fn history_tells_who_did_what_and_how_it_ended() {
    let Some(stage) = stage() else { return };
    let stage = stage
        .env("GITHUB_ACTOR", "ann")
        .env("CI_JOB_URL", "https://ci.example/7");
    let stage = stage.env("GITHUB_RUN_ID", "");
    assert!(stage.ends(0, "history").contains("Nothing was changed yet"));
    stage.ends(0, "up");
    stage.edit("sleep 3600", "sleep 3601");
    stage.ends(0, "plan --out p.mlplan");
    stage.ends(0, "apply p.mlplan -y");
    stage.ends(0, "destroy -y");
    let told: Vec<String> = history(&stage)
        .iter()
        .map(|run| {
            assert!(run["user"].as_str().unwrap().starts_with("ann@"));
            assert_eq!(run["run_url"], "https://ci.example/7");
            format!(
                "{} {} {} {}",
                run["command"],
                run["ending"],
                run["revision"],
                run["plan_id"].is_string()
            )
        })
        .collect();
    let expected = [
        r#""destroy" "done" null false"#,
        r#""apply" "done" 2 true"#,
        r#""up" "done" 1 false"#,
    ];
    assert_eq!(told, expected);
    let text = stage.ends(0, "history");
    assert!(text.starts_with("WHEN") && text.lines().count() == 4, "{text}");
}

#[test]
fn without_its_ledger_a_stack_plans_to_nothing_and_a_sealed_plan_is_used_once_on_an_empty_world() {
    let Some(stage) = stage() else { return };
    stage.ends(0, "plan --out p.mlplan");
    stage.ends(0, "apply p.mlplan -y");
    std::fs::remove_dir_all(stage.path().join(".mlstack")).unwrap();
    stage.ends(0, "plan --detailed-exitcode");
    stage.ends(0, "up");
    assert_eq!(stage.ends(0, "history").lines().count(), 1, "nothing was changed");
    stage.ends(0, "destroy -y");
    stage.ends(0, "plan --out q.mlplan");
    stage.ends(0, "apply q.mlplan -y");
    stage.ends(0, "destroy -y");
    let again = stage.run("apply q.mlplan -y");
    assert_eq!(again.code, 7, "{}", again.stderr);
    assert!(again.stderr.contains("was applied already"), "{}", again.stderr);
}

/// Starts `up` and waits until its first container is there.
fn begun(stage: &Stage, arguments: &str) -> std::process::Child {
    let mut command = stage.command(arguments);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while stage.containers().is_empty() {
        assert!(Instant::now() < until, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

#[test]
fn a_run_that_is_killed_is_told_and_gone_on_from() {
    let Some(stage) = stage() else { return };
    let mut child = begun(&stage, "up");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(history(&stage)[0]["ending"], "cut-off");
    assert!(stage.ends(0, "unlock").starts_with("Nobody holds the lock"));
    let next = stage.run("up");
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert!(next.stderr.contains("was cut off"), "{}", next.stderr);
    assert!(next.stderr.contains("going on from there"), "{}", next.stderr);
    assert_eq!(history(&stage)[1]["ending"], "cut-off");
    assert!(!stage.run("up").stderr.contains("cut off"), "it is told once");
}

#[test]
fn the_lock_names_its_holder_and_the_way_out() {
    let Some(stage) = stage() else { return };
    let mut child = begun(&stage, "up");
    stop(&child, "-STOP");
    let refused = stage.run("up");
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    assert!(refused.stderr.contains("`mlstack up` by "), "{}", refused.stderr);
    let held = stage.ends(0, "unlock");
    let id = held.lines().next().unwrap().strip_prefix("Lock ").unwrap().to_owned();
    assert!(
        refused.stderr.contains(&format!("mlstack unlock {id}")),
        "{}",
        refused.stderr
    );
    assert_eq!(stage.run("unlock other").code, 64);
    assert_eq!(stage.run(&format!("unlock {id}")).code, 6, "its process lives");
    stop(&child, "-CONT");
    assert!(child.wait().unwrap().success());
    stage.ends(0, "up");
}

fn stop(child: &std::process::Child, signal: &str) {
    let sent = std::process::Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}
