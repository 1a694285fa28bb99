//! The objects, their resourceVersions and the history that watches read. Owns what is stored and the clock; decides
//! nothing about what may be stored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::behaviour::Behaviours;
use crate::controllers::{self, Queue};
use crate::forward::Listeners;
use crate::kinds::{Kind, named};

/// Which object: kind, namespace (empty when cluster-scoped), name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: &'static Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        let namespace = if kind.namespaced { namespace } else { "" };
        Self {
            kind,
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of an object, which names its namespace and itself.
    pub(crate) fn of(kind: &'static Kind, object: &Value) -> Self {
        Self::new(
            kind,
            text(object, "/metadata/namespace"),
            text(object, "/metadata/name"),
        )
    }
}

/// The text at a JSON pointer; empty when there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Added,
    Modified,
    Deleted,
}

/// One step of the history.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    /// When, by the server's clock.
    pub(crate) at: u64,
    pub(crate) verb: Verb,
    pub(crate) key: Key,
    pub(crate) object: Value,
    pub(crate) before: Option<Value>,
}

/// Everything that the server knows.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<Key, Value>,
    pub(crate) history: Vec<Change>,
    pub(crate) version: u64,
    /// Milliseconds since 1970, as the server's clock says.
    pub(crate) now: u64,
    pub(crate) queue: Queue,
    pub(crate) behaviours: Behaviours,
    pub(crate) listeners: Listeners,
    /// Whether a request without a token is an anonymous one.
    pub(crate) token_required: bool,
    random: u64,
}

/// The letters of generated names.
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// Where resourceVersions begin: a watch from 1 is too old, as on a server that has run for a while.
const FIRST_VERSION: u64 = 1000;

impl World {
    /// A cluster as it is after its start: system namespaces, a node with four GPUs, a default storage class.
    pub(crate) fn new(now: u64) -> Self {
        let mut world = Self {
            objects: BTreeMap::new(),
            history: Vec::new(),
            version: FIRST_VERSION,
            now,
            queue: Queue::default(),
            behaviours: Behaviours::default(),
            listeners: Listeners::default(),
            token_required: false,
            random: 0x9e37_79b9_7f4a_7c15,
        };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            world.seed(
                "Namespace",
                json!({"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}),
            );
        }
        world.seed("Node", json!({"metadata": {"name": "fake-0", "labels": {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}},
            "spec": {}, "status": {"allocatable": {"cpu": "64", "memory": "256Gi", "pods": "250", "nvidia.com/gpu": "4"},
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]}}));
        world.seed("StorageClass", json!({"metadata": {"name": "standard",
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": "kubernetes.io/host-path",
            "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}));
        world
    }

    fn seed(&mut self, kind: &str, mut object: Value) {
        let kind = named(kind);
        object["kind"] = kind.kind.into();
        object["apiVersion"] = kind.api_version().into();
        object["metadata"]["uid"] = self.uid().into();
        object["metadata"]["creationTimestamp"] = self.time().into();
        self.put(Key::of(kind, &object), object);
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.objects.get(key)
    }

    /// The objects of a kind, of one namespace or of all when it is empty.
    pub(crate) fn list<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        let of =
            move |(key, _): &(&Key, &Value)| key.kind == kind && (namespace.is_empty() || key.namespace == namespace);
        self.objects
            .range(
                Key {
                    kind,
                    namespace: namespace.into(),
                    name: String::new(),
                }..,
            )
            .take_while(move |(k, _)| k.kind == kind)
            .filter(of)
    }

    /// Stores an object with the next resourceVersion, and returns it.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let before = self.objects.insert(key.clone(), object.clone());
        let verb = if before.is_some() { Verb::Modified } else { Verb::Added };
        self.record(Change {
            version: self.version,
            at: self.now,
            verb,
            key,
            object: object.clone(),
            before,
        });
        object
    }

    /// Removes an object for good, and returns it as the watches see it.
    pub(crate) fn remove(&mut self, key: &Key) -> Option<Value> {
        let before = self.objects.remove(key)?;
        self.version += 1;
        let mut object = before.clone();
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.record(Change {
            version: self.version,
            at: self.now,
            verb: Verb::Deleted,
            key: key.clone(),
            object: object.clone(),
            before: Some(before),
        });
        Some(object)
    }

    fn record(&mut self, change: Change) {
        controllers::notice(self, &change);
        self.history.push(change);
    }

    /// The time as `2026-01-31T12:00:00Z`.
    pub(crate) fn time(&self) -> String {
        format!("{:.0}", self.moment())
    }

    /// The time with microseconds.
    pub(crate) fn micro_time(&self) -> String {
        format!("{:.6}", self.moment())
    }

    fn moment(&self) -> Timestamp {
        let now = i64::try_from(self.now).map(Timestamp::from_millisecond);
        now.map_or(Timestamp::MAX, |now| now.unwrap_or(Timestamp::MAX))
    }

    pub(crate) fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }

    /// A suffix of `length` letters, as names are generated with.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        (0..length)
            .map(|_| char::from(LETTERS[usize::try_from(self.next_random() % 27).unwrap_or(0)]))
            .collect()
    }

    pub(crate) fn uid(&mut self) -> String {
        let (a, b) = (self.next_random(), self.next_random());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            a >> 32,
            a >> 16 & 0xffff,
            a & 0xfff,
            b >> 48 & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }
}

/// A hash for names: FNV-1a over the text, in letters that spell no words.
pub(crate) fn name_hash(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    let mut hash = u64::from(hash) | 1 << 40;
    let mut name = String::new();
    for _ in 0..10 {
        name.push(char::from(LETTERS[usize::try_from(hash % 27).unwrap_or(0)]));
        hash /= 13;
    }
    name
}
