//! Back to what ran well: by hand, and when a rollout fails half-way.

use serde_json::{Value, json};

use crate::stage::{Stage, docker, post};

/// One row for the diabetes model; the other model below answers it differently.
fn row() -> serde_json::Value {
    json!({"age": 41, "sex": 1, "bmi": 20.5, "bp": 80, "s1": 124, "s2": 48.8, "s3": 64, "s4": 2, "s5": 4.0254, "s6": 75})
}

fn images_of(stage: &Stage) -> usize {
    let reference = format!("reference=localhost/{}/predictor", stage.name);
    docker(&["images", "-q", "--filter", &reference]).lines().count()
}

/// A model server that has been updated: its answer before, and now.
fn updated(stage: &Stage) -> (String, String) {
    stage.ends(0, "up");
    let before = stage.inspect("predictor", "{{.Config.Image}}");
    let golden = stage.read("model/diabetes.golden.json");
    stage.write("model/diabetes.golden.json", &(golden + "\n"));
    stage.ends(0, "apply -y");
    (before, stage.inspect("predictor", "{{.Config.Image}}"))
}

#[test]
fn yesterdays_model_comes_back() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    let (yesterday, today) = updated(&stage);
    assert_ne!(yesterday, today, "another image");
    let answer = post(&format!("{}/predict", stage.url(8080)), &row());

    let asked = stage.run("rollback");
    assert_eq!(asked.code, 64, "nobody can be asked: {}", asked.stderr);
    assert!(asked.stdout.contains("Back to revision 1"), "{}", asked.stdout);
    assert!(
        asked.stdout.contains("service/predictor"),
        "the plan first: {}",
        asked.stdout
    );
    assert_eq!(stage.inspect("predictor", "{{.Config.Image}}"), today);

    // Not even the model is needed: the image of a good revision stays on the engine.
    std::fs::remove_file(stage.path().join("model/diabetes.golden.json")).unwrap();
    stage.ends(0, "rollback -y");
    assert_eq!(stage.inspect("predictor", "{{.Config.Image}}"), yesterday);
    assert_eq!(post(&format!("{}/predict", stage.url(8080)), &row()), answer);
    assert!(
        stage.ends(0, "rollback -y 3").contains("No changes"),
        "that is what runs"
    );
    stage.ends(0, "rollback -y 2");
    assert_eq!(stage.inspect("predictor", "{{.Config.Image}}"), today);

    let none = stage.run("rollback -y 77");
    assert_eq!(none.code, 1);
    assert!(none.stderr.contains("there is no revision 77"), "{}", none.stderr);
    assert!(
        none.stderr.contains("what is remembered: 1, 2, 3, 4"),
        "{}",
        none.stderr
    );
}

#[test]
fn images_go_when_no_revision_needs_them() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    stage.ends(0, "up");
    for round in 0..7 {
        let golden = stage.read("model/diabetes.golden.json");
        stage.write("model/diabetes.golden.json", &(golden + "\n"));
        stage.ends(0, "apply -y");
        assert!(images_of(&stage) <= 6, "round {round}: {} images", images_of(&stage));
    }
    assert!(images_of(&stage) >= 5, "five revisions can come back");
    stage.ends(0, "plan --detailed-exitcode");
    stage.ends(0, "destroy -y");
    assert_eq!(images_of(&stage), 0);
}

/// `first` is updated before `second`, whose new version never becomes healthy.
const STACK: &str = "\
version: 1
name: STACK
components:
  first:
    type: service
    image: \"busybox:1\"
    command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"]
    env: { WORD: one }
    volumes: [{ name: notes, path: /notes }]
    resources: { cpu: 100m, memory: 32Mi }
  second:
    type: service
    image: \"busybox:1\"
    command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"]
    healthcheck: { command: [\"true\"], interval: 1s, retries: 2, start_period: 1s }
    uses: [first]
    env: { WORD: one }
    resources: { cpu: 100m, memory: 32Mi }
";

fn word(stage: &Stage, service: &str) -> String {
    stage.exec(service, &["sh", "-c", "printf %s $WORD"])
}

/// Both services change; the second one badly.
fn spoil(stage: &Stage) {
    stage.edit("WORD: one", "WORD: two");
    stage.edit("[\"true\"]", "[\"false\"]");
}

#[test]
fn a_failed_rollout_keeps_what_was_done_unless_told_otherwise() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    stage.ends(0, "up");
    spoil(&stage);
    let failed = stage.run("apply -y");
    assert!([8, 10].contains(&failed.code), "{}: {}", failed.code, failed.stderr);
    assert_eq!(
        (word(&stage, "first"), word(&stage, "second")),
        ("two".into(), "one".into())
    );
}

/// The events without their times and words.
fn happened(stage: &Stage) -> String {
    let schema: Value = serde_json::from_str(&stage.ends(0, "schema events")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut lines = Vec::new();
    for line in stage.read("happened.ndjson").lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        schema
            .validate(&event)
            .unwrap_or_else(|error| panic!("{event}: {error}"));
        let of = ["type", "command", "address", "exit_code"].map(|field| event[field].to_string());
        let of: Vec<&str> = of
            .iter()
            .map(|field| field.trim_matches('"'))
            .filter(|field| *field != "null")
            .collect();
        lines.extend((of[0] != "progress").then(|| of.join(" ")));
    }
    lines.join("\n")
}

#[test]
fn a_failed_rollout_is_rolled_back_whole_but_for_data() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    stage.ends(0, "up");
    stage.exec("first", &["sh", "-c", "echo kept > /notes/note"]);
    spoil(&stage);
    let failed = stage.run("apply -y --on-failure rollback --events happened.ndjson");
    assert_eq!(failed.code, 8, "{}", failed.stderr);
    insta::assert_snapshot!(happened(&stage), @"
    begin apply
    started service/first
    done service/first
    started service/second
    failed service/second
    end 8
    begin rollback
    started service/first
    done service/first
    end 8
    ");
    assert!(failed.stderr.contains("Rolled back"), "{}", failed.stderr);
    assert_eq!(
        (word(&stage, "first"), word(&stage, "second")),
        ("one".into(), "one".into())
    );
    assert_eq!(stage.exec("first", &["cat", "/notes/note"]), "kept\n");

    stage.edit("[\"false\"]", "[\"true\"]");
    stage.edit("WORD: two", "WORD: one");
    stage.ends(0, "plan --detailed-exitcode");
    let destroy = stage.run("destroy -y --on-failure rollback");
    assert_eq!(destroy.code, 64, "{}", destroy.stderr);
}

#[test]
fn a_first_rollout_that_fails_leaves_nothing_but_data() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    stage.edit("[\"true\"]", "[\"false\"]");
    let failed = stage.run("up --on-failure rollback");
    assert_eq!(failed.code, 8, "{}", failed.stderr);
    assert!(stage.containers().is_empty());
    assert_eq!(stage.volumes(), ["STACK_notes"]);
}
