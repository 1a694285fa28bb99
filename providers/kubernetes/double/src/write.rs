//! Creating, changing and deleting objects: the order in which the server decides. Owns that order; what is filled in,
//! refused or cleaned up is decided by `defaults`, `prepare`, `admit`, `validate` and `immutable`.

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::managed::{self, Manager};
use crate::refusal::{Refusal, details};
use crate::store::{Key, World, text};
use crate::{admit, convert, defaults, immutable, prepare, validate, warn};

/// One write: whether it is only tried, and the warnings that it earns.
#[derive(Debug, Default)]
pub(crate) struct Write {
    pub(crate) dry_run: bool,
    pub(crate) warnings: Vec<String>,
}

/// Options of a DELETE.
#[derive(Debug, Default, Clone)]
pub(crate) struct Delete {
    pub(crate) dry_run: bool,
    pub(crate) policy: Option<Policy>,
    pub(crate) uid: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) grace: Option<i64>,
}

/// What becomes of dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    Background,
    Foreground,
    Orphan,
}

/// Decodes an object and fills in its defaults.
pub(crate) fn decoded(kind: &'static Kind, object: &Value) -> Result<Value, Refusal> {
    let mut decoded = convert::decode(kind, object).map_err(|why| {
        let of = format!("{}, Kind={}", group_version(kind), kind.kind);
        let name = format!(
            "{}/{}",
            text(object, "/metadata/namespace"),
            text(object, "/metadata/name")
        );
        let inner = format!("unable to convert unstructured object to {of}: {why}");
        Refusal::internal(format!(
            "failed to convert new object ({name}; {of}) to proper version: {inner}"
        ))
    })?;
    defaults::fill(kind, &mut decoded);
    Ok(decoded)
}

/// `apps/v1` or `/v1`: how the patch machinery names a version.
pub(crate) fn group_version(kind: &Kind) -> String {
    format!("{}/{}", kind.group, kind.version)
}

/// Creates a decoded object. Owners of its fields are those in it.
pub(crate) fn create(world: &mut World, key: &Key, mut object: Value, write: &mut Write) -> Result<Value, Refusal> {
    admit::namespace(world, key)?;
    prepare::create(world, key, &mut object);
    admit::mutate(world, key, &mut object)?;
    let causes = validate::object(key.kind, &object);
    if !causes.is_empty() {
        return Err(Refusal::invalid(key.kind, &key.name, &causes));
    }
    admit::check(world, key, None, &object, write)?;
    warn::about(key.kind, &object, &mut write.warnings);
    if let Some(there) = world.get(key) {
        return Err(Refusal::exists(
            key.kind,
            &key.name,
            there["metadata"]["deletionTimestamp"].is_string(),
        ));
    }
    if write.dry_run {
        return Ok(object);
    }
    admit::charge(world, key, &object);
    Ok(world.put(key.clone(), object))
}

/// Replaces an object by a decoded one. Owners of its fields are those in it.
pub(crate) fn update(world: &mut World, key: &Key, mut object: Value, write: &mut Write) -> Result<Value, Refusal> {
    let live = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    let sent = text(&object, "/metadata/resourceVersion");
    if !sent.is_empty() && sent != text(&live, "/metadata/resourceVersion") {
        return Err(Refusal::stale(key.kind, &key.name));
    }
    prepare::update(key.kind, &live, &mut object);
    prepare::ports(world, key.kind, &mut object);
    let mut causes = immutable::changes(key.kind, &live, &object);
    causes.extend(validate::object(key.kind, &object));
    if !causes.is_empty() {
        return Err(Refusal::invalid(key.kind, &key.name, &causes));
    }
    admit::check(world, key, Some(&live), &object, write)?;
    warn::about(key.kind, &object, &mut write.warnings);
    store(world, key, &live, object, write.dry_run)
}

/// Stores a changed object; one without finalizers that is being deleted goes.
fn store(world: &mut World, key: &Key, live: &Value, mut object: Value, dry_run: bool) -> Result<Value, Refusal> {
    object["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    if dry_run || unchanged(live, &object) {
        return Ok(if dry_run { object } else { live.clone() });
    }
    if is_released(key.kind, &object) {
        world.remove(key);
        return Ok(object);
    }
    Ok(world.put(key.clone(), object))
}

/// Whether two versions say the same, down to who owns what; times of writing do not count.
fn unchanged(live: &Value, object: &Value) -> bool {
    let timeless = |o: &Value| {
        let mut o = o.clone();
        for entry in o["metadata"]
            .get_mut("managedFields")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            entry["time"].take();
        }
        o
    };
    timeless(live) == timeless(object)
}

fn is_released(kind: &Kind, object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
        && finalizers(object).is_empty()
        && object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && kind.kind != "Namespace"
        && kind.kind != "Pod"
}

/// The finalizers of an object.
pub(crate) fn finalizers(object: &Value) -> Vec<&str> {
    object["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// A controller's change of an object; none when the object is not there.
pub(crate) fn edit(world: &mut World, key: &Key, manager: &Manager, change: impl FnOnce(&mut Value)) -> Option<Value> {
    let live = world.get(key)?.clone();
    let mut object = live.clone();
    change(&mut object);
    if managed::without_managed(&live) == managed::without_managed(&object) {
        return Some(live);
    }
    if manager.subresource != "status" {
        prepare::count_generation(key.kind, &live, &mut object);
    }
    managed::update(
        key.kind,
        Some(&live),
        &mut object,
        manager,
        &key.kind.api_version(),
        &world.time(),
    );
    store(world, key, &live, object, false).ok()
}

/// A controller's creation of an object.
pub(crate) fn make(world: &mut World, kind: &'static Kind, mut object: Value, manager: &str) -> Result<Value, Refusal> {
    name_generated(world, &mut object);
    let mut object = decoded(kind, &object)?;
    managed::update(
        kind,
        None,
        &mut object,
        &Manager::update(manager, ""),
        &kind.api_version(),
        &world.time(),
    );
    create(world, &Key::of(kind, &object), object, &mut Write::default())
}

/// Gives an object with only a `generateName` its name.
pub(crate) fn name_generated(world: &mut World, object: &mut Value) {
    let prefix = text(object, "/metadata/generateName").to_owned();
    if text(object, "/metadata/name").is_empty() && !prefix.is_empty() {
        object["metadata"]["name"] = format!("{prefix}{}", world.suffix(5)).into();
    }
}

/// Deletes an object, or marks it as being deleted.
pub(crate) fn delete(
    world: &mut World,
    key: &Key,
    options: &Delete,
    warnings: &mut Vec<String>,
) -> Result<Value, Refusal> {
    let live = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    preconditions(key, &live, options)?;
    if key.kind.kind == "Namespace" {
        return Ok(terminate_namespace(world, key, live, options));
    }
    let policy = options.policy.unwrap_or_else(|| default_policy(key.kind, warnings));
    let mut object = live.clone();
    match policy {
        Policy::Foreground => add_finalizer(&mut object, "foregroundDeletion"),
        Policy::Orphan => add_finalizer(&mut object, "orphan"),
        Policy::Background => {}
    }
    let grace = grace(key.kind, &live, options);
    if finalizers(&object).is_empty() && grace == 0 {
        if options.dry_run {
            return Ok(deleted(key.kind, &live));
        }
        admit::release(world, key, &live);
        let gone = world.remove(key).unwrap_or(live);
        return Ok(deleted(key.kind, &gone));
    }
    mark(world, &mut object, grace);
    Ok(if options.dry_run || object == live {
        object
    } else {
        world.put(key.clone(), object)
    })
}

fn preconditions(key: &Key, live: &Value, options: &Delete) -> Result<(), Refusal> {
    let uid = text(live, "/metadata/uid");
    if let Some(wanted) = options.uid.as_deref().filter(|wanted| *wanted != uid) {
        let why = format!(
            "the UID in the precondition ({wanted}) does not match the UID in record ({uid}). The object might have been deleted and then recreated"
        );
        return Err(Refusal::precondition(key.kind, &key.name, &why));
    }
    let version = text(live, "/metadata/resourceVersion");
    if let Some(wanted) = options.version.as_deref().filter(|wanted| *wanted != version) {
        let why = format!(
            "the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion in record ({version}). The object might have been modified"
        );
        return Err(Refusal::precondition(key.kind, &key.name, &why));
    }
    Ok(())
}

/// Jobs orphan their pods unless the request says otherwise.
fn default_policy(kind: &Kind, warnings: &mut Vec<String>) -> Policy {
    if kind.kind == "Job" {
        warnings.push("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning".into());
        return Policy::Orphan;
    }
    Policy::Background
}

/// Seconds that a pod has to stop; nothing for what does not run.
fn grace(kind: &Kind, live: &Value, options: &Delete) -> i64 {
    let finished = matches!(text(live, "/status/phase"), "Succeeded" | "Failed");
    if kind.kind != "Pod" || text(live, "/spec/nodeName").is_empty() || finished {
        return 0;
    }
    options
        .grace
        .unwrap_or_else(|| live["spec"]["terminationGracePeriodSeconds"].as_i64().unwrap_or(30))
}

fn mark(world: &World, object: &mut Value, grace: i64) {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return;
    }
    object["metadata"]["deletionTimestamp"] = world.time().into();
    object["metadata"]["deletionGracePeriodSeconds"] = grace.into();
    if let Some(generation) = object["metadata"]["generation"].as_i64() {
        object["metadata"]["generation"] = (generation + 1).into();
    }
}

fn add_finalizer(object: &mut Value, name: &str) {
    if !finalizers(object).contains(&name) {
        let mut all = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        all.push(name.into());
        object["metadata"]["finalizers"] = all.into();
    }
}

fn terminate_namespace(world: &mut World, key: &Key, mut object: Value, options: &Delete) -> Value {
    if object["metadata"]["deletionTimestamp"].is_string() {
        return object;
    }
    object["metadata"]["deletionTimestamp"] = world.time().into();
    object["status"]["phase"] = "Terminating".into();
    if options.dry_run {
        object
    } else {
        world.put(key.clone(), object)
    }
}

/// What DELETE answers when the object is gone.
fn deleted(kind: &Kind, live: &Value) -> Value {
    if kind.returned {
        return live.clone();
    }
    let mut details = details(kind, text(live, "/metadata/name"), kind.plural);
    details["uid"] = live["metadata"]["uid"].clone();
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}
