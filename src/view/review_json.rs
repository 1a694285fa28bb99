//! A review as programs read it: the plan documents of all its sections, each with what only a review knows.
//!
//! `format_version` 1.0; only additive changes within 1.x. The schema is what `mlstack schema review` prints.

use mlstack_provider::Value;
use serde_json::json;

use super::plan_json::{Extras, fail, plan_json, plan_schema, source_schema};
use super::violations_json;
use super::{Header, findings_json};
use crate::plan::Action;
use crate::review::{ModelChange, ModelFacts, Review, Section, Topology};

/// The review JSON.
pub fn review_json(review: &Review) -> Value {
    let base = review
        .base
        .as_ref()
        .map(|base| json!({"reference": base.reference, "commit": base.commit}));
    let why = review.why.iter().map(|(line, blame)| {
        json!({
            "line": line, "commit": blame.commit, "author": blame.author, "date": blame.date, "summary": blame.summary,
        })
    });
    json!({
        "format_version": "1.0",
        "mlstack_version": env!("CARGO_PKG_VERSION"),
        "stack": review.stack,
        "base": base,
        "sections": review.sections.iter().map(|one| section(review, one)).collect::<Vec<_>>(),
        "why": why.collect::<Vec<_>>(),
    })
}

fn section(review: &Review, section: &Section) -> Value {
    let header = Header::of(&review.stack, section);
    let extras = Extras {
        unsupported: section.unsupported.clone(),
        diagnostics: section.diagnostics.clone(),
        findings: findings_json(&section.findings),
        violations: Vec::new(), // here they are told also where there are none
    };
    let mut document = plan_json(&header, &section.plan, &extras);
    document["models"] = section.models.iter().map(model).collect();
    document["topology"] = topology(&section.topology);
    document["violations"] = violations_json(&section.violations).into();
    document["failure"] = Value::Null;
    if let Some(failure) = &section.failure {
        fail(&mut document, failure);
    }
    document
}

fn model(change: &ModelChange) -> Value {
    json!({
        "component": change.component,
        "before": change.before.as_ref().map(facts),
        "after": change.after.as_ref().map(facts),
        "breaking": change.breaking,
        "compatible": change.compatible,
        "source": change.source,
    })
}

fn facts(facts: &ModelFacts) -> Value {
    json!({
        "uri": facts.uri,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "opset": facts.opset,
        "inputs": facts.inputs,
        "outputs": facts.outputs,
        "licence": facts.licence,
        "metrics": facts.metrics,
        "unread": facts.unread,
    })
}

fn topology(topology: &Topology) -> Value {
    let nodes = topology.nodes.iter().map(
        |node| json!({"name": node.name, "type": node.kind, "change": word(node.change), "exposed": node.exposed}),
    );
    let edges = topology
        .edges
        .iter()
        .map(|edge| json!({"from": edge.from, "to": edge.to, "change": word(edge.change)}));
    json!({"components": nodes.collect::<Vec<_>>(), "uses": edges.collect::<Vec<_>>()})
}

/// What happens, in a word.
fn word(action: Action) -> &'static str {
    match action {
        Action::NoOp => "none",
        other => other.name(),
    }
}

/// The JSON Schema (2020-12) of the review JSON.
pub fn review_schema() -> Value {
    let plan = plan_schema();
    let mut section = json!({"type": "object", "required": plan["required"], "properties": plan["properties"]});
    for name in ["models", "topology", "violations", "failure"] {
        if let Some(required) = section["required"].as_array_mut() {
            required.push(name.into());
        }
    }
    section["properties"]["models"] = json!({"type": "array", "items": model_schema()});
    section["properties"]["topology"] = topology_schema();
    section["properties"]["failure"] = json!({"type": ["string", "null"]});
    let text = json!({"type": "string"});
    let commit = json!({"type": "string", "pattern": "^[0-9a-f]{40}$"});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://mlstack.dev/schema/review-v1.json",
        "title": "What a pull request changes, as mlstack tells it",
        "type": "object",
        "required": ["format_version", "mlstack_version", "stack", "base", "sections", "why"],
        "properties": {
            "format_version": {"type": "string", "pattern": "^1\\.[0-9]+$"},
            "mlstack_version": text,
            "stack": text,
            "base": {
                "type": ["object", "null"],
                "required": ["reference", "commit"],
                "properties": {"reference": text, "commit": commit},
            },
            "sections": {"type": "array", "items": section},
            "why": {"type": "array", "items": {
                "type": "object",
                "required": ["line", "commit", "author", "date", "summary"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1},
                    "commit": commit, "author": text, "date": text, "summary": text,
                },
            }},
        },
    })
}

fn model_schema() -> Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let text_or_null = json!({"type": ["string", "null"]});
    let facts = json!({
        "type": ["object", "null"],
        "required": ["uri", "bytes", "sha256", "opset", "inputs", "outputs", "licence", "metrics", "unread"],
        "properties": {
            "uri": {"type": "string"},
            "bytes": {"type": ["integer", "null"], "minimum": 0},
            "sha256": {"type": ["string", "null"], "pattern": "^[0-9a-f]{64}$"},
            "opset": {"type": ["integer", "null"]},
            "inputs": texts, "outputs": texts,
            "licence": text_or_null,
            "metrics": {"type": "object", "additionalProperties": {"type": "string"}},
            "unread": text_or_null,
        },
    });
    json!({
        "type": "object",
        "required": ["component", "before", "after", "breaking", "compatible", "source"],
        "properties": {
            "component": {"type": "string"},
            "before": facts, "after": facts, "breaking": texts, "compatible": texts, "source": source_schema(),
        },
    })
}

fn topology_schema() -> Value {
    let text = json!({"type": "string"});
    let change = json!({"enum": ["none", "create", "update", "replace", "repair", "delete", "keep", "refuse"]});
    json!({
        "type": "object",
        "required": ["components", "uses"],
        "properties": {
            "components": {"type": "array", "items": {
                "type": "object",
                "required": ["name", "type", "change", "exposed"],
                "properties": {"name": text, "type": text, "change": change, "exposed": {"type": "boolean"}},
            }},
            "uses": {"type": "array", "items": {
                "type": "object",
                "required": ["from", "to", "change"],
                "properties": {"from": text, "to": text, "change": change},
            }},
        },
    })
}
