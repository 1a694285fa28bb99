//! Who owns a field, as the server keeps it in `managedFields`.
//!
//! Owns the reading of the form FieldsV1: `f:name` is a field, `k:{…}` an item of a list by its keys, `v:…` a plain item,
//! and an empty set below a field says that the whole of it is one. Pure.

use mlstack_provider::Value;
use serde_json::{Map, json};

/// One step into an object.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Segment {
    Key(String),
    /// An item of a list, whole: its keys say which it is.
    Item(Value),
}

/// Somebody who owns fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) manager: String,
    /// When he last wrote, as RFC 3339.
    pub(crate) time: String,
}

/// Everybody who owns what is at `path` of a live object.
pub(crate) fn owners(object: &Value, path: &[Segment]) -> Vec<Owner> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let owning = entries.filter(|entry| owns(&entry["fieldsV1"], path));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    owning
        .map(|entry| Owner {
            manager: text(&entry["manager"]),
            time: text(&entry["time"]),
        })
        .collect()
}

fn owns(fields: &Value, path: &[Segment]) -> bool {
    let mut at = fields;
    for (depth, segment) in path.iter().enumerate() {
        let Some(set) = at.as_object() else {
            return false;
        };
        if set.is_empty() {
            return depth > 0;
        }
        let inner = match segment {
            Segment::Key(key) => set.get(&format!("f:{key}")),
            Segment::Item(item) => set.iter().find(|(key, _)| names(key, item)).map(|(_, inner)| inner),
        };
        let Some(inner) = inner else {
            return false;
        };
        at = inner;
    }
    true
}

/// Whether `k:{"name":"server"}` or `v:"x"` stands for this item.
fn names(key: &str, item: &Value) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    match (key.strip_prefix("k:"), key.strip_prefix("v:")) {
        (Some(keys), _) => match parsed(keys) {
            Value::Object(keys) => keys.iter().all(|(key, value)| item[key] == *value),
            _ => false,
        },
        (_, Some(value)) => parsed(value) == *item,
        _ => false,
    }
}

/// The managers whose fields become ours when an object is adopted: kubectl before it knew server-side apply. Left as
/// they are, what they wrote would stay for ever.
const LEGACY: [&str; 2] = ["kubectl-client-side-apply", "before-first-apply"];

/// `managedFields` of an object with what a client-side apply wrote made `manager`'s own; `None` where there is nothing
/// to change.
pub(crate) fn handed_over(object: &Value, manager: &str) -> Option<Value> {
    let entries = object["metadata"]["managedFields"].as_array()?;
    let legacy = |entry: &Value| {
        let named = LEGACY.iter().any(|name| entry["manager"] == *name);
        named && entry["operation"] == "Update" && entry["subresource"].is_null()
    };
    let first = entries.iter().find(|entry| legacy(entry))?;
    let ours =
        |entry: &Value| entry["manager"] == manager && entry["operation"] == "Apply" && entry["subresource"].is_null();
    let sets = entries.iter().filter(|entry| legacy(entry) || ours(entry));
    let all = sets.fold(Map::new(), |all, entry| united(all, &entry["fieldsV1"]));
    let merged = json!({
        "manager": manager, "operation": "Apply", "apiVersion": first["apiVersion"],
        "time": first["time"], "fieldsType": "FieldsV1", "fieldsV1": all,
    });
    let rest = entries.iter().filter(|entry| !legacy(entry) && !ours(entry)).cloned();
    Some(std::iter::once(merged).chain(rest).collect())
}

fn united(mut all: Map<String, Value>, more: &Value) -> Map<String, Value> {
    for (key, inner) in more.as_object().into_iter().flatten() {
        let known = all.remove(key).unwrap_or_else(|| json!({}));
        let known = known.as_object().cloned().unwrap_or_default();
        all.insert(key.clone(), Value::Object(united(known, inner)));
    }
    all
}

#[cfg(test)]
mod tests;
