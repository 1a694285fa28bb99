//! The document against JSON Schema's own rules.

use super::*;
use crate::rows::{Feature as Rule, Features};
use mlstack_onnx::ElementType;

fn card() -> Card {
    let age = Feature {
        min: Some(18.0),
        max: Some(100.0),
        mean: Some(48.8),
        description: Some("age in years".into()),
        ..Feature::new("age", FeatureType::Int)
    };
    let bmi = Feature {
        nullable: true,
        required: false,
        mean: Some(26.59151),
        ..Feature::new("mean bmi (kg)", FeatureType::Float)
    };
    let smokes = Feature {
        default: Some(Scalar::Bool(false)),
        ..Feature::new("smokes", FeatureType::Bool)
    };
    let towns = ["Bern", "Biel"].map(|name| Scalar::Text(name.into())).to_vec();
    let rooms = Feature {
        values: vec![Scalar::Integer(1), Scalar::Number(1.5)],
        ..Feature::new("rooms", FeatureType::Category)
    };
    Card {
        name: "house prices".into(),
        version: "3".into(),
        probabilities: true,
        signature: Signature {
            version: 1,
            task: Task::Classification,
            target: Some("risk".into()),
            unit: None,
            classes: vec![Scalar::Text("low".into()), Scalar::Text("high".into())],
            features: vec![
                age,
                bmi,
                smokes,
                Feature {
                    values: towns,
                    ..Feature::new("town", FeatureType::Category)
                },
                rooms,
            ],
        },
    }
}

fn rules() -> Features {
    let rule = |spec: Feature| Rule {
        spec,
        element: ElementType::F32,
    };
    Features::new(card().signature.features.into_iter().map(rule).collect())
}

fn schema(name: &str) -> jsonschema::Validator {
    let document = document(&card());
    let mut root = document["components"]["schemas"][name].clone();
    root["components"] = document["components"].clone();
    jsonschema::validator_for(&root).unwrap()
}

#[test]
fn every_schema_is_a_schema() {
    let document = document(&card());
    for (name, own) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::meta::is_valid(own), "{name}");
    }
}

#[test]
fn the_row_schema_says_what_the_reader_says() {
    let row = schema("Row");
    let good = example(&card().signature);
    assert_eq!(
        good.to_string(),
        r#"{"age":49,"mean bmi (kg)":26.59,"smokes":false,"town":"Bern","rooms":1}"#
    );
    let features = rules();
    let bodies = [
        r#"{"age":49,"mean bmi (kg)":26.59,"town":"Bern","rooms":1.5}"#,
        r#"{"age":49,"town":"Bern","rooms":1.5}"#,
        r#"{"age":49,"mean bmi (kg)":null,"town":"Bern","rooms":1.5}"#,
        r#"[49, 26.5, true, "Biel", 1]"#,
        r#"{"age":17,"town":"Bern","rooms":1.5}"#,
        r#"{"age":49.5,"town":"Bern","rooms":1.5}"#,
        r#"{"age":49,"town":"Thun","rooms":1}"#,
        r#"{"age":"49","town":"Bern","rooms":1.5}"#,
        r#"{"age":true,"town":"Bern","rooms":1.5}"#,
        r#"{"age":49,"town":"Bern","rooms":1,"more":1}"#,
        r#"{"town":"Bern","rooms":1.5}"#,
        "[49, 26.5, true]",
        r#"{"age":49,"town":"Bern","rooms":2}"#,
        r#"[49, 26.5, 1, "Biel", 1]"#,
    ];
    for body in bodies.into_iter().chain([good.to_string().as_str()]) {
        let value = serde_json::from_str(body).unwrap();
        let read = crate::rows::read_predict(&features, body.as_bytes(), 10);
        assert_eq!(row.is_valid(&value), read.is_ok(), "{body}: {read:?}");
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document(&card());
    let text = document.to_string();
    for reference in text
        .split("\"$ref\":\"#")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
    {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
    assert!(document["paths"].get("/v2/models/house%20prices/infer").is_some());
}
