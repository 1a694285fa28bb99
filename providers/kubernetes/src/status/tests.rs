use serde_json::json;

use super::{addresses, one, selector};

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

#[test]
fn an_address_is_told_as_the_cluster_gives_it() {
    let balancer = json!({
        "spec": {"type": "LoadBalancer", "ports": [{"port": 1883}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.7"}, {"hostname": "lb.example.net"}]}},
    });
    assert_eq!(
        addresses("service", &balancer),
        ["203.0.113.7:1883", "lb.example.net:1883"]
    );
    assert!(
        addresses(
            "service",
            &json!({"spec": {"ports": [{"port": 80}]}, "status": {"loadBalancer": {}}})
        )
        .is_empty()
    );
    let ingress = |spec| json!({"spec": spec, "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.8"}]}}});
    let named = ingress(json!({"rules": [{"host": "web.example.com"}], "tls": [{}]}));
    assert_eq!(addresses("ingress", &named), ["https://web.example.com"]);
    assert_eq!(
        addresses("ingress", &ingress(json!({"rules": [{"http": {}}]}))),
        ["http://203.0.113.8"]
    );
    let route = json!({"spec": {"hostnames": ["web.example.com"]}});
    assert_eq!(addresses("httproute", &route), ["http://web.example.com"]);
}
