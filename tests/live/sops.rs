//! A SOPS file that the real `sops` changes: a new value reaches the container, a new key changes nothing.

use crate::stage::{Stage, not_run};

#[path = "../it/sops/program.rs"]
mod program;

use program::{Key, Sops};

const STACK: &str = "\
version: 1
name: STACK
secrets:
  token: { sops: { file: keys/s.enc.yaml, key: app.token } }
  other: { sops: { file: keys/s.enc.yaml, key: other } }
components:
  web:
    type: service
    image: busybox:1
    command: [sh, -c, \"cat /run/secrets/token; trap exit TERM; sleep 3600 & wait\"]
    resources: { memory: 32Mi }
    env: { TOKEN_FILE: \"${secrets.token.file}\" }
  side:
    type: service
    image: busybox:1
    command: [sh, -c, \"trap exit TERM; sleep 3600 & wait\"]
    resources: { memory: 32Mi }
    env: { OTHER_FILE: \"${secrets.other.file}\" }
";

const FILE: &str = "s.enc.yaml";
const FIRST: &str = "f1rst value of 'the' token";
const SECOND: &str = "s3cond value of \"the\" token";

/// The stack runs with the first value; `None`, loudly, without the engine or `sops`.
fn running() -> Option<(Stage, Sops)> {
    let sops = match Sops::find() {
        Ok(sops) => sops,
        Err(why) => return not_run(&why),
    };
    let stage = Stage::with(STACK, &["busybox:1"])?.env("SOPS_AGE_KEY", &sops.key.identity);
    let folder = stage.path().join("keys");
    std::fs::create_dir(&folder).unwrap();
    let plain = serde_json::json!({ "app": { "token": FIRST }, "other": "another value" });
    sops.write(&folder, FILE, &plain.to_string());
    stage.ends(0, "up");
    assert_eq!(delivered(&stage), FIRST);
    stage.ends(0, "plan --detailed-exitcode");
    Some((stage, sops))
}

fn delivered(stage: &Stage) -> String {
    stage.exec("web", &["cat", "/run/secrets/token"])
}

#[test]
fn a_value_that_sops_changed_reaches_its_container_and_no_other() {
    let Some((stage, sops)) = running() else { return };
    let value = serde_json::Value::from(SECOND).to_string();
    sops.run(
        &stage.path().join("keys"),
        &["set", FILE, "[\"app\"][\"token\"]", &value],
    );
    let plan = stage.run("plan --detailed-exitcode -v");
    assert_eq!(plan.code, 2, "{}", plan.stderr);
    assert!(plan.stdout.contains("secret token (secret changed)"), "{}", plan.stdout);
    for value in [FIRST, SECOND] {
        assert!(
            !plan.stdout.contains(value) && !plan.stderr.contains(value),
            "{}",
            plan.stdout
        );
    }
    let drift = stage.ends(2, "drift --detailed-exitcode");
    assert!(drift.contains("Not applied yet"), "{drift}");
    let before = stage.containers();
    stage.ends(0, "apply -y");
    assert_eq!(delivered(&stage), SECOND);
    let after = stage.containers();
    assert_ne!(before["web"], after["web"]);
    assert_eq!(before["side"], after["side"], "its own value is the same");
    stage.ends(0, "plan --detailed-exitcode");
}

#[test]
fn a_key_that_sops_rotated_is_no_change() {
    let Some((mut stage, sops)) = running() else { return };
    let folder = stage.path().join("keys");
    let before = stage.read("keys/s.enc.yaml");
    sops.run(&folder, &["rotate", "-i", FILE]);
    assert_ne!(stage.read("keys/s.enc.yaml"), before, "everything is encrypted anew");
    stage.ends(0, "plan --detailed-exitcode");

    let next = Key::new();
    let rules = format!("creation_rules: [{{ age: {} }}]\n", next.recipient);
    stage.write("keys/.sops.yaml", &rules);
    sops.run(&folder, &["updatekeys", "-y", FILE]);
    let old = stage.run("plan");
    assert_eq!(old.code, 0, "{}", old.stderr);
    assert!(old.stderr.contains("no age key here opens it"), "{}", old.stderr);
    stage.edit("memory: 32Mi", "memory: 40Mi");
    let refused = stage.run("apply -y");
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    assert!(refused.stderr.contains(&next.recipient), "{}", refused.stderr);
    stage.edit("memory: 40Mi", "memory: 32Mi");
    stage.set("SOPS_AGE_KEY", &next.identity);
    stage.ends(0, "plan --detailed-exitcode");
    assert_eq!(delivered(&stage), FIRST);
}

#[test]
fn a_file_that_was_changed_without_sops_stops_an_apply_before_its_first_change() {
    let Some((stage, _)) = running() else { return };
    let text = stage.read("keys/s.enc.yaml");
    stage.write(
        "keys/s.enc.yaml",
        &text.replacen("other: ENC", "added: x\nother: ENC", 1),
    );
    stage.edit("memory: 32Mi", "memory: 40Mi");
    let before = stage.containers();
    let refused = stage.run("apply -y");
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("was changed without `sops`"),
        "{}",
        refused.stderr
    );
    assert_eq!(stage.containers(), before);
    assert_eq!(delivered(&stage), FIRST);
}
