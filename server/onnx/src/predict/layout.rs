//! Where each feature goes: which input of the model, which column. Checked once, when model and signature meet.

use crate::error::RunError;
use crate::model::{Dimension, Model, Port};
use crate::predict::row::Rows;
use crate::signature::{Feature, FeatureType, Signature, SignatureError, width};
use crate::tensor::{Data, ElementType, Tensor};

/// One input of the model as a table of columns.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) element: ElementType,
    pub(super) width: usize,
    name: String,
    /// The dimensions after the first.
    inner: Vec<usize>,
}

/// The place of a feature: the input, and the column in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) table: usize,
    pub(super) column: usize,
}

/// All inputs, and the place of every feature.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) tables: Vec<Table>,
    pub(super) places: Vec<Place>,
    /// Rows in one run, when the model was exported for a fixed number.
    fixed: Option<usize>,
}

impl Layout {
    pub(super) fn new(model: &Model, signature: &Signature) -> Result<Self, SignatureError> {
        let mismatch = |why: String| SignatureError::Mismatch(why);
        let features = &signature.features;
        let tables = tables(model.inputs(), features.len())?;
        let columns: usize = tables.iter().map(|t| t.width).sum();
        if columns != features.len() {
            let n = features.len();
            return Err(mismatch(format!(
                "the signature lists {n} features, the model takes {columns}"
            )));
        }
        let places = places(&tables, features);
        for (feature, place) in features.iter().zip(&places) {
            let element = tables[place.table].element;
            if !accepts(element, feature) {
                let (name, kind) = (&feature.name, feature.kind);
                return Err(mismatch(format!(
                    "feature '{name}' is {kind}, the model takes {element} there"
                )));
            }
        }
        Ok(Self {
            tables,
            places,
            fixed: fixed(model.inputs()).map_err(mismatch)?,
        })
    }

    /// Tensors for all rows, or for as many rows at a time as the model takes.
    pub(super) fn batches(&self, rows: Rows) -> Result<Vec<(Vec<Tensor>, usize)>, RunError> {
        let (count, columns) = rows.into_columns();
        match self.fixed {
            Some(n) if n != count => {
                if !count.is_multiple_of(n) {
                    return Err(self.refuse(0, format!("takes {n} rows at a time, {count} given")));
                }
                let parts = (0..count / n).map(|i| columns.iter().map(|c| part(c, i, count / n)).collect());
                parts.map(|part: Vec<Data>| Ok((self.tensors(part, n)?, n))).collect()
            }
            _ => Ok(vec![(self.tensors(columns, count)?, count)]),
        }
    }

    fn tensors(&self, columns: Vec<Data>, rows: usize) -> Result<Vec<Tensor>, RunError> {
        let tensor = |(at, (table, data)): (usize, (&Table, Data))| {
            Tensor::from_data(table.shape(rows), data).map_err(|e| self.refuse(at, e.to_string()))
        };
        self.tables.iter().zip(columns).enumerate().map(tensor).collect()
    }

    fn refuse(&self, table: usize, detail: String) -> RunError {
        let input = self.tables.get(table).map(|t| t.name.clone()).unwrap_or_default();
        RunError::Input { input, detail }
    }
}

impl Table {
    fn shape(&self, rows: usize) -> Vec<usize> {
        let mut shape = Vec::with_capacity(1 + self.inner.len());
        shape.push(rows);
        shape.extend_from_slice(&self.inner);
        shape
    }
}

/// The inputs as tables. One open width is whatever the other inputs leave of the features.
fn tables(inputs: &[Port], features: usize) -> Result<Vec<Table>, SignatureError> {
    let known: usize = inputs.iter().filter_map(width).fold(0, usize::saturating_add);
    let open = inputs.iter().filter(|p| width(p).is_none()).count();
    if open > 1 {
        return Err(SignatureError::Mismatch(format!(
            "the model leaves the width of {open} inputs open"
        )));
    }
    let rest = features.saturating_sub(known);
    inputs.iter().map(|port| table(port, rest)).collect()
}

fn table(port: &Port, rest: usize) -> Result<Table, SignatureError> {
    let shape = port.shape.as_deref().unwrap_or(&[Dimension::Any, Dimension::Any]);
    if shape.is_empty() {
        return Err(SignatureError::Mismatch(format!("input '{}' takes no rows", port.name)));
    }
    let open = shape.iter().skip(1).filter(|d| **d == Dimension::Any).count();
    let fixed = shape.iter().skip(1).fold(1_usize, |n, d| match d {
        Dimension::Fixed(size) => n.saturating_mul(*size),
        Dimension::Any => n,
    });
    if open > 1 || (open == 1 && !rest.is_multiple_of(fixed)) {
        return Err(SignatureError::Mismatch(format!(
            "input '{}' leaves its shape open",
            port.name
        )));
    }
    let size = |d: &Dimension| match d {
        Dimension::Fixed(size) => *size,
        Dimension::Any => rest / fixed,
    };
    let inner: Vec<usize> = shape.iter().skip(1).map(size).collect();
    let width = inner.iter().fold(1_usize, |n, &d| n.saturating_mul(d));
    Ok(Table {
        element: port.element,
        width,
        name: port.name.clone(),
        inner,
    })
}

/// Inputs of one column each are found by name, if all names match; otherwise the order counts.
fn places(tables: &[Table], features: &[Feature]) -> Vec<Place> {
    if tables.len() == features.len() && tables.len() > 1 {
        let by_name = |f: &Feature| {
            let table = tables.iter().position(|t| t.name == f.name)?;
            Some(Place { table, column: 0 })
        };
        if let Some(places) = features.iter().map(by_name).collect() {
            return places;
        }
    }
    let each = tables
        .iter()
        .enumerate()
        .flat_map(|(table, t)| (0..t.width).map(move |column| Place { table, column }));
    each.collect()
}

/// Whether an input can hold a feature.
fn accepts(element: ElementType, feature: &Feature) -> bool {
    match element {
        ElementType::F32 | ElementType::F64 => !feature.is_text(),
        ElementType::I64 => match feature.kind {
            FeatureType::Int | FeatureType::Bool => true,
            FeatureType::Category => feature
                .values
                .iter()
                .all(|v| matches!(v, crate::signature::Scalar::Integer(_))),
            FeatureType::Float | FeatureType::String => false,
        },
        ElementType::Bool => feature.kind == FeatureType::Bool,
        ElementType::Text => feature.is_text(),
    }
}

/// The number of rows that all inputs fix, if they do.
fn fixed(inputs: &[Port]) -> Result<Option<usize>, String> {
    let first = |port: &Port| match port.shape.as_ref().and_then(|s| s.first()) {
        Some(Dimension::Fixed(n)) => Some(*n),
        _ => None,
    };
    let mut all: Vec<usize> = inputs.iter().filter_map(first).collect();
    all.dedup();
    match all.as_slice() {
        [] => Ok(None),
        [n] => Ok(Some(*n)),
        _ => Err("the inputs take different numbers of rows".into()),
    }
}

/// One of equal parts of a column.
fn part(data: &Data, at: usize, parts: usize) -> Data {
    let size = data.len() / parts;
    let range = at * size..(at + 1) * size;
    match data {
        Data::F32(v) => Data::F32(v[range].to_vec()),
        Data::F64(v) => Data::F64(v[range].to_vec()),
        Data::I64(v) => Data::I64(v[range].to_vec()),
        Data::Bool(v) => Data::Bool(v[range].to_vec()),
        Data::Text(v) => Data::Text(v[range].to_vec()),
    }
}
