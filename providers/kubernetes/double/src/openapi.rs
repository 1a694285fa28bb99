//! The part of OpenAPI v3 by which kubectl learns that the server validates fields itself. Owns no schema.

use serde_json::{Map, Value, json};

use crate::kinds::{KINDS, Kind};
use crate::request::{Reply, Request};

/// The answer to a request below `/openapi/v3`; none for any other.
pub(crate) fn answer(request: &Request) -> Option<Reply> {
    let rest = request.path.strip_prefix("/openapi/v3")?;
    match rest.trim_matches('/') {
        "" => Some(Reply::json(200, index())),
        group => Some(Reply::json(200, document(group)?)),
    }
}

fn place(kind: &Kind) -> String {
    match kind.group {
        "" => format!("api/{}", kind.version),
        group => format!("apis/{group}/{}", kind.version),
    }
}

fn index() -> Value {
    let path = |k: &Kind| {
        (
            place(k),
            json!({"serverRelativeURL": format!("/openapi/v3/{}?hash=double", place(k))}),
        )
    };
    json!({"paths": KINDS.iter().map(path).collect::<Map<_, _>>()})
}

fn document(group: &str) -> Option<Value> {
    let paths: Map<_, _> = KINDS.iter().filter(|k| place(k) == group).map(path).collect();
    (!paths.is_empty())
        .then(|| json!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.36.2"}, "paths": paths}))
}

fn path(kind: &Kind) -> (String, Value) {
    let namespace = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
    let parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map(parameter);
    let patch = json!({
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "parameters": parameters,
        "responses": {"200": {"description": "OK"}},
    });
    (
        format!("/{}{namespace}/{}/{{name}}", place(kind), kind.plural),
        json!({"patch": patch}),
    )
}
