//! Namespaces: the default ServiceAccount of a new one, and the emptying of one that is deleted, with the conditions
//! that say why it is not gone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{MANAGER, status_manager};
use crate::kinds::named;
use crate::store::{Key, World};
use crate::write::{self, Delete, edit, finalizers, make};

/// Brings a namespace on.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(namespace) = world.get(key).cloned() else {
        return;
    };
    if namespace["metadata"]["deletionTimestamp"].is_null() {
        furnish(world, &key.name);
        return;
    }
    let inside: Vec<Key> = world
        .objects
        .keys()
        .filter(|k| k.namespace == key.name)
        .cloned()
        .collect();
    for inner in inside {
        let _ = write::delete(
            world,
            &inner,
            &Delete {
                grace: Some(1),
                ..Delete::default()
            },
            &mut Vec::new(),
        );
    }
    let left: Vec<(Key, Value)> = world
        .objects
        .iter()
        .filter(|(k, _)| k.namespace == key.name)
        .map(|(k, o)| (k.clone(), o.clone()))
        .collect();
    if left.is_empty() {
        world.remove(key);
        return;
    }
    let conditions = conditions(&left, &world.time(), &namespace);
    edit(world, key, &status_manager(), |n| {
        n["status"]["conditions"] = conditions;
    });
}

fn furnish(world: &mut World, namespace: &str) {
    let account = named("ServiceAccount");
    if world.get(&Key::new(account, namespace, "default")).is_none() {
        let _ = make(
            world,
            account,
            json!({"metadata": {"name": "default", "namespace": namespace}}),
            MANAGER,
        );
        let root = json!({"metadata": {"name": "kube-root-ca.crt", "namespace": namespace}, "data": {"ca.crt": "PEM-REPLACED"}});
        let _ = make(world, named("ConfigMap"), root, MANAGER);
    }
}

/// How many of what is left, and which finalizers hold it.
fn conditions(left: &[(Key, Value)], time: &str, namespace: &Value) -> Value {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for (key, object) in left {
        *counts
            .entry(format!("{}.{}", key.kind.plural, key.kind.group))
            .or_default() += 1;
        for finalizer in finalizers(object) {
            *held.entry(finalizer.into()).or_default() += 1;
        }
    }
    let remaining = counts
        .iter()
        .map(|(of, n)| format!("{of} has {n} resource instances"))
        .collect::<Vec<_>>()
        .join(", ");
    let holding = held
        .iter()
        .map(|(of, n)| format!("{of} in {n} resource instances"))
        .collect::<Vec<_>>()
        .join(", ");
    let before = namespace["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let condition = |of: &str, status: &str, reason: &str, message: &str| {
        let known = before.iter().find(|c| c["type"] == of && c["status"] == status);
        let since = known.map_or_else(|| time.into(), |c| c["lastTransitionTime"].clone());
        json!({"type": of, "status": status, "lastTransitionTime": since, "reason": reason, "message": message})
    };
    let mut all = vec![
        condition(
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        ),
        condition(
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        condition(
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        condition(
            "NamespaceContentRemaining",
            "True",
            "SomeResourcesRemain",
            &format!("Some resources are remaining: {remaining}"),
        ),
    ];
    if holding.is_empty() {
        all.push(condition(
            "NamespaceFinalizersRemaining",
            "False",
            "ContentHasNoFinalizers",
            "All content-preserving finalizers finished",
        ));
    } else {
        all.push(condition(
            "NamespaceFinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            &format!("Some content in the namespace has finalizers remaining: {holding}"),
        ));
    }
    all.into()
}
