//! `--only` and `--exclude`: a part of a stack is planned and applied, the rest stays as it is.

use insta::assert_snapshot;

use crate::stage::Stage;

const STACK: &str = "\
version: 1
name: STACK
components:
  clock: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
  store: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
  worker: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], uses: [store], resources: { cpu: 100m, memory: 32Mi } }
";

#[test]
fn a_part_changes_and_the_rest_stays() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    stage.ends(0, "apply -y --only worker");
    let first = stage.containers();
    assert_eq!(
        first.keys().collect::<Vec<_>>(),
        ["store", "worker"],
        "and what it needs"
    );

    let text = stage.read("mlstack.yaml").replace("600", "601");
    stage.write("mlstack.yaml", &text);
    assert_snapshot!(stage.ends(0, "plan --exclude store"), @"
    STACK → compose (unix:///var/run/docker.sock)

      + service/clock     mlstack.yaml:4  will be created
      -/+ service/worker  mlstack.yaml:6  command …eep 600 & wai… → …eep 601 & wai…
                                          rolling, no downtime

    Plan: 1 to add, 0 to change, 1 to replace, 0 to destroy.
    ");
    stage.ends(0, "apply -y --exclude store");
    let second = stage.containers();
    assert_eq!(second["store"], first["store"]);
    assert_ne!(second["worker"], first["worker"]);
    assert!(second.contains_key("clock"));

    assert_snapshot!(stage.ends(2, "plan --detailed-exitcode"), @"
    STACK → compose (unix:///var/run/docker.sock)

      -/+ service/store  mlstack.yaml:5  command …leep 600 & wait → …leep 601 & wait
                                         rolling, no downtime

    Plan: 0 to add, 0 to change, 1 to replace, 0 to destroy.
    ");
    stage.ends(0, "apply -y");
    stage.ends(0, "plan --detailed-exitcode");
    assert_snapshot!(stage.run("destroy -y --only store").stderr, @"
    error: service/worker is left alone, but service/store, which it stands on, is not there afterwards
      hint: take it in too (`--only …,worker`), or plan the whole stack
    ");
    stage.ends(0, "destroy -y --only clock");
    assert_eq!(stage.containers().into_keys().collect::<Vec<_>>(), ["store", "worker"]);
    assert_snapshot!(stage.run("plan --only clokc").stderr, @"
    error: there is nothing called clokc
      hint: what there is: clock, store, worker
    ");
}

#[test]
fn a_sealed_plan_for_a_part_is_for_that_part() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    stage.ends(0, "up");
    let first = stage.containers();
    let text = stage.read("mlstack.yaml").replace("600", "601");
    stage.write("mlstack.yaml", &text);
    stage.ends(0, "plan --only clock --out clock.mlplan");
    stage.ends(0, "plan --exclude clock --out rest.mlplan");
    stage.ends(0, "apply -y clock.mlplan");
    let second = stage.containers();
    assert_ne!(second["clock"], first["clock"]);
    assert_eq!(
        (&second["store"], &second["worker"]),
        (&first["store"], &first["worker"])
    );
    // What is out counts as well: it says what was looked at when this was reviewed.
    let stale = stage.run("apply -y rest.mlplan");
    assert_eq!(stale.code, 7, "{}", stale.stderr);
    assert!(stale.stderr.contains("service/clock: "), "{}", stale.stderr);
    stage.ends(0, "plan --exclude clock --out rest.mlplan");
    stage.ends(0, "apply -y rest.mlplan");
    assert_eq!(stage.containers()["clock"], second["clock"]);
    stage.ends(0, "plan --detailed-exitcode");
    // The whole runs well now, and is a revision: the first apply's, the part's, and this one.
    let history = stage.ends(0, "history");
    assert!(history.lines().nth(1).unwrap().contains(" 3 "), "{history}");
}
