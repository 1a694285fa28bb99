//! Reads the committed models and their expected answers.

use mlstack_onnx::{Data, Tensor};
use serde_json::Value as Json;
use std::path::PathBuf;

/// A model and what it must answer.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Inputs by name.
    pub(crate) inputs: Vec<(String, Tensor)>,
    pub(crate) labels: Option<Tensor>,
    pub(crate) probabilities: Option<Vec<f64>>,
    pub(crate) values: Option<Vec<f64>>,
}

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

/// Every case, by name.
pub(crate) fn all() -> Vec<Case> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .strip_suffix(".onnx")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    names.iter().map(|name| case(name)).collect()
}

pub(crate) fn case(name: &str) -> Case {
    let bytes = std::fs::read(folder().join(format!("{name}.onnx"))).unwrap();
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let inputs = json["inputs"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.clone(), tensor(v)))
        .collect();
    let expected = |key: &str| json["expected"].get(key);
    let numbers = |key: &str| {
        expected(key).map(|t| {
            t["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|x| x.as_f64().unwrap_or(f64::NAN))
                .collect()
        })
    };
    Case {
        name: name.to_owned(),
        bytes,
        inputs,
        labels: expected("labels").map(tensor),
        probabilities: numbers("probabilities"),
        values: numbers("values"),
    }
}

/// A number; null is NaN, and text an infinity.
fn number(x: &Json) -> f64 {
    x.as_f64().or_else(|| x.as_str()?.parse().ok()).unwrap_or(f64::NAN)
}

#[expect(clippy::cast_possible_truncation, reason = "the file has the digits of an f32")]
pub(crate) fn tensor(json: &Json) -> Tensor {
    let shape = json["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| usize::try_from(d.as_u64().unwrap()).unwrap())
        .collect();
    let data = json["data"].as_array().unwrap();
    let data = match json["type"].as_str().unwrap() {
        "f32" => Data::F32(data.iter().map(|x| number(x) as f32).collect()),
        "f64" => Data::F64(data.iter().map(number).collect()),
        "i64" => Data::I64(data.iter().map(|x| x.as_i64().unwrap()).collect()),
        "bool" => Data::Bool(data.iter().map(|x| x.as_i64() == Some(1)).collect()),
        _ => Data::Text(data.iter().map(|x| x.as_str().unwrap().to_owned()).collect()),
    };
    Tensor::from_data(shape, data).unwrap()
}

/// The elements as numbers.
#[expect(clippy::cast_precision_loss, reason = "labels are small")]
pub(crate) fn numbers(tensor: &Tensor) -> Vec<f64> {
    match tensor.data() {
        Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
        Data::F64(v) => v.clone(),
        Data::I64(v) => v.iter().map(|&x| x as f64).collect(),
        Data::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        Data::Text(_) => panic!("text is no number"),
    }
}

/// The rows `from..to` of a tensor.
pub(crate) fn rows(tensor: &Tensor, from: usize, to: usize) -> Tensor {
    let mut shape = tensor.shape().to_vec();
    let width: usize = shape[1..].iter().product();
    shape[0] = to - from;
    let range = from * width..to * width;
    let data = match tensor.data() {
        Data::F32(v) => Data::F32(v[range].to_vec()),
        Data::F64(v) => Data::F64(v[range].to_vec()),
        Data::I64(v) => Data::I64(v[range].to_vec()),
        Data::Bool(v) => Data::Bool(v[range].to_vec()),
        Data::Text(v) => Data::Text(v[range].to_vec()),
    };
    Tensor::from_data(shape, data).unwrap()
}
