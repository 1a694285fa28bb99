//! What is kept: claims for data, and configuration by its content.

use mlstack_manifest::content_name;
use mlstack_provider::{Address, Resource};
use serde_json::json;

use super::{Lowering, Object, labels};
use crate::stack::{Component, Kind, ObjectStoreEngine, VolumeSource};
use crate::target::bundled::{self, Script};

/// Bytes of a claim when the stack file says none.
const SIZE: u64 = 10 << 30;

/// The claims of a component: its own data, and the volumes it names. All of them are protected.
pub(super) fn claims(lowering: &Lowering<'_>, component: &Component) -> Vec<Resource> {
    let own = bundled::data(component).map(|(name, _)| {
        let labels = labels(lowering.stack, component, None);
        let spec = claim(lowering, storage(component).unwrap_or(SIZE));
        lowering.resource("pvc", &name, &labels, Some(&component.path), Object::new(spec))
    });
    let named = component.volumes.iter().enumerate().filter_map(|(index, volume)| {
        let VolumeSource::Named(name) = &volume.source else {
            return None;
        };
        let path = component.path.key("volumes").index(index);
        let object = Object::new(claim(lowering, SIZE));
        Some(lowering.resource("pvc", name, &lowering.shared_labels(), Some(&path), object))
    });
    own.into_iter().chain(named).collect()
}

fn claim(lowering: &Lowering<'_>, size: u64) -> serde_json::Value {
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": bytes(size)}},
    });
    if let Some(class) = &lowering.stack.kubernetes.storage_class {
        spec["storageClassName"] = class.as_str().into();
    }
    json!({"spec": spec})
}

fn storage(component: &Component) -> Option<u64> {
    match &component.kind {
        Kind::Database(database) => database.storage,
        Kind::Cache(cache) => cache.storage,
        Kind::Broker(broker) => broker.storage,
        Kind::ObjectStore(store) => match store.engine {
            ObjectStoreEngine::Seaweedfs { storage, .. } => storage,
            ObjectStoreEngine::S3 { .. } => None,
        },
        Kind::ModelServer(_) | Kind::Frontend(_) | Kind::Service => None,
    }
}

/// `256Mi`: the largest unit that divides it.
pub(super) fn bytes(bytes: u64) -> String {
    let units = [(1 << 40, "Ti"), (1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")];
    let whole = units
        .into_iter()
        .find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit));
    whole.map_or(bytes.to_string(), |(unit, name)| format!("{}{name}", bytes / unit))
}

/// `500m`, or `2` for whole cores.
pub(super) fn cores(millis: u64) -> String {
    match millis % 1000 {
        0 => (millis / 1000).to_string(),
        _ => format!("{millis}m"),
    }
}

/// The name of the object with a component's script: another script is another name, so that pods roll.
pub(super) fn script_name(component: &Component, script: &Script) -> String {
    content_name(&format!("{}-{}", component.name, script.name), script.text.as_bytes())
}

/// The address of the object with a component's script.
pub(super) fn script_address(component: &Component) -> Option<Address> {
    let script = script_of(component)?;
    Some(Address::new("configmap", script_name(component, &script)))
}

pub(super) fn script_of(component: &Component) -> Option<Script> {
    match bundled::is_foreign(component) {
        true => None,
        false => bundled::part(component).script,
    }
}

/// The script that a component's container runs.
pub(super) fn script(lowering: &Lowering<'_>, component: &Component) -> Option<Resource> {
    let script = script_of(component)?;
    let object = Object::new(json!({"immutable": true, "data": {script.name: script.text}}));
    Some(lowering.resource(
        "configmap",
        &script_name(component, &script),
        &labels(lowering.stack, component, None),
        Some(&component.path),
        object,
    ))
}
