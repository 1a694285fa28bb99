use serde_json::{Value, json};

use super::{Segment, handed_over, owners};

fn live() -> Value {
    json!({"metadata": {"managedFields": [
        {"manager": "mlstack", "operation": "Apply", "time": "2026-11-23T06:03:18Z", "fieldsV1": {
            "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}},
            "f:spec": {
                "f:replicas": {}, "f:selector": {},
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"server\"}": {
                    ".": {}, "f:image": {}, "f:name": {},
                    "f:ports": {"k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                }}}},
            },
        }},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": "2026-11-23T06:03:19Z",
         "fieldsV1": {"f:status": {"f:replicas": {}}}},
        {"manager": "hpa", "operation": "Update", "subresource": "scale", "time": "2026-11-23T06:04:00Z",
         "fieldsV1": {"f:spec": {"f:replicas": {}}}},
    ]}})
}

fn key(name: &str) -> Segment {
    Segment::Key(name.to_owned())
}

fn who(path: &[Segment]) -> Vec<String> {
    owners(&live(), path).into_iter().map(|owner| owner.manager).collect()
}

#[test]
fn a_field_may_have_several_owners() {
    assert_eq!(who(&[key("spec"), key("replicas")]), ["mlstack", "hpa"]);
    assert_eq!(
        who(&[key("metadata"), key("labels"), key("app.kubernetes.io/name")]),
        ["mlstack"]
    );
    assert_eq!(who(&[key("spec"), key("paused")]), Vec::<String>::new());
}

#[test]
fn an_item_is_found_by_its_keys_and_an_atomic_field_is_one() {
    let container = |name: &str| Segment::Item(json!({"name": name, "image": "x"}));
    let at = |item: Segment, rest: &[Segment]| {
        let path = [
            &[key("spec"), key("template"), key("spec"), key("containers"), item][..],
            rest,
        ]
        .concat();
        who(&path)
    };
    assert_eq!(at(container("server"), &[key("image")]), ["mlstack"]);
    assert_eq!(at(container("other"), &[key("image")]), Vec::<String>::new());
    assert_eq!(at(container("server"), &[key("env")]), Vec::<String>::new());
    let port = Segment::Item(json!({"containerPort": 8080, "protocol": "TCP"}));
    assert_eq!(
        at(container("server"), &[key("ports"), port, key("containerPort")]),
        ["mlstack"]
    );
    assert_eq!(
        who(&[key("spec"), key("selector"), key("matchLabels"), key("x")]),
        ["mlstack"]
    );
}

#[test]
fn what_kubectl_applied_before_becomes_ours() {
    let object = json!({"metadata": {"managedFields": [
        {"manager": "kubectl-client-side-apply", "operation": "Update", "apiVersion": "v1", "time": "t", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:data": {".": {}, "f:a": {}, "f:b": {}}}},
        {"manager": "mlstack", "operation": "Apply", "apiVersion": "v1", "time": "t", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:data": {"f:a": {}, "f:c": {}}}},
        {"manager": "editor", "operation": "Update", "apiVersion": "v1", "time": "t", "fieldsType": "FieldsV1",
         "fieldsV1": {"f:data": {"f:d": {}}}},
    ]}});
    let handed = handed_over(&object, "mlstack").expect("something to hand over");
    assert_eq!(handed[0]["manager"], "mlstack");
    assert_eq!(handed[0]["operation"], "Apply");
    assert_eq!(
        handed[0]["fieldsV1"],
        json!({"f:data": {".": {}, "f:a": {}, "f:b": {}, "f:c": {}}})
    );
    assert_eq!(handed.as_array().map(Vec::len), Some(2));
    assert_eq!(handed_over(&live(), "mlstack"), None);
}
