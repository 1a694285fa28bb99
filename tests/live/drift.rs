//! Everything that somebody can change behind mlstack's back is seen, named, and put right by one apply.

use serde_json::Value;

use crate::stage::{Stage, docker};

/// A service with all that can drift: a secret's file, a network, an alias, limits.
const STACK: &str = "\
version: 1
name: STACK
secrets:
  token: { env: TOKEN }
components:
  api:
    type: service
    image: \"busybox:1\"
    command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"]
    env: { WORD: one, TOKEN_FILE: \"${secrets.token.file}\" }
    resources: { cpu: 100m, memory: 32Mi }
  cache: { type: cache, engine: valkey, version: \"8\" }
";
const IMAGES: &[&str] = &["busybox:1", "valkey/valkey:8"];

fn running() -> Option<Stage> {
    let stage = Stage::with(STACK, IMAGES)?.env("TOKEN", "a first value");
    stage.ends(0, "up");
    let quiet = stage.ends(0, "drift --detailed-exitcode");
    assert!(quiet.contains("No drift"), "{quiet}");
    Some(stage)
}

/// What `drift` says as JSON about the one thing that drifted.
fn drift_of(stage: &Stage, address: &str) -> Value {
    let text = stage.ends(2, "drift --detailed-exitcode --format json");
    let plan: Value = serde_json::from_str(&text).unwrap();
    let all = plan["resource_drift"].as_array().unwrap();
    let found = all.iter().find(|drift| drift["address"] == address);
    found
        .unwrap_or_else(|| panic!("no drift of {address}: {all:?}"))
        .clone()
}

/// The drift is seen with `words` in its attributes or its problem, apply heals it, and the next plan is empty.
fn seen_and_healed(stage: &Stage, address: &str, sort: &str, words: &str) {
    let drift = drift_of(stage, address);
    assert_eq!(drift["drift"], sort, "{drift}");
    let told = format!("{} {}", drift["attributes"], drift["problem"]);
    assert!(told.contains(words), "`{words}` in {told}");
    healed(stage);
}

fn healed(stage: &Stage) {
    stage.ends(0, "apply -y");
    stage.ends(0, "plan --detailed-exitcode");
    stage.ends(0, "drift --detailed-exitcode");
}

fn api(stage: &Stage) -> String {
    stage.containers()["api"].clone()
}

fn back(stage: &Stage) -> String {
    format!("{}_back", stage.name)
}

#[test]
fn killed_01() {
    let Some(stage) = running() else { return };
    docker(&["update", "--restart", "unless-stopped", &api(&stage)]);
    docker(&["kill", &api(&stage)]);
    seen_and_healed(&stage, "service/api", "broken", "exited (137)");
}

#[test]
fn removed_02() {
    let Some(stage) = running() else { return };
    docker(&["rm", "-f", &api(&stage)]);
    let drift = drift_of(&stage, "service/api");
    assert_eq!(drift["drift"], "removed", "{drift}");
    healed(&stage);
}

#[test]
fn paused_03() {
    let Some(stage) = running() else { return };
    docker(&["pause", &api(&stage)]);
    seen_and_healed(&stage, "service/api", "broken", "paused");
}

#[test]
fn network_disconnected_04() {
    let Some(stage) = running() else { return };
    docker(&["network", "disconnect", &back(&stage), &api(&stage)]);
    seen_and_healed(&stage, "service/api", "changed", "networks.back");
}

#[test]
fn image_tag_moved_05() {
    let Some(stage) = Stage::of("stacks/minimal", &["busybox:1"]) else {
        return;
    };
    stage.ends(0, "up");
    let reference = stage.inspect("predictor", "{{.Config.Image}}");
    docker(&["tag", "busybox:1", &reference]);
    seen_and_healed(&stage, "image/predictor", "changed", "source.id");
}

#[test]
fn orphan_06() {
    let Some(stage) = running() else { return };
    let project = format!("com.docker.compose.project={}", stage.name);
    let name = format!("{}-ghost-1", stage.name);
    let labels = ["service=ghost", "oneoff=False", "container-number=1", "config-hash=0"];
    let labels = labels.map(|label| format!("com.docker.compose.{label}"));
    let mut run = vec!["run", "-d", "--name", &name, "--label", &project];
    labels.iter().for_each(|label| run.extend(["--label", label]));
    run.extend(["busybox:1", "sleep", "600"]);
    docker(&run);
    let drift = drift_of(&stage, "service/ghost");
    assert_eq!(drift["drift"], "appeared", "{drift}");
    healed(&stage);
    assert_eq!(stage.containers().len(), 2, "the orphan is gone");
}

#[test]
fn memory_updated_07() {
    let Some(stage) = running() else { return };
    docker(&["update", "--memory", "64m", "--memory-swap", "64m", &api(&stage)]);
    let text = stage.ends(2, "drift --detailed-exitcode");
    assert!(text.contains("memory 32Mi → 64Mi") && text.contains("fix: "), "{text}");
    let plan = stage.ends(2, "plan --detailed-exitcode");
    assert!(
        plan.contains("Drift, not made by mlstack") && plan.contains("memory 64Mi → 32Mi"),
        "{plan}"
    );
    seen_and_healed(&stage, "service/api", "changed", "deploy.resources.limits.memory");
}

#[test]
fn restart_policy_updated_08() {
    let Some(stage) = running() else { return };
    docker(&["update", "--restart", "no", &api(&stage)]);
    seen_and_healed(&stage, "service/api", "changed", "restart");
}

#[test]
fn alias_lost_09() {
    let Some(stage) = running() else { return };
    docker(&["network", "disconnect", &back(&stage), &api(&stage)]);
    docker(&["network", "connect", &back(&stage), &api(&stage)]);
    seen_and_healed(&stage, "service/api", "broken", "not known as api");
}

#[test]
fn renamed_10() {
    let Some(stage) = running() else { return };
    docker(&["rename", &api(&stage), &format!("{}-other", stage.name)]);
    seen_and_healed(&stage, "service/api", "broken", "renamed to");
}

#[test]
fn delivered_file_edited_11() {
    let Some(stage) = running() else { return };
    stage.exec(
        "api",
        &[
            "sh",
            "-c",
            "chmod 600 /run/secrets/token && echo other > /run/secrets/token",
        ],
    );
    let drift = drift_of(&stage, "service/api");
    assert_eq!(drift["attributes"][0]["sensitive"], true, "{drift}");
    seen_and_healed(&stage, "service/api", "changed", "x-mlstack.secrets.token");
    assert_eq!(stage.exec("api", &["cat", "/run/secrets/token"]), "a first value");

    docker(&["exec", &api(&stage), "rm", "/run/secrets/token"]);
    docker(&["stop", "-t", "0", &api(&stage)]);
    seen_and_healed(&stage, "service/api", "changed", "x-mlstack.secrets.token");
}

#[test]
fn content_changed_in_the_stack_file_12() {
    let Some(stage) = running() else { return };
    stage.edit("WORD: one", "WORD: two");
    let text = stage.ends(2, "drift --detailed-exitcode");
    assert!(text.contains("Not applied yet") && text.contains("No drift"), "{text}");
    assert!(text.contains("environment.WORD one → two"), "{text}");
    healed(&stage);
    let stage = stage.env("TOKEN", "a second value");
    let text = stage.ends(2, "drift --detailed-exitcode");
    assert!(
        text.contains("secret token (secret changed)"),
        "a rotated secret: {text}"
    );
    healed(&stage);
    assert_eq!(stage.exec("api", &["cat", "/run/secrets/token"]), "a second value");
}

#[test]
fn stopped_and_disconnected_13() {
    let Some(stage) = running() else { return };
    docker(&["stop", "-t", "0", &api(&stage)]);
    docker(&["network", "disconnect", &back(&stage), &api(&stage)]);
    seen_and_healed(&stage, "service/api", "changed", "networks.back");
}

#[test]
fn without_a_ledger_drift_is_still_told_from_what_was_meant() {
    let Some(stage) = running() else { return };
    std::fs::remove_file(stage.path().join(".mlstack/ledger.json")).unwrap();
    stage.ends(0, "plan --detailed-exitcode");
    docker(&["update", "--restart", "no", &api(&stage)]);
    stage.edit("WORD: one", "WORD: two");
    let text = stage.ends(2, "drift --detailed-exitcode");
    assert!(text.contains("restart unless-stopped → no"), "{text}");
    assert!(
        text.contains("Not applied yet") && text.contains("environment.WORD one → two"),
        "{text}"
    );
    healed(&stage);
}
