//! Single operators against the reference evaluator of the onnx package (`tests/models/make_operators.py`).

use crate::bed::{folder, numbers, tensor};
use mlstack_onnx::{Data, LoadError, Model, Tensor};
use serde_json::Value as Json;
use std::path::PathBuf;

/// How far a number may be off, beside one.
const TOLERANCE: f64 = 1e-5;

/// Other cases of the same form can be named here, to check against a larger set.
const CASES: &str = "OPERATOR_CASES";

fn cases() -> Vec<Json> {
    let path = std::env::var_os(CASES).map_or_else(|| folder().join("operators.json"), PathBuf::from);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
        .collect()
}

fn tensors(json: &Json) -> Vec<Tensor> {
    json.as_array().unwrap().iter().map(tensor).collect()
}

/// None when the answer is right.
fn wrong(case: &Json) -> Option<String> {
    let model = match Model::load(&unhex(case["model"].as_str().unwrap())) {
        Ok(model) => model,
        Err(LoadError::Unsupported(_)) if std::env::var_os(CASES).is_some() => return None,
        Err(error) => return Some(error.to_string()),
    };
    let got = match model.run(&tensors(&case["inputs"])) {
        Ok(got) => got,
        Err(error) => return Some(error.to_string()),
    };
    let wanted = tensors(&case["outputs"]);
    wanted
        .iter()
        .zip(&got)
        .find_map(|(wanted, got)| difference(wanted, got))
}

fn difference(wanted: &Tensor, got: &Tensor) -> Option<String> {
    if wanted.shape() != got.shape() || wanted.element() != got.element() {
        let (a, b) = (wanted.element(), got.element());
        return Some(format!("{b} {:?}, expected {a} {:?}", got.shape(), wanted.shape()));
    }
    let same = match (wanted.data(), got.data()) {
        (Data::Text(a), Data::Text(b)) => a == b,
        _ => numbers(wanted).into_iter().zip(numbers(got)).all(|(a, b)| near(a, b)),
    };
    (!same).then(|| format!("{:?}, expected {:?}", got.data(), wanted.data()))
}

fn near(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(1.0)
}

#[test]
fn every_operator_agrees_with_the_reference() {
    let cases = cases();
    let failed: Vec<String> = cases
        .iter()
        .filter_map(|case| wrong(case).map(|why| format!("{}: {}", case["name"].as_str().unwrap(), why)))
        .map(|line| line.chars().take(300).collect())
        .collect();
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}
