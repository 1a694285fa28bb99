//! Garbage collection: dependents go after their owner, before it, or are set free.

use serde_json::Value;

use super::{MANAGER, Task};
use crate::managed::Manager;
use crate::store::{Key, World, text};
use crate::write::{self, Delete, Policy, edit, finalizers};

fn dependents(world: &World, namespace: &str, uid: &str) -> Vec<(Key, Value)> {
    let refers = |o: &Value| {
        o["metadata"]["ownerReferences"]
            .as_array()
            .is_some_and(|all| all.iter().any(|r| r["uid"] == uid))
    };
    world
        .objects
        .iter()
        .filter(|(k, o)| k.namespace == namespace && refers(o))
        .map(|(k, o)| (k.clone(), o.clone()))
        .collect()
}

/// Deletes what an owner that is gone leaves behind.
pub(crate) fn collect(world: &mut World, namespace: &str, uid: &str) {
    for (key, _) in dependents(world, namespace, uid) {
        let options = Delete {
            policy: Some(Policy::Background),
            ..Delete::default()
        };
        let _ = write::delete(world, &key, &options, &mut Vec::new());
    }
}

/// Fulfils the finalizers of an object that is being deleted.
pub(crate) fn release(world: &mut World, key: &Key) {
    let Some(object) = world.get(key).cloned() else { return };
    if object["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    let uid = text(&object, "/metadata/uid").to_owned();
    for finalizer in finalizers(&object) {
        match finalizer {
            "orphan" => {
                set_free(world, key, &uid);
                drop_finalizer(world, key, "orphan");
            }
            "foregroundDeletion" => foreground(world, key, &uid),
            _ => {}
        }
    }
}

fn set_free(world: &mut World, key: &Key, uid: &str) {
    for (dependent, _) in dependents(world, &key.namespace, uid) {
        edit(world, &dependent, &Manager::update(MANAGER, ""), |o| {
            let metadata = &mut o["metadata"];
            let mut owners = metadata["ownerReferences"].as_array().cloned().unwrap_or_default();
            owners.retain(|r| r["uid"] != uid);
            match owners.is_empty() {
                true => drop(metadata.as_object_mut().and_then(|m| m.remove("ownerReferences"))),
                false => metadata["ownerReferences"] = owners.into(),
            }
        });
    }
}

fn foreground(world: &mut World, key: &Key, uid: &str) {
    let all = dependents(world, &key.namespace, uid);
    for (dependent, object) in &all {
        if object["metadata"]["deletionTimestamp"].is_null() {
            let policy = Some(Policy::Foreground).filter(|_| dependent.kind.kind != "Pod");
            let _ = write::delete(
                world,
                dependent,
                &Delete {
                    policy,
                    ..Delete::default()
                },
                &mut Vec::new(),
            );
        }
    }
    if dependents(world, &key.namespace, uid).is_empty() {
        drop_finalizer(world, key, "foregroundDeletion");
    } else {
        world.queue.push(world.now + 50, Task::Release(key.clone()));
    }
}

/// Takes a finalizer off, as the collector does: without becoming an owner of anything.
pub(super) fn drop_finalizer(world: &mut World, key: &Key, name: &str) {
    edit(world, key, &Manager::update(MANAGER, ""), |o| {
        let mut all = o["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
        all.retain(|f| f != name);
        match all.is_empty() {
            true => drop(o["metadata"].as_object_mut().and_then(|m| m.remove("finalizers"))),
            false => o["metadata"]["finalizers"] = all.into(),
        }
    });
}
