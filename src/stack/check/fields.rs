//! Fields that need or exclude each other.

use super::{Context, Found, at_key, at_value, is_bundled, key, value};
use crate::diag::{Path, codes};
use crate::stack::model::{Component, Kind, ObjectStoreEngine};
use crate::stack::suggest::a;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for component in cx.components() {
        exclusive(
            cx,
            &component.path,
            ("image", "build"),
            "the image is either pulled or built",
            found,
        );
        match &component.kind {
            Kind::ModelServer(_) => model_server(cx, component, found),
            Kind::Frontend(_) => something(cx, component, &["calls", "image", "build"], "calls: predictor", found),
            Kind::Service => something(cx, component, &["image", "build"], "image: nginx:1.29", found),
            Kind::ObjectStore(store) => {
                object_store(
                    cx,
                    component,
                    matches!(store.engine, ObjectStoreEngine::S3 { .. }),
                    found,
                );
            }
            Kind::Database(_) | Kind::Cache(_) | Kind::Broker(_) => {}
        }
        own_image_only(cx, component, found);
        autoscale(component, found);
        healthcheck(cx, component, found);
        volumes(cx, component, found);
    }
}

fn exclusive(cx: &Context<'_>, path: &Path, (first, second): (&str, &str), why: &str, found: &mut Found) {
    let (first_path, second_path) = (path.key(first), path.key(second));
    if cx.has(&first_path) && cx.has(&second_path) {
        let diagnostic = at_key(
            &codes::CONFLICTING_FIELDS,
            &second_path,
            why,
            format!("keep `{first}` or `{second}`"),
        );
        found.push(diagnostic.related(key(&first_path), format!("`{first}` here")));
    }
}

/// One of some fields must be there.
fn something(cx: &Context<'_>, component: &Component, fields: &[&str], example: &str, found: &mut Found) {
    if !fields.iter().any(|field| cx.has(&component.path.key(*field))) {
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
    exclusive(
        cx,
        &component.path,
        ("model", "image"),
        "an image of your own brings its model",
        found,
    );
    exclusive(
        cx,
        &component.path,
        ("model", "build"),
        "an image of your own brings its model",
        found,
    );
    let checks = component.path.key("checks");
    if cx.has(&checks) && !cx.has(&component.path.key("model")) {
        let label = "there is no `model` that they could check";
        found.push(at_key(
            &codes::CHECKS_WITHOUT_MODEL,
            &checks,
            label,
            "add `model`, or remove `checks`",
        ));
    }
    for field in ["protocols", "log_predictions"] {
        let path = component.path.key(field);
        if cx.has(&path) && !is_bundled(component) {
            let label = format!("the bundled server does this; an image of your own does not know `{field}`");
            found.push(at_key(
                &codes::MISPLACED_FIELD,
                &path,
                label,
                "remove it, or use `model` instead of `image`",
            ));
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
        let path = component.path.key(field);
        match (external, cx.has(&path)) {
            (true, false) => {
                let label = format!("`engine: s3` needs `{field}`");
                found.push(at_key(
                    &codes::MISSING_FIELD,
                    &component.path,
                    label,
                    format!("add `{field}: {example}`"),
                ));
            }
            (false, true) => {
                let label = "the bundled store decides this itself";
                found.push(at_key(
                    &codes::MISPLACED_FIELD,
                    &path,
                    label,
                    "remove it, or write `engine: s3`",
                ));
            }
            _ => {}
        }
    }
    for field in CONTAINER.iter().filter(|_| external) {
        let path = component.path.key(*field);
        if cx.has(&path) {
            let label = "this store runs outside of the stack";
            found.push(at_key(&codes::MISPLACED_FIELD, &path, label, "remove it"));
        }
    }
}

/// Fields that describe an image of the user.
fn own_image_only(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let workload = matches!(component.kind, Kind::ModelServer(_) | Kind::Frontend(_));
    for field in ["command", "port", "healthcheck"]
        .iter()
        .filter(|_| workload && is_bundled(component))
    {
        let path = component.path.key(*field);
        if cx.has(&path) && !cx.has(&component.path.key("image")) && !cx.has(&component.path.key("build")) {
            let label = format!("the bundled image brings its own {field}");
            found.push(at_key(
                &codes::MISPLACED_FIELD,
                &path,
                label,
                "remove it, or set an `image` of your own",
            ));
        }
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
    let path = component.path.key("healthcheck");
    if !cx.has(&path) {
        return;
    }
    exclusive(cx, &path, ("http", "command"), "health is asked for in one way", found);
    if !cx.has(&path.key("http")) && !cx.has(&path.key("command")) {
        let label = "`healthcheck` needs `http` or `command`";
        found.push(at_key(&codes::MISSING_FIELD, &path, label, "add `http: /healthz`"));
    }
    if cx.has(&path.key("http")) && component.port.is_none() {
        let label = format!("nobody knows which port `{}` listens on", component.name);
        found.push(at_key(
            &codes::MISSING_FIELD,
            &path.key("http"),
            label,
            "add `port: 8000` to the component, with the right number",
        ));
    }
}

fn volumes(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let path = component.path.key("volumes");
    let mut index = 0;
    while cx.has(&path.index(index)) {
        let at = path.index(index);
        exclusive(cx, &at, ("name", "host"), "a volume has one source", found);
        if !cx.has(&at.key("name")) && !cx.has(&at.key("host")) {
            found.push(at_value(
                &codes::MISSING_FIELD,
                &at,
                "a volume needs `name` or `host`",
                "add `name: data`",
            ));
        }
        index += 1;
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
