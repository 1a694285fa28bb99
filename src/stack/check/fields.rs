//! Fields that need or exclude each other.

use super::{Context, Found, at_key, at_value, is_bundled, key, value};
use crate::diag::{Path, codes};
use crate::stack::model::{Component, Kind, ObjectStoreEngine};
use crate::stack::node::Node;
use crate::stack::suggest::a;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for component in cx.components() {
        match &component.kind {
            Kind::ModelServer(_) => model_server(cx, component, found),
            Kind::Frontend(_) => something(cx, component, &["calls", "image", "build"], "calls: predictor", found),
            Kind::Service => something(cx, component, &["image", "build"], "image: nginx:1.29", found),
            Kind::ObjectStore(store) => {
                let external = matches!(store.engine, ObjectStoreEngine::S3 { .. });
                object_store(cx, component, external, found);
            }
            Kind::Database(_) | Kind::Cache(_) | Kind::Broker(_) => {}
        }
        if matches!(component.kind, Kind::ModelServer(_) | Kind::Frontend(_) | Kind::Service) {
            workload(cx, component, found);
        }
        volumes(cx, component, found);
    }
}

/// What components share that can be anybody's container.
fn workload(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let why = "the image is either pulled or built";
    exclusive(cx.node(component), &component.path, ("image", "build"), why, found);
    own_image_only(cx, component, found);
    autoscale(component, found);
    healthcheck(cx, component, found);
}

fn has(node: Option<&Node>, field: &str) -> bool {
    node.is_some_and(|node| node.get(field).is_some())
}

fn exclusive(node: Option<&Node>, path: &Path, (first, second): (&str, &str), why: &str, found: &mut Found) {
    if has(node, first) && has(node, second) {
        let help = format!("keep `{first}` or `{second}`");
        let diagnostic = at_key(&codes::CONFLICTING_FIELDS, &path.key(second), why, help);
        found.push(diagnostic.related(key(&path.key(first)), format!("`{first}` here")));
    }
}

/// One of some fields must be there.
fn something(cx: &Context<'_>, component: &Component, fields: &[&str], example: &str, found: &mut Found) {
    if !fields.iter().any(|field| cx.sets(component, field)) {
        let names: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
        let label = format!("{} needs one of {}", a(component.kind.name()), names.join(", "));
        found.push(at_key(
            &codes::MISSING_FIELD,
            &component.path,
            label,
            format!("add `{example}`"),
        ));
    }
}

fn model_server(cx: &Context<'_>, component: &Component, found: &mut Found) {
    something(
        cx,
        component,
        &["model", "image", "build"],
        "model: model/house-prices.onnx",
        found,
    );
    for own in ["image", "build"] {
        let why = "an image of your own brings its model";
        exclusive(cx.node(component), &component.path, ("model", own), why, found);
    }
    if cx.sets(component, "checks") && !cx.sets(component, "model") {
        let label = "there is no `model` that they could check";
        let help = "add `model`, or remove `checks`";
        found.push(at_key(
            &codes::CHECKS_WITHOUT_MODEL,
            &component.path.key("checks"),
            label,
            help,
        ));
    }
    for field in ["protocols", "log_predictions"] {
        if cx.sets(component, field) && !is_bundled(component) {
            let label = format!("the bundled server does this; an image of your own does not know `{field}`");
            let help = "remove it, or use `model` instead of `image`";
            found.push(at_key(&codes::MISPLACED_FIELD, &component.path.key(field), label, help));
        }
    }
}

const S3_ONLY: [(&str, &str); 4] = [
    ("endpoint", "https://s3.eu-central-1.amazonaws.com"),
    ("region", "eu-central-1"),
    ("access_key", "s3_access_key"),
    ("secret_key", "s3_secret_key"),
];

/// Fields of a container; a store outside has none.
const CONTAINER: [&str; 9] = [
    "version",
    "storage",
    "image",
    "replicas",
    "resources",
    "env",
    "expose",
    "volumes",
    "rollout",
];

fn object_store(cx: &Context<'_>, component: &Component, external: bool, found: &mut Found) {
    for (field, example) in S3_ONLY {
        match (external, cx.sets(component, field)) {
            (true, false) => {
                let label = format!("`engine: s3` needs `{field}`");
                let help = format!("add `{field}: {example}`");
                found.push(at_key(&codes::MISSING_FIELD, &component.path, label, help));
            }
            (false, true) => {
                let label = "the bundled store decides this itself";
                let help = "remove it, or write `engine: s3`";
                found.push(at_key(&codes::MISPLACED_FIELD, &component.path.key(field), label, help));
            }
            _ => {}
        }
    }
    for field in CONTAINER.iter().filter(|field| external && cx.sets(component, field)) {
        let label = "this store runs outside of the stack";
        found.push(at_key(
            &codes::MISPLACED_FIELD,
            &component.path.key(*field),
            label,
            "remove it",
        ));
    }
}

/// Fields that describe an image of the user.
fn own_image_only(cx: &Context<'_>, component: &Component, found: &mut Found) {
    if ["image", "build"].iter().any(|own| cx.sets(component, own)) || component.kind == Kind::Service {
        return;
    }
    for field in ["command", "port", "healthcheck"]
        .iter()
        .filter(|field| cx.sets(component, field))
    {
        let label = format!("the bundled image brings its own {field}");
        let help = "remove it, or set an `image` of your own";
        found.push(at_key(
            &codes::MISPLACED_FIELD,
            &component.path.key(*field),
            label,
            help,
        ));
    }
}

fn autoscale(component: &Component, found: &mut Found) {
    let Some(autoscale) = &component.autoscale else {
        return;
    };
    let path = component.path.key("autoscale");
    if autoscale.min > autoscale.max {
        let label = format!("`min` {} is more than `max` {}", autoscale.min, autoscale.max);
        let help = format!("write `min: {}`, or raise `max`", autoscale.max);
        found.push(at_value(&codes::OUT_OF_RANGE, &path.key("min"), label, help));
    } else if component.replicas != 1 && !(autoscale.min..=autoscale.max).contains(&component.replicas) {
        let label = format!("{} copies lie outside of `autoscale`", component.replicas);
        let help = format!(
            "a number from {} to {}, or no `replicas` at all",
            autoscale.min, autoscale.max
        );
        let diagnostic = at_value(&codes::OUT_OF_RANGE, &component.path.key("replicas"), label, help);
        found.push(diagnostic.related(key(&path), "`autoscale` here"));
    }
}

fn healthcheck(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let node = cx.node(component).and_then(|node| node.get("healthcheck"));
    if node.is_none() {
        return;
    }
    let path = component.path.key("healthcheck");
    exclusive(
        node,
        &path,
        ("http", "command"),
        "health is asked for in one way",
        found,
    );
    if !has(node, "http") && !has(node, "command") {
        let label = "`healthcheck` needs `http` or `command`";
        found.push(at_key(&codes::MISSING_FIELD, &path, label, "add `http: /healthz`"));
    }
    if has(node, "http") && component.port.is_none() {
        let label = format!("nobody knows which port `{}` listens on", component.name);
        let help = "add `port: 8000` to the component, with the right number";
        found.push(at_key(&codes::MISSING_FIELD, &path.key("http"), label, help));
    }
}

fn volumes(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let path = component.path.key("volumes");
    let entries = cx
        .node(component)
        .and_then(|node| node.get("volumes")?.list())
        .unwrap_or_default();
    for (i, node) in entries.iter().enumerate() {
        let at = path.index(i);
        exclusive(Some(node), &at, ("name", "host"), "a volume has one source", found);
        if !has(Some(node), "name") && !has(Some(node), "host") {
            found.push(at_value(
                &codes::MISSING_FIELD,
                &at,
                "a volume needs `name` or `host`",
                "add `name: data`",
            ));
        }
    }
    for (i, volume) in component.volumes.iter().enumerate() {
        if let Some(first) = component.volumes[..i]
            .iter()
            .position(|other| other.path == volume.path)
        {
            let label = format!("`{}` is mounted already", volume.path);
            let diagnostic = at_value(
                &codes::DUPLICATE_ENTRY,
                &path.index(i).key("path"),
                label,
                "choose another path",
            );
            found.push(diagnostic.related(value(&path.index(first).key("path")), "first here"));
        }
    }
}
