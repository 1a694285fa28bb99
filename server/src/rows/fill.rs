//! Rows that come as columns, one feature after the other.

use super::{Column, Features, Form, Rows};
use crate::http::{Code, Refusal};
use crate::json::Scalar;

/// Rows under construction.
#[derive(Debug)]
pub struct Filler<'f> {
    features: &'f Features,
    columns: Vec<Column>,
    given: Vec<bool>,
    rows: usize,
}

impl<'f> Filler<'f> {
    /// Without columns.
    pub fn new(features: &'f Features) -> Self {
        let columns: Vec<Column> = features
            .list()
            .iter()
            .map(|feature| Column::empty(&feature.kind))
            .collect();
        Self {
            features,
            given: vec![false; columns.len()],
            columns,
            rows: 0,
        }
    }

    /// The column of `feature` comes next; it must have as many rows as those before.
    ///
    /// # Errors
    /// When it was given already, or is of another length.
    pub fn start(&mut self, feature: usize, rows: usize) -> Result<(), Refusal> {
        let name = &self.features.list()[feature].name;
        if std::mem::replace(&mut self.given[feature], true) {
            return Err(Refusal::new(Code::DuplicateField, format!("`{name}` is given twice")).feature(feature));
        }
        if self.rows != 0 && self.rows != rows {
            return Err(
                Refusal::new(Code::WrongLength, format!("`{name}` has another number of rows")).feature(feature),
            );
        }
        self.rows = rows;
        Ok(())
    }

    /// The next value of `feature`.
    ///
    /// # Errors
    /// When the signature does not allow it.
    pub fn put(&mut self, feature: usize, scalar: Scalar<'_>) -> Result<(), Refusal> {
        let own = &self.features.list()[feature];
        own.put(scalar, &mut self.columns[feature])
            .map_err(|refusal| refusal.feature(feature))
    }

    /// The rows, with defaults for what was not given.
    ///
    /// # Errors
    /// When a feature is missing that has to be given.
    pub fn done(mut self) -> Result<Rows, Refusal> {
        let missing = (0..self.given.len()).filter(|&at| !self.given[at]);
        for at in missing {
            let own = &self.features.list()[at];
            if !(0..self.rows).all(|_| own.put_default(&mut self.columns[at])) {
                let refusal = Refusal::new(Code::MissingField, format!("`{}` is missing", own.name));
                return Err(refusal.hint(own.expected()).feature(at));
            }
        }
        Ok(Rows {
            columns: self.columns,
            count: self.rows,
            form: Form::Many,
        })
    }
}
