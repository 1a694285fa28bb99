//! What a signature file may say.

use super::*;
use proptest::prelude::*;

fn refused(features: &str) -> String {
    let text = format!(r#"{{"version": 1, "task": "regression", "features": {features}}}"#);
    Signature::parse(&text).unwrap_err().to_string()
}

#[test]
fn a_full_signature_survives_the_round_trip() {
    let text = r#"{
      "version": 1, "task": "classification", "target": "churn", "unit": "", "classes": [false, true],
      "features": [
        {"name": "age", "type": "int", "min": 0, "max": 120, "mean": 41.5, "std": 12},
        {"name": "plan", "type": "category", "values": ["basic", "pro"], "default": "basic", "required": false},
        {"name": "note", "type": "string", "nullable": true, "description": "free text"}
      ]
    }"#;
    let signature = Signature::parse(text).unwrap();
    assert_eq!(Signature::parse(&signature.to_json()), Ok(signature.clone()));
    assert_eq!(signature.classes, [Scalar::Bool(false), Scalar::Bool(true)]);
    assert!(signature.features[1].is_text());
}

#[test]
fn mistakes_are_named() {
    insta::assert_snapshot!(refused("[]"), @"the signature is not valid: it lists no features");
    insta::assert_snapshot!(refused(r#"[{"name": "a", "type": "float", "minimum": 1}]"#), @"the signature cannot be read: unknown field `minimum`, expected one of `name`, `type`, `required`, `default`, `nullable`, `min`, `max`, `values`, `description`, `mean`, `std` at line 1 column 90");
    insta::assert_snapshot!(refused(r#"[{"name": "a", "type": "double"}]"#), @"the signature cannot be read: unknown variant `double`, expected one of `float`, `int`, `bool`, `string`, `category` at line 1 column 80");
    insta::assert_snapshot!(refused(r#"[{"name": "a b", "type": "float"}, {"name": "a_b", "type": "int"}]"#), @"the signature is not valid: feature 'a_b' is listed twice (spaces count as _)");
    insta::assert_snapshot!(refused(r#"[{"name": "a", "type": "float", "min": 2, "max": 1}]"#), @"the signature is not valid: feature 'a': min 2 is above max 1");
    insta::assert_snapshot!(refused(r#"[{"name": "a", "type": "category"}]"#), @"the signature is not valid: feature 'a': a category needs 'values'");
    insta::assert_snapshot!(refused(r#"[{"name": "a", "type": "int", "default": 1.5}]"#), @"the signature is not valid: feature 'a': '1.5' is not a value of type int");
    insta::assert_snapshot!(refused(r#"[{"name": "a", "type": "string", "min": 1}]"#), @"the signature is not valid: feature 'a': text has no min and max");
}

#[test]
fn another_version_is_not_guessed() {
    let text = r#"{"version": 2, "task": "regression", "features": [{"name": "a", "type": "int"}]}"#;
    insta::assert_snapshot!(Signature::parse(text).unwrap_err(), @"the signature is not valid: version 2 is not known, this program reads version 1");
}

#[test]
fn the_plain_form_of_a_name() {
    assert_eq!(plain("sepal length (cm)"), "sepal_length__cm");
    assert_eq!(plain("größe/m²"), "größe_m²");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        let _ = Signature::parse(&text);
    }

    #[test]
    fn a_plain_name_is_its_own_plain_form(name in ".{0,40}") {
        prop_assert_eq!(plain(&plain(&name)), plain(&name));
    }
}
