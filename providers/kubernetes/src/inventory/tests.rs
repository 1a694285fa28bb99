use std::collections::BTreeSet;

use serde_json::json;

use super::named;

#[test]
fn kinds_are_read_as_kubectl_writes_them() {
    let parent = json!({"metadata": {"annotations": {"applyset.kubernetes.io/contains-group-kinds": "ConfigMap,Deployment.apps,Other.example"}}});
    assert_eq!(named(Some(&parent)), BTreeSet::from(["configmap", "deployment"]));
    assert!(named(None).is_empty());
}
