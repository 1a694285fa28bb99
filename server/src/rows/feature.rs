//! The judgement of one value by the signature.

use mlstack_onnx::ElementType;
use mlstack_onnx::predict::FeatureValue;
use mlstack_onnx::signature::{Feature as Spec, FeatureType, Scalar as Listed};

use crate::http::{Code, Refusal};
use crate::json::Scalar;

/// A feature of the signature, and what the model makes of its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// as the signature has it
    pub spec: Spec,
    /// what the model's input holds
    pub element: ElementType,
}

/// The value of one feature in one row.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// not given, and no default
    Absent,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// a whole number, exact
    Int(i64),
    /// any number, finite
    Float(f64),
    /// a text
    Text(String),
}

impl Cell {
    /// For the engine.
    pub fn value(&self) -> FeatureValue<'_> {
        match self {
            Self::Absent | Self::Null => FeatureValue::Null,
            Self::Bool(v) => FeatureValue::Bool(*v),
            Self::Int(v) => FeatureValue::Integer(*v),
            Self::Float(v) => FeatureValue::Number(*v),
            Self::Text(v) => FeatureValue::Text(v),
        }
    }
}

impl From<&Listed> for Cell {
    fn from(listed: &Listed) -> Self {
        match listed {
            Listed::Bool(v) => Self::Bool(*v),
            Listed::Integer(v) => Self::Int(*v),
            Listed::Number(v) => Self::Float(*v),
            Listed::Text(v) => Self::Text(v.clone()),
        }
    }
}

impl Feature {
    /// As a request names it.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The value of a row that does not give the feature; none when it has to be given.
    pub(super) fn absent(&self) -> Option<Cell> {
        match &self.spec.default {
            Some(default) => Some(default.into()),
            None => (!self.spec.required).then_some(Cell::Null),
        }
    }

    /// Judges a value.
    pub(super) fn judge(&self, scalar: Scalar<'_>) -> Result<Cell, Refusal> {
        let cell = match (self.spec.kind, scalar) {
            (_, Scalar::NotFinite) => return Err(self.refuse(Code::OutOfRange, "must be a finite number")),
            (_, Scalar::Null) if self.spec.nullable => return Ok(Cell::Null),
            (_, Scalar::Null) => return Err(self.refuse(Code::WrongType, "must not be null")),
            (FeatureType::Bool, Scalar::Bool(value)) => return Ok(Cell::Bool(value)),
            (FeatureType::Bool, _) => return Err(self.wrong_type()),
            (_, Scalar::Text(text)) if self.spec.is_text() => Cell::Text(text.into_owned()),
            (_, Scalar::Number(text)) if !self.spec.is_text() => self.number(text)?,
            (_, Scalar::Text(_)) => return Err(self.refuse(Code::WrongType, "must be a number, not a string")),
            (_, Scalar::Bool(_)) if !self.spec.is_text() => {
                return Err(self.refuse(Code::WrongType, "must be a number, not true or false"));
            }
            _ => return Err(self.wrong_type()),
        };
        self.listed(cell)
    }

    fn listed(&self, cell: Cell) -> Result<Cell, Refusal> {
        let known = |listed: &Listed| match (listed, &cell) {
            (Listed::Text(a), Cell::Text(b)) => a == b,
            (Listed::Integer(a), Cell::Int(b)) => a == b,
            (listed, Cell::Int(b)) => listed.as_f64() == Some(*b as f64),
            (listed, Cell::Float(b)) => listed.as_f64() == Some(*b),
            _ => false,
        };
        if self.spec.values.is_empty() || self.spec.values.iter().any(known) {
            return Ok(cell);
        }
        Err(self.refuse(Code::UnknownValue, "is not one of the allowed values"))
    }

    /// A whole number stays exact for all of 64 bits; `3.0` and `3e2` are whole too.
    fn number(&self, text: &str) -> Result<Cell, Refusal> {
        if let Ok(value) = text.parse::<i64>() {
            return self.within(value as f64).map(|()| Cell::Int(value));
        }
        let value: f64 = text.parse().map_err(|_| self.wrong_type())?;
        let narrow = self.element == ElementType::F32;
        if value.abs() > if narrow { f64::from(f32::MAX) } else { f64::MAX } {
            let bits = if narrow {
                "must fit into 32 bits"
            } else {
                "must fit into 64 bits"
            };
            return Err(self.refuse(Code::OutOfRange, bits));
        }
        self.within(value)?;
        if self.spec.kind != FeatureType::Int && self.element != ElementType::I64 {
            return Ok(Cell::Float(value));
        }
        self.whole(value)
    }

    fn whole(&self, value: f64) -> Result<Cell, Refusal> {
        if value.fract() != 0.0 {
            return Err(self.refuse(Code::WrongType, "must be a whole number"));
        }
        if value.abs() > 9_007_199_254_740_992.0 {
            return Err(self.refuse(Code::OutOfRange, "must fit into 64 bits"));
        }
        Ok(Cell::Int(value as i64))
    }

    fn within(&self, value: f64) -> Result<(), Refusal> {
        let low = self.spec.min.is_some_and(|min| value < min);
        let high = self.spec.max.is_some_and(|max| value > max);
        if low || high {
            Err(self.refuse(Code::OutOfRange, "is outside the allowed range"))
        } else {
            Ok(())
        }
    }

    pub(super) fn wrong_type(&self) -> Refusal {
        let rule = match self.spec.kind {
            FeatureType::Bool => "must be true or false",
            _ if self.spec.is_text() => "must be a string",
            _ => "must be a number",
        };
        self.refuse(Code::WrongType, rule)
    }

    fn refuse(&self, code: Code, rule: &str) -> Refusal {
        Refusal::new(code, format!("`{}` {rule}", self.name())).hint(self.expected())
    }

    /// What would be right, in words.
    pub fn expected(&self) -> String {
        let kind = match self.spec.kind {
            _ if !self.spec.values.is_empty() => format!("one of {}", quoted(&self.spec.values)),
            FeatureType::Float | FeatureType::Category => "a number".to_owned(),
            FeatureType::Int => "a whole number".to_owned(),
            FeatureType::Bool => "true or false".to_owned(),
            FeatureType::String => "a string".to_owned(),
        };
        let range = match (self.spec.min, self.spec.max) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" from {min} up"),
            (None, Some(max)) => format!(" up to {max}"),
            (None, None) => String::new(),
        };
        let null = if self.spec.nullable { ", or null" } else { "" };
        format!("`{}` is {kind}{range}{null}", self.name())
    }
}

/// The first ten, as JSON.
fn quoted(known: &[Listed]) -> String {
    let shown = |value: &Listed| serde_json::to_string(value).unwrap_or_default();
    let mut list: Vec<String> = known.iter().take(10).map(shown).collect();
    if known.len() > 10 {
        list.push("…".into());
    }
    list.join(", ")
}
