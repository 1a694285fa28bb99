//! The document against JSON Schema's own rules.

use super::*;
use crate::rows::{Default, Feature};

fn feature(name: &str, kind: Kind) -> CardFeature {
    let rule = Feature {
        name: name.into(),
        kind,
        default: None,
        nullable: false,
        min: None,
        max: None,
    };
    CardFeature {
        rule,
        description: None,
        unit: None,
        mean: None,
        std: None,
    }
}

fn card() -> Card {
    let mut age = feature("age", Kind::Int);
    (age.rule.min, age.rule.max, age.mean) = (Some(18.0), Some(100.0), Some(48.8));
    age.description = Some("age in years".into());
    let mut bmi = feature("mean bmi (kg)", Kind::Float { single: true });
    (bmi.rule.nullable, bmi.mean) = (true, Some(26.59151));
    let mut smokes = feature("smokes", Kind::Bool);
    smokes.rule.default = Some(Default::Bool(false));
    Card {
        name: "house prices".into(),
        version: "3".into(),
        task: Task::Classification,
        target: Some("risk".into()),
        unit: None,
        classes: vec!["low".into(), "high".into()],
        numeric_classes: false,
        probabilities: true,
        features: vec![
            age,
            bmi,
            smokes,
            feature("town", Kind::Category(vec!["Bern".into(), "Biel".into()])),
        ],
    }
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
    let good = example(&card());
    assert_eq!(
        good.to_string(),
        r#"{"age":49,"mean bmi (kg)":26.59,"smokes":false,"town":"Bern"}"#
    );
    let features = card().features();
    let bodies = [
        r#"{"age":49,"mean bmi (kg)":26.59,"town":"Bern"}"#,
        r#"{"age":49,"town":"Bern"}"#,
        r#"{"age":49,"mean bmi (kg)":null,"town":"Bern"}"#,
        r#"[49, 26.5, true, "Biel"]"#,
        r#"{"age":17,"town":"Bern"}"#,
        r#"{"age":49.5,"town":"Bern"}"#,
        r#"{"age":49,"town":"Thun"}"#,
        r#"{"age":"49","town":"Bern"}"#,
        r#"{"age":true,"town":"Bern"}"#,
        r#"{"age":49,"town":"Bern","more":1}"#,
        r#"{"town":"Bern"}"#,
        "[49, 26.5, true]",
        r#"[49, 26.5, 1, "Biel"]"#,
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
