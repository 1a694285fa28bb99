//! A change does what its plan says and nothing else; a sealed plan does it once, on the world it was made for.

use insta::assert_snapshot;

use crate::stage::{Stage, docker};

/// Three parts that start at once.
const STACK: &str = "\
version: 1
name: STACK
components:
  clock: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
  cache: { type: cache, engine: valkey, version: \"8\" }
  worker: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], uses: [cache], resources: { cpu: 100m, memory: 32Mi } }
";
const IMAGES: &[&str] = &["busybox:1", "valkey/valkey:8"];

fn running() -> Option<Stage> {
    let stage = Stage::with(STACK, IMAGES)?;
    stage.ends(0, "up");
    Some(stage)
}

#[test]
fn a_change_is_shown_done_and_then_gone() {
    let Some(stage) = running() else { return };
    let before = stage.containers();
    stage.edit(
        "wait\"], uses: [cache], resources: { cpu: 100m, memory: 32Mi }",
        "wait\"], uses: [cache], resources: { cpu: 100m, memory: 48Mi }",
    );
    assert_snapshot!(stage.ends(2, "plan --detailed-exitcode"), @"
    STACK → compose (unix:///var/run/docker.sock)

      -/+ service/worker  mlstack.yaml:6  memory 32Mi → 48Mi  rolling, no downtime

    Plan: 0 to add, 0 to change, 1 to replace, 0 to destroy.
    ");
    let asked = stage.run("apply");
    assert_eq!(asked.code, 64, "nobody can be asked: {}", asked.stderr);
    assert_eq!(stage.containers(), before);

    stage.ends(0, "apply -y");
    let after = stage.containers();
    assert_ne!(after["worker"], before["worker"]);
    assert_eq!(after["cache"], before["cache"]);
    assert_eq!(after["clock"], before["clock"]);
    assert_eq!(stage.inspect("worker", "{{.HostConfig.Memory}}"), "50331648");
    stage.ends(0, "plan --detailed-exitcode");
}

#[test]
fn a_sealed_plan_is_done_once_and_only_on_its_own_world() {
    let Some(stage) = running() else { return };
    let larger = || stage.edit("sleep 600", "sleep 601");
    larger();
    stage.ends(0, "plan --out first.mlplan");
    stage.ends(0, "apply -y first.mlplan");
    stage.ends(0, "plan --detailed-exitcode");
    let twice = stage.run("apply -y first.mlplan");
    assert_eq!(twice.code, 7, "{}", twice.stderr);
    assert!(
        twice.stderr.contains("this plan was applied already"),
        "{}",
        twice.stderr
    );

    stage.edit("sleep 601", "sleep 602");
    stage.ends(0, "plan --out second.mlplan");
    docker(&["rm", "-f", &stage.containers()["clock"]]);
    let stale = stage.run("apply -y second.mlplan");
    assert_eq!(stale.code, 7, "{}", stale.stderr);
    assert_snapshot!(stale.stderr, @"
    error: the plan is stale:
      service/clock: is gone
      hint: `mlstack plan --out FILE` makes a new one
    ");

    stage.write("edited.mlplan", &stage.read("second.mlplan").replace("602", "603"));
    let edited = stage.run("apply -y edited.mlplan");
    assert_eq!(edited.code, 1);
    assert_snapshot!(edited.stderr, @"
    error: edited.mlplan: this plan was changed after it was written; make a new one
      hint: `mlstack plan --out edited.mlplan` makes a new one
    ");

    stage.edit("sleep 602", "sleep 603");
    let other = stage.run("apply -y second.mlplan");
    assert_eq!(other.code, 7, "{}", other.stderr);
    stage.ends(0, "apply -y");
}
