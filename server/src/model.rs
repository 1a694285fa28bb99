//! The model that is served: what it is, and the engine behind it.
//!
//! Owns the seam between the protocols and whatever computes: [`Engine`].

use std::fmt;
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;
use mlstack_onnx::predict::{Number, Prediction};
use mlstack_onnx::signature::{Scalar, Signature};
use mlstack_onnx::{Port, Tensor};
use serde::Serialize;

use crate::openapi;
use crate::rows::{Feature, Features, Rows};

/// Computes predictions.
pub trait Engine: Send + Sync + fmt::Debug {
    /// What the model takes.
    fn inputs(&self) -> &[Port];
    /// What the model gives.
    fn outputs(&self) -> &[Port];
    /// The inputs for rows of features: a list of inputs, with their rows, for each run that the model needs.
    ///
    /// # Errors
    /// When the rows do not fit the model.
    fn pack(&self, rows: &Rows) -> Result<Vec<(Vec<Tensor>, usize)>, Wrong>;
    /// Runs the model: inputs in the order of [`Engine::inputs`], outputs in that of [`Engine::outputs`].
    ///
    /// # Errors
    /// When the model cannot compute them.
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Wrong>;
    /// What the outputs mean: a prediction for each row.
    ///
    /// # Errors
    /// When they do not have the form that the signature promises.
    fn read(&self, outputs: Vec<Tensor>, rows: usize) -> Result<Vec<Prediction>, Wrong>;
}

/// Why a model gave no answer. For the log, not for clients: it may hold values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// What a model is, in words that a client can read: `GET /signature.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// in URLs
    pub name: String,
    /// of the model; the version of the signature's format is of no use to clients
    pub version: String,
    /// whether there are probabilities to ask for
    pub probabilities: bool,
    /// its features and its answer
    #[serde(flatten, serialize_with = "without_version")]
    pub signature: Signature,
}

fn without_version<S: serde::Serializer>(signature: &Signature, serializer: S) -> Result<S::Ok, S::Error> {
    let mut value = serde_json::to_value(signature).map_err(serde::ser::Error::custom)?;
    if let Some(map) = value.as_object_mut() {
        map.remove("version");
    }
    value.serialize(serializer)
}

/// The longest computation that is done between the connections.
const SHORT: Duration = Duration::from_micros(500);

/// A model that is ready.
#[derive(Debug)]
pub struct Served {
    /// what it is
    pub card: Card,
    /// the names of its classes, in the order of the probabilities
    pub classes: Vec<String>,
    /// its version as a header
    pub version_header: HeaderValue,
    /// what it predicts from
    pub features: Features,
    /// `GET /signature.json`
    pub signature_json: String,
    /// `GET /openapi.json`
    pub openapi_json: String,
    engine: Box<dyn Engine>,
    /// time of one row
    cost: Duration,
}

impl Served {
    /// Puts everything about a model together. `sample` is run to learn how long a row takes.
    pub fn new(card: Card, features: Vec<Feature>, engine: Box<dyn Engine>, sample: &Rows) -> Self {
        let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let header: String = card.version.chars().map(visible).collect();
        let served = Self {
            classes: card.signature.classes.iter().map(Scalar::to_string).collect(),
            version_header: HeaderValue::from_str(&header).expect("only visible ASCII is left"),
            features: Features::new(features),
            signature_json: serde_json::to_string(&card).expect("a card always serializes"),
            openapi_json: openapi::document(&card).to_string(),
            card,
            engine,
            cost: Duration::ZERO,
        };
        let cost = served.time(sample).unwrap_or_default();
        Self { cost, ..served }
    }

    /// The shortest of a few runs, a row.
    fn time(&self, rows: &Rows) -> Option<Duration> {
        let took = |_| {
            let begun = Instant::now();
            self.predict(rows).ok().map(|_| begun.elapsed())
        };
        (0..5)
            .filter_map(took)
            .min()
            .map(|d| d / u32::try_from(rows.count.max(1)).unwrap_or(u32::MAX))
    }

    /// Whether a prediction of `rows` rows is short enough to hold up the connections beside it.
    pub fn short(&self, rows: usize) -> bool {
        self.cost.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX)) <= SHORT
    }

    /// Predicts rows.
    ///
    /// # Errors
    /// When the model cannot compute them.
    pub fn predict(&self, rows: &Rows) -> Result<Vec<Prediction>, Wrong> {
        let mut predictions = Vec::with_capacity(rows.count);
        for (inputs, count) in self.engine.pack(rows)? {
            predictions.extend(self.engine.read(self.engine.run(&inputs)?, count)?);
        }
        if predictions.len() == rows.count {
            Ok(predictions)
        } else {
            Err(Wrong("another number of answers than rows".into()))
        }
    }

    /// The engine, for protocols that speak in tensors.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }
}

/// The largest probability of a prediction.
pub fn top_probability(prediction: &Prediction) -> Option<f32> {
    let all = prediction.probabilities.iter().flatten();
    all.map(|p| Number::as_f64(*p) as f32).reduce(f32::max)
}
