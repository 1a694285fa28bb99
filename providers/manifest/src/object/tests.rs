use serde_json::json;

use super::*;

#[test]
fn what_is_sent_has_a_namespace_and_nothing_of_ours() {
    let spec =
        json!({"kind": "Secret", "metadata": {"name": "a", "labels": {}}, "x-mlstack": {"secrets": {"a": null}}});
    let sent = sendable(&spec, Some("shop"));
    assert_eq!(
        sent.to_string(),
        r#"{"kind":"Secret","metadata":{"name":"a","namespace":"shop","labels":{}}}"#
    );
    assert_eq!(extension(&spec, "secrets"), Some(&json!({"a": null})));
    assert_eq!(extension(&sent, "secrets"), None);
}

#[test]
fn what_the_server_writes_is_no_difference() {
    let live = json!({"metadata": {"name": "a", "uid": "1", "resourceVersion": "7", "managedFields": []}, "spec": {"a": 1}, "status": {"b": 2}});
    assert_eq!(comparable(&live), json!({"metadata": {"name": "a"}, "spec": {"a": 1}}));
}

#[test]
fn pods_are_found_in_workloads_only() {
    let workload = json!({"spec": {"template": {"spec": {"containers": []}}}});
    assert!(pod_spec(&workload).is_some());
    assert!(pod_spec(&json!({"spec": {}})).is_none());
}
