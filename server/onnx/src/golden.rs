//! Rows with known answers beside the model (`<stem>.golden.json`): a model serves only after it gave them.
//! Never reads a file itself.

use crate::predict::{FeatureError, Prediction, Predictor, Value};
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Requests and what the model must answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// How far a number may be off: this much, or this share of the expected number when that is above one.
    #[serde(default = "tolerance")]
    pub tolerance: f64,
    /// The rows.
    pub rows: Vec<GoldenRow>,
}

fn tolerance() -> f64 {
    1e-5
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenRow {
    /// The features by name.
    pub request: Map<String, Json>,
    /// The answer: a number, a class, or a list of numbers.
    pub prediction: Json,
    /// The probability of each class by name; only those listed are checked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub probabilities: BTreeMap<String, f64>,
}

/// Why a model does not pass.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GoldenError {
    /// The text is no golden sample.
    #[error("the golden sample cannot be read: {0}")]
    Syntax(String),
    /// The sample has no rows.
    #[error("the golden sample has no rows")]
    Empty,
    /// A request does not fit the signature.
    #[error("golden row {row}: {error}")]
    Request {
        /// The row, counted from 1.
        row: usize,
        /// What is wrong with it.
        error: FeatureError,
    },
    /// The model gave no answer.
    #[error("golden row {row}: {detail}")]
    Run {
        /// The row, counted from 1.
        row: usize,
        /// What happened.
        detail: String,
    },
    /// The model gave another answer.
    #[error("golden row {row}: {what} is {got}, expected {expected}")]
    Mismatch {
        /// The row, counted from 1.
        row: usize,
        /// Which part of the answer.
        what: String,
        /// What was expected.
        expected: String,
        /// What came.
        got: String,
    },
}

impl Golden {
    /// Reads a golden sample.
    ///
    /// # Errors
    /// When the JSON is wrong, has an unknown field, or no rows.
    pub fn parse(text: &str) -> Result<Self, GoldenError> {
        let golden: Self = serde_json::from_str(text).map_err(|e| GoldenError::Syntax(e.to_string()))?;
        if golden.rows.is_empty() {
            Err(GoldenError::Empty)
        } else {
            Ok(golden)
        }
    }

    /// Asks the model every row.
    ///
    /// # Errors
    /// The first row that it does not answer as expected.
    pub fn check(&self, predictor: &Predictor) -> Result<(), GoldenError> {
        self.rows
            .iter()
            .zip(1..)
            .try_for_each(|(row, n)| self.check_row(predictor, row, n))
    }

    fn check_row(&self, predictor: &Predictor, row: &GoldenRow, n: usize) -> Result<(), GoldenError> {
        let prediction = ask(predictor, row, n)?;
        let got = serde_json::to_value(&prediction.value).unwrap_or(Json::Null);
        let mismatch = |what: &str, expected: String, got: String| {
            Err(GoldenError::Mismatch {
                row: n,
                what: what.to_owned(),
                expected,
                got,
            })
        };
        if !self.same(&row.prediction, &prediction.value, &got) {
            return mismatch("the prediction", row.prediction.to_string(), got.to_string());
        }
        for (class, expected) in &row.probabilities {
            match probability(predictor, &prediction, class) {
                Some(p) if self.near(*expected, p) => {}
                Some(p) => {
                    return mismatch(
                        &format!("the probability of '{class}'"),
                        expected.to_string(),
                        p.to_string(),
                    );
                }
                None => {
                    return mismatch(
                        &format!("the probability of '{class}'"),
                        expected.to_string(),
                        "not given".into(),
                    );
                }
            }
        }
        Ok(())
    }

    fn same(&self, expected: &Json, value: &Value, got: &Json) -> bool {
        match (expected, value) {
            (Json::Number(want), Value::Number(got)) => want.as_f64().is_some_and(|w| self.near(w, got.as_f64())),
            (Json::Array(want), Value::Numbers(got)) => {
                let near =
                    |(w, g): (&Json, &crate::predict::Number)| w.as_f64().is_some_and(|w| self.near(w, g.as_f64()));
                want.len() == got.len() && want.iter().zip(got).all(near)
            }
            _ => expected == got,
        }
    }

    fn near(&self, expected: f64, got: f64) -> bool {
        (expected - got).abs() <= self.tolerance * expected.abs().max(1.0)
    }
}

fn ask(predictor: &Predictor, row: &GoldenRow, n: usize) -> Result<Prediction, GoldenError> {
    let run = |detail: String| GoldenError::Run { row: n, detail };
    let mut rows = predictor.rows();
    let read = predictor
        .row_seed(&mut rows)
        .deserialize(Json::Object(row.request.clone()));
    let read = read.map_err(|e: serde_json::Error| run(e.to_string()))?;
    if let Err(errors) = read
        && let Some(error) = errors.into_iter().next()
    {
        return Err(GoldenError::Request { row: n, error });
    }
    let predictions = predictor.predict(rows).map_err(|e| run(e.to_string()))?;
    predictions
        .into_iter()
        .next()
        .ok_or_else(|| run("the model gave no prediction".into()))
}

fn probability(predictor: &Predictor, prediction: &Prediction, class: &str) -> Option<f64> {
    let at = predictor.classes().iter().position(|c| c.to_string() == class)?;
    prediction.probabilities.as_ref()?.get(at).map(|p| p.as_f64())
}
