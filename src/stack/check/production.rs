//! Advice for production: what is fine on a laptop and hurts where users are.
//!
//! Production is an environment whose name says so: `prod`, `production`, `prod-eu`. Buckets of models are looked at
//! everywhere: a version that was overwritten is gone in any environment.

use super::ports::{most_copies, shares_one_host};
use super::{Context, Found, at_key, at_value};
use crate::diag::codes;
use crate::stack::model::{Component, Kind, VolumeSource};

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for component in cx.components() {
        unversioned_bucket(component, found);
        if is_production(cx) {
            one_replica(cx, component, found);
            unpinned_model(component, found);
            host_mount(component, found);
        }
    }
}

fn is_production(cx: &Context<'_>) -> bool {
    let words = cx.stack.environment.as_deref().unwrap_or_default().split(['-', '_']);
    words.into_iter().any(|word| word == "prod" || word == "production")
}

/// One copy is away while it restarts. Where a port of one machine is published there can be no second.
fn one_replica(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let copies = matches!(component.kind, Kind::ModelServer(_) | Kind::Frontend(_) | Kind::Service);
    let data = component.volumes.iter().any(|volume| !volume.read_only);
    let pinned = component.expose.is_some() && shares_one_host(cx);
    if copies && !data && !pinned && !says_many(cx, component) && most_copies(component) == 1 {
        let label = format!("`{}` is away whenever its one copy is", component.name);
        found.push(at_key(&codes::ONE_REPLICA, &component.path, label, "add `replicas: 2`"));
    }
}

/// Whether `replicas` says something else than 1, however wrongly: that was told already.
fn says_many(cx: &Context<'_>, component: &Component) -> bool {
    let said = cx.node(component).and_then(|node| node.get("replicas")?.scalar());
    said.is_some_and(|said| said.text != "1")
}

fn unpinned_model(component: &Component, found: &mut Found) {
    let Kind::ModelServer(server) = &component.kind else {
        return;
    };
    let remote = |uri: &str| uri.contains("://");
    if let Some(model) = server.model.as_ref().filter(|model| remote(&model.uri))
        && model.sha256.is_none()
    {
        let help = format!(
            "pin it: `model: {{uri: {}, sha256: …}}`; `sha256sum` tells it",
            model.uri
        );
        let label = "whoever writes to the bucket changes what is served";
        found.push(at_value(
            &codes::UNPINNED_MODEL,
            &component.path.key("model"),
            label,
            help,
        ));
    }
}

fn host_mount(component: &Component, found: &mut Found) {
    for (place, volume) in component.volumes.iter().enumerate() {
        if let VolumeSource::Host(host) = &volume.source {
            let at = component.path.key("volumes").index(place).key("host");
            let label = format!("every machine must have its own `{host}`");
            let help = "put the files into an image (`build:`), or use a named volume: `name: files`";
            found.push(at_value(&codes::HOST_MOUNT, &at, label, help));
        }
    }
}

fn unversioned_bucket(component: &Component, found: &mut Found) {
    let Kind::ObjectStore(store) = &component.kind else {
        return;
    };
    let models = |name: &str| name.split(['-', '.']).any(|word| word == "model" || word == "models");
    for (name, _) in store
        .buckets
        .iter()
        .filter(|(name, bucket)| models(name) && !bucket.versioning)
    {
        let at = component.path.key("buckets").key(name);
        let label = "an overwritten model is gone, and with it the way back";
        let help = format!("write `{name}: {{ versioning: true }}`");
        found.push(at_key(&codes::UNVERSIONED_MODELS, &at, label, help));
    }
}
