//! The workload of a component: a Deployment, or a StatefulSet where it keeps data.

use mlstack_manifest::{Kind, Labels, kind};
use mlstack_provider::{Address, Resource, Value};
use serde_json::{Map, json};

use super::pod::Pod;
use super::{Lowering, Object, image, labels, policy, probes, remember_secrets, secret_object, storage};
use crate::stack::{Component, VolumeSource};
use crate::target::{bundled, checks, refs};

/// Seconds that a new copy must stay ready before it counts: a crash right after the start is no success.
const SETTLE: u64 = 5;
/// Earlier versions whose description the cluster keeps.
const HISTORY: u32 = 3;

/// The kind of a component's workload.
pub(super) fn kind_of(component: &Component) -> &'static Kind {
    let short = match bundled::data(component) {
        Some(_) => "statefulset",
        None => "deployment",
    };
    kind(short).expect("both are in the table")
}

/// The address of a component's workload.
pub(super) fn address(component: &Component) -> Address {
    Address::new(kind_of(component).short, &component.name)
}

/// The workload of a component that runs here.
pub(super) fn of(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let digest = lowering.inputs.digests.get(&component.name).map(String::as_str);
    let image = image::reference(lowering.stack, component, digest);
    let labels = labels(lowering.stack, component, image::version(&image));
    let pod = Pod::of(lowering, component, &image);
    let object = Object {
        body: json!({"spec": spec(component, &labels, &pod)}),
        depends_on: depends_on(lowering, component, &pod),
        ours: ours(lowering, component, &image, &pod),
    };
    lowering.resource(
        kind_of(component).short,
        &component.name,
        &labels,
        Some(&component.path),
        object,
    )
}

fn spec(component: &Component, labels: &Labels<'_>, pod: &Pod) -> Value {
    let mut spec = Map::new();
    let mut set = |key: &str, value: Value| spec.insert(key.to_owned(), value);
    if component.autoscale.is_none() {
        set("replicas", component.replicas.into());
    }
    set("revisionHistoryLimit", HISTORY.into());
    set("minReadySeconds", SETTLE.into());
    match bundled::data(component) {
        Some(_) => {
            set("serviceName", component.name.as_str().into());
        }
        None => {
            let patience = probes::rollout_seconds(component).max(30);
            set("progressDeadlineSeconds", patience.into());
            set("strategy", strategy(component));
        }
    }
    set("selector", json!({"matchLabels": labels.selector()}));
    set(
        "template",
        json!({"metadata": {"labels": labels.all()}, "spec": pod.spec}),
    );
    Value::Object(spec)
}

/// The new copy comes before the old one goes, except where both need what only one can have: a device, or a claim
/// that one node holds.
fn strategy(component: &Component) -> Value {
    let named = |source: &VolumeSource| matches!(source, VolumeSource::Named(_));
    let claims = component.volumes.iter().any(|volume| named(&volume.source));
    match claims || has_gpu(component) {
        true => json!({"type": "Recreate"}),
        false => json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
    }
}

pub(super) fn has_gpu(component: &Component) -> bool {
    component.resources.gpu.is_some_and(|count| count > 0)
}

fn depends_on(lowering: &Lowering<'_>, component: &Component, pod: &Pod) -> Vec<Address> {
    let own = [
        Address::new("serviceaccount", &component.name),
        policy::default_deny_address(lowering),
        Address::new("networkpolicy", &component.name),
    ];
    let secrets = pod
        .secrets
        .iter()
        .map(|name| Address::new("secret", secret_object(name)));
    let claims = pod.claims.iter().map(|name| Address::new("pvc", name));
    let service = refs::port(component).map(|_| Address::new("service", &component.name));
    let used = component.uses.iter().filter_map(|name| lowering.component(name));
    let running = used.filter(|used| !refs::is_external(used));
    own.into_iter()
        .chain(storage::script_address(component))
        .chain(secrets)
        .chain(claims)
        .chain(service)
        .chain(running.map(address))
        .collect()
}

/// What the provider needs beside the object: the digests of the secrets, the golden requests, how long a rollout may
/// take, and the image where it must be pushed first.
fn ours(lowering: &Lowering<'_>, component: &Component, image: &str, pod: &Pod) -> Map<String, Value> {
    let mut ours = remember_secrets(lowering, pod.secrets.iter());
    ours.insert("ready_within_s".to_owned(), probes::rollout_seconds(component).into());
    if let Some(checks) = checks::of(component) {
        let checks = serde_json::to_value(checks).expect("checks are structs with text keys");
        ours.insert("checks".to_owned(), checks);
    }
    if image::is_pushed(lowering.stack, component) {
        ours.insert(
            "image".to_owned(),
            json!({"component": component.name, "reference": image}),
        );
    }
    ours
}
