//! A loaded model: what it takes, what it gives, and running it.

use crate::attributes::Labels;
use crate::error::{LoadError, RunError};
use crate::graph::Graph;
use crate::load::{self, Limits};
use crate::tensor::{ElementType, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One size of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Exactly this many.
    Fixed(usize),
    /// Any number, such as the rows of a batch.
    Any,
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(n) => write!(f, "{n}"),
            Self::Any => f.write_str("?"),
        }
    }
}

/// An input or an output of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its name in the file.
    pub name: String,
    /// What it holds.
    pub element: ElementType,
    /// Its dimensions; none when the file does not say.
    pub shape: Option<Vec<Dimension>>,
    /// For an output that the file declares as a map (ZipMap): the class of each column.
    pub labels: Option<Labels>,
}

/// A model ready to run. It never changes, so one copy serves all threads (`Arc<Model>`).
#[derive(Debug)]
pub struct Model {
    pub(crate) inputs: Vec<Port>,
    pub(crate) outputs: Vec<Port>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) opsets: BTreeMap<String, i64>,
    pub(crate) operators: BTreeSet<(String, String)>,
    pub(crate) classes: Option<Labels>,
    pub(crate) graph: Graph,
    pub(crate) limit: usize,
}

impl Model {
    /// Reads an ONNX file with the default limits.
    ///
    /// # Errors
    /// When the bytes are no usable model; the error tells why.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        load::load(bytes, Limits::default())
    }

    /// Reads an ONNX file.
    ///
    /// # Errors
    /// When the bytes are no usable model or more than the limits allow.
    pub fn load_within(bytes: &[u8], limits: Limits) -> Result<Self, LoadError> {
        load::load(bytes, limits)
    }

    /// What the model takes, in order.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What the model gives, in order.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The file's own notes (`metadata_props`).
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The operator sets it was written for: domain to version.
    #[must_use]
    pub fn opsets(&self) -> &BTreeMap<String, i64> {
        &self.opsets
    }

    /// The operators in the file, also those inside nested graphs: domain and name.
    #[must_use]
    pub fn operators(&self) -> &BTreeSet<(String, String)> {
        &self.operators
    }

    /// The classes, if the model is a classifier that names them.
    #[must_use]
    pub fn classes(&self) -> Option<&Labels> {
        self.classes.as_ref()
    }

    /// Runs the model: `inputs` in the order of [`Model::inputs`], the answer in the order of [`Model::outputs`].
    ///
    /// # Errors
    /// When an input does not fit, or when an operator cannot work on these values.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        self.check(inputs)?;
        let mut outputs = match inputs {
            [one] => self.graph.run(&[one], self.limit),
            _ => self.graph.run(&inputs.iter().collect::<Vec<_>>(), self.limit),
        }?;
        for (port, tensor) in self.outputs.iter().zip(&mut outputs) {
            port.keep_promise(tensor)?;
        }
        Ok(outputs)
    }

    fn check(&self, inputs: &[Tensor]) -> Result<(), RunError> {
        if inputs.len() != self.inputs.len() {
            let detail = format!("the model takes {} input(s), {} given", self.inputs.len(), inputs.len());
            return Err(RunError::Input {
                input: "*".into(),
                detail,
            });
        }
        self.inputs
            .iter()
            .zip(inputs)
            .try_for_each(|(port, tensor)| port.check(tensor))
    }
}

impl Port {
    /// Whether a tensor may be put in here.
    fn check(&self, tensor: &Tensor) -> Result<(), RunError> {
        if tensor.element() != self.element {
            return Err(self.refuse(format!("takes {} elements, {} given", self.element, tensor.element())));
        }
        let Some(shape) = &self.shape else { return Ok(()) };
        let fits = shape.len() == tensor.shape().len()
            && shape.iter().zip(tensor.shape()).all(|(want, got)| match want {
                Dimension::Fixed(n) => n == got,
                Dimension::Any => true,
            });
        if fits {
            Ok(())
        } else {
            Err(self.refuse(format!("takes {}, {:?} given", show(shape), tensor.shape())))
        }
    }

    /// Converters declare some outputs as double that the operators compute as float.
    fn keep_promise(&self, tensor: &mut Tensor) -> Result<(), RunError> {
        if tensor.element() == self.element || self.labels.is_some() {
            return Ok(());
        }
        let refuse = |fault: crate::error::Fault| RunError::Output {
            output: self.name.clone(),
            detail: fault.0,
        };
        *tensor = crate::ops::cast(tensor, self.element).map_err(refuse)?;
        Ok(())
    }

    fn refuse(&self, detail: String) -> RunError {
        RunError::Input {
            input: self.name.clone(),
            detail,
        }
    }
}

fn show(shape: &[Dimension]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    format!("[{}]", sizes.join(", "))
}
