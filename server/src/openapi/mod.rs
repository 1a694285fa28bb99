//! The OpenAPI 3.1 document of a model, made from its own card.
//!
//! Owns what `/docs` shows. Pure.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use mlstack_onnx::signature::{Feature, FeatureType, Scalar, Signature, Task};

use crate::model::Card;

/// The document.
pub fn document(card: &Card) -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": card.name,
            "version": card.version,
            "description": describe(&card.signature),
        },
        "servers": [{ "url": "." }],
        "tags": [
            { "name": "predict", "description": "Named features in, a prediction out" },
            { "name": "open inference", "description": "Open Inference Protocol v2: tensors in, tensors out" },
            { "name": "operations", "description": "For orchestrators and monitoring" },
        ],
        "paths": paths(card),
        "components": { "schemas": schemas(card) },
    })
}

fn describe(card: &Signature) -> String {
    let target = card.target.as_deref().unwrap_or("the target");
    let unit = card.unit.as_ref().map(|unit| format!(" ({unit})")).unwrap_or_default();
    format!("Predicts {target}{unit} from {} features.", card.features.len())
}

fn paths(card: &Card) -> Value {
    let infer = format!("/v2/models/{}/infer", escape(&card.name));
    let v1 = format!("/v1/models/{}:predict", escape(&card.name));
    let mut paths = Map::new();
    paths.insert("/predict".into(), json!({ "post": predict(card) }));
    paths.insert(v1, json!({ "post": v1_predict(card) }));
    paths.insert(infer, json!({ "post": oip_infer() }));
    let metadata = format!("/v2/models/{}", escape(&card.name));
    paths.insert(
        metadata,
        get(
            "open inference",
            "modelMetadata",
            "Inputs and outputs of the model",
            "application/json",
        ),
    );
    paths.insert(
        "/v2".into(),
        get(
            "open inference",
            "serverMetadata",
            "Name and extensions of the server",
            "application/json",
        ),
    );
    paths.insert(
        "/livez".into(),
        get("operations", "livez", "The process answers", "text/plain"),
    );
    paths.insert(
        "/readyz".into(),
        get("operations", "readyz", "Predictions are answered", "text/plain"),
    );
    paths.insert(
        "/metrics".into(),
        get("operations", "metrics", "Prometheus metrics", "text/plain"),
    );
    paths.insert(
        "/signature.json".into(),
        get(
            "operations",
            "signature",
            "The model's features and answer",
            "application/json",
        ),
    );
    Value::Object(paths)
}

fn get(tag: &str, id: &str, summary: &str, kind: &str) -> Value {
    json!({ "get": { "tags": [tag], "operationId": id, "summary": summary,
        "responses": { "200": { "description": summary, "content": { kind: {} } } } } })
}

fn predict(card: &Card) -> Value {
    let row = example(&card.signature);
    json!({
        "tags": ["predict"],
        "operationId": "predict",
        "summary": describe(&card.signature),
        "description": "One row as an object or an array, or a list of rows.",
        "parameters": [{
            "name": "proba", "in": "query", "required": false, "schema": { "type": "boolean", "default": false },
            "description": "Adds the probability of every class, where the model has them",
        }],
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": { "anyOf": [
                { "$ref": "#/components/schemas/Row" },
                { "type": "array", "items": { "$ref": "#/components/schemas/Row" }, "minItems": 1 },
                { "$ref": "#/components/schemas/Instances" },
            ] },
            "examples": {
                "one row": { "value": row },
                "two rows": { "value": [row, row] },
            },
        } } },
        "responses": responses(json!({ "anyOf": [
            { "$ref": "#/components/schemas/Prediction" },
            { "$ref": "#/components/schemas/Predictions" },
        ] }), "Error"),
    })
}

fn v1_predict(card: &Card) -> Value {
    json!({
        "tags": ["predict"],
        "operationId": "predictV1",
        "summary": "The same, in the v1 protocol of KServe and TensorFlow",
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Instances" },
            "example": { "instances": [example(&card.signature)] },
        } } },
        "responses": responses(json!({ "$ref": "#/components/schemas/Predictions" }), "FlatError"),
    })
}

fn oip_infer() -> Value {
    json!({
        "tags": ["open inference"],
        "operationId": "infer",
        "summary": "Runs the model on tensors",
        "requestBody": { "required": true, "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/InferRequest" },
        } } },
        "responses": responses(json!({ "$ref": "#/components/schemas/InferResponse" }), "FlatError"),
    })
}

fn responses(good: Value, error: &str) -> Value {
    let refused = |description: &str| {
        json!({ "description": description,
            "content": { "application/json": { "schema": { "$ref": format!("#/components/schemas/{error}") } } } })
    };
    json!({
        "200": {
            "description": "Predicted",
            "headers": {
                "x-model-version": { "schema": { "type": "string" } },
                "x-request-id": { "schema": { "type": "string" } },
                "server-timing": { "schema": { "type": "string" } },
            },
            "content": { "application/json": { "schema": good } },
        },
        "400": refused("The body is no JSON"),
        "413": refused("The body is too large"),
        "422": refused("A feature is missing, unknown, or of the wrong type or range"),
        "503": refused("The model is not ready, or the server is busy"),
    })
}

fn schemas(card: &Card) -> Value {
    let value = answer(card);
    json!({
        "Row": { "anyOf": [{ "$ref": "#/components/schemas/NamedRow" }, { "$ref": "#/components/schemas/PlainRow" }] },
        "NamedRow": named_row(card),
        "PlainRow": {
            "type": "array",
            "description": "The features in the order of the signature",
            "prefixItems": card.signature.features.iter().map(value_schema).collect::<Vec<_>>(),
            "minItems": card.signature.features.len(), "maxItems": card.signature.features.len(),
        },
        "Instances": {
            "type": "object", "required": ["instances"],
            "properties": { "instances": { "type": "array", "minItems": 1, "items": { "$ref": "#/components/schemas/Row" } } },
        },
        "Value": value,
        "Prediction": {
            "type": "object", "required": ["prediction"],
            "properties": { "prediction": { "$ref": "#/components/schemas/Value" }, "probabilities": probabilities(card) },
        },
        "Predictions": {
            "type": "object", "required": ["predictions"],
            "properties": {
                "predictions": { "type": "array", "items": { "$ref": "#/components/schemas/Value" } },
                "probabilities": { "type": "array", "items": probabilities(card) },
            },
        },
        "Error": {
            "type": "object", "required": ["error"],
            "properties": { "error": {
                "type": "object", "required": ["code", "message"],
                "properties": {
                    "code": { "type": "string" },
                    "message": { "type": "string" },
                    "field": { "type": "string", "description": "JSON pointer to the place in the body" },
                    "hint": { "type": "string" },
                },
            } },
        },
        "FlatError": { "type": "object", "required": ["error"], "properties": { "error": { "type": "string" } } },
        "InferRequest": infer("inputs", json!({ "outputs": { "type": "array", "items": {
            "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } } } })),
        "InferResponse": infer("outputs", json!({ "model_name": { "type": "string" }, "model_version": { "type": "string" } })),
    })
}

fn infer(list: &str, more: Value) -> Value {
    let mut properties = json!({
        "id": { "type": "string" },
        list: { "type": "array", "items": {
            "type": "object",
            "required": ["name", "shape", "datatype", "data"],
            "properties": {
                "name": { "type": "string" },
                "shape": { "type": "array", "items": { "type": "integer" } },
                "datatype": { "type": "string", "enum": ["FP32", "FP64", "INT64", "INT32", "BOOL", "BYTES"] },
                "data": { "type": "array" },
            },
        } },
    });
    if let (Value::Object(all), Value::Object(more)) = (&mut properties, more) {
        // `outputs` of a request must not replace the list of a response
        more.into_iter().for_each(|(name, schema)| {
            all.entry(name).or_insert(schema);
        });
    }
    json!({ "type": "object", "required": [list], "properties": properties })
}

fn named_row(card: &Card) -> Value {
    let properties: Map<String, Value> = card
        .signature
        .features
        .iter()
        .map(|f| (f.name.clone(), value_schema(f)))
        .collect();
    let required: Vec<&str> = card
        .signature
        .features
        .iter()
        .filter(|f| f.required && f.default.is_none())
        .map(|f| f.name.as_str())
        .collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
        "example": example(&card.signature),
    })
}

/// The schema of one feature's values.
fn value_schema(feature: &Feature) -> Value {
    let kind = match feature.kind {
        FeatureType::Float => "number",
        FeatureType::Int => "integer",
        FeatureType::Bool => "boolean",
        FeatureType::Category if !feature.is_text() => "number",
        FeatureType::String | FeatureType::Category => "string",
    };
    let mut schema = Map::new();
    schema.insert(
        "type".into(),
        if feature.nullable {
            json!([kind, "null"])
        } else {
            kind.into()
        },
    );
    if !feature.values.is_empty() {
        let null = feature.nullable.then_some(Value::Null);
        schema.insert(
            "enum".into(),
            feature.values.iter().map(|value| json!(value)).chain(null).collect(),
        );
    }
    let more = [
        ("minimum", feature.min.map(Value::from)),
        ("maximum", feature.max.map(Value::from)),
        ("default", feature.default.as_ref().map(|default| json!(default))),
        ("description", feature.description.as_ref().map(|text| json!(text))),
    ];
    schema.extend(
        more.into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?))),
    );
    Value::Object(schema)
}

fn answer(card: &Card) -> Value {
    let description = describe(&card.signature);
    match card.signature.task {
        Task::Regression => {
            json!({ "type": ["number", "array", "null"], "items": { "type": "number" }, "description": description })
        }
        Task::Classification if card.signature.classes.is_empty() => json!({ "description": description }),
        Task::Classification => json!({ "enum": card.signature.classes, "description": description }),
    }
}

fn probabilities(card: &Card) -> Value {
    let names = card.signature.classes.iter().map(Scalar::to_string);
    let properties: Map<String, Value> = names.map(|name| (name, json!({ "type": "number" }))).collect();
    json!({ "type": "object", "description": "By class; only with ?proba=true", "properties": properties })
}

/// A row that is in range: the training mean where it is known.
pub fn example(card: &Signature) -> Value {
    let row: Map<String, Value> = card
        .features
        .iter()
        .map(|f| (f.name.clone(), example_value(f)))
        .collect();
    Value::Object(row)
}

fn example_value(feature: &Feature) -> Value {
    if let Some(known) = feature.values.first() {
        return json!(known);
    }
    let number = feature
        .mean
        .unwrap_or_else(|| feature.min.or(feature.max).unwrap_or(0.0));
    match feature.kind {
        FeatureType::Int => (number.round() as i64).into(),
        FeatureType::Bool => false.into(),
        FeatureType::Float | FeatureType::Category if !feature.is_text() => round(number).into(),
        _ => "text".into(),
    }
}

/// To four significant digits.
fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// A model's name inside a path.
fn escape(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    name.bytes()
        .map(|b| {
            if plain(b) {
                (b as char).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
