use serde_json::json;

use super::{at, has, join, short};
use crate::owners::Segment;

#[test]
fn paths_of_the_server_are_followed() {
    let object = json!({
        "metadata": {"annotations": {"applyset.kubernetes.io/tooling": "x/1"}},
        "spec": {"containers": [{"name": "server", "ports": [{"containerPort": 80, "protocol": "TCP"}], "args": ["-v"]}]},
    });
    let found = |path: &str| at(&object, path).cloned();
    assert_eq!(
        found(".metadata.annotations.applyset.kubernetes.io/tooling"),
        Some(json!("x/1"))
    );
    assert_eq!(found("spec.containers[0].name"), Some(json!("server")));
    assert_eq!(
        found(".spec.containers[name=\"server\"].ports[containerPort=80,protocol=\"TCP\"].containerPort"),
        Some(json!(80))
    );
    assert_eq!(found(".spec.containers[name=\"other\"].image"), None);
    assert_eq!(
        found(".spec.containers[name=\"server\"].args[=\"-v\"]"),
        Some(json!("-v"))
    );
    assert_eq!(found("data.b"), None);
}

#[test]
fn paths_read_well() {
    let item = Segment::Item(json!({"name": "server"}));
    let path = [
        Segment::Key("spec".to_owned()),
        Segment::Key("containers".to_owned()),
        item,
        Segment::Key("image".to_owned()),
    ];
    assert_eq!(join(&path), "spec.containers[server].image");
    let spec = json!({"spec": {"containers": [{"name": "server", "image": "x"}]}});
    assert!(has(&spec, &path));
    assert!(!has(&json!({"spec": {}}), &path));
    assert_eq!(short(&json!(null)), "nothing");
    assert!(short(&json!("x".repeat(99))).ends_with('…'));
}
