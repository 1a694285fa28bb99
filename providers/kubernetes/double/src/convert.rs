//! Decoding an object into its type and back: canonical quantities, base64 checked, what has no value left out. Owns
//! what encoding drops; defaults come after it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::kinds::Kind;
use crate::quantity;
use crate::schema::{self, Type};

/// Numbers that are not written when they are zero.
const ZERO_DROPPED: &[&str] = &[
    "minReadySeconds",
    "initialDelaySeconds",
    "hostPort",
    "nodePort",
    "healthCheckNodePort",
    "observedGeneration",
    "readyReplicas",
    "availableReplicas",
    "unavailableReplicas",
    "updatedReplicas",
    "currentReplicas",
    "fullyLabeledReplicas",
    "active",
    "succeeded",
    "failed",
    "count",
    "generation",
];
/// Flags that are not written when they are false.
const FALSE_DROPPED: &[&str] = &[
    "readOnly",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "tty",
    "stdin",
    "stdinOnce",
    "publishNotReadyAddresses",
    "paused",
    "unschedulable",
];
/// Empty strings that are written.
const EMPTY_KEPT: &[&str] = &[
    "storageClassName",
    "reportingInstance",
    "reportingComponent",
    "volumeAttributesClassName",
    "apiGroup",
];
/// Fields that are written as null when they have no value.
const NULL_KEPT: &[&str] = &[
    "lastProbeTime",
    "eventTime",
    "firstTimestamp",
    "lastTimestamp",
    "currentMetrics",
    "rules",
];

/// The object as its type holds it.
///
/// # Errors
/// What decoding says of a bad quantity or base64, without the object's name.
pub(crate) fn decode(kind: &Kind, object: &Value) -> Result<Value, String> {
    let mut object = field(schema::of(kind), "", object)?.unwrap_or_else(|| json!({}));
    if kind.kind == "Secret" {
        take_string_data(&mut object);
    }
    Ok(object)
}

fn take_string_data(secret: &mut Value) {
    let plain = secret.as_object_mut().and_then(|s| s.remove("stringData"));
    for (key, value) in plain.as_ref().and_then(Value::as_object).into_iter().flatten() {
        secret["data"][key] = STANDARD.encode(value.as_str().unwrap_or_default()).into();
    }
}

fn field(of: &Type, name: &str, value: &Value) -> Result<Option<Value>, String> {
    Ok(match (of, value) {
        (_, Value::Null) => NULL_KEPT.contains(&name).then_some(Value::Null),
        (Type::Quantity, v) => Some(canonical(v)?.into()),
        (Type::Bytes, Value::String(text)) => {
            STANDARD.decode(text).map_err(|_| illegal_base64(text))?;
            Some(value.clone())
        }
        (Type::String, Value::String(s)) if s.is_empty() && !EMPTY_KEPT.contains(&name) => None,
        (Type::Number, v) if v == 0 && ZERO_DROPPED.contains(&name) => None,
        (Type::Boolean, Value::Bool(false)) if FALSE_DROPPED.contains(&name) => None,
        (Type::List(item, _), Value::Array(items)) => {
            list(item, items)?.or_else(|| NULL_KEPT.contains(&name).then_some(Value::Null))
        }
        (Type::Map(item, _), Value::Object(map)) => entries(map, |_| Some(item), true)?
            .filter(|m| !m.is_empty())
            .map(Value::Object),
        (Type::Struct(..), Value::Object(map)) => entries(map, |name| of.field(name), false)?.map(Value::Object),
        _ => Some(value.clone()),
    })
}

fn list(item: &Type, items: &[Value]) -> Result<Option<Value>, String> {
    let items = items
        .iter()
        .map(|v| Ok(field(item, "item", v)?.unwrap_or_else(|| v.clone())))
        .collect::<Result<Vec<_>, String>>()?;
    Ok((!items.is_empty()).then_some(Value::Array(items)))
}

fn entries<'a>(
    map: &Map<String, Value>,
    of: impl Fn(&str) -> Option<&'a Type>,
    keep_empty: bool,
) -> Result<Option<Map<String, Value>>, String> {
    let mut decoded = Map::new();
    for (name, value) in map {
        let Some(of) = of(name) else { continue };
        match field(of, name, value)? {
            Some(value) => drop(decoded.insert(name.clone(), value)),
            None if keep_empty && value.is_string() => drop(decoded.insert(name.clone(), value.clone())),
            None => {}
        }
    }
    Ok(Some(decoded))
}

/// A quantity in its canonical form.
fn canonical(value: &Value) -> Result<String, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let quantity = quantity::parse(&text)
        .ok_or("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")?;
    Ok(quantity.text())
}

fn illegal_base64(text: &str) -> String {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let at = text.find(|c| !legal(c)).unwrap_or(text.len() / 4 * 4);
    format!("error decoding from json: illegal base64 data at input byte {at}")
}
