//! Objects as JSON: what is sent, what is compared, where the pods of a workload are described.

use serde_json::Value;

/// Our one key in a resource's `spec`; never sent to a server.
pub const EXTENSION: &str = "x-mlstack";

/// What a server writes into `metadata`, and nobody else.
const SERVERS: [&str; 8] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What we remember in a resource's `spec` beside the object.
pub fn extension<'a>(spec: &'a Value, key: &str) -> Option<&'a Value> {
    spec.get(EXTENSION)?.get(key)
}

/// The object as it is sent by server-side apply, in `namespace`; without [`EXTENSION`].
pub fn sendable(spec: &Value, namespace: Option<&str>) -> Value {
    let mut object = spec.clone();
    if let Some(map) = object.as_object_mut() {
        map.shift_remove(EXTENSION);
    }
    if let (Some(namespace), Some(metadata)) = (namespace, object.get_mut("metadata").and_then(Value::as_object_mut)) {
        let at = usize::from(metadata.contains_key("name"));
        metadata.shift_insert(at, "namespace".to_owned(), namespace.into());
    }
    object
}

/// A live object without what the server alone writes: equal before and after where nothing changed.
pub fn comparable(live: &Value) -> Value {
    let mut object = live.clone();
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for key in SERVERS {
            metadata.shift_remove(key);
        }
    }
    object
}

/// What a workload's pods are: the `spec` of its template.
pub fn pod_spec(object: &Value) -> Option<&Value> {
    object.pointer("/spec/template/spec")
}

#[cfg(test)]
mod tests;
