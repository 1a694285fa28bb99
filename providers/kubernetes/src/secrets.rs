//! What a secret object holds: filled in on its way out, read back only to tell whether it changed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlstack_manifest::extension;
use mlstack_provider::{ErrorKind, ProviderError, Secret, Value};
use serde_json::{Map, json};

/// The keyed digest of a secret's content, by the secret's name and its value: the same that was recorded when it was
/// delivered.
#[derive(Clone)]
pub struct Keyed(Arc<Digest>);

type Digest = dyn Fn(&str, &[u8]) -> String + Send + Sync;

impl Keyed {
    /// Wraps the digest.
    pub fn new(digest: impl Fn(&str, &[u8]) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(digest))
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed(•••)")
    }
}

/// The names of the secrets in a spec.
fn names(spec: &Value) -> Vec<&str> {
    let all = extension(spec, "secrets").and_then(Value::as_object);
    all.into_iter().flat_map(|all| all.keys().map(String::as_str)).collect()
}

/// Under which key of the object a secret's value is.
fn key<'a>(spec: &Value, names: &[&'a str], name: &'a str) -> &'a str {
    match spec["type"].as_str() {
        Some("kubernetes.io/dockerconfigjson") => ".dockerconfigjson",
        _ if names.len() == 1 => "value",
        _ => name,
    }
}

/// `data` of a secret object, always whole: a key that is left out goes away.
///
/// # Errors
/// When a value was not handed in.
pub(crate) fn data(spec: &Value, values: &BTreeMap<String, Secret>) -> Result<Value, ProviderError> {
    let names = names(spec);
    let mut data = Map::new();
    for name in &names {
        let value = values.get(*name).ok_or_else(|| {
            ProviderError::new(ErrorKind::Failed, "cannot fill in")
                .because(format!("the secret `{name}` has no value"))
                .hint(format!("set it: mlstack secrets set {name}"))
        })?;
        data.insert(
            key(spec, &names, name).to_owned(),
            STANDARD.encode(value.expose()).into(),
        );
    }
    Ok(Value::Object(data))
}

/// What stands for the values when only the object's shape is checked: what is there, or nothing.
pub(crate) fn stand_in(spec: &Value, live: Option<&Value>) -> Value {
    let names = names(spec);
    let empty = match spec["type"].as_str() {
        Some("kubernetes.io/dockerconfigjson") => STANDARD.encode("{\"auths\":{}}"),
        _ => String::new(),
    };
    let each = names.iter().map(|name| {
        let key = key(spec, &names, name);
        let there = live.and_then(|live| live["data"].get(key));
        (key.to_owned(), there.cloned().unwrap_or_else(|| json!(empty)))
    });
    Value::Object(each.collect())
}

/// The digests of what a live secret object holds now, by name. Nothing is kept of the values.
pub(crate) fn read_back(spec: &Value, live: &Value, keyed: &Keyed) -> Map<String, Value> {
    let names = names(spec);
    let each = names.iter().filter_map(|name| {
        let text = live["data"].get(key(spec, &names, name))?.as_str()?;
        let value = Secret::new(STANDARD.decode(text).ok()?);
        Some(((*name).to_owned(), keyed.0(name, value.expose()).into()))
    });
    each.collect()
}

#[cfg(test)]
mod tests;
