//! What a secret object holds: filled in on its way out, read back only to tell whether it changed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlstack_manifest::{PART_OF_SET, extension, kind};
use mlstack_provider::{ErrorKind, Keyed, Observed, ProviderError, Secret, Value};
use serde_json::{Map, json};

use crate::look::Look;
use crate::words::Place;

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
        Some(((*name).to_owned(), keyed.digest(name, value.expose()).into()))
    });
    each.collect()
}

/// The value of a secret that is in use, from the object that holds it.
///
/// # Errors
/// When the cluster does not answer or denies.
pub(crate) async fn recover(look: &Look, observed: &[Observed], name: &str) -> Result<Option<Secret>, ProviderError> {
    let holds = |live: &&Observed| live.address.kind == "secret" && names(&live.spec).contains(&name);
    let (Some(holder), Some(kind)) = (observed.iter().find(holds), kind("secret")) else {
        return Ok(None);
    };
    let names = names(&holder.spec);
    let live = look.object(kind, &holder.address.name).await?.unwrap_or_default();
    let text = live["data"][key(&holder.spec, &names, name)]
        .as_str()
        .unwrap_or_default();
    let value = STANDARD.decode(text).unwrap_or_default();
    Ok((!value.is_empty()).then(|| Secret::new(value)))
}

/// Reads every secret of an inventory, so that what is printed can be hidden. Where that is denied, nobody can have
/// seen them through us either.
///
/// # Errors
/// When the cluster does not answer.
pub(crate) async fn learn(look: &Look, place: &Place) -> Result<(), ProviderError> {
    let Some(kind) = kind("secret") else {
        return Ok(());
    };
    let all = match look.list(kind, &format!("{PART_OF_SET}={}", place.set)).await {
        Err(error) if error.kind == ErrorKind::Denied => return Ok(()),
        listed => listed?,
    };
    let values = all
        .iter()
        .flat_map(|live| live["data"].as_object().into_iter().flatten());
    for (_, value) in values {
        // Making a secret makes it known.
        drop(STANDARD.decode(value.as_str().unwrap_or_default()).map(Secret::new));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
