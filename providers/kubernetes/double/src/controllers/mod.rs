//! The controllers: what happens by itself after a write. Owns the queue of things that are due and who is told of
//! which change; each controller is a module of its own.

mod budget;
mod claim;
mod deployment;
mod garbage;
mod job;
mod kubelet;
mod namespace;
mod quota;
mod replica_set;
mod scheduler;
mod stateful_set;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::kinds::{KINDS, named};
use crate::managed::{self, Manager};
use crate::store::{Change, Key, Verb, World, text};

/// Something that a controller does when its time has come.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Task {
    /// Brings the world nearer to what an object says.
    Sync(Key),
    /// Finds a node for a pod.
    Schedule(Key),
    /// Plays a step of a pod's life: its key, its uid, the step.
    Play(Key, String, usize),
    /// Ends a pod that is being deleted: its key, its uid.
    Stop(Key, String),
    /// Deletes what an owner that is gone leaves behind: its namespace, its uid.
    Collect(String, String),
    /// Removes the finalizers of garbage collection when they are fulfilled.
    Release(Key),
}

/// What is due, by time and in order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: BTreeMap<(u64, u64), Task>,
    waiting: BTreeSet<Task>,
    next: u64,
    /// When a Deployment last made progress.
    pub(crate) progress: BTreeMap<Key, u64>,
    /// How often a ReplicaSet or claim was tried in vain.
    pub(crate) failures: BTreeMap<Key, u32>,
}

/// Milliseconds that a controller takes to notice a change.
const NOTICE: u64 = 10;
/// Milliseconds that a pod takes to stop.
const STOP: u64 = 1000;

impl Queue {
    /// Puts a task in the queue; one that already waits does not wait twice.
    pub(crate) fn push(&mut self, at: u64, task: Task) {
        if self.waiting.insert(task.clone()) {
            self.due.insert((at, self.next), task);
            self.next += 1;
        }
    }

    /// Puts a task in the queue for a later time, whether or not it already waits.
    pub(crate) fn again(&mut self, at: u64, task: Task) {
        self.due.insert((at, self.next), task);
        self.next += 1;
    }

    fn pop(&mut self, until: u64) -> Option<(u64, Task)> {
        let entry = self.due.first_entry().filter(|e| e.key().0 <= until)?;
        let ((at, _), task) = entry.remove_entry();
        self.waiting.remove(&task);
        Some((at, task))
    }
}

/// Lets time pass up to `now`, doing what becomes due.
pub(crate) fn advance(world: &mut World, now: u64) {
    while let Some((at, task)) = world.queue.pop(now) {
        world.now = world.now.max(at);
        run(world, task);
    }
    world.now = world.now.max(now);
}

fn run(world: &mut World, task: Task) {
    match task {
        Task::Sync(key) => sync(world, &key),
        Task::Schedule(key) => scheduler::schedule(world, &key),
        Task::Play(key, uid, step) => kubelet::play(world, &key, &uid, step),
        Task::Stop(key, uid) => kubelet::stop(world, &key, &uid),
        Task::Collect(namespace, uid) => garbage::collect(world, &namespace, &uid),
        Task::Release(key) => garbage::release(world, &key),
    }
}

fn sync(world: &mut World, key: &Key) {
    match key.kind.kind {
        "Deployment" => deployment::sync(world, key),
        "ReplicaSet" => replica_set::sync(world, key),
        "StatefulSet" => stateful_set::sync(world, key),
        "Job" => job::sync(world, key),
        "Namespace" => namespace::sync(world, key),
        "PersistentVolumeClaim" => claim::sync(world, key),
        "PodDisruptionBudget" => budget::sync(world, key),
        "ResourceQuota" => quota::sync(world, key),
        _ => {}
    }
}

/// Tells the controllers of a change.
pub(crate) fn notice(world: &mut World, change: &Change) {
    let soon = world.now + NOTICE;
    let key = &change.key;
    if change.verb == Verb::Deleted {
        let uid = text(&change.object, "/metadata/uid").to_owned();
        world
            .queue
            .push(soon + NOTICE, Task::Collect(key.namespace.clone(), uid));
        world.queue.progress.remove(key);
    } else {
        world.queue.push(soon, Task::Sync(key.clone()));
        if change.object["metadata"]["deletionTimestamp"].is_string() {
            world.queue.push(soon + NOTICE, Task::Release(key.clone()));
        }
    }
    if let Some(owner) = owner(key, &change.object) {
        world.queue.push(soon, Task::Sync(owner.clone()));
        world.queue.push(soon + NOTICE, Task::Release(owner));
    }
    if key.namespace.is_empty() {
        return;
    }
    let namespace = Key::new(named("Namespace"), "", &key.namespace);
    if world
        .get(&namespace)
        .is_some_and(|n| n["metadata"]["deletionTimestamp"].is_string())
    {
        world.queue.push(soon, Task::Sync(namespace));
    }
    if key.kind.kind == "Pod" {
        pod(world, change, soon);
    }
}

fn pod(world: &mut World, change: &Change, soon: u64) {
    let key = &change.key;
    let uid = text(&change.object, "/metadata/uid").to_owned();
    let deleting = change.object["metadata"]["deletionTimestamp"].is_string();
    match change.verb {
        Verb::Added => world.queue.push(world.now + 2, Task::Schedule(key.clone())),
        Verb::Modified if deleting => world.queue.push(world.now + STOP, Task::Stop(key.clone(), uid)),
        _ => {}
    }
    let related: Vec<_> = ["PodDisruptionBudget", "PersistentVolumeClaim", "ResourceQuota"]
        .iter()
        .flat_map(|kind| world.list(named(kind), &key.namespace).map(|(k, _)| k.clone()))
        .filter(|k| k.kind.kind != "PersistentVolumeClaim" || change.verb == Verb::Deleted)
        .collect();
    for key in related {
        world.queue.push(soon, Task::Sync(key));
    }
}

/// The key of the controller that owns an object.
fn owner(key: &Key, object: &Value) -> Option<Key> {
    let reference = object["metadata"]["ownerReferences"]
        .as_array()?
        .iter()
        .find(|r| r["controller"] == true)?;
    let kind = KINDS
        .iter()
        .find(|k| reference["kind"] == k.kind && reference["apiVersion"] == k.api_version())?;
    Some(Key::new(kind, &key.namespace, text(reference, "/name")))
}

/// The objects of a kind that a controller owns.
fn owned(world: &World, kind: &str, owner: &Key, uid: &str) -> Vec<(Key, Value)> {
    let of = |o: &Value| {
        o["metadata"]["ownerReferences"]
            .as_array()
            .is_some_and(|r| r.iter().any(|r| r["uid"] == uid))
    };
    world
        .list(named(kind), &owner.namespace)
        .filter(|(_, o)| of(o))
        .map(|(k, o)| (k.clone(), o.clone()))
        .collect()
}

/// A reference to an owner that controls what it owns.
fn reference(owner: &Value) -> Value {
    json!({"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true})
}

/// The manager of what controllers write into a status.
fn status_manager() -> Manager {
    Manager::update(MANAGER, "status")
}

const MANAGER: &str = "kube-controller-manager";

/// Whether a pod is there to stay and not finished.
fn is_active(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_null() && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod's condition Ready is true.
fn is_ready(pod: &Value) -> bool {
    condition(pod, "Ready").is_some_and(|c| c["status"] == "True")
}

/// A condition of an object's status.
fn condition<'a>(object: &'a Value, of: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|c| c["type"] == of)
}

/// A number of an object, zero when it is absent.
fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Leaves out of a status what is zero and not written then.
fn without_zeros(status: &mut Value, kept: &[&str]) {
    if let Some(map) = status.as_object_mut() {
        map.retain(|name, v| *v != 0 || kept.contains(&name.as_str()));
    }
}

/// What a controller has to tell about an object.
#[derive(Debug, Clone, Copy)]
struct Said<'a> {
    warning: bool,
    reason: &'a str,
    message: &'a str,
    component: &'a str,
}

/// Writes an event; the same one again counts up.
fn tell(world: &mut World, about: &Value, said: Said) {
    let kind = named("Event");
    let namespace = text(about, "/metadata/namespace").to_owned();
    let same = |e: &Value| {
        e["involvedObject"]["uid"] == about["metadata"]["uid"]
            && e["reason"] == said.reason
            && e["message"] == said.message
    };
    let known = world
        .list(kind, &namespace)
        .find(|(_, e)| same(e))
        .map(|(k, _)| k.clone());
    let time = world.time();
    if let Some(key) = known {
        crate::write::edit(world, &key, &Manager::update(MANAGER, ""), |e| {
            e["count"] = (number(e, "/count") + 1).into();
            e["lastTimestamp"] = time.into();
        });
        return;
    }
    let name = format!("{}.{:016x}", text(about, "/metadata/name"), world.next_random());
    let event = json!({
        "kind": "Event", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace},
        "involvedObject": involved(about), "reason": said.reason, "message": said.message,
        "source": {"component": said.component}, "firstTimestamp": time, "lastTimestamp": time, "count": 1,
        "type": if said.warning { "Warning" } else { "Normal" }, "eventTime": null,
        "reportingComponent": said.component, "reportingInstance": "",
    });
    record(world, event, &Manager::update(MANAGER, ""));
}

fn involved(about: &Value) -> Value {
    json!({"kind": about["kind"], "namespace": about["metadata"]["namespace"], "name": about["metadata"]["name"],
        "uid": about["metadata"]["uid"], "apiVersion": about["apiVersion"], "resourceVersion": about["metadata"]["resourceVersion"]})
}

/// Stores an event with its owner of fields; a namespace that is going takes none.
fn record(world: &mut World, mut event: Value, manager: &Manager) {
    let kind = named("Event");
    managed::update(kind, None, &mut event, manager, "v1", &world.time());
    let key = Key::of(kind, &event);
    if crate::admit::namespace(world, &key).is_ok() {
        crate::prepare::create(world, &key, &mut event);
        world.put(key, event);
    }
}
