//! The operators: a table from name to builder, and what an operator is.
//! A builder checks everything that does not depend on the values, so that running never indexes out of range.

mod activation;
mod broadcast;
mod cast;
mod control;
mod elementwise;
mod encode;
mod image;
mod linear;
mod matrix;
mod pick;
mod prepare;
mod reduce;
mod shape;
mod svm;
mod text;
mod trees;

use crate::attributes::Attributes;
use crate::error::{Fault, LoadError};
use crate::graph::Scope;
use crate::load::Limits;
use crate::proto::NodeProto;
use crate::tensor::{Element, Tensor, count};
use std::collections::BTreeMap;
use std::fmt;

pub(crate) use cast::{cast, narrow};
pub(crate) use linear::largest;

/// The newest operator sets whose changes are known here; a model for a later one is refused.
const NEWEST: [(&str, i64); 3] = [("ai.onnx", 28), ("ai.onnx.ml", 5), ("com.microsoft", 1)];

/// What a running operator sees.
pub(crate) struct Call<'a> {
    inputs: &'a [Option<&'a Tensor>],
    limit: usize,
}

impl<'a> Call<'a> {
    pub(crate) fn new(inputs: &'a [Option<&'a Tensor>], limit: usize) -> Self {
        Self { inputs, limit }
    }

    pub(crate) fn inputs(&self) -> &'a [Option<&'a Tensor>] {
        self.inputs
    }

    pub(crate) fn optional(&self, at: usize) -> Option<&'a Tensor> {
        self.inputs.get(at).copied().flatten()
    }

    pub(crate) fn input(&self, at: usize) -> Result<&'a Tensor, Fault> {
        self.optional(at)
            .ok_or_else(|| Fault::new(format!("input {at} is missing")))
    }

    /// Checks the size of an output before it is allocated.
    pub(crate) fn room(&self, shape: &[usize]) -> Result<usize, Fault> {
        match count(shape) {
            Some(n) if n <= self.limit => Ok(n),
            _ => Err(Fault::new(format!(
                "a result of shape {shape:?} is over the limit of {} elements",
                self.limit
            ))),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }
}

/// What an operator gives; one or two without an allocation.
#[derive(Debug)]
pub(crate) enum Outputs {
    One(Tensor),
    Two(Tensor, Tensor),
    Many(Vec<Tensor>),
}

/// One output.
pub(crate) fn one<T: Element>(shape: Vec<usize>, elements: Vec<T>) -> Result<Outputs, Fault> {
    Ok(Outputs::One(Tensor::new(shape, elements)?))
}

type Run = dyn Fn(&Call<'_>) -> Result<Outputs, Fault> + Send + Sync;

/// An operator with its attributes checked and taken in.
pub(crate) struct Operator(Box<Run>);

impl Operator {
    pub(crate) fn new(run: impl Fn(&Call<'_>) -> Result<Outputs, Fault> + Send + Sync + 'static) -> Self {
        Self(Box::new(run))
    }

    pub(crate) fn run(&self, call: &Call<'_>) -> Result<Outputs, Fault> {
        (self.0)(call)
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Operator")
    }
}

/// A node as its builder sees it.
pub(crate) struct Spec<'a> {
    pub(crate) name: &'a str,
    pub(crate) attributes: Attributes<'a>,
    /// The version of the operator's domain.
    pub(crate) version: i64,
    pub(crate) outputs: usize,
    pub(crate) limits: &'a Limits,
}

/// One operator of the table.
pub(crate) struct Entry {
    pub(crate) domain: &'static str,
    pub(crate) name: &'static str,
    pub(crate) build: fn(&Spec<'_>) -> Result<Operator, Fault>,
}

impl Entry {
    const fn onnx(name: &'static str, build: fn(&Spec<'_>) -> Result<Operator, Fault>) -> Self {
        Self {
            domain: "ai.onnx",
            name,
            build,
        }
    }

    const fn ml(name: &'static str, build: fn(&Spec<'_>) -> Result<Operator, Fault>) -> Self {
        Self {
            domain: "ai.onnx.ml",
            name,
            build,
        }
    }
}

const TABLES: &[&[Entry]] = &[
    activation::ENTRIES,
    cast::ENTRIES,
    elementwise::ENTRIES,
    encode::ENTRIES,
    image::ENTRIES,
    linear::ENTRIES,
    matrix::ENTRIES,
    pick::ENTRIES,
    prepare::ENTRIES,
    reduce::ENTRIES,
    shape::ENTRIES,
    svm::ENTRIES,
    text::ENTRIES,
    trees::ENTRIES,
];

/// Operators that the graph handles itself.
const BUILT_IN: [(&str, &str); 4] = [
    ("ai.onnx", "Constant"),
    ("ai.onnx", "Dropout"),
    ("ai.onnx", "Identity"),
    ("ai.onnx.ml", "ZipMap"),
];

/// Every operator that can run: domain and name, sorted.
#[must_use]
pub fn supported() -> Vec<(&'static str, &'static str)> {
    let table = TABLES.iter().copied().flatten().map(|e| (e.domain, e.name));
    let control = control::NAMES.map(|name| ("ai.onnx", name));
    let mut all: Vec<_> = table.chain(BUILT_IN).chain(control).collect();
    all.sort_unstable();
    all
}

/// What became of a node.
pub(crate) enum Built {
    Unknown,
    Constant(Tensor),
    Operator {
        operator: Operator,
        /// Names of the enclosing graph that follow the node's own inputs.
        captured: Vec<String>,
    },
}

/// Why a node cannot be built.
pub(crate) enum BuildError {
    Fault(Fault),
    Load(LoadError),
}

impl From<Fault> for BuildError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl BuildError {
    pub(crate) fn into_load_error(self, place: &str) -> LoadError {
        match self {
            Self::Fault(fault) => LoadError::Invalid {
                place: place.to_owned(),
                detail: fault.0,
            },
            Self::Load(error) => error,
        }
    }
}

/// The domain of a node, `ai.onnx` for the default one, and the version the file imports.
pub(crate) fn domain_of(node: &NodeProto, opsets: &BTreeMap<String, i64>) -> (String, i64) {
    let domain = if node.domain.is_empty() {
        "ai.onnx"
    } else {
        &node.domain
    };
    (domain.to_owned(), opsets.get(domain).copied().unwrap_or(1))
}

/// Builds the operator of a node.
pub(crate) fn build(node: &NodeProto, scope: &mut Scope<'_>) -> Result<Built, BuildError> {
    let (domain, version) = domain_of(node, scope.opsets);
    if !NEWEST.iter().any(|&(d, newest)| d == domain && version <= newest) {
        return Ok(Built::Unknown);
    }
    let spec = Spec {
        name: &node.op_type,
        attributes: Attributes::new(&node.attribute),
        version,
        outputs: node.output.len(),
        limits: scope.limits,
    };
    if domain == "ai.onnx" && node.op_type == "Constant" {
        return Ok(Built::Constant(shape::constant(&spec)?));
    }
    if domain == "ai.onnx" && control::NAMES.contains(&node.op_type.as_str()) {
        return control::build(node, version, scope);
    }
    match TABLES
        .iter()
        .copied()
        .flatten()
        .find(|e| e.domain == domain && e.name == node.op_type)
    {
        Some(entry) => Ok(Built::Operator {
            operator: (entry.build)(&spec)?,
            captured: Vec::new(),
        }),
        None => Ok(Built::Unknown),
    }
}

/// Rows and columns of a matrix; a vector counts as one row, and further dimensions join the columns.
pub(crate) fn rows_and_columns(shape: &[usize]) -> (usize, usize) {
    match shape {
        [] => (1, 1),
        [n] => (1, *n),
        [n, rest @ ..] => (*n, rest.iter().product()),
    }
}

/// A dimension given from the front, or with a negative number from the back.
pub(crate) fn axis(given: i64, rank: usize) -> Result<usize, Fault> {
    let at = if given < 0 {
        usize::try_from(given.unsigned_abs())
            .ok()
            .and_then(|back| rank.checked_sub(back))
    } else {
        usize::try_from(given).ok()
    };
    at.filter(|&a| a < rank)
        .ok_or_else(|| Fault::new(format!("axis {given} is out of range for {rank} dimensions")))
}

/// The type is one the operator does not work on.
pub(crate) fn wrong_type(tensor: &Tensor) -> Fault {
    Fault::new(format!("it does not work on {} elements", tensor.element()))
}
