//! What a model is, in words that a client can read: the document behind `/signature.json`, `/openapi.json` and the
//! page.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::rows::{Default, Feature, Features, Kind};

/// What kind of answer a model gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// numbers
    Regression,
    /// one of some classes
    Classification,
    /// anything else
    Other,
}

/// A model, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Card {
    /// in URLs
    pub name: String,
    /// of the model
    pub version: String,
    /// the kind of answer
    pub task: Task,
    /// what is predicted
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// of the prediction
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// of a classification, in the order of the probabilities
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// whether the classes are whole numbers in answers
    #[serde(skip)]
    pub numeric_classes: bool,
    /// whether there are probabilities to ask for
    pub probabilities: bool,
    /// what it predicts from, in order
    pub features: Vec<CardFeature>,
}

/// A feature, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardFeature {
    /// its rules
    #[serde(flatten, serialize_with = "rules")]
    pub rule: Feature,
    /// in words
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// of its values
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// in the training data
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// standard deviation in the training data
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
}

impl Card {
    /// The rules of all features.
    pub fn features(&self) -> Features {
        Features::new(self.features.iter().map(|feature| feature.rule.clone()).collect())
    }
}

fn rules<S: Serializer>(rule: &Feature, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Rules<'a> {
        name: &'a str,
        #[serde(rename = "type")]
        kind: &'static str,
        required: bool,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        nullable: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        default: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        values: Option<&'a [String]>,
    }
    let values = match &rule.kind {
        Kind::Category(known) => Some(known.as_slice()),
        _ => None,
    };
    Rules {
        name: &rule.name,
        kind: rule.kind.name(),
        required: rule.required(),
        nullable: rule.nullable,
        default: rule.default.as_ref().map(Default::to_json),
        min: rule.min,
        max: rule.max,
        values,
    }
    .serialize(serializer)
}
