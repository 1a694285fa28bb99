//! Why a model cannot be loaded or run, told apart so that a caller can give the right help.

use crate::sniff::Looks;
use std::fmt;

/// Why bytes cannot be used as a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The bytes are something else.
    #[error("this is not an ONNX file: it looks like {0}")]
    NotOnnx(Looks),
    /// The bytes start like an ONNX file and then make no sense.
    #[error("the ONNX file is damaged: {detail}")]
    Damaged {
        /// What could not be read.
        detail: String,
    },
    /// The model uses operators this crate does not know; all of them.
    #[error("the model uses operators that are not supported: {}", list(.0))]
    Unsupported(Vec<UnsupportedOperator>),
    /// A table or a shape inside the model contradicts itself.
    #[error("the model cannot be used: {place}: {detail}")]
    Invalid {
        /// The node or the tensor.
        place: String,
        /// What is wrong with it.
        detail: String,
    },
    /// More than the limits allow.
    #[error("the model is too large: {found} {what}, the limit is {limit}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much may be.
        limit: usize,
    },
    /// Tensors kept in other files.
    #[error("the model keeps tensor '{tensor}' in another file; export it as one file")]
    ExternalData {
        /// The first such tensor.
        tensor: String,
    },
}

impl LoadError {
    /// What the reader can do about it, if there is something.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match self {
            Self::NotOnnx(looks) => looks.help().map(str::to_owned),
            Self::Damaged { .. } => Some("export or download the model again, and compare its size and sha256".into()),
            Self::Unsupported(_) => Some("export the model with other options, or serve it with your own image".into()),
            Self::ExternalData { .. } => Some("onnx.save(onnx.load(\"model.onnx\"), \"single.onnx\")".into()),
            Self::Invalid { .. } | Self::TooLarge { .. } => None,
        }
    }
}

/// An operator this crate does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsupportedOperator {
    /// Its domain, `ai.onnx` for the default one.
    pub domain: String,
    /// Its name.
    pub operator: String,
    /// The version of its domain that the model asks for.
    pub version: i64,
    /// The nodes that use it.
    pub nodes: Vec<String>,
}

impl fmt::Display for UnsupportedOperator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            operator,
            version,
            nodes,
        } = self;
        write!(f, "{domain}.{operator} (version {version}; ")?;
        match nodes.as_slice() {
            [one] => write!(f, "node {one})"),
            [first, rest @ ..] => write!(f, "node {first} and {} more)", rest.len()),
            [] => write!(f, "no node)"),
        }
    }
}

fn list(operators: &[UnsupportedOperator]) -> String {
    operators.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Why a loaded model gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// What was put in does not fit the model's inputs.
    #[error("input '{input}': {detail}")]
    Input {
        /// The input's name.
        input: String,
        /// What does not fit.
        detail: String,
    },
    /// An operator could not work on what it was given.
    #[error("node '{node}': {detail}")]
    Node {
        /// The node's name.
        node: String,
        /// What went wrong.
        detail: String,
    },
    /// The outputs do not have the form that the signature promises.
    #[error("output '{output}': {detail}")]
    Output {
        /// The output's name.
        output: String,
        /// What does not fit.
        detail: String,
    },
}

/// What an operator says when it cannot be built or cannot run; the loader or the graph adds the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    pub(crate) fn new(detail: impl Into<String>) -> Self {
        Self(detail.into())
    }
}

impl From<crate::tensor::ShapeError> for Fault {
    fn from(error: crate::tensor::ShapeError) -> Self {
        Self(error.to_string())
    }
}
