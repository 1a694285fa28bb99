//! One feature: its type, its bounds, and the judgement of one value.

use std::borrow::Cow;

use crate::http::{Code, Refusal};
use crate::json::Scalar;

/// What a feature holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// a number; `single` when the model computes in 32 bits
    Float {
        /// the model takes float32
        single: bool,
    },
    /// a whole number of 64 bits
    Int,
    /// true or false
    Bool,
    /// any text
    Text,
    /// one of these texts
    Category(Vec<String>),
}

impl Kind {
    /// The signature's word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Float { .. } => "float",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::Text => "string",
            Self::Category(_) => "category",
        }
    }
}

/// The value of a feature that is not given.
#[derive(Debug, Clone, PartialEq)]
pub enum Default {
    /// of [`Kind::Float`]
    Float(f64),
    /// of [`Kind::Int`]
    Int(i64),
    /// of [`Kind::Bool`]
    Bool(bool),
    /// of [`Kind::Text`] and [`Kind::Category`]
    Text(String),
}

impl Default {
    /// As JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Float(v) => (*v).into(),
            Self::Int(v) => (*v).into(),
            Self::Bool(v) => (*v).into(),
            Self::Text(v) => v.as_str().into(),
        }
    }
}

/// What the signature says about one feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// as the model was trained
    pub name: String,
    /// its type
    pub kind: Kind,
    /// its value when it is not given; without one it has to be given
    pub default: Option<Default>,
    /// `null` stands for "not known"; only a [`Kind::Float`] can be
    pub nullable: bool,
    /// smallest allowed number
    pub min: Option<f64>,
    /// largest allowed number
    pub max: Option<f64>,
}

/// The values of one feature, a value for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// of [`Kind::Float`]; NaN stands for null
    Float(Vec<f64>),
    /// of [`Kind::Int`]
    Int(Vec<i64>),
    /// of [`Kind::Bool`]
    Bool(Vec<bool>),
    /// of [`Kind::Text`] and [`Kind::Category`]
    Text(Vec<String>),
}

/// A value that a column takes.
enum Value<'a> {
    Float(f64),
    Int(i64),
    Bool(bool),
    Text(Cow<'a, str>),
}

impl Column {
    /// Without values.
    pub fn empty(kind: &Kind) -> Self {
        match kind {
            Kind::Float { .. } => Self::Float(Vec::with_capacity(1)),
            Kind::Int => Self::Int(Vec::with_capacity(1)),
            Kind::Bool => Self::Bool(Vec::with_capacity(1)),
            Kind::Text | Kind::Category(_) => Self::Text(Vec::with_capacity(1)),
        }
    }

    /// A value of another type than the column's cannot come here: [`Feature::judge`] makes it of the kind.
    fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Float(column), Value::Float(v)) => column.push(v),
            (Self::Int(column), Value::Int(v)) => column.push(v),
            (Self::Bool(column), Value::Bool(v)) => column.push(v),
            (Self::Text(column), Value::Text(v)) => column.push(v.into_owned()),
            _ => unreachable!("the column was made for the kind of its feature"),
        }
    }
}

impl Feature {
    /// Judges a value and puts it into the feature's column.
    pub(super) fn put(&self, scalar: Scalar<'_>, column: &mut Column) -> Result<(), Refusal> {
        column.push(self.judge(scalar)?);
        Ok(())
    }

    /// Puts in the default, or null, for a feature that is not given; false when it has to be given.
    pub(super) fn put_default(&self, column: &mut Column) -> bool {
        let value = match &self.default {
            Some(Default::Float(v)) => Value::Float(*v),
            Some(Default::Int(v)) => Value::Int(*v),
            Some(Default::Bool(v)) => Value::Bool(*v),
            Some(Default::Text(v)) => Value::Text(Cow::Borrowed(v)),
            None if self.nullable => Value::Float(f64::NAN),
            None => return false,
        };
        column.push(value);
        true
    }

    /// Whether every row has to give it.
    pub fn required(&self) -> bool {
        self.default.is_none() && !self.nullable
    }

    fn judge<'a>(&self, scalar: Scalar<'a>) -> Result<Value<'a>, Refusal> {
        match (&self.kind, scalar) {
            (_, Scalar::NotFinite) => Err(self.refuse(Code::OutOfRange, "must be a finite number")),
            (Kind::Float { .. }, Scalar::Null) if self.nullable => Ok(Value::Float(f64::NAN)),
            (_, Scalar::Null) => Err(self.refuse(Code::WrongType, "must not be null")),
            (Kind::Float { single }, Scalar::Number(text)) => self.float(text, *single).map(Value::Float),
            (Kind::Int, Scalar::Number(text)) => self.int(text).map(Value::Int),
            (Kind::Bool, Scalar::Bool(value)) => Ok(Value::Bool(value)),
            (Kind::Text, Scalar::Text(text)) => Ok(Value::Text(text)),
            (Kind::Category(known), Scalar::Text(text)) if known.iter().any(|k| *k == text) => Ok(Value::Text(text)),
            (Kind::Category(_), Scalar::Text(_)) => {
                Err(self.refuse(Code::UnknownValue, "is not one of the allowed values"))
            }
            (Kind::Float { .. } | Kind::Int, Scalar::Text(_)) => {
                Err(self.refuse(Code::WrongType, "must be a number, not a string"))
            }
            (Kind::Float { .. } | Kind::Int, Scalar::Bool(_)) => {
                Err(self.refuse(Code::WrongType, "must be a number, not true or false"))
            }
            (Kind::Bool, _) => Err(self.refuse(Code::WrongType, "must be true or false")),
            (Kind::Text | Kind::Category(_), _) => Err(self.refuse(Code::WrongType, "must be a string")),
        }
    }

    fn float(&self, text: &str, single: bool) -> Result<f64, Refusal> {
        let value: f64 = text.parse().map_err(|_| self.wrong_type())?;
        let largest = if single { f64::from(f32::MAX) } else { f64::MAX };
        if value.abs() > largest {
            let size = if single {
                "must fit into 32 bits"
            } else {
                "must fit into 64 bits"
            };
            return Err(self.refuse(Code::OutOfRange, size));
        }
        self.within(value).map(|()| value)
    }

    /// Exact for all of 64 bits; `3.0` and `3e2` are whole too.
    fn int(&self, text: &str) -> Result<i64, Refusal> {
        if let Ok(value) = text.parse::<i64>() {
            return self.within(value as f64).map(|()| value);
        }
        let value: f64 = text.parse().map_err(|_| self.wrong_type())?;
        if value.fract() != 0.0 {
            return Err(self.refuse(Code::WrongType, "must be a whole number"));
        }
        if value.abs() > 9_007_199_254_740_992.0 {
            return Err(self.refuse(Code::OutOfRange, "must fit into 64 bits"));
        }
        self.within(value).map(|()| value as i64)
    }

    fn within(&self, value: f64) -> Result<(), Refusal> {
        let low = self.min.is_some_and(|min| value < min);
        let high = self.max.is_some_and(|max| value > max);
        if low || high {
            Err(self.refuse(Code::OutOfRange, "is outside the allowed range"))
        } else {
            Ok(())
        }
    }

    pub(super) fn wrong_type(&self) -> Refusal {
        let rule = match self.kind {
            Kind::Float { .. } | Kind::Int => "must be a number",
            Kind::Bool => "must be true or false",
            Kind::Text | Kind::Category(_) => "must be a string",
        };
        self.refuse(Code::WrongType, rule)
    }

    fn refuse(&self, code: Code, rule: &str) -> Refusal {
        Refusal::new(code, format!("`{}` {rule}", self.name)).hint(self.expected())
    }

    /// What would be right, in words.
    pub fn expected(&self) -> String {
        let kind = match &self.kind {
            Kind::Float { .. } => "a number".to_owned(),
            Kind::Int => "a whole number".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::Text => "a string".to_owned(),
            Kind::Category(known) => format!("one of {}", quoted(known)),
        };
        let range = match (self.min, self.max) {
            (Some(min), Some(max)) => format!(" from {min} to {max}"),
            (Some(min), None) => format!(" from {min} up"),
            (None, Some(max)) => format!(" up to {max}"),
            (None, None) => String::new(),
        };
        let null = if self.nullable { ", or null" } else { "" };
        format!("`{}` is {kind}{range}{null}", self.name)
    }
}

/// The first ten, quoted.
fn quoted(known: &[String]) -> String {
    let mut list: Vec<String> = known.iter().take(10).map(|name| format!("\"{name}\"")).collect();
    if known.len() > 10 {
        list.push("…".into());
    }
    list.join(", ")
}
