//! The four kinds of patch. Owns how a body changes an object; `write` stores the result.

use serde_json::{Map, Value, json};

use crate::kinds::Kind;
use crate::managed::{self, Manager};
use crate::refusal::{Cause, Refusal};
use crate::request::Request;
use crate::schema;
use crate::store::{Key, World, text};
use crate::typed;
use crate::write::{self, Write, decoded, group_version};

const APPLY: &str = "application/apply-patch+yaml";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const JSON: &str = "application/json-patch+json";

/// Patches an object; also says whether it was created.
pub(crate) fn patch(
    world: &mut World,
    key: &Key,
    request: &Request,
    write: &mut Write,
) -> Result<(Value, bool), Refusal> {
    let media = request.content_type();
    if ![APPLY, MERGE, STRATEGIC, JSON].contains(&media) {
        return Err(Refusal::new(415, "UnsupportedMediaType", "415: Unsupported Media Type").with(json!({})));
    }
    options(request, media == APPLY)?;
    if media == APPLY {
        apply(world, key, request, write)
    } else {
        Ok((change(world, key, request, write)?, false))
    }
}

fn options(request: &Request, apply: bool) -> Result<(), Refusal> {
    let refuse = |cause: Cause| Err(Refusal::invalid_options("PatchOptions", &cause));
    if apply && request.query("fieldManager").is_empty() {
        return refuse(Cause::required("fieldManager", "is required for apply patch"));
    }
    if !apply && request.query.contains_key("force") {
        return refuse(Cause::forbidden("force", "may not be specified for non-apply patch"));
    }
    common_options(request, "PatchOptions")
}

/// The options that every write shares.
pub(crate) fn common_options(request: &Request, of: &str) -> Result<(), Refusal> {
    let dry = request.query("dryRun");
    if !matches!(dry, "" | "All") {
        return Err(Refusal::invalid_options(
            of,
            &Cause::unsupported("dryRun", &json!([dry]), &["All"]),
        ));
    }
    let validation = request.query("fieldValidation");
    if !matches!(validation, "" | "Ignore" | "Warn" | "Strict") {
        let cause = Cause::unsupported("fieldValidation", &validation.into(), &["", "Ignore", "Strict", "Warn"]);
        return Err(Refusal::invalid_options(of, &cause));
    }
    Ok(())
}

fn apply(world: &mut World, key: &Key, request: &Request, write: &mut Write) -> Result<(Value, bool), Refusal> {
    let config = read_config(key, request)?;
    let live = world.get(key).cloned();
    if let Some(uid) = config["metadata"]["uid"].as_str().filter(|_| live.is_none()) {
        let why = format!("uid mismatch: the provided object specified uid {uid}, and no existing object was found");
        return Err(Refusal::conflict(key.kind, &key.name, &why));
    }
    let mistakes = typed::mistakes(schema::of(key.kind), &config);
    if !mistakes.is_empty() {
        return Err(untyped(key, &mistakes));
    }
    let force = request.query("force") == "true";
    let empty = json!({"kind": key.kind.kind, "apiVersion": key.kind.api_version(), "metadata": {}});
    let now = world.time();
    let merged = managed::apply(
        key.kind,
        live.as_ref().unwrap_or(&empty),
        &config,
        request.query("fieldManager"),
        force,
        &now,
    )
    .map_err(|conflicts| Refusal::owned(&conflicts))?;
    let mut object = decoded(key.kind, &merged)?;
    object["metadata"]["name"] = key.name.clone().into();
    match live {
        Some(_) => Ok((write::update(world, key, object, write)?, false)),
        None => Ok((write::create(world, key, object, write)?, true)),
    }
}

fn read_config(key: &Key, request: &Request) -> Result<Value, Refusal> {
    let mut config = request.json().map_err(|why| yaml_refused(&why))?;
    let metadata = &config["metadata"];
    if !metadata["managedFields"].is_null() {
        return Err(Refusal::bad_request("metadata.managedFields must be nil"));
    }
    let name = text(metadata, "/name");
    if !name.is_empty() && name != key.name {
        return Err(Refusal::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            key.name
        )));
    }
    let namespace = text(metadata, "/namespace");
    if key.kind.namespaced && !namespace.is_empty() && namespace != key.namespace {
        return Err(Refusal::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let (version, kind) = (text(&config, "/apiVersion"), text(&config, "/kind"));
    if version != key.kind.api_version() || kind != key.kind.kind {
        let shown = match version.split_once('/') {
            None if version.is_empty() => "/".into(),
            None => format!("/{version}"),
            Some(_) => version.to_owned(),
        };
        return Err(Refusal::bad_request(format!(
            "invalid object type: {shown}, Kind={kind}"
        )));
    }
    if key.kind.namespaced {
        config["metadata"]["namespace"] = key.namespace.clone().into();
    }
    Ok(config)
}

fn yaml_refused(why: &str) -> Refusal {
    Refusal::bad_request(format!(
        "error decoding YAML: error converting YAML to JSON: yaml: {why}"
    ))
}

fn untyped(key: &Key, mistakes: &[String]) -> Refusal {
    let said = match mistakes {
        [one] => one.clone(),
        all => format!("errors:\n  {}", all.join("\n  ")),
    };
    let name = match key.kind.namespaced {
        true => format!("{}/{}", key.namespace, key.name),
        false => format!("/{}", key.name),
    };
    let of = match key.kind.group {
        "" => group_version(key.kind),
        _ => key.kind.api_version(),
    };
    Refusal::internal(format!(
        "failed to create typed patch object ({name}; {of}, Kind={}): {said}",
        key.kind.kind
    ))
}

/// A merge patch, strategic merge patch or JSON patch.
fn change(world: &mut World, key: &Key, request: &Request, write: &mut Write) -> Result<Value, Refusal> {
    let live = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    let body = request.json().map_err(Refusal::bad_request)?;
    let patched = match request.content_type() {
        JSON => json_patch(&live, &body).ok_or_else(rejected)?,
        STRATEGIC => strategic(key.kind, &live, &body),
        _ => merged(&live, &body),
    };
    let mut object = decoded(key.kind, &patched)?;
    let manager = Manager::update(&manager_of(request), "");
    managed::update(
        key.kind,
        Some(&live),
        &mut object,
        &manager,
        &key.kind.api_version(),
        &world.time(),
    );
    write::update(world, key, object, write)
}

/// The manager that a request names, or else its user agent.
pub(crate) fn manager_of(request: &Request) -> String {
    let named = request.query("fieldManager");
    let agent = request.header("user-agent").split('/').next().unwrap_or_default();
    if named.is_empty() { agent.into() } else { named.into() }
}

/// A status written by PATCH of the subresource: merged by the kind's list keys.
pub(crate) fn status(live: &Value, kind: &Kind, request: &Request) -> Result<Value, Refusal> {
    let body = request.json().map_err(Refusal::bad_request)?;
    Ok(match request.content_type() {
        JSON => json_patch(live, &body).ok_or_else(rejected)?,
        STRATEGIC => strategic(kind, live, &body),
        _ => merged(live, &body),
    })
}

fn rejected() -> Refusal {
    Refusal::new(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
    )
    .with(json!({}))
}

/// A strategic merge: lists by their keys, null removes.
fn strategic(kind: &Kind, live: &Value, patch: &Value) -> Value {
    without_nulls(&typed::merge(schema::of(kind), live, patch), patch)
}

fn without_nulls(merged: &Value, patch: &Value) -> Value {
    let (Value::Object(map), Value::Object(patch)) = (merged, patch) else {
        return merged.clone();
    };
    let keep = |(k, v): (&String, &Value)| match patch.get(k) {
        Some(Value::Null) => None,
        Some(p) => Some((k.clone(), without_nulls(v, p))),
        None => Some((k.clone(), v.clone())),
    };
    Value::Object(map.iter().filter_map(keep).collect())
}

/// RFC 7396.
pub(crate) fn merged(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else {
        return patch.clone();
    };
    let mut target: Map<String, Value> = target.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(name);
        } else {
            let before = target.get(name).cloned().unwrap_or(Value::Null);
            target.insert(name.clone(), merged(&before, value));
        }
    }
    Value::Object(target)
}

/// RFC 6902; none when an operation fails.
pub(crate) fn json_patch(target: &Value, operations: &Value) -> Option<Value> {
    let mut object = target.clone();
    for operation in operations.as_array()? {
        let (path, value) = (text(operation, "/path"), &operation["value"]);
        match text(operation, "/op") {
            "test" => (object.pointer(path)? == value).then_some(())?,
            "remove" => drop(take(&mut object, path)?),
            "replace" => *object.pointer_mut(path)? = value.clone(),
            "add" => insert(&mut object, path, value.clone())?,
            "copy" => {
                let from = object.pointer(text(operation, "/from"))?.clone();
                insert(&mut object, path, from)?;
            }
            "move" => {
                let from = take(&mut object, text(operation, "/from"))?;
                insert(&mut object, path, from)?;
            }
            _ => return None,
        }
    }
    Some(object)
}

fn parent<'a>(object: &'a mut Value, path: &str) -> Option<(&'a mut Value, String)> {
    let (parent, name) = path.rsplit_once('/')?;
    Some((object.pointer_mut(parent)?, name.replace("~1", "/").replace("~0", "~")))
}

fn take(object: &mut Value, path: &str) -> Option<Value> {
    let (parent, name) = parent(object, path)?;
    match parent {
        Value::Object(map) => map.shift_remove(&name),
        Value::Array(items) => {
            let at = name.parse::<usize>().ok().filter(|i| *i < items.len())?;
            Some(items.remove(at))
        }
        _ => None,
    }
}

fn insert(object: &mut Value, path: &str, value: Value) -> Option<()> {
    let (parent, name) = parent(object, path)?;
    match parent {
        Value::Object(map) => drop(map.insert(name, value)),
        Value::Array(items) => {
            let at = if name == "-" { items.len() } else { name.parse().ok()? };
            (at <= items.len()).then(|| items.insert(at, value))?;
        }
        _ => return None,
    }
    Some(())
}
