//! A plan as programs read it: the shape that users' tools know from Terraform's plan JSON.
//!
//! `format_version` 1.0; only additive changes within 1.x. The schema is what `mlstack schema plan` prints.

use mlstack_provider::Value;
use serde_json::json;

use super::Header;
use crate::plan::{
    Action, Plan,
    seal::{digest_text, digest_value},
    wire,
};

/// What a plan's JSON tells beside the plan, each ready as JSON.
#[derive(Clone, Debug, Default)]
pub struct Extras {
    /// Fields of the stack file that the target cannot honour.
    pub unsupported: Vec<Value>,
    /// What is wrong or doubtful in the stack file.
    pub diagnostics: Vec<Value>,
    /// What the target says of what is wanted.
    pub findings: Vec<Value>,
    /// What the policies say of the plan.
    pub violations: Vec<Value>,
}

/// The plan JSON.
pub fn plan_json(header: &Header<'_>, plan: &Plan, extras: &Extras) -> Value {
    let changes: Vec<Value> = plan.changes.iter().map(wire::to_json).collect();
    let summary = plan.summary();
    let drift: Vec<Value> = plan.drift.iter().map(wire::drift_to_json).collect();
    let Extras {
        unsupported,
        diagnostics,
        findings,
        violations,
    } = extras;
    let mut document = json!({
        "format_version": "1.0",
        "mlstack_version": env!("CARGO_PKG_VERSION"),
        "stack": header.stack,
        "environment": header.environment,
        "target": header.target,
        "context": header.context,
        "summary": {
            "add": summary.add,
            "change": summary.change,
            "replace": summary.replace,
            "destroy": summary.destroy,
            "destructive": destructive(plan),
        },
        "fingerprint": fingerprint_of(header, &changes),
        "resource_changes": changes,
        "resource_drift": drift,
        "unsupported": unsupported,
        "diagnostics": diagnostics,
    });
    if !findings.is_empty() {
        document["findings"] = Value::Array(findings.clone());
    }
    if !violations.is_empty() {
        document["violations"] = Value::Array(violations.clone());
    }
    document
}

/// The document of a stack file that no plan can be made of: `failure` says so, `diagnostics` say why.
pub fn no_plan_json(header: &Header<'_>, failure: &str, diagnostics: &[Value]) -> Value {
    let extras = Extras {
        diagnostics: diagnostics.to_vec(),
        ..Extras::default()
    };
    let mut document = plan_json(header, &Plan::default(), &extras);
    fail(&mut document, failure);
    document
}

/// Says in a document that there is no plan. What is not known may take something away.
pub(super) fn fail(document: &mut Value, failure: &str) {
    document["failure"] = failure.into();
    document["summary"]["destructive"] = true.into();
}

/// What tells a plan from every other: a digest of what it is about and of all that it changes, however long changes
/// took by then.
pub fn fingerprint(header: &Header<'_>, plan: &Plan) -> String {
    let changes: Vec<Value> = plan.changes.iter().map(wire::to_json).collect();
    fingerprint_of(header, &changes)
}

fn fingerprint_of(header: &Header<'_>, changes: &[Value]) -> String {
    let timeless = |change: &Value| {
        let mut change = change.clone();
        if let Some(fields) = change.as_object_mut() {
            fields.shift_remove("downtime_seconds");
        }
        change
    };
    let about = json!([header.stack, header.environment, header.target]).to_string();
    let told = changes.iter().map(|change| match change.get("downtime_seconds") {
        Some(_) => digest_value(&timeless(change)),
        None => digest_value(change),
    });
    let told: Vec<String> = std::iter::once(about).chain(told).collect();
    digest_text(&told.join("\n"))
}

/// Whether carrying it out takes anything away, if only for a moment.
pub(super) fn destructive(plan: &Plan) -> bool {
    plan.changes
        .iter()
        .any(|change| matches!(change.action, Action::Delete | Action::Replace | Action::Refuse))
}

/// The JSON Schema (2020-12) of the plan JSON; a sealed plan fits it too.
pub fn plan_schema() -> Value {
    let list = json!({"type": "array", "items": {"type": "object"}});
    let count = json!({"type": "integer", "minimum": 0});
    let text_or_null = json!({"type": ["string", "null"]});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://mlstack.dev/schema/plan-v1.json",
        "title": "The plan of mlstack",
        "type": "object",
        "required": [
            "format_version", "mlstack_version", "stack", "environment", "target", "resource_changes", "resource_drift",
            "unsupported", "diagnostics", "summary", "fingerprint",
        ],
        "properties": {
            "format_version": {"type": "string", "pattern": "^1\\.[0-9]+$"},
            "mlstack_version": {"type": "string"},
            "stack": {"type": "string"},
            "environment": text_or_null,
            "target": {"type": "string"},
            "context": text_or_null,
            "resource_changes": {"type": "array", "items": change_schema()},
            "resource_drift": {"type": "array", "items": drift_schema()},
            "unsupported": list,
            "diagnostics": {"type": "array", "items": diagnostic_schema()},
            "violations": {"type": "array", "items": violation_schema()},
            "failure": {
                "type": "string",
                "description": "Why there is no plan: `diagnostics` tell more, and nothing else of this document counts",
            },
            "findings": {"type": "array", "items": finding_schema()},
            "summary": {
                "type": "object",
                "required": ["add", "change", "replace", "destroy", "destructive"],
                "properties": {
                    "add": count, "change": count, "replace": count, "destroy": count,
                    "destructive": {"type": "boolean"},
                },
            },
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
    })
}

/// What is wrong or doubtful in the stack file, and where.
fn diagnostic_schema() -> Value {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer", "minimum": 1});
    let place = json!({"label": text, "file": text, "line": number, "column": number});
    let mut properties = json!({
        "code": {"type": "string", "pattern": "^mlstack::[a-z0-9-]+$"},
        "severity": {"enum": ["error", "warning"]},
        "summary": text,
        "help": {"type": ["string", "null"]},
        "related": {"type": "array", "items": {
            "type": "object", "required": ["label", "file", "line", "column"], "properties": place,
        }},
    });
    for name in ["label", "file", "line", "column"] {
        properties[name] = place[name].clone();
    }
    json!({
        "type": "object",
        "required": ["code", "severity", "summary", "label", "help", "file", "line", "column", "related"],
        "properties": properties,
    })
}

/// What the policies say.
fn violation_schema() -> Value {
    let text_or_null = json!({"type": ["string", "null"]});
    json!({
        "type": "object",
        "required": ["policy", "severity", "address", "text", "help", "source", "waived"],
        "properties": {
            "policy": {"type": "string"},
            "severity": {"enum": ["error", "warning"]},
            "address": text_or_null,
            "text": {"type": "string"},
            "help": text_or_null,
            "source": source_schema(),
            "waived": {
                "type": ["object", "null"],
                "required": ["reason", "until"],
                "properties": {"reason": {"type": "string"}, "until": text_or_null},
            },
        },
    })
}

/// What somebody changed: `before` is what it was made as, `after` what it is now.
fn drift_schema() -> Value {
    json!({
        "type": "object",
        "required": ["address", "kind", "name", "drift", "change", "attributes", "fix", "source"],
        "properties": {
            "address": {"type": "string", "pattern": "^[^/]+/.+$"},
            "kind": {"type": "string"},
            "name": {"type": "string"},
            "drift": {"enum": ["changed", "broken", "removed", "appeared"]},
            "problem": {"type": "string"},
            "change": delta_schema(),
            "attributes": {"type": "array", "items": {
                "type": "object",
                "required": ["path", "before", "after", "sensitive"],
                "properties": {"path": {"type": "string"}, "sensitive": {"type": "boolean"}},
            }},
            "fix": {"type": "string"},
            "source": source_schema(),
        },
    })
}

/// What a target says: who manages a field, what it warns of.
fn finding_schema() -> Value {
    json!({
        "type": "object",
        "required": ["address", "level", "text", "hint"],
        "properties": {
            "address": {"type": "string", "pattern": "^[^/]+/.+$"},
            "level": {"enum": ["note", "warning", "conflict", "refusal"]},
            "text": {"type": "string"},
            "hint": {"type": ["string", "null"]},
        },
    })
}

fn delta_schema() -> Value {
    let spec = json!({"type": ["object", "null"]});
    json!({
        "type": "object",
        "required": ["actions", "before", "after", "before_sensitive", "after_sensitive", "replace_paths"],
        "properties": {
            "actions": {"enum": [
                ["no-op"], ["create"], ["update"], ["delete", "create"], ["create", "delete"], ["delete"], ["forget"],
            ]},
            "before": spec,
            "after": spec,
            "before_sensitive": {"type": "object"},
            "after_sensitive": {"type": "object"},
            "replace_paths": {"type": "array", "items": {"type": "string"}},
        },
    })
}

pub(super) fn source_schema() -> Value {
    json!({
        "type": ["object", "null"],
        "required": ["file", "line", "column"],
        "properties": {
            "file": {"type": "string"},
            "line": {"type": "integer", "minimum": 1},
            "column": {"type": "integer", "minimum": 1},
        },
    })
}

fn change_schema() -> Value {
    json!({
        "type": "object",
        "required": ["address", "kind", "name", "change", "action_reason", "source", "disruption", "protected"],
        "properties": {
            "address": {"type": "string", "pattern": "^[^/]+/.+$"},
            "kind": {"type": "string"},
            "name": {"type": "string"},
            "change": delta_schema(),
            "action_reason": {"enum": [
                "unchanged", "not-found", "changed", "drifted", "cannot-update-in-place", "dependency-replaced", "not-working",
                "no-longer-declared", "data-named", "holds-data", "needed-by-kept", "would-lose-data", "held-by-kept",
            ]},
            "because": {"type": "string"},
            "source": source_schema(),
            "disruption": {"enum": ["none", "rolling", "downtime", "data-loss"]},
            "downtime_seconds": {"type": "integer", "minimum": 0},
            "protected": {"type": "boolean"},
        },
    })
}
