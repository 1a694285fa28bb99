//! One object of each kind, as the target lowers them.

use mlstack_manifest::kind;
use mlstack_provider::{Address, Resource, Value};
use serde_json::json;

pub(crate) fn resource(short: &str, name: &str, body: Value) -> Resource {
    let kind = kind(short).expect("a kind");
    let labels = json!({
        "app.kubernetes.io/instance": "demo", "app.kubernetes.io/managed-by": "mlstack",
        "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "demo",
    });
    let mut spec = json!({
        "apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name, "labels": labels},
    });
    for (key, value) in body.as_object().expect("an object") {
        spec[key] = value.clone();
    }
    Resource {
        address: Address::new(short, name),
        spec,
        depends_on: Vec::new(),
        source: None,
        protected: kind.protected,
    }
}

pub(crate) fn selector(name: &str) -> Value {
    json!({"app.kubernetes.io/instance": "demo", "app.kubernetes.io/name": name})
}

/// A pod that passes the strictest level.
pub(crate) fn template(name: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {
            "app.kubernetes.io/instance": "demo", "app.kubernetes.io/managed-by": "mlstack", "app.kubernetes.io/name": name,
        }},
        "spec": {
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "server", "image": image,
                "env": [{"name": "MODEL", "value": "/models/a"}, {"name": "EMPTY", "value": ""}],
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "500m", "memory": "1024Mi"}, "limits": {"memory": "1024Mi"}},
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 2},
            }],
        },
    })
}

pub(crate) fn deployment(name: &str, image: &str) -> Resource {
    let spec = json!({
        "replicas": 1, "progressDeadlineSeconds": 60, "selector": {"matchLabels": selector(name)},
        "template": template(name, image),
    });
    resource("deployment", name, json!({"spec": spec}))
}

pub(crate) fn stateful_set(name: &str, image: &str) -> Resource {
    let claim = json!({"metadata": {"name": "data"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
    }});
    let spec = json!({
        "replicas": 1, "serviceName": name, "selector": {"matchLabels": selector(name)},
        "template": template(name, image), "volumeClaimTemplates": [claim],
    });
    resource("statefulset", name, json!({"spec": spec}))
}

pub(crate) fn config_map(name: &str, value: &str) -> Resource {
    resource("configmap", name, json!({"data": {"a": value, "b": "2"}}))
}

pub(crate) fn namespace() -> Resource {
    resource("namespace", "demo", json!({}))
}

pub(crate) fn secret() -> Resource {
    resource(
        "secret",
        "token",
        json!({"type": "Opaque", "x-mlstack": {"secrets": {"token": "digest-1"}}}),
    )
}

/// One of each kind, in the order of their waves.
pub(crate) fn all() -> Vec<Resource> {
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "api"});
    let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}});
    let backend = json!({"service": {"name": "api", "port": {"name": "http"}}});
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["x-mlstack"] = json!({"secrets": {"token": "digest-1"}});
    api.depends_on = vec![Address::new("configmap", "config-1"), Address::new("secret", "token")];
    let mut job = template("migrate", "registry.example/migrate:1");
    job["spec"]["restartPolicy"] = "Never".into();
    vec![
        namespace(),
        resource("serviceaccount", "api", json!({"automountServiceAccountToken": false})),
        resource(
            "networkpolicy",
            "api",
            json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}),
        ),
        resource("configmap", "config-1", json!({"data": {"a": "1"}, "immutable": true})),
        secret(),
        resource(
            "pvc",
            "models",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}}),
        ),
        resource(
            "service",
            "api",
            json!({"spec": {
                "selector": selector("api"), "ports": [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": "http"}],
            }}),
        ),
        api,
        stateful_set("db", "registry.example/db:1"),
        resource(
            "job",
            "migrate-1",
            json!({"spec": {"backoffLimit": 1, "template": job}}),
        ),
        resource(
            "hpa",
            "api",
            json!({"spec": {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target, "metrics": [cpu]}}),
        ),
        resource(
            "pdb",
            "api",
            json!({"spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector("api")}}}),
        ),
        resource(
            "ingress",
            "api",
            json!({"spec": {"rules": [{"host": "api.example", "http": {
                "paths": [{"path": "/", "pathType": "Prefix", "backend": backend}],
            }}]}}),
        ),
    ]
}
