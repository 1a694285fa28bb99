//! Rows of a request: values are checked against the signature and written straight into the model's input tables.
//! A row with an error leaves no trace in the table.

use crate::predict::Predictor;
use crate::predict::layout::{Layout, Place};
use crate::signature::{Feature, FeatureType, Scalar};
use crate::tensor::{Data, ElementType};
use std::fmt;

/// A table of rows, in the form the model takes them.
#[derive(Debug, Clone)]
pub struct Rows {
    count: usize,
    widths: Vec<usize>,
    columns: Vec<Data>,
    seen: Vec<bool>,
}

impl Rows {
    pub(super) fn new(layout: &Layout) -> Self {
        let column = |element| match element {
            ElementType::F32 => Data::F32(Vec::new()),
            ElementType::F64 => Data::F64(Vec::new()),
            ElementType::I64 => Data::I64(Vec::new()),
            ElementType::Bool => Data::Bool(Vec::new()),
            ElementType::Text => Data::Text(Vec::new()),
        };
        Self {
            count: 0,
            widths: layout.tables.iter().map(|t| t.width).collect(),
            columns: layout.tables.iter().map(|t| column(t.element)).collect(),
            seen: vec![false; layout.places.len()],
        }
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The columns without what an abandoned row has left.
    pub(super) fn into_columns(mut self) -> (usize, Vec<Data>) {
        self.resize(self.count);
        (self.count, self.columns)
    }

    /// Makes every column hold exactly this many rows.
    fn resize(&mut self, rows: usize) {
        for (data, width) in self.columns.iter_mut().zip(&self.widths) {
            let n = rows * width;
            match data {
                Data::F32(v) => v.resize(n, 0.0),
                Data::F64(v) => v.resize(n, 0.0),
                Data::I64(v) => v.resize(n, 0),
                Data::Bool(v) => v.resize(n, false),
                Data::Text(v) => v.resize(n, String::new()),
            }
        }
    }
}

/// A value of a feature as a request gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FeatureValue<'a> {
    /// Nothing, or JSON's `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, exact.
    Integer(i64),
    /// A whole number above the range of [`FeatureValue::Integer`].
    Large(u64),
    /// Any number.
    Number(f64),
    /// Text.
    Text(&'a str),
    /// A list or an object, which no feature takes.
    Nested,
}

impl<'a> From<&'a Scalar> for FeatureValue<'a> {
    fn from(scalar: &'a Scalar) -> Self {
        match scalar {
            Scalar::Bool(b) => Self::Bool(*b),
            Scalar::Integer(i) => Self::Integer(*i),
            Scalar::Number(x) => Self::Number(*x),
            Scalar::Text(text) => Self::Text(text),
        }
    }
}

impl FeatureValue<'_> {
    fn describe(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a bool",
            Self::Integer(_) | Self::Large(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Nested => "a list or an object",
        }
    }
}

/// What is wrong with one feature of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureError {
    /// The feature's name, as the signature has it; for an unknown one as the request has it.
    pub feature: String,
    /// What is wrong.
    pub fault: FeatureFault,
}

/// What can be wrong with a feature.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureFault {
    /// It is required and not there.
    Missing,
    /// The model has no such feature.
    Unknown,
    /// It is there twice.
    Duplicate,
    /// It is `null` and must not be.
    Null,
    /// It has another type.
    Type {
        /// The type in the signature.
        expected: FeatureType,
        /// What was given.
        got: &'static str,
    },
    /// It is a whole number in the signature and was given with a fraction.
    Fraction,
    /// Infinite, not a number, or too large for the model's number type.
    Range,
    /// Below the smallest value accepted.
    BelowMin(f64),
    /// Above the largest value accepted.
    AboveMax(f64),
    /// Not one of the values accepted.
    NotAllowed(Vec<Scalar>),
}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.feature;
        match &self.fault {
            FeatureFault::Missing => write!(f, "'{name}' is missing"),
            FeatureFault::Unknown => write!(f, "'{name}' is not a feature of this model"),
            FeatureFault::Duplicate => write!(f, "'{name}' is given twice"),
            FeatureFault::Null => write!(f, "'{name}' must not be null"),
            FeatureFault::Type { expected, got } => write!(f, "'{name}' must be {}, not {got}", article(*expected)),
            FeatureFault::Fraction => write!(f, "'{name}' must be a whole number"),
            FeatureFault::Range => write!(f, "'{name}' is too large for the model"),
            FeatureFault::BelowMin(min) => write!(f, "'{name}' must be at least {min}"),
            FeatureFault::AboveMax(max) => write!(f, "'{name}' must be at most {max}"),
            FeatureFault::NotAllowed(values) => write!(f, "'{name}' must be one of {}", list(values)),
        }
    }
}

impl std::error::Error for FeatureError {}

fn article(kind: FeatureType) -> &'static str {
    match kind {
        FeatureType::Float => "a number",
        FeatureType::Int => "a whole number",
        FeatureType::Bool => "true or false",
        FeatureType::String => "a text",
        FeatureType::Category => "one of its categories",
    }
}

/// More values than this are not listed in a message.
const LISTED: usize = 10;

fn list(values: &[Scalar]) -> String {
    let shown: Vec<String> = values.iter().take(LISTED).map(ToString::to_string).collect();
    let more = if values.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A row being filled.
#[derive(Debug)]
pub struct Row<'a> {
    pub(super) predictor: &'a Predictor,
    rows: &'a mut Rows,
    errors: Vec<FeatureError>,
}

impl<'a> Row<'a> {
    pub(super) fn start(predictor: &'a Predictor, rows: &'a mut Rows) -> Self {
        rows.resize(rows.count);
        rows.resize(rows.count + 1);
        rows.seen.fill(false);
        Self {
            predictor,
            rows,
            errors: Vec::new(),
        }
    }

    /// Sets a feature by name.
    pub fn set_named(&mut self, name: &str, value: FeatureValue<'_>) {
        match self.predictor.feature(name) {
            Some(at) => self.set(at, value),
            None if self.predictor.ignore_unknown => {}
            None => self.errors.push(FeatureError {
                feature: name.to_owned(),
                fault: FeatureFault::Unknown,
            }),
        }
    }

    /// Sets a feature by its place in the signature; a place that is out of range changes nothing.
    pub fn set(&mut self, at: usize, value: FeatureValue<'_>) {
        let Some(feature) = self.predictor.signature.features.get(at) else {
            return;
        };
        if std::mem::replace(&mut self.rows.seen[at], true) {
            return self.fault(feature, FeatureFault::Duplicate);
        }
        self.check_and_write(at, feature, value);
    }

    fn check_and_write(&mut self, at: usize, feature: &Feature, value: FeatureValue<'_>) {
        if let Err(fault) = check(feature, value).and_then(|()| self.write(at, value)) {
            self.fault(feature, fault);
        }
    }

    fn fault(&mut self, feature: &Feature, fault: FeatureFault) {
        self.errors.push(FeatureError {
            feature: feature.name.clone(),
            fault,
        });
    }

    /// Writes a value of the right type into its column.
    fn write(&mut self, at: usize, value: FeatureValue<'_>) -> Result<(), FeatureFault> {
        let Place { table, column } = self.predictor.layout.places[at];
        let to = self.rows.count * self.rows.widths[table] + column;
        match &mut self.rows.columns[table] {
            Data::F32(v) => v[to] = single(value)?,
            Data::F64(v) => v[to] = number(value),
            Data::I64(v) => v[to] = integer(value)?,
            Data::Bool(v) => v[to] = value == FeatureValue::Bool(true),
            Data::Text(v) => {
                v[to] = if let FeatureValue::Text(text) = value {
                    text.to_owned()
                } else {
                    String::new()
                }
            }
        }
        Ok(())
    }

    /// Fills what is left out with its default and adds the row to the table.
    ///
    /// # Errors
    /// Everything that is wrong with this row, in the order it was found; the table is then as before.
    pub fn finish(mut self) -> Result<(), Vec<FeatureError>> {
        if self.rows.seen.contains(&false) {
            self.fill();
        }
        if self.errors.is_empty() {
            self.rows.count += 1;
            return Ok(());
        }
        self.rows.resize(self.rows.count);
        Err(self.errors)
    }

    fn fill(&mut self) {
        let predictor = self.predictor;
        for (at, feature) in predictor.signature.features.iter().enumerate() {
            if self.rows.seen[at] {
                continue;
            }
            match &feature.default {
                Some(default) => self.check_and_write(at, feature, default.into()),
                None if feature.required => self.fault(feature, FeatureFault::Missing),
                None => self.absent(at, feature),
            }
        }
    }

    /// A feature that may be left out and has no default counts as null.
    fn absent(&mut self, at: usize, feature: &Feature) {
        if let Err(fault) = self.write(at, FeatureValue::Null) {
            self.fault(feature, fault);
        }
    }
}

/// Whether a value has the type and the range of its feature.
fn check(feature: &Feature, value: FeatureValue<'_>) -> Result<(), FeatureFault> {
    let wrong = || {
        Err(FeatureFault::Type {
            expected: feature.kind,
            got: value.describe(),
        })
    };
    match (feature.kind, value) {
        (_, FeatureValue::Null) if feature.nullable => return Ok(()),
        (_, FeatureValue::Null) => return Err(FeatureFault::Null),
        (FeatureType::Bool, FeatureValue::Bool(_)) => return Ok(()),
        (FeatureType::String | FeatureType::Category, FeatureValue::Text(_)) if feature.is_text() => {}
        (FeatureType::Float | FeatureType::Int | FeatureType::Category, _)
            if is_number(value) && !feature.is_text() =>
        {
            bounds(feature, value)?;
        }
        _ => return wrong(),
    }
    if feature.values.is_empty() || feature.values.iter().any(|v| equal(v, value)) {
        return Ok(());
    }
    Err(FeatureFault::NotAllowed(feature.values.clone()))
}

fn is_number(value: FeatureValue<'_>) -> bool {
    matches!(
        value,
        FeatureValue::Integer(_) | FeatureValue::Large(_) | FeatureValue::Number(_)
    )
}

fn bounds(feature: &Feature, value: FeatureValue<'_>) -> Result<(), FeatureFault> {
    let x = number(value);
    if !x.is_finite() {
        return Err(FeatureFault::Range);
    }
    if feature.kind == FeatureType::Int && x.fract() != 0.0 {
        return Err(FeatureFault::Fraction);
    }
    match (feature.min, feature.max) {
        (Some(min), _) if x < min => Err(FeatureFault::BelowMin(min)),
        (_, Some(max)) if x > max => Err(FeatureFault::AboveMax(max)),
        _ => Ok(()),
    }
}

/// Whether a value is the one listed, exactly.
fn equal(listed: &Scalar, value: FeatureValue<'_>) -> bool {
    match (listed, value) {
        (Scalar::Text(a), FeatureValue::Text(b)) => a == b,
        (Scalar::Bool(a), FeatureValue::Bool(b)) => *a == b,
        (listed, value) if is_number(value) => listed.as_f64() == Some(number(value)),
        _ => false,
    }
}

/// A value as a float; what is no number is NaN.
#[expect(
    clippy::cast_precision_loss,
    reason = "a model that takes floats gets the nearest one"
)]
fn number(value: FeatureValue<'_>) -> f64 {
    match value {
        FeatureValue::Integer(i) => i as f64,
        FeatureValue::Large(u) => u as f64,
        FeatureValue::Number(x) => x,
        FeatureValue::Bool(b) => f64::from(u8::from(b)),
        FeatureValue::Null | FeatureValue::Text(_) | FeatureValue::Nested => f64::NAN,
    }
}

fn single(value: FeatureValue<'_>) -> Result<f32, FeatureFault> {
    let wide = number(value);
    let narrow = crate::ops::narrow(wide);
    if narrow.is_infinite() {
        Err(FeatureFault::Range)
    } else {
        Ok(narrow)
    }
}

/// A value as an integer, exact. There is no integer for null.
fn integer(value: FeatureValue<'_>) -> Result<i64, FeatureFault> {
    /// 2^63, the first float above the range.
    const END: f64 = 9_223_372_036_854_775_808.0;
    match value {
        FeatureValue::Integer(i) => Ok(i),
        FeatureValue::Bool(b) => Ok(i64::from(b)),
        FeatureValue::Number(x) if x.fract() != 0.0 => Err(FeatureFault::Fraction),
        #[expect(clippy::cast_possible_truncation, reason = "a whole number within the range")]
        FeatureValue::Number(x) if (-END..END).contains(&x) => Ok(x as i64),
        FeatureValue::Null => Err(FeatureFault::Null),
        _ => Err(FeatureFault::Range),
    }
}
