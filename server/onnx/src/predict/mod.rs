//! The bridge from named features to tensors and from output tensors to predictions; every protocol uses it.
//! Owns what a request may contain. Never parses a protocol: it takes values one by one, or any serde map.

mod answer;
mod layout;
mod row;
mod seed;

pub use answer::{Number, Prediction, Value};
pub use row::{FeatureError, FeatureFault, FeatureValue, Row, Rows};
pub use seed::RowSeed;

use crate::error::RunError;
use crate::model::Model;
use crate::signature::{Scalar, Signature, SignatureError, plain};
use crate::tensor::{ElementType, Tensor};
use answer::Decoder;
use layout::Layout;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A model with its signature, ready to answer. It never changes, so one copy serves all threads.
#[derive(Debug)]
pub struct Predictor {
    model: Arc<Model>,
    signature: Signature,
    layout: Layout,
    decoder: Decoder,
    names: BTreeMap<String, usize>,
    ignore_unknown: bool,
}

impl Predictor {
    /// Joins a model and its signature.
    ///
    /// # Errors
    /// When they disagree: number of features, their types, the classes, the task.
    pub fn new(model: Arc<Model>, signature: Signature) -> Result<Self, SignatureError> {
        let layout = Layout::new(&model, &signature)?;
        let decoder = Decoder::new(&model, &signature)?;
        let plain = signature.features.iter().enumerate().map(|(i, f)| (plain(&f.name), i));
        let mut names: BTreeMap<String, usize> = plain.collect();
        names.extend(signature.features.iter().enumerate().map(|(i, f)| (f.name.clone(), i)));
        Ok(Self {
            model,
            signature,
            layout,
            decoder,
            names,
            ignore_unknown: false,
        })
    }

    /// Whether features that the signature does not know are passed over instead of refused.
    #[must_use]
    pub fn ignore_unknown(mut self, ignore: bool) -> Self {
        self.ignore_unknown = ignore;
        self
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// The signature.
    #[must_use]
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// The classes, in the order of [`Prediction::probabilities`]; empty for a regression.
    #[must_use]
    pub fn classes(&self) -> &[Scalar] {
        self.decoder.classes()
    }

    /// The place of a feature. `sepal length (cm)` is also found as `sepal_length__cm`.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// An empty table of rows.
    #[must_use]
    pub fn rows(&self) -> Rows {
        Rows::new(&self.layout)
    }

    /// Starts a row at the end of the table; [`Row::finish`] adds it.
    pub fn row<'a>(&'a self, rows: &'a mut Rows) -> Row<'a> {
        Row::start(self, rows)
    }

    /// A serde seed that reads one object straight into the table.
    pub fn row_seed<'a>(&'a self, rows: &'a mut Rows) -> RowSeed<'a> {
        RowSeed::new(self, rows)
    }

    /// What the model takes for a feature, by the feature's place in the signature.
    ///
    /// # Panics
    /// When the signature has no such place.
    #[must_use]
    pub fn element(&self, at: usize) -> ElementType {
        self.layout.tables[self.layout.places[at].table].element
    }

    /// The model's inputs for rows, with the number of rows: more than one run for a model that takes a fixed number.
    ///
    /// # Errors
    /// When the model takes another number of rows.
    pub fn tensors(&self, rows: Rows) -> Result<Vec<(Vec<Tensor>, usize)>, RunError> {
        self.layout.batches(rows)
    }

    /// What the model's outputs mean for so many rows.
    ///
    /// # Errors
    /// When they do not have the form that the signature promises.
    pub fn decode(&self, outputs: Vec<Tensor>, rows: usize) -> Result<Vec<Prediction>, RunError> {
        let mut predictions = Vec::with_capacity(rows);
        self.decoder.decode(&self.model, outputs, rows, &mut predictions)?;
        Ok(predictions)
    }

    /// Predicts every row.
    ///
    /// # Errors
    /// When an operator of the model cannot work on these values.
    pub fn predict(&self, rows: Rows) -> Result<Vec<Prediction>, RunError> {
        let count = rows.len();
        if count == 0 {
            return Ok(Vec::new());
        }
        let mut predictions = Vec::with_capacity(count);
        for (inputs, rows) in self.layout.batches(rows)? {
            let outputs = self.model.run(&inputs)?;
            self.decoder.decode(&self.model, outputs, rows, &mut predictions)?;
        }
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests;
