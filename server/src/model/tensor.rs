//! Tensors as protocols speak of them.

/// What a tensor holds, in the words of the Open Inference Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// `FP32`
    F32,
    /// `FP64`
    F64,
    /// `INT64`
    I64,
    /// `BOOL`
    Bool,
    /// `BYTES`
    Text,
}

impl Element {
    /// The protocol's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "FP32",
            Self::F64 => "FP64",
            Self::I64 => "INT64",
            Self::Bool => "BOOL",
            Self::Text => "BYTES",
        }
    }
}

/// An input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// its name in the model file
    pub name: String,
    /// what it holds
    pub element: Element,
    /// its sizes, -1 for any
    pub shape: Vec<i64>,
}

/// The elements of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// `FP32`
    F32(Vec<f32>),
    /// `FP64`
    F64(Vec<f64>),
    /// `INT64`
    I64(Vec<i64>),
    /// `BOOL`
    Bool(Vec<bool>),
    /// `BYTES`
    Text(Vec<String>),
}

/// A tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// its sizes
    pub shape: Vec<usize>,
    /// its elements, as many as the sizes say
    pub data: Data,
}

impl Data {
    /// What it holds.
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F64(_) => Element::F64,
            Self::I64(_) => Element::I64,
            Self::Bool(_) => Element::Bool,
            Self::Text(_) => Element::Text,
        }
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
