//! Rows that come as columns, one feature after the other.

use super::{Cell, Features, Form, Rows};
use crate::http::{Code, Refusal};
use crate::json::Scalar;

/// Rows under construction.
#[derive(Debug)]
pub struct Filler<'f> {
    features: &'f Features,
    cells: Vec<Cell>,
    rows: usize,
    /// The feature whose column is being filled, and its next row.
    next: (usize, usize),
}

impl<'f> Filler<'f> {
    /// Without columns.
    pub fn new(features: &'f Features) -> Self {
        Self {
            features,
            cells: Vec::new(),
            rows: 0,
            next: (0, 0),
        }
    }

    /// The column of `feature` comes next; it must have as many rows as those before.
    ///
    /// # Errors
    /// When it was given already, or is of another length.
    pub fn start(&mut self, feature: usize, rows: usize) -> Result<(), Refusal> {
        let name = self.features.list()[feature].name();
        if self.rows == 0 {
            self.rows = rows;
            self.cells = vec![Cell::Absent; rows * self.features.list().len()];
        }
        if self.rows != rows {
            return Err(
                Refusal::new(Code::WrongLength, format!("`{name}` has another number of rows")).feature(feature),
            );
        }
        if self.cells[feature] != Cell::Absent {
            return Err(Refusal::new(Code::DuplicateField, format!("`{name}` is given twice")).feature(feature));
        }
        self.next = (feature, 0);
        Ok(())
    }

    /// The next value of the column; there may be no more than there are rows.
    ///
    /// # Errors
    /// When the signature does not allow it.
    pub fn put(&mut self, scalar: Scalar<'_>) -> Result<(), Refusal> {
        let (feature, row) = self.next;
        let judged = self.features.list()[feature]
            .judge(scalar)
            .map_err(|refusal| refusal.feature(feature))?;
        self.cells[row * self.features.list().len() + feature] = judged;
        self.next.1 += 1;
        Ok(())
    }

    /// The rows, with defaults for what was not given.
    ///
    /// # Errors
    /// When a feature is missing that has to be given.
    pub fn done(mut self) -> Result<Rows, Refusal> {
        let features = self.features.list();
        for (at, own) in features
            .iter()
            .enumerate()
            .filter(|(at, _)| self.cells[*at] == Cell::Absent)
            .collect::<Vec<_>>()
        {
            let Some(value) = own.absent() else {
                let refusal = Refusal::new(Code::MissingField, format!("`{}` is missing", own.name()));
                return Err(refusal.hint(own.expected()).feature(at));
            };
            self.cells
                .iter_mut()
                .skip(at)
                .step_by(features.len())
                .for_each(|cell| *cell = value.clone());
        }
        Ok(Rows {
            cells: self.cells,
            count: self.rows,
            form: Form::Many,
        })
    }
}
