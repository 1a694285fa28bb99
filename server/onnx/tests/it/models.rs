//! Every model of the test bed answers what its trainer answers, and the page in `docs/` says so.

use crate::bed::{self, Case, numbers};
use mlstack_onnx::{Data, LoadError, Model, Tensor, supported_operators};
use std::fmt::Write as _;
use std::path::PathBuf;

/// How far a number may be off, beside one: rounding of f32 over a few hundred sums.
const TOLERANCE: f64 = 2e-5;

/// Models whose f32 arithmetic is coarser, with the reason.
const COARSER: [(&str, f64, &str); 2] = [
    ("complement_nb", 1e-4, "differences of sums around 1000, taken in f32"),
    ("power_logreg", 5e-5, "powers of small numbers, taken in f32"),
];

/// How a model did.
struct Outcome {
    rows: usize,
    wrong_labels: usize,
    /// The largest error, as a share of the expected value where that is above one.
    error: f64,
}

#[test]
fn every_model_answers_as_its_trainer() {
    let mut failed = Vec::new();
    let cases = bed::all();
    for case in &cases {
        match judge(case) {
            Ok(outcome) if outcome.wrong_labels == 0 && outcome.error <= tolerance(&case.name) => {}
            Ok(o) => failed.push(format!(
                "{}: {} of {} labels wrong, error {:.1e}",
                case.name, o.wrong_labels, o.rows, o.error
            )),
            Err(why) => failed.push(format!("{}: {why}", case.name)),
        }
    }
    assert!(cases.len() >= 60, "the test bed has only {} models", cases.len());
    assert!(
        failed.is_empty(),
        "{} of {} models:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

fn tolerance(name: &str) -> f64 {
    COARSER
        .iter()
        .find(|(n, ..)| *n == name)
        .map_or(TOLERANCE, |(_, t, _)| *t)
}

fn judge(case: &Case) -> Result<Outcome, String> {
    let model = Model::load(&case.bytes).map_err(|e: LoadError| e.to_string())?;
    let inputs = inputs(&model, case);
    let outputs = model.run(&inputs).map_err(|e| e.to_string())?;
    let rows = inputs[0].shape()[0];
    let mut outcome = Outcome {
        rows,
        wrong_labels: 0,
        error: 0.0,
    };
    if let Some(labels) = &case.labels {
        outcome.wrong_labels = mismatches(labels, &outputs[0]);
    }
    if let Some(values) = &case.values {
        outcome.error = error(values, &outputs[0])?;
    }
    if let Some(probabilities) = &case.probabilities {
        outcome.error = error(probabilities, &outputs[1])?;
    }
    Ok(outcome)
}

/// The inputs in the order of the model.
pub(crate) fn inputs(model: &Model, case: &Case) -> Vec<Tensor> {
    let find = |name: &str| case.inputs.iter().find(|(n, _)| n == name).unwrap().1.clone();
    model.inputs().iter().map(|port| find(&port.name)).collect()
}

fn mismatches(expected: &Tensor, got: &Tensor) -> usize {
    assert_eq!(expected.len(), got.len(), "one label for each row");
    match (expected.data(), got.data()) {
        (Data::Text(a), Data::Text(b)) => a.iter().zip(b).filter(|(a, b)| a != b).count(),
        _ => numbers(expected)
            .iter()
            .zip(numbers(got))
            .filter(|(a, b)| (*a - b).abs() > 0.0)
            .count(),
    }
}

fn error(expected: &[f64], got: &Tensor) -> Result<f64, String> {
    let got = numbers(got);
    if got.len() != expected.len() {
        return Err(format!("{} numbers, expected {}", got.len(), expected.len()));
    }
    let off = expected.iter().zip(got).map(|(e, g)| (e - g).abs() / e.abs().max(1.0));
    Ok(off.fold(0.0, |m, x| if x.is_nan() || x > m { x } else { m }))
}

#[test]
fn the_page_of_models_is_up_to_date() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/models.md");
    let page = page();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/models.md is out of date: BLESS=1 cargo nextest run -p mlstack-onnx page"
    );
}

fn page() -> String {
    let mut page = String::from(
        "# Models that the server runs\n\n\
         The server evaluates ONNX itself. Below are the models of its test bed, trained with scikit-learn 1.9,\n\
         LightGBM 4.7 and XGBoost 3.2 (`server/onnx/tests/models/make.py`), each compared with the answers of the\n\
         library that trained it. *Error* is the largest difference of any probability or value, as a share of the\n\
         expected value where that is above one. This page is written by a test.\n\n\
         | model | operators | rows | wrong labels | error |\n|---|---|---|---|---|\n",
    );
    for case in bed::all() {
        let model = judge(&case);
        let operators = operators(&case);
        match model {
            Ok(o) => {
                let below = if o.error <= TOLERANCE {
                    "≤ 2e-5".to_owned()
                } else {
                    format!("≤ {:.0e}", tolerance(&case.name))
                };
                let _ = writeln!(
                    page,
                    "| {} | {operators} | {} | {} | {below} |",
                    case.name, o.rows, o.wrong_labels
                );
            }
            Err(why) => {
                let _ = writeln!(page, "| {} | {operators} | – | – | {why} |", case.name);
            }
        }
    }
    page.push_str("\n## Operators\n\n");
    for domain in ["ai.onnx", "ai.onnx.ml", "com.microsoft"] {
        let names: Vec<&str> = supported_operators()
            .into_iter()
            .filter(|(d, _)| *d == domain)
            .map(|(_, n)| n)
            .collect();
        if !names.is_empty() {
            let _ = writeln!(page, "- `{domain}` ({}): {}", names.len(), names.join(", "));
        }
    }
    page
}

/// The names of a model's operators.
fn operators(case: &Case) -> String {
    let model = Model::load(&case.bytes).unwrap();
    let names: Vec<&str> = model.operators().iter().map(|(_, name)| name.as_str()).collect();
    names.join(", ")
}
