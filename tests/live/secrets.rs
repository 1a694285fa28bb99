//! Secrets on a real engine: values that are missing, and values that change.

use crate::stage::Stage;

const IMAGES: &[&str] = &["busybox:1"];

const STACK: &str = "\
version: 1
name: STACK
secrets:
  api_key: { env: API_KEY }
  token: { file: keys/token.txt }
  session: { generate: 32 }
components:
  web:
    type: service
    image: busybox:1
    command: [sh, -c, \"for f in /run/secrets/*; do echo got $(cat $f) and $(base64 < $f); done; exec sleep 3600\"]
    resources: { memory: 32Mi }
    env:
      API_KEY_FILE: \"${secrets.api_key.file}\"
      TOKEN_FILE: \"${secrets.token.file}\"
      SESSION_FILE: \"${secrets.session.file}\"
  other:
    type: service
    image: busybox:1
    command: [sh, -c, \"trap exit TERM; sleep 3600 & wait\"]
    resources: { memory: 32Mi }
";

fn stage(key: &str) -> Option<Stage> {
    let stage = Stage::with(STACK, IMAGES)?.env("API_KEY", key);
    stage.write("keys/token.txt", "t0ken-of-the-first-days\n");
    Some(stage)
}

fn delivered(stage: &Stage, name: &str) -> String {
    stage.exec("web", &["cat", &format!("/run/secrets/{name}")])
}

#[test]
fn a_secret_without_a_value_is_told_when_planning_and_stops_an_apply_before_its_first_change() {
    let Some(stage) = stage("") else { return };
    let plan = stage.run("plan");
    assert_eq!(plan.code, 0);
    insta::assert_snapshot!(plan.stderr, @"
    mlstack::missing-secret

      ⚠ a secret has no value here
       ╭─[mlstack.yaml:4:12]
     4 │   api_key: { env: API_KEY }
       ·            ────────┬───────
       ·                    ╰── the environment variable `API_KEY` is empty
       ╰────
      help: set it where mlstack runs; until then `mlstack apply` stops before its
            first change

    mlstack.yaml: 1 warning
    ");
    let apply = stage.run("apply -y");
    assert_eq!(apply.code, 1);
    insta::assert_snapshot!(apply.stderr, @"
    error: the secret `api_key` (mlstack.yaml:4) has no value: the environment variable `API_KEY` is empty
      hint: set it where mlstack runs; a secret that nobody needs to know can be `generate: 32`
    ");
    assert!(stage.containers().is_empty() && stage.networks().is_empty());
    assert!(!stage.path().join(".mlstack/secrets").exists(), "nothing is made");
}

#[test]
fn a_changed_value_reaches_the_container_and_no_other() {
    let Some(mut stage) = stage("k3y-of-the-first-days") else {
        return;
    };
    stage.ends(0, "apply -y");
    type Change<'a> = (&'a str, &'a str, &'a dyn Fn(&mut Stage));
    let changes: [Change<'_>; 3] = [
        ("api_key", "k3y-of-today", &|stage| stage.set("API_KEY", "k3y-of-today")),
        ("token", "t0ken-of-today", &|stage| {
            stage.write("keys/token.txt", "t0ken-of-today");
        }),
        ("session", "s3ssion-of-today", &|stage| {
            stage.write(".mlstack/secrets/session", "s3ssion-of-today");
        }),
    ];
    for (name, value, change) in changes {
        let before = stage.containers();
        change(&mut stage);
        let plan = stage.ends(2, "plan --detailed-exitcode");
        assert!(plan.contains(&format!("secret {name} (secret changed)")), "{plan}");
        assert!(!plan.contains(value), "{plan}");
        stage.ends(0, "apply -y");
        assert_eq!(delivered(&stage, name), value);
        let after = stage.containers();
        assert_ne!(before["web"], after["web"]);
        assert_eq!(before["other"], after["other"]);
        stage.ends(0, "plan --detailed-exitcode");
    }
}

#[test]
fn what_a_container_prints_of_its_secrets_is_hidden_even_where_they_are_not_set() {
    let Some(mut stage) = stage("k3y-of-the-first-days") else {
        return;
    };
    stage.ends(0, "apply -y");
    let session = delivered(&stage, "session");
    stage.set("API_KEY", "another");
    stage.write("keys/token.txt", "another");
    let logs = stage.ends(0, "logs web");
    insta::assert_snapshot!(logs, @"
    web   | got ••• and •••
    web   | got ••• and •••
    web   | got ••• and •••
    ");
    assert!(!logs.contains(&session));
}
