//! A graph ready to run: every name is a number, dead nodes are gone, what is constant is computed.
//! Owns compiling and running; what an operator does is in `ops`.

use crate::attributes::{Attributes, Labels, read_tensor};
use crate::error::{Fault, LoadError, RunError, UnsupportedOperator};
use crate::load::Limits;
use crate::ops::{self, Call, Operator, Outputs};
use crate::proto::{GraphProto, NodeProto};
use crate::tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet};

/// Where a step finds a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// An optional input that is not given.
    Absent,
    Input(usize),
    Constant(usize),
    Value(usize),
}

#[derive(Debug)]
struct Step {
    node: String,
    operator: Operator,
    inputs: Vec<Source>,
    /// The value of each output; none when nothing reads it.
    outputs: Vec<Option<usize>>,
}

/// A compiled graph. Immutable, so it is shared between threads as it is.
#[derive(Debug)]
pub(crate) struct Graph {
    constants: Vec<Tensor>,
    steps: Vec<Step>,
    values: usize,
    outputs: Vec<Source>,
    /// Class labels of outputs that are maps from class to probability.
    pub(crate) maps: BTreeMap<String, Labels>,
    /// Names of the enclosing graph that this one reads, in the order of its last inputs.
    pub(crate) captured: Vec<String>,
}

/// What compiling needs to know about the whole file.
pub(crate) struct Scope<'a> {
    pub(crate) opsets: &'a BTreeMap<String, i64>,
    pub(crate) limits: &'a Limits,
    pub(crate) depth: usize,
    pub(crate) unsupported: &'a mut Vec<UnsupportedOperator>,
}

/// A value while the graph runs: the caller's, or computed here.
enum Slot {
    Empty,
    Full(Tensor),
}

/// After this many elements computed while loading, the rest is left to each run.
const FOLDED_IN_ALL: usize = 1 << 23;

/// More inputs than this are gathered on the heap.
const FEW: usize = 8;

impl Graph {
    /// Runs every step and gives the outputs in order. `inputs` must match the graph's inputs.
    pub(crate) fn run(&self, inputs: &[&Tensor], limit: usize) -> Result<Vec<Tensor>, RunError> {
        let mut values: Vec<Slot> = Vec::with_capacity(self.values);
        values.resize_with(self.values, || Slot::Empty);
        for step in &self.steps {
            let produced = self
                .step(step, inputs, &values, limit)
                .map_err(|fault| RunError::Node {
                    node: step.node.clone(),
                    detail: fault.0,
                })?;
            store(step, produced, &mut values);
        }
        self.outputs
            .iter()
            .map(|&source| self.take(source, inputs, &mut values))
            .collect()
    }

    fn step(&self, step: &Step, inputs: &[&Tensor], values: &[Slot], limit: usize) -> Result<Outputs, Fault> {
        let find = |source: &Source| self.find(*source, inputs, values);
        if step.inputs.len() <= FEW {
            let mut few = [None; FEW];
            for (to, from) in few.iter_mut().zip(&step.inputs) {
                *to = find(from);
            }
            return step.operator.run(&Call::new(&few[..step.inputs.len()], limit));
        }
        let many: Vec<_> = step.inputs.iter().map(find).collect();
        step.operator.run(&Call::new(&many, limit))
    }

    fn find<'a>(&'a self, source: Source, inputs: &[&'a Tensor], values: &'a [Slot]) -> Option<&'a Tensor> {
        match source {
            Source::Absent => None,
            Source::Input(i) => inputs.get(i).copied(),
            Source::Constant(i) => self.constants.get(i),
            Source::Value(i) => match values.get(i) {
                Some(Slot::Full(tensor)) => Some(tensor),
                _ => None,
            },
        }
    }

    /// Moves an output out, or copies it when another output is the same value.
    fn take(&self, source: Source, inputs: &[&Tensor], values: &mut [Slot]) -> Result<Tensor, RunError> {
        let shared = self.outputs.iter().filter(|&&o| o == source).count() > 1;
        if let Source::Value(i) = source
            && !shared
            && let Some(slot) = values.get_mut(i)
            && let Slot::Full(tensor) = std::mem::replace(slot, Slot::Empty)
        {
            return Ok(tensor);
        }
        let missing = || RunError::Node {
            node: "output".into(),
            detail: "no value was computed".into(),
        };
        self.find(source, inputs, values).cloned().ok_or_else(missing)
    }

    /// How many operators a run calls.
    #[cfg(test)]
    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Compiles a graph. Operators that are not known are collected in the scope, and the graph then cannot run.
    pub(crate) fn compile(proto: &GraphProto, formal: &[String], scope: &mut Scope<'_>) -> Result<Self, LoadError> {
        let mut compiler = Compiler::new(proto, formal)?;
        let live = live_nodes(proto);
        for (node, _) in proto.node.iter().zip(&live).filter(|(_, live)| **live) {
            compiler.node(node, scope)?;
        }
        compiler.finish(proto)
    }
}

fn store(step: &Step, produced: Outputs, values: &mut [Slot]) {
    let mut put = |at: usize, tensor: Tensor| {
        if let Some(Some(slot)) = step.outputs.get(at)
            && let Some(value) = values.get_mut(*slot)
        {
            *value = Slot::Full(tensor);
        }
    };
    match produced {
        Outputs::One(a) => put(0, a),
        Outputs::Two(a, b) => {
            put(0, a);
            put(1, b);
        }
        Outputs::Many(all) => all.into_iter().enumerate().for_each(|(i, t)| put(i, t)),
    }
}

/// Which nodes lead to an output.
fn live_nodes(proto: &GraphProto) -> Vec<bool> {
    let mut needed: BTreeSet<&str> = proto.output.iter().map(|o| o.name.as_str()).collect();
    let mut live = vec![false; proto.node.len()];
    for (node, live) in proto.node.iter().zip(&mut live).rev() {
        *live = node.output.iter().any(|o| needed.contains(o.as_str()));
        if *live {
            read_names(node, &mut needed);
        }
    }
    live
}

/// Every name a node reads, also inside its graphs.
fn read_names<'a>(node: &'a NodeProto, into: &mut BTreeSet<&'a str>) {
    into.extend(node.input.iter().map(String::as_str));
    for graph in node.attribute.iter().filter_map(|a| a.g.as_deref()) {
        into.extend(graph.output.iter().map(|o| o.name.as_str()));
        graph.node.iter().for_each(|inner| read_names(inner, into));
    }
}

fn invalid(place: impl Into<String>, detail: impl Into<String>) -> LoadError {
    LoadError::Invalid {
        place: place.into(),
        detail: detail.into(),
    }
}

/// `name (Operator)` of a node, with the output's name for a node without one.
fn describe(node: &NodeProto) -> String {
    let name = if node.name.is_empty() {
        node.output.first().map_or("", String::as_str)
    } else {
        &node.name
    };
    format!("{name} ({})", node.op_type)
}

struct Compiler {
    names: BTreeMap<String, Source>,
    formal: usize,
    captured: Vec<String>,
    constants: Vec<Tensor>,
    steps: Vec<Step>,
    values: usize,
    maps: BTreeMap<String, Labels>,
    /// Elements computed while loading.
    folded: usize,
    broken: bool,
}

impl Compiler {
    fn new(proto: &GraphProto, formal: &[String]) -> Result<Self, LoadError> {
        if !proto.sparse_initializer.is_empty() {
            return Err(invalid("graph", "sparse tensors are not supported"));
        }
        let mut compiler = Self {
            names: BTreeMap::new(),
            formal: formal.len(),
            captured: Vec::new(),
            constants: Vec::new(),
            steps: Vec::new(),
            values: 0,
            maps: BTreeMap::new(),
            folded: 0,
            broken: false,
        };
        for (i, name) in formal.iter().enumerate() {
            compiler.define(name, Source::Input(i), "graph")?;
        }
        for tensor in &proto.initializer {
            let value = read_tensor(tensor).map_err(|f| invalid(format!("tensor '{}'", tensor.name), f.0))?;
            let source = compiler.constant(value);
            compiler.define(&tensor.name, source, "graph")?;
        }
        Ok(compiler)
    }

    fn define(&mut self, name: &str, source: Source, place: &str) -> Result<(), LoadError> {
        match self.names.insert(name.to_owned(), source) {
            None => Ok(()),
            Some(_) => Err(invalid(place, format!("the name '{name}' is given twice"))),
        }
    }

    fn constant(&mut self, tensor: Tensor) -> Source {
        self.constants.push(tensor);
        Source::Constant(self.constants.len() - 1)
    }

    /// Finds what a name stands for; inside a nested graph an unknown name belongs to the enclosing one.
    fn resolve(&mut self, name: &str, place: &str, scope: &Scope<'_>) -> Result<Source, LoadError> {
        if name.is_empty() {
            return Ok(Source::Absent);
        }
        if let Some(&source) = self.names.get(name) {
            return Ok(source);
        }
        if scope.depth == 0 {
            return Err(invalid(
                place,
                format!("it reads '{name}', which nothing before it writes"),
            ));
        }
        let source = Source::Input(self.formal + self.captured.len());
        self.captured.push(name.to_owned());
        self.names.insert(name.to_owned(), source);
        Ok(source)
    }

    fn node(&mut self, node: &NodeProto, scope: &mut Scope<'_>) -> Result<(), LoadError> {
        let place = describe(node);
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(self.resolve(name, &place, scope)?);
        }
        if self.alias(node, &inputs, &place)? {
            return Ok(());
        }
        match ops::build(node, scope).map_err(|e| e.into_load_error(&place))? {
            ops::Built::Unknown => self.unknown(node, place, scope),
            ops::Built::Constant(tensor) => {
                let source = self.constant(tensor);
                self.outputs(node, &[source], &place)
            }
            ops::Built::Operator { operator, captured } => {
                for name in &captured {
                    inputs.push(self.resolve(name, &place, scope)?);
                }
                self.step(
                    node,
                    Step {
                        node: place,
                        operator,
                        inputs,
                        outputs: Vec::new(),
                    },
                    scope,
                )
            }
        }
    }

    /// Nodes that only give a value another name: `Identity`, and `ZipMap`, whose classes are remembered.
    fn alias(&mut self, node: &NodeProto, inputs: &[Source], place: &str) -> Result<bool, LoadError> {
        let zip = node.op_type == "ZipMap";
        if !(zip || matches!(node.op_type.as_str(), "Identity" | "Dropout") && node.output.len() == 1) {
            return Ok(false);
        }
        let Some(&source) = inputs.first() else {
            return Err(invalid(place, "it has no input"));
        };
        if zip {
            let labels = Attributes::new(&node.attribute)
                .labels()
                .map_err(|f| invalid(place, f.0))?;
            self.maps.extend(node.output.first().map(|name| (name.clone(), labels)));
        }
        self.outputs(node, &[source], place)?;
        Ok(true)
    }

    fn outputs(&mut self, node: &NodeProto, sources: &[Source], place: &str) -> Result<(), LoadError> {
        if node.output.len() > sources.len() {
            return Err(invalid(
                place,
                format!("it gives {} value(s), not {}", sources.len(), node.output.len()),
            ));
        }
        for (name, &source) in node.output.iter().zip(sources).filter(|(name, _)| !name.is_empty()) {
            self.define(name, source, place)?;
        }
        Ok(())
    }

    /// Records an operator that is not known; its outputs get a name so that the rest can be looked at too.
    fn unknown(&mut self, node: &NodeProto, place: String, scope: &mut Scope<'_>) -> Result<(), LoadError> {
        self.broken = true;
        let (domain, version) = ops::domain_of(node, scope.opsets);
        let known = scope
            .unsupported
            .iter_mut()
            .find(|u| u.domain == domain && u.operator == node.op_type);
        match known {
            Some(entry) => entry.nodes.push(place.clone()),
            None => scope.unsupported.push(UnsupportedOperator {
                domain,
                operator: node.op_type.clone(),
                version,
                nodes: vec![place.clone()],
            }),
        }
        self.outputs(node, &vec![Source::Absent; node.output.len()], &place)
    }

    /// Adds a step, or computes it now when all it reads is constant.
    fn step(&mut self, node: &NodeProto, mut step: Step, scope: &Scope<'_>) -> Result<(), LoadError> {
        if self.foldable(&step, scope.limits)
            && let Some(sources) = self.fold(&step, scope.limits)
            && sources.len() >= node.output.len()
        {
            return self.outputs(node, &sources, &step.node);
        }
        let mut sources = Vec::with_capacity(node.output.len());
        for name in &node.output {
            step.outputs.push((!name.is_empty()).then_some(self.values));
            sources.push(Source::Value(self.values));
            self.values += 1;
        }
        self.outputs(node, &sources, &step.node)?;
        self.steps.push(step);
        Ok(())
    }

    fn foldable(&self, step: &Step, limits: &Limits) -> bool {
        let mut elements = 0_usize;
        let constant = step.inputs.iter().all(|source| match source {
            Source::Absent => true,
            Source::Constant(i) => {
                elements = elements.saturating_add(self.constants[*i].len());
                true
            }
            Source::Input(_) | Source::Value(_) => false,
        });
        constant && !self.broken && elements <= limits.folded_elements && self.folded <= FOLDED_IN_ALL
    }

    /// The outputs as constants; none when the operator fails, which running it will then report.
    fn fold(&mut self, step: &Step, limits: &Limits) -> Option<Vec<Source>> {
        let outputs = {
            let inputs: Vec<_> = step
                .inputs
                .iter()
                .map(|source| {
                    if let Source::Constant(i) = source {
                        self.constants.get(*i)
                    } else {
                        None
                    }
                })
                .collect();
            step.operator.run(&Call::new(&inputs, limits.folded_elements)).ok()?
        };
        let tensors = match outputs {
            Outputs::One(a) => vec![a],
            Outputs::Two(a, b) => vec![a, b],
            Outputs::Many(all) => all,
        };
        self.folded = self.folded.saturating_add(tensors.iter().map(Tensor::len).sum());
        Some(tensors.into_iter().map(|tensor| self.constant(tensor)).collect())
    }

    fn finish(self, proto: &GraphProto) -> Result<Graph, LoadError> {
        let mut outputs = Vec::with_capacity(proto.output.len());
        for output in &proto.output {
            match self.names.get(&output.name) {
                Some(&source) => outputs.push(source),
                None => return Err(invalid(format!("output '{}'", output.name), "nothing computes it")),
            }
        }
        let Self {
            mut constants,
            steps,
            values,
            maps,
            captured,
            ..
        } = self;
        drop_unused(&mut constants, &steps, &outputs);
        Ok(Graph {
            constants,
            steps,
            values,
            outputs,
            maps,
            captured,
        })
    }
}

/// Frees the constants that only folding or building needed; their places stay, so that numbers hold.
fn drop_unused(constants: &mut [Tensor], steps: &[Step], outputs: &[Source]) {
    let mut used = vec![false; constants.len()];
    for source in steps.iter().flat_map(|s| &s.inputs).chain(outputs) {
        if let Source::Constant(i) = source {
            used[*i] = true;
        }
    }
    for (constant, used) in constants.iter_mut().zip(used) {
        if !used {
            *constant = Tensor::vector::<f32>(Vec::new());
        }
    }
}
