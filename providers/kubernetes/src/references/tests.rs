use serde_json::json;

use super::named;

#[test]
fn all_that_a_pod_needs_is_found_once() {
    let pod = json!({
        "serviceAccountName": "runner",
        "imagePullSecrets": [{"name": "pull"}],
        "volumes": [
            {"name": "a", "configMap": {"name": "config-1"}},
            {"name": "b", "secret": {"secretName": "token"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "data"}},
            {"name": "d", "projected": {"sources": [{"secret": {"name": "db"}}, {"configMap": {"name": "may-lack", "optional": true}}]}},
            {"name": "e", "emptyDir": {}},
        ],
        "containers": [{
            "name": "server",
            "envFrom": [{"configMapRef": {"name": "config-1"}}],
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}}, {"name": "B", "value": "x"}],
        }],
    });
    let text: Vec<String> = named(&pod)
        .iter()
        .map(|one| format!("{} {}", one.address, one.needed))
        .collect();
    assert_eq!(
        text,
        [
            "configmap/config-1 true",
            "pvc/data true",
            "secret/db true",
            "secret/other true",
            "secret/pull false",
            "secret/token true",
            "serviceaccount/runner true"
        ]
    );
    assert!(named(&json!({"serviceAccountName": "default"})).is_empty());
}
