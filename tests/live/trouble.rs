//! What is said when something is in the way: no engine, somebody else's run, Ctrl-C, what was done by hand.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::stage::{Stage, docker};

const STACK: &str = "\
version: 1
name: STACK
components:
  db: { type: database, engine: postgres, version: \"17\", storage: 1Gi }
  clock: { type: service, image: \"busybox:1\", command: [sh, -c, \"echo tick; sleep 600\"], uses: [db], resources: { cpu: 100m, memory: 32Mi } }
";
const IMAGES: &[&str] = &["busybox:1", "postgres:17"];

#[test]
fn without_an_engine_each_command_says_so() {
    let Some(stage) = Stage::with(STACK, IMAGES) else {
        return;
    };
    let stage = stage.env("DOCKER_HOST", "unix:///nonexistent/docker.sock");
    let plan = stage.run("plan");
    assert_eq!(plan.code, 1);
    assert_snapshot!(plan.stderr, @"
    error: cannot reach the Docker engine at unix:///nonexistent/docker.sock
      caused by: /nonexistent/docker.sock does not exist
      hint: start it: sudo systemctl start docker (or: sudo dockerd &)
      hint: if it listens elsewhere, set DOCKER_HOST, such as unix:///run/user/1000/docker.sock
      hint: `mlstack plan --offline` needs neither engine nor cluster
    ");
    for command in ["status", "logs", "apply -y", "destroy -y"] {
        let ran = stage.run(command);
        assert_eq!(ran.code, 1, "{command}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("/nonexistent/docker.sock"),
            "{command}: {}",
            ran.stderr
        );
    }
    assert!(stage.ends(1, "doctor").contains("FAIL"));
    stage.ends(0, "plan --offline");
}

#[test]
fn one_run_at_a_time_and_an_interrupted_one_is_finished_by_the_next() {
    let Some(stage) = Stage::with(STACK, IMAGES) else {
        return;
    };
    let mut up = stage
        .command("up")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(|| stage.containers().contains_key("db"));

    let second = stage.run("apply -y");
    assert_eq!(second.code, 6, "{}", second.stderr);
    assert!(second.stderr.contains("`mlstack up`"), "{}", second.stderr);

    assert_eq!(interrupt(&mut up), Some(130));
    assert!(!stage.containers().contains_key("clock"), "it had not come that far");
    stage.ends(2, "plan --detailed-exitcode");
    stage.ends(0, "apply -y");
    assert_eq!(stage.containers().len(), 2);
    stage.ends(0, "plan --detailed-exitcode");

    let status = stage.ends(0, "status");
    assert!(status.contains("clock") && status.contains("healthy"), "{status}");
    assert!(stage.ends(0, "logs clock").contains("clock | tick"));
    assert_eq!(stage.run("logs klock").code, 64);
    let doctor = stage.ends(0, "doctor");
    assert!(doctor.contains("Docker") && !doctor.contains("FAIL"), "{doctor}");
}

#[test]
fn what_was_stopped_or_removed_by_hand_comes_back() {
    let Some(stage) = Stage::with(STACK, IMAGES) else {
        return;
    };
    stage.ends(0, "up");
    let before = stage.containers();
    docker(&["stop", "-t", "0", &before["clock"]]);
    let plan = stage.ends(2, "plan --detailed-exitcode");
    assert!(plan.contains("service/clock") && !plan.contains("service/db"), "{plan}");
    stage.ends(0, "apply -y");
    assert_eq!(stage.containers(), before, "started again, not made again");
    docker(&["rm", "-f", &before["clock"]]);
    stage.ends(0, "apply -y");
    assert_eq!(stage.containers()["db"], before["db"]);
    stage.ends(0, "plan --detailed-exitcode");
}

/// Ctrl-C, and how the program ended.
fn interrupt(child: &mut Child) -> Option<i32> {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    child.wait().unwrap().code()
}

fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come about");
        std::thread::sleep(Duration::from_millis(50));
    }
}
