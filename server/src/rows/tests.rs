//! Every rule about a body, and what the refusal says.

use super::*;
use crate::http::Refusal;
use mlstack_onnx::ElementType;
use mlstack_onnx::signature::{Feature as Spec, FeatureType, Scalar};
use proptest::prelude::*;

fn single(spec: Spec) -> Feature {
    Feature {
        spec,
        element: ElementType::F32,
    }
}

fn features() -> Features {
    let texts = |names: [&str; 2]| names.map(|name| Scalar::Text(name.into())).to_vec();
    let default = |value| Some(value);
    Features::new(vec![
        single(Spec {
            min: Some(10.0),
            max: Some(70.0),
            ..Spec::new("bmi", FeatureType::Float)
        }),
        single(Spec {
            nullable: true,
            required: false,
            ..Spec::new("mean radius (cm)", FeatureType::Float)
        }),
        single(Spec {
            default: default(Scalar::Integer(1)),
            ..Spec::new("sex", FeatureType::Int)
        }),
        single(Spec {
            default: default(Scalar::Bool(false)),
            ..Spec::new("smokes", FeatureType::Bool)
        }),
        single(Spec {
            default: default(Scalar::Text("Bern".into())),
            values: texts(["Bern", "Biel"]),
            ..Spec::new("town", FeatureType::Category)
        }),
    ])
}

fn whole(name: &str) -> Feature {
    Feature {
        spec: Spec::new(name, FeatureType::Int),
        element: ElementType::I64,
    }
}

fn read(body: &str) -> Result<Rows, Refusal> {
    read_predict(&features(), body.as_bytes(), 3)
}

/// `code at field: message (hint)`
fn refusal(body: &str) -> String {
    let Err(Refusal {
        code,
        message,
        field,
        hint,
        ..
    }) = read(body)
    else {
        return format!("accepted: {body}");
    };
    let code = serde_json::to_value(code).unwrap();
    let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
    format!(
        "{} at {:?}: {message}{hint}",
        code.as_str().unwrap(),
        field.unwrap_or_else(|| "-".into())
    )
}

#[test]
fn a_row_goes_into_the_order_of_the_signature() {
    let rows = read(r#"{"town":"Biel","mean radius (cm)":1.5,"bmi":20,"smokes":true,"sex":2}"#).unwrap();
    assert_eq!(rows.form, Form::One);
    assert_eq!(
        rows.cells,
        [
            Cell::Int(20),
            Cell::Float(1.5),
            Cell::Int(2),
            Cell::Bool(true),
            Cell::Text("Biel".into())
        ]
    );
}

#[test]
fn all_forms_say_the_same() {
    let named = r#"{"bmi":20,"mean radius (cm)":1.5,"sex":2,"smokes":true,"town":"Biel"}"#;
    let plain = r#"[20, 1.5, 2, true, "Biel"]"#;
    let one = read(named).unwrap();
    assert_eq!(read(plain).unwrap(), one);
    let many = read(&format!("[{named},{plain}]")).unwrap();
    assert_eq!((many.form, many.count), (Form::Many, 2));
    assert_eq!(read(&format!(r#"{{"instances":[{plain},{named}]}}"#)).unwrap(), many);
    assert_eq!(
        read_v1(
            &features(),
            format!(r#"{{"signature_name":"x","instances":[{named},{plain}]}}"#).as_bytes(),
            3
        )
        .unwrap(),
        many
    );
}

#[test]
fn names_may_be_written_as_identifiers() {
    let rows = read(r#"{"bmi":20,"mean_radius_cm":null}"#).unwrap();
    assert_eq!(
        (&rows.cells[1], &rows.cells[4]),
        (&Cell::Null, &Cell::Text("Bern".into()))
    );
}

#[test]
fn every_refusal_names_the_place_and_the_rule() {
    let bodies = [
        r#"{"bim":20}"#,
        r#"{"x":20}"#,
        "{}",
        r#"{"bmi":null}"#,
        r#"{"bmi":true}"#,
        r#"{"bmi":"20"}"#,
        r#"{"bmi":1e400}"#,
        r#"{"bmi":1e39}"#,
        r#"{"bmi":NaN}"#,
        r#"{"bmi":-Infinity}"#,
        r#"{"bmi":71}"#,
        r#"{"bmi":[20]}"#,
        r#"{"bmi":20,"bmi":21}"#,
        r#"{"bmi":20,"mean radius (cm)":1,"mean_radius_cm":2}"#,
        r#"{"bmi":20,"sex":1.5}"#,
        r#"{"bmi":20,"sex":9223372036854775808}"#,
        r#"{"bmi":20,"smokes":1}"#,
        r#"{"bmi":20,"town":"Thun"}"#,
        r#"{"bmi":20,"town":3}"#,
        r#"[{"bmi":20},{"bmi":"x"}]"#,
        r#"[[20,1,1,true,"Bern"],[20,1]]"#,
        r#"[20,1,1,true,"Bern",7]"#,
        r#"[20,1,"x",true,"Bern"]"#,
        r#"{"instances":[{"bmi":20},{"bmi":20,"a/b~":1}]}"#,
        r#"{"instances":3}"#,
        "[]",
        "[[],3]",
        "3",
        "[{\"bmi\":20},{\"bmi\":20},{\"bmi\":20},{\"bmi\":20}]",
        r#"{"bmi":20"#,
        r#"{"bmi":20} {"#,
        "",
        r#"{"bmi":20,}"#,
    ];
    let all: String = bodies
        .iter()
        .map(|body| format!("{body}\n    {}\n", refusal(body)))
        .collect();
    insta::assert_snapshot!(all);
}

#[test]
fn whole_numbers_are_exact() {
    let sex = |text: &str| read(&format!(r#"{{"bmi":20,"sex":{text}}}"#)).map(|rows| rows.cells[2].clone());
    assert_eq!(sex("9007199254740993").unwrap(), Cell::Int(9_007_199_254_740_993));
    assert_eq!(sex("-9223372036854775808").unwrap(), Cell::Int(i64::MIN));
    assert_eq!(sex("3.0").unwrap(), Cell::Int(3));
    assert_eq!(sex("3e2").unwrap(), Cell::Int(300));
}

#[test]
fn a_feature_called_instances_wins() {
    let features = Features::new(vec![whole("instances")]);
    let rows = read_predict(&features, br#"{"instances": 3}"#, 1).unwrap();
    assert_eq!((rows.form, rows.count), (Form::One, 1));
}

#[test]
fn names_that_become_the_same_identifier_keep_their_own() {
    let features = Features::new(vec![whole("a b"), whole("a-b"), whole("a_b")]);
    assert_eq!(
        (features.find("a b"), features.find("a-b"), features.find("a_b")),
        (Some(0), Some(1), Some(2))
    );
}

#[test]
fn deep_bodies_are_refused_not_followed() {
    for open in ["[", "{\"bmi\":", "{\"instances\":["] {
        let body = open.repeat(100_000);
        assert!(read(&body).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// No refusal holds a value of the body.
    #[test]
    fn no_refusal_holds_a_value(secret in "s3cr[a-z]{6}", at in 0..6_usize) {
        let body = [
            format!(r#"{{"bmi":"{secret}"}}"#),
            format!(r#"{{"bmi":20,"town":"{secret}"}}"#),
            format!(r#"{{"bmi":["{secret}"]}}"#),
            format!(r#"["{secret}"]"#),
            format!(r#"{{"bmi":20,"town":{secret}}}"#),
            format!(r#"{{"instances":"{secret}"}}"#),
        ][at].clone();
        let refusal = read(&body).unwrap_err();
        prop_assert!(!format!("{refusal:?}").contains(&secret), "{refusal:?}");
    }

    /// Any order of the keys gives the same row.
    #[test]
    fn order_does_not_matter(order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle(), bmi in 10.0..70.0_f64, sex in any::<i64>()) {
        let pairs = [format!("\"bmi\":{bmi:?}"), "\"mean radius (cm)\":2".into(), format!("\"sex\":{sex}"), "\"smokes\":true".into(), "\"town\":\"Biel\"".into()];
        let body = |order: &[usize]| format!("{{{}}}", order.iter().map(|&at| pairs[at].as_str()).collect::<Vec<_>>().join(","));
        prop_assert_eq!(read(&body(&order)), read(&body(&[0, 1, 2, 3, 4])));
    }

    /// Bodies near to good ones never panic, and are either read whole or refused.
    #[test]
    fn never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut body = br#"[{"bmi":20,"mean radius (cm)":1.5,"sex":2},[20, 1.5, 2, true, "Biel"]]"#.to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        body.truncate(cut.index(body.len()) + 1);
        if let Ok(rows) = read_predict(&features(), &body, 3) {
            prop_assert_eq!(rows.cells.len(), rows.count * 5);
            prop_assert!(!rows.cells.contains(&Cell::Absent));
        }
    }
}
