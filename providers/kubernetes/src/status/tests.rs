use serde_json::json;

use super::{one, selector};

#[test]
fn a_pod_in_trouble_says_why() {
    let pod = json!({
        "metadata": {"name": "api-1", "uid": "u"},
        "spec": {"nodeName": "n1", "containers": [{"name": "server", "image": "api:1"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "server", "restartCount": 4,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 3}}}]},
    });
    insta::assert_debug_snapshot!(one("api".to_owned(), 1, &pod, &[]), @r#"
    CopyStatus {
        component: "api",
        copy: 1,
        name: "api-1",
        id: "u",
        image: "api:1",
        state: "running",
        health: Some(
            "unhealthy",
        ),
        since: None,
        exit_code: None,
        ports: [],
        node: Some(
            "n1",
        ),
        restarts: 4,
        problem: Some(
            "the container crashes (pod api-1, container server): exited (3), 4 restarts",
        ),
    }
    "#);
    assert_eq!(
        selector("demo"),
        "app.kubernetes.io/instance=demo,app.kubernetes.io/managed-by=mlstack,!mlstack.dev/canary"
    );
}
