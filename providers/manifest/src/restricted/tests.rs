use serde_json::{Value, json};

use super::*;

fn good() -> Value {
    json!({
        "securityContext": {"runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "containers": [{
            "name": "web",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            "ports": [{"containerPort": 80}],
            "livenessProbe": {"tcpSocket": {"port": 80}},
        }],
    })
}

#[test]
fn a_hardened_pod_is_allowed() {
    assert_eq!(violations(&good()), [] as [&str; 0]);
}

#[test]
fn an_init_container_counts_too() {
    let mut pod = good();
    pod["initContainers"] = json!([{"name": "init"}]);
    assert_eq!(
        violations(&pod),
        [
            "container init: allowPrivilegeEscalation is not false",
            "container init: capabilities.drop lacks ALL"
        ]
    );
}

/// One line a change that breaks one rule.
#[test]
fn each_rule_is_held_by_itself() {
    let of_pod = [
        ("/hostNetwork", json!(true), "hostNetwork is true"),
        ("/hostPID", json!(true), "hostPID is true"),
        ("/hostIPC", json!(true), "hostIPC is true"),
        (
            "/volumes",
            json!([{"name": "h", "hostPath": {"path": "/"}}]),
            "volume h is a hostPath",
        ),
        (
            "/securityContext/sysctls",
            json!([{"name": "kernel.msgmax"}]),
            "sysctl kernel.msgmax",
        ),
    ];
    let of_container = [
        (
            "/securityContext/runAsNonRoot",
            json!(false),
            "runAsNonRoot is not true",
        ),
        ("/securityContext/runAsUser", json!(0), "runAsUser is 0"),
        (
            "/securityContext/seccompProfile/type",
            json!("Unconfined"),
            "seccompProfile is `Unconfined`",
        ),
        (
            "/containers/0/securityContext/privileged",
            json!(true),
            "privileged is true",
        ),
        (
            "/containers/0/securityContext/procMount",
            json!("Unmasked"),
            "procMount is Unmasked",
        ),
        (
            "/containers/0/securityContext/capabilities/add",
            json!(["SYS_ADMIN"]),
            "adds \"SYS_ADMIN\"",
        ),
        (
            "/containers/0/securityContext/capabilities/drop",
            json!(["NET_RAW"]),
            "capabilities.drop lacks ALL",
        ),
        ("/containers/0/ports/0/hostPort", json!(80), "hostPort 80"),
        (
            "/containers/0/livenessProbe/tcpSocket/host",
            json!("a"),
            "livenessProbe names a host",
        ),
    ];
    for (path, value, expected) in of_pod {
        assert_eq!(violations(&broken(path, value)), [expected]);
    }
    for (path, value, expected) in of_container {
        assert_eq!(violations(&broken(path, value)), [format!("container web: {expected}")]);
    }
}

fn broken(path: &str, value: Value) -> Value {
    let mut pod = good();
    let (parent, key) = path.rsplit_once('/').expect("a path");
    pod.pointer_mut(parent).expect("the parent is there")[key] = value;
    pod
}
