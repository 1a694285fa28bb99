use bollard::models::ContainerInspectResponse;
use serde_json::{Value, json};

use super::{Verdict, judge};

fn verdict(state: Value, policy: &str, restarts: i64) -> Verdict {
    let text = json!({"State": state, "RestartCount": restarts, "HostConfig": {"RestartPolicy": {"Name": policy}}});
    let container: ContainerInspectResponse = serde_json::from_value(text).expect("inspection");
    judge(&container)
}

#[test]
fn the_verdict_follows_state_and_health() {
    let running = |health: &str| json!({"Status": "running", "Health": {"Status": health}});
    let exited = |code: i64| json!({"Status": "exited", "ExitCode": code});
    assert_eq!(verdict(running("healthy"), "", 0), Verdict::Ready);
    assert_eq!(verdict(running("starting"), "", 0), Verdict::Starting);
    assert_eq!(verdict(running("unhealthy"), "", 0), Verdict::Failed);
    assert_eq!(verdict(json!({"Status": "running"}), "", 0), Verdict::Running);
    assert_eq!(
        verdict(json!({"Status": "running"}), "always", 3),
        Verdict::Running,
        "it may have crashed long ago"
    );
    assert_eq!(
        verdict(json!({"Status": "restarting", "ExitCode": 4}), "always", 3),
        Verdict::Failed,
        "it crashes again and again"
    );
    let killed = json!({"Status": "restarting", "ExitCode": 137, "OOMKilled": true});
    assert_eq!(
        verdict(killed, "always", 1),
        Verdict::Failed,
        "more of the same will not help"
    );
    assert_eq!(verdict(exited(0), "no", 0), Verdict::Ready, "it did its work and ended");
    assert_eq!(verdict(exited(1), "no", 0), Verdict::Failed);
    assert_eq!(
        verdict(exited(1), "always", 1),
        Verdict::Starting,
        "the engine will restart it"
    );
    assert_eq!(verdict(json!({"Status": "restarting"}), "always", 1), Verdict::Starting);
    assert_eq!(verdict(json!({"Status": "paused"}), "", 0), Verdict::Failed);
    assert_eq!(verdict(json!({}), "", 0), Verdict::Failed);
}
