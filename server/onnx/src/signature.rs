//! What a model means: its features by name, its target, its classes. Read from `<stem>.signature.json` beside the
//! model, from the model's own notes, or guessed from its inputs. Never reads a file itself.

use crate::attributes::Labels;
use crate::model::{Dimension, Model, Port};
use crate::tensor::ElementType;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// The key of `metadata_props` that may hold a signature.
pub const METADATA_KEY: &str = "mlstack.signature";

/// The only version of the format.
pub const VERSION: u32 = 1;

/// The signature of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// The version of this format: 1.
    pub version: u32,
    /// Whether the model gives a number or a class.
    pub task: Task,
    /// What is predicted, such as `median_house_value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The unit of the prediction, such as `USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The classes in the order of the model's probabilities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<Scalar>,
    /// The features in the order of the model's inputs.
    pub features: Vec<Feature>,
}

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// A number, or several.
    Regression,
    /// A class.
    Classification,
}

/// One value of a feature, or the name of a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Number(f64),
    /// Text.
    Text(String),
}

impl Scalar {
    /// The value as a float, if it is a number.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "bounds and defaults are compared as floats")]
            Self::Integer(i) => Some(*i as f64),
            Self::Number(x) => Some(*x),
            Self::Bool(_) | Self::Text(_) => None,
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(b) => write!(f, "{b}"),
            Self::Integer(i) => write!(f, "{i}"),
            Self::Number(x) => write!(f, "{x}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// The type of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FeatureType {
    /// Any number.
    Float,
    /// A whole number.
    Int,
    /// `true` or `false`.
    Bool,
    /// Text.
    String,
    /// One of `values`.
    Category,
}

impl fmt::Display for FeatureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Int => "int",
            Self::Bool => "bool",
            Self::String => "string",
            Self::Category => "category",
        })
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_no(flag: &bool) -> bool {
    !*flag
}

/// One feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    /// Its name in a request.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: FeatureType,
    /// Whether a request must give it; one with a default may always be left out.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub required: bool,
    /// What is put in when a request leaves it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Scalar>,
    /// Whether `null` is accepted; the model then sees a NaN (empty text for text).
    #[serde(default, skip_serializing_if = "is_no")]
    pub nullable: bool,
    /// The smallest value accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest value accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The values accepted, if only some are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Scalar>,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The mean of the training data, to notice drift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// The standard deviation of the training data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

impl Feature {
    /// A required feature of which only name and type are known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: FeatureType) -> Self {
        Self {
            name: name.into(),
            kind,
            required: true,
            default: None,
            nullable: false,
            min: None,
            max: None,
            values: Vec::new(),
            description: None,
            mean: None,
            std: None,
        }
    }

    /// Whether its values are text: a string, or a category whose values are text.
    #[must_use]
    pub fn is_text(&self) -> bool {
        match self.kind {
            FeatureType::String => true,
            FeatureType::Category => !self.values.iter().any(|v| v.as_f64().is_some()),
            FeatureType::Float | FeatureType::Int | FeatureType::Bool => false,
        }
    }
}

/// Where a signature came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The file beside the model.
    Sidecar,
    /// The model's own notes.
    Metadata,
    /// Guessed: one input a feature, which gives names and types.
    Inputs,
    /// Guessed: `f0` … `fN` for the columns of one input.
    Columns,
}

/// Why there is no usable signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The text is not a signature.
    #[error("the signature cannot be read: {0}")]
    Syntax(String),
    /// The signature contradicts itself.
    #[error("the signature is not valid: {0}")]
    Invalid(String),
    /// The signature and the model disagree.
    #[error("the signature does not fit the model: {0}")]
    Mismatch(String),
    /// Nothing tells how many features the model takes.
    #[error("the model does not say what it takes ({0}); write a signature file beside it")]
    Unknown(String),
}

impl Signature {
    /// Reads and checks a signature.
    ///
    /// # Errors
    /// When the JSON is wrong, has an unknown field, or contradicts itself.
    pub fn parse(text: &str) -> Result<Self, SignatureError> {
        let signature: Self = serde_json::from_str(text).map_err(|e| SignatureError::Syntax(e.to_string()))?;
        signature.validate().map_err(SignatureError::Invalid)?;
        Ok(signature)
    }

    /// The signature of a model: the file beside it, else its notes, else guessed from its inputs.
    ///
    /// # Errors
    /// When the first of these that exists cannot be used, or when nothing can be guessed.
    pub fn resolve(model: &Model, sidecar: Option<&str>) -> Result<(Self, Origin), SignatureError> {
        if let Some(text) = sidecar {
            return Ok((Self::parse(text)?, Origin::Sidecar));
        }
        if let Some(text) = model.metadata().get(METADATA_KEY) {
            return Ok((Self::parse(text)?, Origin::Metadata));
        }
        let (features, origin) = guess(model.inputs())?;
        let (task, classes) = outcome(model);
        Ok((
            Self {
                version: VERSION,
                task,
                target: None,
                unit: None,
                classes,
                features,
            },
            origin,
        ))
    }

    /// As JSON, ready to be written beside the model.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("only texts, numbers and lists")
    }

    fn validate(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!(
                "version {} is not known, this program reads version {VERSION}",
                self.version
            ));
        }
        if self.features.is_empty() {
            return Err("it lists no features".into());
        }
        let mut names = BTreeSet::new();
        for feature in &self.features {
            feature
                .validate()
                .map_err(|why| format!("feature '{}': {why}", feature.name))?;
            if !names.insert(plain(&feature.name)) {
                return Err(format!(
                    "feature '{}' is listed twice (spaces count as _)",
                    feature.name
                ));
            }
        }
        let classes: BTreeSet<String> = self.classes.iter().map(ToString::to_string).collect();
        if classes.len() != self.classes.len() {
            return Err("a class is listed twice".into());
        }
        if self.task == Task::Regression && !classes.is_empty() {
            return Err("a regression has no classes".into());
        }
        Ok(())
    }
}

impl Feature {
    fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err("the name is empty".into());
        }
        if let (Some(min), Some(max)) = (self.min, self.max)
            && min > max
        {
            return Err(format!("min {min} is above max {max}"));
        }
        if self.is_text() && (self.min.is_some() || self.max.is_some()) {
            return Err("text has no min and max".into());
        }
        if self.kind == FeatureType::Category && self.values.is_empty() {
            return Err("a category needs 'values'".into());
        }
        match self.values.iter().chain(&self.default).find(|v| !self.holds(v)) {
            Some(other) => Err(format!("'{other}' is not a value of type {}", self.kind)),
            None => Ok(()),
        }
    }

    /// Whether a value has the feature's type.
    fn holds(&self, value: &Scalar) -> bool {
        match (self.kind, value) {
            (FeatureType::Float, Scalar::Integer(_) | Scalar::Number(_)) => true,
            (FeatureType::Int, Scalar::Integer(_)) => true,
            (FeatureType::Bool, Scalar::Bool(_)) => true,
            (FeatureType::String, Scalar::Text(_)) => true,
            (FeatureType::Category, Scalar::Text(_)) => self.is_text(),
            (FeatureType::Category, Scalar::Integer(_) | Scalar::Number(_)) => !self.is_text(),
            _ => false,
        }
    }
}

/// The form of a name under which it may also be asked for: every space and sign as `_`.
pub(crate) fn plain(name: &str) -> String {
    let mapped: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() { c } else { '_' })
        .collect();
    mapped.trim_matches('_').to_owned()
}

/// Columns of an input: the product of all dimensions after the first; none when the file leaves one open.
pub(crate) fn width(port: &Port) -> Option<usize> {
    let shape = port.shape.as_ref()?;
    shape.iter().skip(1).try_fold(1_usize, |n, d| match d {
        Dimension::Fixed(size) => n.checked_mul(*size),
        Dimension::Any => None,
    })
}

fn kind(element: ElementType) -> FeatureType {
    match element {
        ElementType::F32 | ElementType::F64 => FeatureType::Float,
        ElementType::I64 => FeatureType::Int,
        ElementType::Bool => FeatureType::Bool,
        ElementType::Text => FeatureType::String,
    }
}

/// More features than this in one input are not guessed; an image is not a table.
const MOST_GUESSED: usize = 100_000;

fn guess(inputs: &[Port]) -> Result<(Vec<Feature>, Origin), SignatureError> {
    let mut features = Vec::new();
    for port in inputs {
        let n = width(port).ok_or_else(|| SignatureError::Unknown(format!("input '{}' is open", port.name)))?;
        if n > MOST_GUESSED {
            return Err(SignatureError::Unknown(format!(
                "input '{}' has {n} columns",
                port.name
            )));
        }
        let kind = kind(port.element);
        match (n, inputs) {
            (1, [_, _, ..]) => features.push(Feature::new(port.name.clone(), kind)),
            (_, [_]) => features.extend((0..n).map(|i| Feature::new(format!("f{i}"), kind))),
            _ => features.extend((0..n).map(|i| Feature::new(format!("{}_{i}", port.name), kind))),
        }
    }
    if features.is_empty() {
        return Err(SignatureError::Unknown("it has no inputs".into()));
    }
    Ok((
        features,
        if inputs.len() == 1 {
            Origin::Columns
        } else {
            Origin::Inputs
        },
    ))
}

/// A first output of text or integers is a class.
fn outcome(model: &Model) -> (Task, Vec<Scalar>) {
    let first = model.outputs().first().map(|port| port.element);
    match first {
        Some(ElementType::Text | ElementType::I64 | ElementType::Bool) => (
            Task::Classification,
            model.classes().map(class_names).unwrap_or_default(),
        ),
        _ => (Task::Regression, Vec::new()),
    }
}

/// Class labels as values.
pub(crate) fn class_names(labels: &Labels) -> Vec<Scalar> {
    match labels {
        Labels::Ints(v) => v.iter().map(|&i| Scalar::Integer(i)).collect(),
        Labels::Texts(v) => v.iter().map(|t| Scalar::Text(t.clone())).collect(),
    }
}

#[cfg(test)]
mod tests;
