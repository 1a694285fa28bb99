//! The language as a JSON Schema (2020-12), for editors: written from the tables that the decoder checks with.
//!
//! Says what one value alone can be told; a file that it refuses is refused by `parse` too.

use serde_json::{Map, Value, json};

use super::decode;
use super::language::{self, Field, Record, Shape, TYPES, Type};
use super::node::Node;
use super::texts::Rule;
use super::yaml;

/// Where the schema of version 1 is published.
pub const SCHEMA_ID: &str = "https://mlstack.dev/schema/stack-v1.json";

/// The JSON Schema of a stack file.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "mlstack stack file",
    });
    extend(&mut schema, record(&language::STACK));
    let components = TYPES.iter().map(|kind| (kind.name.to_owned(), component(kind)));
    schema["$defs"] = Value::Object(components.collect());
    schema
}

fn extend(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}

fn component(kind: &Type) -> Value {
    let mut schema = json!({ "description": kind.about });
    extend(&mut schema, fields(kind.all()));
    schema["properties"]["type"] = json!({ "const": kind.name });
    schema
}

fn fields(fields: impl Iterator<Item = &'static Field> + Clone) -> Value {
    let required: Vec<_> = fields
        .clone()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let properties: Map<_, _> = fields.map(|field| (field.name.to_owned(), property(field))).collect();
    json!({
        "type": if required.is_empty() { json!(["object", "null"]) } else { json!("object") },
        "properties": properties,
        "patternProperties": { "^x-": {} },
        "required": required,
        "additionalProperties": false,
    })
}

fn record(record: &Record) -> Value {
    fields(record.fields.iter())
}

fn property(field: &Field) -> Value {
    let mut schema = json!({ "description": field.about });
    extend(&mut schema, shape(&field.shape));
    if let Some(default) = field.default {
        schema["default"] = value_of(default);
    }
    schema["examples"] = json!([value_of(field.example)]);
    schema
}

/// A value of the tables, written in YAML, as JSON.
fn value_of(yaml: &str) -> Value {
    let node: Option<Node> = yaml::read(yaml, &mut Vec::new());
    node.as_ref().and_then(decode::json).unwrap_or_else(|| json!(yaml))
}

fn shape(shape: &Shape) -> Value {
    match shape {
        Shape::Text(rule) => text(rule),
        Shape::Template => json!({ "type": ["string", "number"] }),
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Shape::Tolerance => json!({ "type": "number", "minimum": 0 }),
        Shape::Size => pattern("^[0-9]+(\\.[0-9]+)?(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)$"),
        Shape::Cpu => {
            json!({ "type": ["string", "number"], "pattern": "^([0-9]+m|[0-9]+(\\.[0-9]+)?)$", "exclusiveMinimum": 0 })
        }
        Shape::Duration => pattern("^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h))+$"),
        Shape::Percent => pattern("^[0-9]+%$"),
        Shape::LanguageVersion => json!({ "enum": [1, "1"] }),
        Shape::Word(words) => json!({ "enum": words.known }),
        Shape::List { item, min, unique } => list(item, *min, *unique),
        Shape::Map { key, value, min } => map(key, value, *min),
        Shape::Record(inner) => record(inner),
        Shape::OneOf(inner) => one_of(inner),
        Shape::Short(scalar, inner) => json!({ "anyOf": [self::shape(scalar), record(inner)] }),
        Shape::Component => any_component(),
        Shape::Partial => json!({ "type": ["object", "null"] }),
        Shape::Json => json!({}),
    }
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// Texts that may look like a number may be written as one.
fn text(rule: &Rule) -> Value {
    let numbers = (rule.check)("17").is_ok();
    let mut schema = json!({ "type": if numbers { json!(["string", "number"]) } else { json!("string") } });
    if let Some(pattern) = rule.pattern {
        schema["pattern"] = json!(pattern);
    }
    schema
}

fn list(item: &Shape, min: usize, unique: bool) -> Value {
    let kind = if min == 0 {
        json!(["array", "null"])
    } else {
        json!("array")
    };
    json!({ "type": kind, "items": shape(item), "minItems": min, "uniqueItems": unique })
}

fn map(key: &Rule, value: &Shape, min: usize) -> Value {
    let kind = if min == 0 {
        json!(["object", "null"])
    } else {
        json!("object")
    };
    let mut schema = json!({ "type": kind, "additionalProperties": shape(value), "minProperties": min });
    if let Some(pattern) = key.pattern {
        schema["propertyNames"] = json!({ "pattern": pattern });
    }
    schema
}

fn one_of(inner: &Record) -> Value {
    let mut schema = record(inner);
    schema["type"] = json!("object");
    schema["oneOf"] = inner
        .fields
        .iter()
        .map(|field| json!({ "required": [field.name] }))
        .collect();
    schema
}

fn any_component() -> Value {
    let cases = TYPES.iter().map(|kind| {
        json!({
            "if": { "properties": { "type": { "const": kind.name } }, "required": ["type"] },
            "then": { "$ref": format!("#/$defs/{}", kind.name) },
        })
    });
    json!({
        "type": "object",
        "required": ["type"],
        "properties": { "type": { "enum": TYPES.iter().map(|kind| kind.name).collect::<Vec<_>>() } },
        "allOf": cases.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
