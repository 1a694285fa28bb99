//! What happens while a plan is carried out, as JSON: one object an event, for `--events`.
//!
//! Owns the format and its schema. Only additive changes within a major version; readers ignore types and fields that
//! they do not know.

use std::error::Error;

use mlstack_provider::{ProviderError, Value};
use serde_json::json;

use super::Header;
use crate::apply::{Event, Outcome};
use crate::plan::{Node, Plan, verb};

/// The version of the format: readers of 1.x read all of them.
const FORMAT: &str = "1.1";

/// When an event happened.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The clock (RFC 3339).
    pub time: String,
    /// Milliseconds since the command began to change things.
    pub elapsed_ms: u64,
}

/// The first event: which plan `command` carries out, and its steps. The way back of `--on-failure rollback` has a plan
/// of its own, and so a second `begin`.
pub fn begin_json(header: &Header<'_>, command: &str, plan: &Plan, at: &Moment) -> Value {
    let steps = plan.nodes.iter().map(|node| {
        json!({
            "id": node.id, "after": node.after, "address": node.step.address().to_string(), "op": verb(&node.step),
            "reason": node.reason.to_string(), "source": node.step.after().map(|after| &after.source),
        })
    });
    whole(
        "begin",
        at,
        json!({
            "format_version": FORMAT,
            "mlstack_version": env!("CARGO_PKG_VERSION"),
            "command": command,
            "stack": header.stack,
            "environment": header.environment,
            "target": header.target,
            "steps": steps.collect::<Vec<_>>(),
        }),
    )
}

/// One event of a step.
pub fn event_json(event: &Event<'_>, at: &Moment) -> Value {
    let millis = |took: &std::time::Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match event {
        Event::Started { node } => step("started", node, at, json!({})),
        Event::Progress { node, message } => step("progress", node, at, json!({"message": message})),
        Event::Done { node, took } => step("done", node, at, json!({"took_ms": millis(took)})),
        Event::Failed { node, error, took } => step(
            "failed",
            node,
            at,
            json!({"took_ms": millis(took), "error": fault(error)}),
        ),
        Event::Left { node } => step("left", node, at, json!({})),
        Event::Skipped { node, because } => {
            let because = because.map(|failed| failed.step.address().to_string());
            step("skipped", node, at, json!({"because": because}))
        }
    }
}

/// The last event of a plan: how it ended.
pub fn end_json(outcome: &Outcome, exit_code: u8, at: &Moment) -> Value {
    whole(
        "end",
        at,
        json!({
            "done": outcome.done.len(),
            "failed": outcome.failed.len(),
            "skipped": outcome.skipped.len(),
            "interrupted": outcome.is_interrupted(),
            "exit_code": exit_code,
        }),
    )
}

fn whole(kind: &str, at: &Moment, rest: Value) -> Value {
    merged(
        json!({"type": kind, "time": at.time, "elapsed_ms": at.elapsed_ms}),
        rest,
    )
}

fn step(kind: &str, node: &Node, at: &Moment, rest: Value) -> Value {
    let of = json!({"id": node.id, "address": node.step.address().to_string()});
    whole(kind, at, merged(of, rest))
}

fn merged(mut event: Value, rest: Value) -> Value {
    if let (Some(event), Value::Object(rest)) = (event.as_object_mut(), rest) {
        event.extend(rest);
    }
    event
}

fn fault(error: &ProviderError) -> Value {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    json!({"kind": error.kind.name(), "action": error.action, "causes": causes, "hints": error.hints})
}

/// The JSON Schema (2020-12) of one line.
pub fn events_schema() -> Value {
    let count = json!({"type": "integer", "minimum": 0});
    let text = json!({"type": "string"});
    let text_or_null = json!({"type": ["string", "null"]});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let of = |kind: &str, required: &[&str], properties: Value| {
        json!({
            "if": {"properties": {"type": {"const": kind}}},
            "then": {"required": required, "properties": properties},
        })
    };
    let step = json!({
        "type": "object",
        "required": ["id", "after", "address", "op", "reason", "source"],
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "after": {"type": "array", "items": {"type": "integer", "minimum": 1}},
            "address": text, "reason": text,
            "op": {"enum": ["create", "update", "replace", "repair", "delete"]},
            "source": {"type": ["object", "null"]},
        },
    });
    let error = json!({
        "type": "object",
        "required": ["kind", "action", "causes", "hints"],
        "properties": {"kind": text, "action": text, "causes": texts, "hints": texts},
    });
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://mlstack.dev/schema/events-v1.json",
        "title": "One line of `mlstack apply --events FILE`",
        "description": "A plan is told from `begin` to `end`. When `--on-failure rollback` takes a failed run back, \
                        that is a second plan, from another `begin` with the command `rollback` to another `end`. \
                        The last `end` has the exit code of the command.",
        "type": "object",
        "required": ["type", "time", "elapsed_ms"],
        "properties": {
            "type": {"enum": ["begin", "started", "progress", "done", "failed", "left", "skipped", "end"]},
            "time": {"type": "string", "format": "date-time"},
            "elapsed_ms": count,
            "id": {"type": "integer", "minimum": 1},
            "address": {"type": "string", "pattern": "^[^/]+/.+$"},
        },
        "allOf": [
            of("begin", &["format_version", "mlstack_version", "stack", "environment", "target", "steps"], json!({
                "format_version": {"type": "string", "pattern": "^1\\.[0-9]+$"},
                "mlstack_version": text, "command": text, "stack": text, "environment": text_or_null, "target": text,
                "steps": {"type": "array", "items": step},
            })),
            of("started", &["id", "address"], json!({})),
            of("progress", &["id", "address", "message"], json!({"message": text})),
            of("done", &["id", "address", "took_ms"], json!({"took_ms": count})),
            of("failed", &["id", "address", "took_ms", "error"], json!({"took_ms": count, "error": error})),
            of("left", &["id", "address"], json!({})),
            of("skipped", &["id", "address", "because"], json!({"because": text_or_null})),
            of("end", &["done", "failed", "skipped", "interrupted", "exit_code"], json!({
                "done": count, "failed": count, "skipped": count,
                "interrupted": {"type": "boolean"}, "exit_code": count,
            })),
        ],
    })
}
