//! An object as it is sent, and a live object in the words of a resource's spec.
//!
//! Owns what we add to an object on its way out and take off on its way in: the namespace, the mark of the inventory,
//! and annotations that remember what cannot be read back from it. Never sees the value of a secret. Pure.

use mlstack_manifest::{EXTENSION, Kind, PART_OF_SET, POD_SECRETS, comparable, extension, sendable};
use mlstack_provider::{Address, Resource, Value};
use serde_json::{Map, json};
use sha2::{Digest as _, Sha256};

/// What the object was made to stand on, `kind/name` each, joined by commas.
const DEPENDS_ON: &str = "mlstack.dev/depends-on";
/// A hash of the spec that was applied last.
const APPLIED: &str = "mlstack.dev/applied";
/// There until its golden requests were answered.
const UNPROVEN: &str = "mlstack.dev/unproven";
/// What was once where these are.
const OURS: [&str; 3] = [DEPENDS_ON, APPLIED, UNPROVEN];

/// The key of the digests of secrets in [`EXTENSION`].
const SECRETS: &str = "secrets";

/// What every object of the stack gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) namespace: String,
    /// The id of the stack's inventory.
    pub(crate) set: String,
}

/// The object of a resource as it is sent. A secret whose digest nobody knows counts as what is `live`. What a secret
/// holds is not in it: see [`crate::secrets`].
pub(crate) fn sent(kind: &Kind, resource: &Resource, place: &Place, live: Option<&Value>) -> Value {
    let mut object = sendable(&resource.spec, kind.namespaced.then_some(place.namespace.as_str()));
    put(&mut object, &["metadata", "labels", PART_OF_SET], &place.set);
    put(
        &mut object,
        &["metadata", "annotations", APPLIED],
        &hash(&resource.spec),
    );
    let on: Vec<String> = resource.depends_on.iter().map(Address::to_string).collect();
    if !on.is_empty() {
        put(&mut object, &["metadata", "annotations", DEPENDS_ON], &on.join(","));
    }
    if let Some(digests) = digests(&resource.spec, live.map(|live| remembered(kind, live))) {
        let path = [secrets_at(kind), &[POD_SECRETS]].concat();
        put(&mut object, &path, &Value::Object(digests).to_string());
    }
    object
}

/// The digests to write, unknown ones filled in from what was there; `None` where there are no secrets.
fn digests(spec: &Value, live: Option<Map<String, Value>>) -> Option<Map<String, Value>> {
    let wanted = extension(spec, SECRETS)?.as_object()?;
    let known = |name: &String| {
        live.as_ref()
            .and_then(|live| live.get(name))
            .cloned()
            .unwrap_or(Value::Null)
    };
    let each = wanted.iter().map(|(name, digest)| {
        let digest = if digest.is_null() { known(name) } else { digest.clone() };
        (name.clone(), digest)
    });
    let all: Map<String, Value> = each.collect();
    (!all.is_empty()).then_some(all)
}

/// Where the digests are written: a workload's pods roll when they change.
fn secrets_at(kind: &Kind) -> &'static [&'static str] {
    match kind.short {
        "deployment" | "statefulset" | "job" => &["spec", "template", "metadata", "annotations"],
        _ => &["metadata", "annotations"],
    }
}

/// A live object, or what the server would make of one, in the words of `base`, the spec that it is compared with.
pub(crate) fn words(kind: &Kind, object: &Value, base: &Value) -> Value {
    let digests = remembered(kind, object);
    let mut words = comparable(object);
    if kind.namespaced {
        take(&mut words, &["metadata", "namespace"]);
    }
    take(&mut words, &["metadata", "labels", PART_OF_SET]);
    for key in OURS {
        take(&mut words, &["metadata", "annotations", key]);
    }
    take(&mut words, &[secrets_at(kind), &[POD_SECRETS]].concat());
    if kind.short == "secret" {
        take(&mut words, &["data"]);
    }
    let mut ours = base
        .get(EXTENSION)
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    if ours.contains_key(SECRETS) || !digests.is_empty() {
        ours.insert(SECRETS.to_owned(), Value::Object(digests));
    }
    if let (false, Some(words)) = (ours.is_empty(), words.as_object_mut()) {
        words.insert(EXTENSION.to_owned(), Value::Object(ours));
    }
    words
}

/// The digests of the secrets that an object was made with.
pub(crate) fn remembered(kind: &Kind, object: &Value) -> Map<String, Value> {
    let annotations = secrets_at(kind).iter().fold(object, |at, key| &at[*key]);
    let text = annotations[POD_SECRETS].as_str().unwrap_or_default();
    serde_json::from_str(text).unwrap_or_default()
}

/// Marks an object that must still answer its golden requests.
pub(crate) fn mark_unproven(object: &mut Value) {
    put(object, &["metadata", "annotations", UNPROVEN], "checks");
}

/// Whether nobody has seen yet that it answers its golden requests.
pub(crate) fn is_unproven(object: &Value) -> bool {
    !object["metadata"]["annotations"][UNPROVEN].is_null()
}

/// What an object was made to stand on; `None` where nobody wrote it down.
pub(crate) fn stands_on(object: &Value) -> Option<Vec<Address>> {
    let text = object["metadata"]["annotations"][DEPENDS_ON].as_str()?;
    let each = text.split(',').filter_map(|one| one.split_once('/'));
    Some(each.map(|(kind, name)| Address::new(kind, name)).collect())
}

/// Whether an object was last applied with just this spec.
pub(crate) fn was_applied(object: &Value, spec: &Value) -> bool {
    object["metadata"]["annotations"][APPLIED] == hash(spec)
}

/// A hash of a spec; secrets do not count, as their digests are compared one by one.
fn hash(spec: &Value) -> String {
    let digest = Sha256::digest(sorted(&sendable(spec, None)).to_string());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same with all keys in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        plain => plain.clone(),
    }
}

/// Writes a text at a path, with what lacks above it.
fn put(object: &mut Value, path: &[&str], text: &str) {
    let mut at = object;
    for key in path {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[*key];
    }
    *at = text.into();
}

/// Takes what is at a path, and what is empty above it then.
fn take(object: &mut Value, path: &[&str]) {
    let ([key, rest @ ..], Some(map)) = (path, object.as_object_mut()) else {
        return;
    };
    if rest.is_empty() {
        map.shift_remove(*key);
    } else if let Some(inner) = map.get_mut(*key) {
        take(inner, rest);
        if inner.as_object().is_some_and(Map::is_empty) {
            map.shift_remove(*key);
        }
    }
}

#[cfg(test)]
mod tests;
