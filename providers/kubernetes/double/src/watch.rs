//! Watches: the history from a resourceVersion on, as a stream of events. Owns which events a watch sees; the stream
//! itself is pumped by `http`.

use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::managed;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::select::Selection;
use crate::store::{Change, Verb, World};

/// An open watch.
#[derive(Debug)]
pub(crate) struct Watch {
    kind: &'static Kind,
    namespace: String,
    wanted: Selection,
    /// The history up to here was seen.
    seen: usize,
    first: Vec<Value>,
    bookmarks: bool,
    next_bookmark: u64,
    /// When the server closes it, in milliseconds of its clock.
    pub(crate) until: u64,
}

/// The resourceVersions that are too old to watch from.
const FORGOTTEN: u64 = 1000;
/// Milliseconds between bookmarks.
const BOOKMARK: u64 = 60_000;

/// Opens a watch.
///
/// # Errors
/// For a query that the server refuses before it streams.
pub(crate) fn open(world: &World, kind: &'static Kind, namespace: &str, request: &Request) -> Result<Watch, Refusal> {
    let wanted = Selection::read(kind, request)?;
    let streaming = request.query("sendInitialEvents") == "true";
    if streaming && request.query("resourceVersionMatch") != "NotOlderThan" {
        return Err(initial_events_refused());
    }
    let asked = request.query("resourceVersion");
    let version = match asked {
        "" => 0,
        _ => asked.parse::<u64>().map_err(|_| {
            Refusal::internal(format!(
                "resourceVersion: Invalid value: \"{asked}\": strconv.ParseUint: parsing \"{asked}\": invalid syntax"
            ))
        })?,
    };
    let seconds = request.query("timeoutSeconds").parse().unwrap_or(1800);
    let mut watch = Watch {
        kind,
        namespace: namespace.into(),
        wanted,
        seen: world.history.len(),
        first: Vec::new(),
        bookmarks: request.query("allowWatchBookmarks") == "true",
        next_bookmark: world.now + BOOKMARK,
        until: world.now + seconds * 1000,
    };
    if streaming || version == 0 {
        watch.first = watch.initial(world, streaming);
    } else if version < FORGOTTEN {
        watch.first = vec![json!({"type": "ERROR", "object": too_old(version, FORGOTTEN)})];
        watch.until = world.now;
    } else {
        watch.seen = world.history.partition_point(|c| c.version <= version);
    }
    Ok(watch)
}

fn initial_events_refused() -> Refusal {
    let field = "resourceVersionMatch";
    let message = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
    Refusal::invalid_options(
        "ListOptions",
        &crate::refusal::Cause {
            reason: "FieldValueForbidden",
            message: message.into(),
            field: field.into(),
        },
    )
}

fn too_old(version: u64, oldest: u64) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("too old resource version: {version} ({oldest})"), "reason": "Expired", "code": 410})
}

impl Watch {
    fn initial(&self, world: &World, end: bool) -> Vec<Value> {
        let mut events: Vec<_> = world
            .list(self.kind, &self.namespace)
            .filter(|(_, o)| self.wanted.matches(o))
            .map(|(_, o)| json!({"type": "ADDED", "object": o}))
            .collect();
        if end && self.bookmarks {
            let mut bookmark = self.bookmark(world);
            bookmark["object"]["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
            events.push(bookmark);
        }
        events
    }

    fn bookmark(&self, world: &World) -> Value {
        let mut object = managed::skeleton(self.kind);
        object["metadata"] = json!({"resourceVersion": world.version.to_string()});
        json!({"type": "BOOKMARK", "object": object})
    }

    /// The events since the last call.
    pub(crate) fn events(&mut self, world: &World) -> Vec<Value> {
        let mut events = std::mem::take(&mut self.first);
        let seen = std::mem::replace(&mut self.seen, world.history.len());
        events.extend(
            world.history[seen.min(self.seen)..]
                .iter()
                .filter_map(|c| self.event(c)),
        );
        if self.bookmarks && world.now >= self.next_bookmark {
            self.next_bookmark = world.now + BOOKMARK;
            events.push(self.bookmark(world));
        }
        events
    }

    /// What the watch says of a change: an object that comes into its selection is added, one that leaves is deleted.
    fn event(&self, change: &Change) -> Option<Value> {
        if change.at > self.until
            || change.key.kind != self.kind
            || !(self.namespace.is_empty() || change.key.namespace == self.namespace)
        {
            return None;
        }
        let before = change.before.as_ref().is_some_and(|o| self.wanted.matches(o));
        let after = change.verb != Verb::Deleted && self.wanted.matches(&change.object);
        let verb = match (before, after) {
            (false, false) => return None,
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
        };
        let mut object = match verb {
            "DELETED" if change.verb != Verb::Deleted => change.before.clone()?,
            _ => change.object.clone(),
        };
        object["metadata"]["resourceVersion"] = change.version.to_string().into();
        Some(json!({"type": verb, "object": object}))
    }
}
