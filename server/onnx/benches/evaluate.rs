//! Microseconds a row for models of the test bed: `cargo bench -p mlstack-onnx [NAME …]`.
//!
//! Prints, for one row at a time and for a batch of all rows of the case: the fastest of several rounds.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people")]

use mlstack_onnx::predict::{FeatureValue, Predictor};
use mlstack_onnx::signature::Signature;
use mlstack_onnx::{Data, Element, Model, Tensor};
use serde_json::Value as Json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

const DEFAULT: [&str; 12] = [
    "linreg",
    "logreg_iris",
    "logreg_binary",
    "imputer_logreg",
    "onehot_mixed",
    "tree_regressor",
    "forest_binary",
    "forest_digits",
    "forest_regressor",
    "gradient_boosting_regressor",
    "lightgbm_binary",
    "mlp_digits",
];

fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let names = if named.is_empty() {
        DEFAULT.map(str::to_owned).to_vec()
    } else {
        named
    };
    println!(
        "{:<30} {:>10} {:>10} {:>10} {:>10}",
        "model", "load ms", "one us", "batch us", "named us"
    );
    names.iter().for_each(|name| measure(name));
}

fn measure(name: &str) {
    let path = if name.ends_with(".onnx") {
        PathBuf::from(name)
    } else {
        folder().join(format!("{name}.onnx"))
    };
    let bytes = std::fs::read(&path).unwrap();
    let load = fastest(3, 1, || drop(Model::load(&bytes).unwrap()));
    let model = Arc::new(Model::load(&bytes).unwrap());
    let inputs = inputs(&model, &path);
    let rows = inputs[0].shape()[0];
    let singles: Vec<Vec<Tensor>> = (0..rows).map(|i| inputs.iter().map(|t| row(t, i)).collect()).collect();
    let one = fastest(20, rows, || {
        singles.iter().for_each(|row| drop(model.run(row).unwrap()));
    });
    let batch = fastest(20, rows, || drop(model.run(&inputs).unwrap()));
    let named = named(&model).map_or_else(|| "-".to_owned(), |us| format!("{us:.2}"));
    println!(
        "{name:<30} {:>10.2} {one:>10.2} {batch:>10.2} {named:>10}",
        load / 1000.0
    );
}

/// Features by place to a prediction, for models of numbers only.
fn named(model: &Arc<Model>) -> Option<f64> {
    let (signature, _) = Signature::resolve(model, None).ok()?;
    let n = signature.features.len();
    if signature.features.iter().any(mlstack_onnx::signature::Feature::is_text) {
        return None;
    }
    let predictor = Predictor::new(Arc::clone(model), signature).ok()?;
    Some(fastest(20, 1, || {
        let mut rows = predictor.rows();
        let mut row = predictor.row(&mut rows);
        (0..n).for_each(|i| row.set(i, FeatureValue::Integer(1)));
        row.finish().unwrap();
        drop(predictor.predict(rows).unwrap());
    }))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

/// Microseconds of `f` for each of `rows`, the fastest of many rounds.
fn fastest(rounds: u32, rows: usize, f: impl Fn()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..rounds {
        let start = Instant::now();
        let mut times = 0_u32;
        while start.elapsed().as_micros() < 5000 {
            f();
            times += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(times));
    }
    best / f64::from(u32::try_from(rows).unwrap())
}

/// The inputs of the case beside the model.
fn inputs(model: &Model, path: &std::path::Path) -> Vec<Tensor> {
    let json: Json = serde_json::from_str(&std::fs::read_to_string(path.with_extension("json")).unwrap()).unwrap();
    model
        .inputs()
        .iter()
        .map(|port| tensor(&json["inputs"][&port.name]))
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the file has the digits of an f32")]
fn tensor(json: &Json) -> Tensor {
    let shape = json["shape"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| usize::try_from(d.as_u64().unwrap()).unwrap())
        .collect();
    let data = json["data"].as_array().unwrap();
    let number = |x: &Json| x.as_f64().unwrap_or(f64::NAN);
    let data = match json["type"].as_str().unwrap() {
        "f32" => Data::F32(data.iter().map(|x| number(x) as f32).collect()),
        "f64" => Data::F64(data.iter().map(number).collect()),
        "i64" => Data::I64(data.iter().map(|x| x.as_i64().unwrap()).collect()),
        _ => Data::Text(data.iter().map(|x| x.as_str().unwrap().to_owned()).collect()),
    };
    Tensor::from_data(shape, data).unwrap()
}

fn row(tensor: &Tensor, at: usize) -> Tensor {
    fn part<T: Element>(v: &[T], at: usize, width: usize) -> Data {
        T::wrap(v[at * width..(at + 1) * width].to_vec())
    }
    let mut shape = tensor.shape().to_vec();
    let width: usize = shape[1..].iter().product();
    shape[0] = 1;
    let data = match tensor.data() {
        Data::F32(v) => part(v, at, width),
        Data::F64(v) => part(v, at, width),
        Data::I64(v) => part(v, at, width),
        Data::Bool(v) => part(v, at, width),
        Data::Text(v) => part(v, at, width),
    };
    Tensor::from_data(shape, data).unwrap()
}
