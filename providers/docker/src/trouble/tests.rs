use std::error::Error as _;

use bollard::models::ContainerInspectResponse;
use serde_json::{Value, json};

use super::{essence, failed_probe, hint_for_start, not_ready, port_taken, problem};

pub(crate) fn container(state: Value, host: Value) -> ContainerInspectResponse {
    serde_json::from_value(json!({"State": state, "HostConfig": host})).expect("inspection")
}

fn problem_of(state: Value, policy: &str) -> Option<String> {
    problem(&container(state, json!({"RestartPolicy": {"Name": policy}})))
}

#[test]
fn every_state_that_is_no_work_is_a_problem() {
    let exited = |code: i64| json!({"Status": "exited", "ExitCode": code});
    assert_eq!(problem_of(json!({"Status": "running"}), ""), None);
    assert_eq!(
        problem_of(json!({"Status": "running", "Health": {"Status": "starting"}}), ""),
        None
    );
    assert_eq!(
        problem_of(json!({"Status": "running", "Health": {"Status": "unhealthy"}}), ""),
        Some("unhealthy".into())
    );
    assert_eq!(problem_of(json!({"Status": "paused"}), ""), Some("paused".into()));
    assert_eq!(problem_of(json!({"Status": "dead"}), ""), Some("dead".into()));
    assert_eq!(
        problem_of(json!({"Status": "created"}), ""),
        Some("created, never started".into())
    );
    assert_eq!(
        problem_of(json!({"Status": "restarting", "ExitCode": 3}), ""),
        Some("restarting after exit code 3".into())
    );
    assert_eq!(problem_of(exited(1), "always"), Some("exited (1)".into()));
    assert_eq!(
        problem_of(exited(0), "always"),
        Some("exited (0)".into()),
        "stopped by hand"
    );
    assert_eq!(problem_of(exited(0), "no"), None, "it did its work and ended");
    let oom = json!({"Status": "exited", "ExitCode": 137, "OOMKilled": true});
    assert_eq!(problem_of(oom, ""), Some("exited (137), out of memory".into()));
}

fn failure(state: Value, host: Value, lines: &str) -> String {
    let error = not_ready("cannot start", &container(state, host), lines.into());
    let mut text = format!("{:?}: {error}", error.kind);
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}\n  caused by: {cause}");
        source = cause.source();
    }
    error
        .hints
        .iter()
        .fold(text, |text, hint| format!("{text}\n  hint: {hint}"))
}

#[test]
fn a_failure_names_its_cause() {
    let exited = |code: i64| json!({"Status": "exited", "ExitCode": code});
    insta::assert_snapshot!(failure(exited(1), json!({}), "boom\nbang"), @"
    NotReady: cannot start
      caused by: it exited with code 1
      caused by: its last lines:
    boom
    bang
      hint: its last lines say why; mend that, then apply again
    ");
    insta::assert_snapshot!(failure(exited(127), json!({}), ""), @"
    NotReady: cannot start
      caused by: it exited with code 127
      hint: its command cannot be run: check command, entrypoint and user
    ");
    insta::assert_snapshot!(failure(exited(0), json!({"RestartPolicy": {"Name": "always"}}), ""), @"
    NotReady: cannot start
      caused by: it exited with code 0
      hint: a service must go on running: its command must not leave the foreground
    ");
    insta::assert_snapshot!(failure(exited(9), json!({}), ""), @"
    NotReady: cannot start
      caused by: it exited with code 9
      hint: it wrote nothing: check command and env
    ");
    let oom = json!({"Status": "exited", "ExitCode": 137, "OOMKilled": true});
    insta::assert_snapshot!(failure(oom, json!({"Memory": 64 << 20}), ""), @"
    NotReady: cannot start
      caused by: it was killed: out of memory (its limit is 64 MiB)
      hint: give it more: resources: { memory: 128Mi }
    ");
    let sick = json!({"Status": "running", "Health": {"Status": "unhealthy", "Log": [
        {"ExitCode": 1, "Output": "old"}, {"ExitCode": 7, "Output": "connection refused\n"}]}});
    insta::assert_snapshot!(failure(sick, json!({}), "listening"), @"
    NotReady: cannot start
      caused by: it runs but is unhealthy: its health check ended with code 7: connection refused
      caused by: its last lines:
    listening
      hint: see that it answers its health check; one that only starts slowly needs healthcheck.start_period
    ");
    let no_command =
        json!({"Status": "created", "ExitCode": 127, "Error": "exec: \"nope\": executable file not found in $PATH"});
    insta::assert_snapshot!(failure(no_command, json!({}), ""), @r#"
    NotReady: cannot start
      caused by: exec: "nope": executable file not found in $PATH
      hint: its command is not in the image, or not what it needs; the image's own: docker image inspect -f '{{.Config.Entrypoint}} {{.Config.Cmd}}'
    "#);
}

#[test]
fn a_long_probe_is_cut() {
    let log = json!({"Status": "running", "Health": {"Log": [{"ExitCode": 1, "Output": "x".repeat(5000)}]}});
    assert!(failed_probe(&container(log, json!({}))).expect("probe").len() < 500);
    assert_eq!(failed_probe(&container(json!({}), json!({}))), None);
}

#[test]
fn a_probe_is_told_as_a_shell_takes_it() {
    let told = |test: Value| {
        let log = json!([{"ExitCode": 1, "Output": ""}]);
        let text = json!({"State": {"Health": {"Log": log}}, "Config": {"Healthcheck": {"Test": test}}});
        failed_probe(&serde_json::from_value(text).expect("inspection")).expect("probe")
    };
    insta::assert_snapshot!(told(json!(["CMD", "sh", "-c", "echo it's bad; exit 1"])), @r"its health check `sh -c 'echo it'\''s bad; exit 1'` ended with code 1 and said nothing");
    insta::assert_snapshot!(told(json!(["CMD-SHELL", "wget -q http://127.0.0.1:80/ || exit 1"])), @"its health check `wget -q http://127.0.0.1:80/ || exit 1` ended with code 1 and said nothing");
    let good = json!({"Health": {"Log": [{"ExitCode": 0, "Output": "fine"}]}});
    assert_eq!(failed_probe(&container(good, json!({}))), None);
}

#[test]
fn the_port_in_the_way_is_read_from_the_engines_words() {
    let allocated = "driver failed programming external connectivity on endpoint p-web-1 (5a1b): Bind for 127.0.0.1:3000 failed: port is already allocated";
    let listening = "driver failed programming external connectivity on endpoint p-web-1 (5a1b): Error starting userland proxy: listen tcp4 127.0.0.1:3001: bind: address already in use";
    let newer = "failed to set up container networking: failed to bind host port for 0.0.0.0:3002:172.18.0.2:80/tcp: address already in use";
    assert_eq!(port_taken(allocated), Some(3000));
    assert_eq!(port_taken(listening), Some(3001));
    assert_eq!(port_taken(newer), Some(3002));
    assert_eq!(port_taken("no such image"), None);
}

#[test]
fn refused_starts_have_a_hint() {
    insta::assert_snapshot!(hint_for_start("exec: \"x\": executable file not found in $PATH", "a:1").expect("hint"), @"its command is not in the image, or not what it needs; the image's own: docker image inspect -f '{{.Config.Entrypoint}} {{.Config.Cmd}}' a:1");
    assert!(hint_for_start("anything else", "a:1").is_none());
}

#[test]
fn a_refusal_loses_its_wrappings() {
    let older = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"x\": executable file not found in $PATH: unknown";
    let newer = "failed to create task for container: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"x\": stat x: no such file or directory";
    assert_eq!(essence(older), "exec: \"x\": executable file not found in $PATH");
    assert_eq!(essence(newer), "exec: \"x\": stat x: no such file or directory");
    assert_eq!(essence("no such network"), "no such network");
}
