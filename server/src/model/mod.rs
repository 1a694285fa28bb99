//! The model that is served: what it is, and the engine behind it.
//!
//! Owns the seam: everything else of the server knows [`Engine`] and [`Card`], and nothing of ONNX.

mod card;
mod tensor;

use std::fmt;
use std::time::{Duration, Instant};

use hyper::header::HeaderValue;

pub use card::{Card, CardFeature, Task};
pub use tensor::{Data, Element, Port, Tensor};

use crate::openapi;
use crate::rows::{Features, Rows};

/// Computes predictions.
pub trait Engine: Send + Sync + fmt::Debug {
    /// What the model takes.
    fn inputs(&self) -> &[Port];
    /// What the model gives.
    fn outputs(&self) -> &[Port];
    /// The inputs for rows of features.
    ///
    /// # Errors
    /// When the rows do not fit the model.
    fn pack(&self, rows: &Rows) -> Result<Vec<Tensor>, Wrong>;
    /// Runs the model: inputs in the order of [`Engine::inputs`], outputs in that of [`Engine::outputs`].
    ///
    /// # Errors
    /// When the model cannot compute them.
    fn run(&self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>, Wrong>;
    /// What the outputs mean.
    ///
    /// # Errors
    /// When they do not have the form that the signature promises.
    fn read(&self, outputs: Vec<Tensor>, rows: usize) -> Result<Predictions, Wrong>;
}

/// Why a model gave no answer. For the log, not for clients: it may hold values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// The predictions for some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// `rows` × `width`
    pub values: Values,
    /// how many rows
    pub rows: usize,
    /// targets of a row
    pub width: usize,
    /// `rows` × classes
    pub probabilities: Option<Vec<f32>>,
}

/// Predicted values.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// numbers of 32 bits
    F32(Vec<f32>),
    /// numbers of 64 bits
    F64(Vec<f64>),
    /// classes that are numbers
    I64(Vec<i64>),
    /// classes that are texts
    Text(Vec<String>),
}

impl Predictions {
    /// The probabilities of one row.
    pub fn probabilities_of(&self, row: usize) -> &[f32] {
        let all = self.probabilities.as_deref().unwrap_or_default();
        let width = all.len() / self.rows.max(1);
        &all[row * width..(row + 1) * width]
    }

    /// The largest probability of one row.
    pub fn top_probability(&self, row: usize) -> Option<f32> {
        self.probabilities_of(row).iter().copied().reduce(f32::max)
    }
}

/// The longest computation that is done between the connections.
const SHORT: Duration = Duration::from_micros(500);

/// A model that is ready.
#[derive(Debug)]
pub struct Served {
    /// in URLs and labels
    pub name: String,
    /// in headers and labels
    pub version: String,
    /// `version` as a header
    pub version_header: HeaderValue,
    /// what it predicts from
    pub features: Features,
    /// what it is
    pub card: Card,
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
    pub fn new(card: Card, engine: Box<dyn Engine>, sample: Option<&Rows>) -> Self {
        let features = card.features();
        let visible = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let header: String = card.version.chars().map(visible).collect();
        let served = Self {
            name: card.name.clone(),
            version: card.version.clone(),
            version_header: HeaderValue::from_str(&header).expect("only visible ASCII is left"),
            features,
            signature_json: serde_json::to_string(&card).expect("a card always serializes"),
            openapi_json: openapi::document(&card).to_string(),
            card,
            engine,
            cost: Duration::ZERO,
        };
        let cost = sample.and_then(|rows| served.time(rows)).unwrap_or_default();
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
    pub fn predict(&self, rows: &Rows) -> Result<Predictions, Wrong> {
        let outputs = self.engine.run(self.engine.pack(rows)?)?;
        self.engine.read(outputs, rows.count)
    }

    /// The engine, for protocols that speak in tensors.
    pub fn engine(&self) -> &dyn Engine {
        &*self.engine
    }
}
