use mlstack_manifest::kind;
use serde_json::json;

use super::{apply, encoded, object_path};

#[test]
fn paths_say_group_version_and_namespace() {
    let path = |short: &str| object_path(kind(short).expect("a kind"), "demo", "x");
    assert_eq!(path("configmap"), "/api/v1/namespaces/demo/configmaps/x");
    assert_eq!(path("deployment"), "/apis/apps/v1/namespaces/demo/deployments/x");
    assert_eq!(path("namespace"), "/api/v1/namespaces/x");
    assert_eq!(encoded("a/b=c,!d"), "a%2Fb%3Dc%2C%21d");
}

#[test]
fn an_apply_is_strict_and_only_forced_when_told() {
    let path = |force, dry| apply("/x", "mlstack", json!({}), force, dry).path;
    assert_eq!(
        path(false, true),
        "/x?fieldManager=mlstack&fieldValidation=Strict&dryRun=All"
    );
    assert_eq!(
        path(true, false),
        "/x?fieldManager=mlstack&fieldValidation=Strict&force=true"
    );
}
