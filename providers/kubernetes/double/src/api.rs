//! From a request to its answer: paths, verbs and subresources. Owns the routing; every decision about an object is
//! made elsewhere.

use serde_json::{Value, json};

use crate::access::{self, Ask};
use crate::kinds::{self, Kind};
use crate::managed::{self, Manager};
use crate::patch::{self, common_options, manager_of};
use crate::refusal::{Cause, Refusal};
use crate::request::{Body, Reply, Request};
use crate::schema;
use crate::select::Selection;
use crate::store::{Key, World, text};
use crate::write::{self, Delete, Policy, Write};
use crate::{discovery, eviction, forward, logs, openapi, read, typed, warn, watch};

/// The largest body that is read, in bytes.
pub(crate) const LARGEST: usize = 3_145_728;

/// Where a path leads.
#[derive(Debug)]
struct Route<'a> {
    kind: &'static Kind,
    namespace: &'a str,
    name: &'a str,
    subresource: &'a str,
}

/// Answers a request.
pub(crate) fn answer(world: &mut World, request: &Request) -> Reply {
    let mut reply = route(world, request).unwrap_or_else(|refusal| Reply::json(refusal.code, refusal.body));
    if let Some(warning) = resource(&request.path).and_then(|r| warn::of_kind(r.kind)) {
        reply.warnings.insert(0, warning.into());
    }
    reply
}

fn route(world: &mut World, request: &Request) -> Result<Reply, Refusal> {
    if request.body.len() > LARGEST {
        return Err(Refusal::new(
            413,
            "RequestEntityTooLarge",
            format!("Request entity too large: limit is {LARGEST}"),
        ));
    }
    let user = access::user(request, world.token_required)?;
    if request.method == "GET"
        && let Some(reply) = discovery::answer(request).or_else(|| openapi::answer(request))
    {
        return Ok(reply);
    }
    match request.path.as_str() {
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => return Ok(Reply::json(201, access::self_review())),
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let body = request.json().unwrap_or_default();
            return Ok(Reply::json(201, access::access_review(world, user.as_deref(), &body)));
        }
        _ => {}
    }
    let Some(route) = resource(&request.path) else {
        return unknown(&request.path);
    };
    acceptable(request, &route)?;
    let verb = verb(request, &route);
    access::check(
        world,
        user.as_deref(),
        &Ask {
            verb,
            kind: route.kind,
            namespace: route.namespace,
            name: route.name,
            subresource: route.subresource,
        },
    )?;
    let makes = verb == "patch" && user.is_some() && world.get(&key(&route)).is_none();
    if makes || route.subresource == "portforward" {
        access::check(
            world,
            user.as_deref(),
            &Ask {
                verb: "create",
                kind: route.kind,
                namespace: route.namespace,
                name: route.name,
                subresource: route.subresource,
            },
        )?;
    }
    if route.subresource.is_empty() {
        on_object(world, request, &route)
    } else {
        on_subresource(world, request, &route)
    }
}

fn unknown(path: &str) -> Result<Reply, Refusal> {
    let group = path.strip_prefix("/apis/").and_then(|p| p.split('/').next());
    match group {
        Some(group) if !kinds::served(group) => Ok(Reply::text(404, "404 page not found\n")),
        None if !path.starts_with("/api/v1/") => Ok(Reply::text(404, "404 page not found\n")),
        _ => Err(Refusal::no_resource()),
    }
}

fn resource(path: &str) -> Option<Route<'_>> {
    let mut parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version) = match *parts.first()? {
        "api" if parts.len() > 2 => {
            parts.remove(0);
            ("", parts.remove(0))
        }
        "apis" if parts.len() > 2 => {
            parts.remove(0);
            (parts.remove(0), parts.remove(0))
        }
        _ => return None,
    };
    let namespaced =
        parts.first() == Some(&"namespaces") && parts.len() > 2 && !matches!(parts[2], "status" | "finalize");
    let namespace = if namespaced { parts[1] } else { "" };
    let rest = if namespaced { &parts[2..] } else { &parts[..] };
    let kind = kinds::by_plural(group, version, rest.first()?)?;
    let part = |i: usize| rest.get(i).copied().unwrap_or_default();
    Some(Route {
        kind,
        namespace,
        name: part(1),
        subresource: part(2),
    })
}

fn key(route: &Route) -> Key {
    Key::new(route.kind, route.namespace, route.name)
}

fn verb<'a>(request: &Request, route: &Route) -> &'a str {
    match (request.method.as_str(), route.name.is_empty()) {
        ("GET", true) if request.query("watch") == "true" => "watch",
        ("GET", true) => "list",
        ("GET", false) => "get",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        (_, true) => "deletecollection",
        _ => "delete",
    }
}

fn acceptable(request: &Request, route: &Route) -> Result<(), Refusal> {
    let accept = request.header("accept");
    let fine = |a: &str| {
        [
            "application/json",
            "application/yaml",
            "*/*",
            "application/*",
            "application/vnd.kubernetes.protobuf",
        ]
        .iter()
        .any(|m| a.trim().starts_with(m))
    };
    if accept.is_empty() || accept.split(',').any(fine) || route.subresource == "log" {
        return Ok(());
    }
    let all = "application/json, application/yaml, application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch";
    Err(Refusal::new(
        406,
        "NotAcceptable",
        format!("406: Not Acceptable\n\nAvailable representations: {all}"),
    )
    .with(json!({})))
}

fn on_object(world: &mut World, request: &Request, route: &Route) -> Result<Reply, Refusal> {
    match (request.method.as_str(), route.name.is_empty()) {
        ("GET", true) if matches!(request.query("watch"), "true" | "1") => {
            let watch = watch::open(world, route.kind, route.namespace, request)?;
            Ok(Reply {
                code: 200,
                warnings: Vec::new(),
                body: Body::Watch(watch),
            })
        }
        ("GET", true) => Ok(Reply::json(
            200,
            read::list(world, route.kind, route.namespace, request)?,
        )),
        ("GET", false) => Ok(Reply::json(200, read::get(world, &key(route), request)?)),
        ("POST", true) => post(world, request, route),
        ("PUT", false) => put(world, request, route),
        ("PATCH", false) => {
            let mut write = write_of(request);
            let (object, created) = patch::patch(world, &key(route), request, &mut write)?;
            Ok(Reply::json(if created { 201 } else { 200 }, object).warned(write.warnings))
        }
        ("DELETE", false) => delete(world, request, route),
        ("DELETE", true) => delete_all(world, request, route),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn write_of(request: &Request) -> Write {
    Write {
        dry_run: request.query("dryRun") == "All",
        warnings: Vec::new(),
    }
}

/// The object in a body, with the fields that its kind does not have refused, warned of or dropped.
fn body_of(request: &Request, kind: &'static Kind, write: &mut Write) -> Result<Value, Refusal> {
    let body = request.json().map_err(Refusal::bad_request)?;
    let unknown = typed::unknown_fields(schema::of(kind), &body, "");
    let said = unknown
        .iter()
        .map(|f| format!("unknown field \"{f}\""))
        .collect::<Vec<_>>();
    match request.query("fieldValidation") {
        "Strict" if !said.is_empty() => {
            let what = format!(
                "{} in version \"{}\" cannot be handled as a {}",
                kind.kind, kind.version, kind.kind
            );
            return Err(Refusal::bad_request(format!(
                "{what}: strict decoding error: {}",
                said.join(", ")
            )));
        }
        "Ignore" => {}
        _ => write.warnings.extend(said),
    }
    write::decoded(kind, &body)
}

fn post(world: &mut World, request: &Request, route: &Route) -> Result<Reply, Refusal> {
    common_options(request, "CreateOptions")?;
    let mut write = write_of(request);
    let mut object = body_of(request, route.kind, &mut write)?;
    write::name_generated(world, &mut object);
    let key = Key::new(route.kind, route.namespace, text(&object, "/metadata/name"));
    let manager = Manager::update(&manager_of(request), "");
    managed::update(
        route.kind,
        None,
        &mut object,
        &manager,
        &route.kind.api_version(),
        &world.time(),
    );
    let created = write::create(world, &key, object, &mut write)?;
    Ok(Reply::json(201, created).warned(write.warnings))
}

fn put(world: &mut World, request: &Request, route: &Route) -> Result<Reply, Refusal> {
    common_options(request, "UpdateOptions")?;
    let mut write = write_of(request);
    let key = key(route);
    let mut object = body_of(request, route.kind, &mut write)?;
    let live = world
        .get(&key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(route.kind, route.name))?;
    let manager = Manager::update(&manager_of(request), "");
    object["metadata"]["uid"] = object["metadata"]
        .get("uid")
        .cloned()
        .unwrap_or_else(|| live["metadata"]["uid"].clone());
    managed::update(
        route.kind,
        Some(&live),
        &mut object,
        &manager,
        &route.kind.api_version(),
        &world.time(),
    );
    Ok(Reply::json(200, write::update(world, &key, object, &mut write)?).warned(write.warnings))
}

/// The options of a DELETE: of the body when there is one, and of the query only when there is none.
fn delete_options(request: &Request) -> Result<Delete, Refusal> {
    let body = request.json().ok().filter(|_| !request.body.is_empty());
    let field = |name: &str| match &body {
        Some(body) => body[name].as_str().map(str::to_owned),
        None => request.query.get(name).cloned(),
    };
    let dry_run = match &body {
        Some(body) => body["dryRun"].as_array().is_some_and(|d| d.contains(&"All".into())),
        None => request.query("dryRun") == "All",
    };
    let policy = match field("propagationPolicy").as_deref() {
        None => None,
        Some("Background") => Some(Policy::Background),
        Some("Foreground") => Some(Policy::Foreground),
        Some("Orphan") => Some(Policy::Orphan),
        Some(other) => {
            let cause = Cause::unsupported(
                "propagationPolicy",
                &other.into(),
                &["Foreground", "Background", "Orphan", "nil"],
            );
            return Err(Refusal::invalid_options("DeleteOptions", &cause));
        }
    };
    let precondition = |name: &str| {
        body.as_ref()
            .and_then(|b| b["preconditions"][name].as_str())
            .map(str::to_owned)
    };
    let grace = body
        .as_ref()
        .and_then(|b| b["gracePeriodSeconds"].as_i64())
        .or_else(|| request.query("gracePeriodSeconds").parse().ok());
    Ok(Delete {
        dry_run,
        policy,
        grace,
        uid: precondition("uid"),
        version: precondition("resourceVersion"),
    })
}

fn delete(world: &mut World, request: &Request, route: &Route) -> Result<Reply, Refusal> {
    let options = delete_options(request)?;
    let mut warnings = Vec::new();
    let body = write::delete(world, &key(route), &options, &mut warnings)?;
    Ok(Reply::json(200, body).warned(warnings))
}

fn delete_all(world: &mut World, request: &Request, route: &Route) -> Result<Reply, Refusal> {
    let options = delete_options(request)?;
    let list = read::list(world, route.kind, route.namespace, request)?;
    let wanted = Selection::read(route.kind, request)?;
    let keys: Vec<_> = world
        .list(route.kind, route.namespace)
        .filter(|(_, o)| wanted.matches(o))
        .map(|(k, _)| k.clone())
        .collect();
    for key in keys {
        write::delete(world, &key, &options, &mut Vec::new())?;
    }
    Ok(Reply::json(200, list))
}

fn on_subresource(world: &mut World, request: &Request, route: &Route) -> Result<Reply, Refusal> {
    let key = key(route);
    match (route.subresource, request.method.as_str()) {
        ("status", "GET") => Ok(Reply::json(200, read::get(world, &key, request)?)),
        ("status", "PUT" | "PATCH") => set_status(world, request, &key),
        ("scale", method) if matches!(route.kind.kind, "Deployment" | "StatefulSet" | "ReplicaSet") => {
            scale(world, request, &key, method)
        }
        ("log", "GET") if route.kind.kind == "Pod" => logs::read(world, &key, request),
        ("portforward", "GET") if route.kind.kind == "Pod" => forward::open(world, &key, request),
        ("eviction", "POST") if route.kind.kind == "Pod" => eviction::evict(world, &key),
        _ => Err(Refusal::no_resource()),
    }
}

fn set_status(world: &mut World, request: &Request, key: &Key) -> Result<Reply, Refusal> {
    let live = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    let patched = if request.method == "PUT" {
        request.json().map_err(Refusal::bad_request)?
    } else {
        patch::status(&live, key.kind, request)?
    };
    let decoded = write::decoded(key.kind, &patched)?;
    let manager = Manager::update(&manager_of(request), "status");
    let object = write::edit(world, key, &manager, |o| o["status"] = decoded["status"].clone());
    Ok(Reply::json(200, object.unwrap_or(live)))
}

fn scale(world: &mut World, request: &Request, key: &Key, method: &str) -> Result<Reply, Refusal> {
    let live = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    if method == "GET" {
        return Ok(Reply::json(200, scale_of(&live)));
    }
    let body = request.json().map_err(Refusal::bad_request)?;
    let wanted = if method == "PUT" {
        body
    } else {
        patch::merged(&scale_of(&live), &body)
    };
    let version = text(&wanted, "/metadata/resourceVersion");
    if !version.is_empty() && version != text(&live, "/metadata/resourceVersion") {
        return Err(Refusal::stale(key.kind, &key.name));
    }
    let manager = Manager::update(&manager_of(request), "scale");
    let replicas = wanted["spec"]["replicas"].as_i64().unwrap_or(0);
    let scaled = write::edit(world, key, &manager, |o| o["spec"]["replicas"] = replicas.into());
    Ok(Reply::json(200, scale_of(&scaled.unwrap_or(live))))
}

fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let selector = object["spec"]["selector"]["matchLabels"]
        .as_object()
        .into_iter()
        .flatten();
    let mut selector: Vec<_> = selector
        .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
        .collect();
    selector.sort();
    let mut spec = json!({});
    if object["spec"]["replicas"].as_i64().is_some_and(|r| r > 0) {
        spec["replicas"] = object["spec"]["replicas"].clone();
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"]},
        "spec": spec,
        "status": {"replicas": object["status"]["replicas"].as_i64().unwrap_or(0), "selector": selector.join(",")}})
}
