//! Graphs inside graphs: `Scan` and `If`.

use crate::attributes::Attributes;
use crate::error::{Fault, LoadError, RunError};
use crate::graph::{Graph, Scope};
use crate::ops::{BuildError, Built, Call, Operator, Outputs};
use crate::proto::{GraphProto, NodeProto};
use crate::tensor::{Data, Element, Tensor};

/// The operators of this file.
pub(crate) const NAMES: [&str; 2] = ["If", "Scan"];

/// Builds one of [`NAMES`].
pub(crate) fn build(node: &NodeProto, version: i64, scope: &mut Scope<'_>) -> Result<Built, BuildError> {
    let attributes = Attributes::new(&node.attribute);
    match node.op_type.as_str() {
        "If" => conditional(&attributes, scope),
        _ if version < 9 => Err(Fault::new("Scan is supported from version 9 of ai.onnx").into()),
        _ => scan(node, &attributes, scope),
    }
}

/// Compiles an inner graph; what it reads from outside becomes its last inputs.
fn inner(proto: &GraphProto, scope: &mut Scope<'_>) -> Result<Graph, LoadError> {
    let formal: Vec<String> = proto.input.iter().map(|i| i.name.clone()).collect();
    scope.depth += 1;
    let graph = Graph::compile(proto, &formal, scope);
    scope.depth -= 1;
    graph
}

fn compiled(attributes: &Attributes<'_>, name: &str, scope: &mut Scope<'_>) -> Result<(Graph, usize), BuildError> {
    let proto = attributes
        .graph(name)
        .ok_or_else(|| Fault::new(format!("it has no graph '{name}'")))?;
    Ok((inner(proto, scope).map_err(BuildError::Load)?, proto.input.len()))
}

fn inside(error: RunError) -> Fault {
    Fault::new(error.to_string())
}

fn conditional(attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<Built, BuildError> {
    let (yes, _) = compiled(attributes, "then_branch", scope)?;
    let (no, _) = compiled(attributes, "else_branch", scope)?;
    let captured = [yes.captured.as_slice(), no.captured.as_slice()].concat();
    let split = yes.captured.len();
    let operator = Operator::new(move |call| {
        let condition = call.input(0)?.view::<bool>().and_then(|v| v.first().copied());
        let holds = condition.ok_or_else(|| Fault::new("its condition is not a bool"))?;
        let outer = (1..call.inputs().len())
            .map(|i| call.input(i))
            .collect::<Result<Vec<_>, _>>()?;
        let (graph, inputs) = if holds {
            (&yes, &outer[..split])
        } else {
            (&no, &outer[split..])
        };
        Ok(Outputs::Many(graph.run(inputs, call.limit()).map_err(inside)?))
    });
    Ok(Built::Operator { operator, captured })
}

/// A graph that runs once for each slice of its inputs.
struct Scan {
    body: Graph,
    /// Values that go from one round to the next.
    states: usize,
    scanned: usize,
}

fn scan(node: &NodeProto, attributes: &Attributes<'_>, scope: &mut Scope<'_>) -> Result<Built, BuildError> {
    let plain = [
        "scan_input_axes",
        "scan_output_axes",
        "scan_input_directions",
        "scan_output_directions",
    ];
    if plain.iter().any(|name| attributes.ints(name).iter().any(|&i| i != 0)) {
        return Err(Fault::new("only scans forward over the first axis are supported").into());
    }
    let (body, formal) = compiled(attributes, "body", scope)?;
    let scanned = usize::try_from(attributes.int("num_scan_inputs").unwrap_or(0)).unwrap_or(0);
    let fits = scanned > 0 && scanned <= formal && formal == node.input.len();
    if !fits {
        return Err(Fault::new(format!("{} inputs for a graph that takes {formal}", node.input.len())).into());
    }
    let captured = body.captured.clone();
    let scan = Scan {
        body,
        states: formal - scanned,
        scanned,
    };
    Ok(Built::Operator {
        operator: Operator::new(move |call| scan.run(call)),
        captured,
    })
}

impl Scan {
    fn run(&self, call: &Call<'_>) -> Result<Outputs, Fault> {
        let all = (0..call.inputs().len())
            .map(|i| call.input(i))
            .collect::<Result<Vec<_>, _>>()?;
        let (states, rest) = all.split_at(self.states);
        let (slices, outer) = rest.split_at(self.scanned);
        let rounds = slices.first().and_then(|t| t.shape().first().copied()).unwrap_or(0);
        if slices.iter().any(|t| t.shape().first() != Some(&rounds)) {
            return Err(Fault::new("the scanned inputs have different lengths"));
        }
        let mut states: Vec<Tensor> = states.iter().map(|&t| t.clone()).collect();
        let mut collected: Vec<Vec<Tensor>> = Vec::new();
        for round in 0..rounds {
            let slices = slices.iter().map(|t| row(t, round)).collect::<Result<Vec<_>, _>>()?;
            let inputs: Vec<&Tensor> = states.iter().chain(&slices).chain(outer.iter().copied()).collect();
            let mut outputs = self.body.run(&inputs, call.limit()).map_err(inside)?;
            if outputs.len() < self.states {
                return Err(Fault::new("its graph gives too few values"));
            }
            let scanned = outputs.split_off(self.states);
            states = outputs;
            collected.resize_with(scanned.len(), Vec::new);
            collected
                .iter_mut()
                .zip(scanned)
                .for_each(|(all, tensor)| all.push(tensor));
        }
        for parts in &collected {
            states.push(stacked(call, parts)?);
        }
        Ok(Outputs::Many(states))
    }
}

/// One slice along the first axis.
fn row(tensor: &Tensor, at: usize) -> Result<Tensor, Fault> {
    fn part<T: Element>(v: &[T], size: usize, at: usize) -> Data {
        T::wrap(v[at * size..(at + 1) * size].to_vec())
    }
    let shape = tensor.shape()[1..].to_vec();
    let size: usize = shape.iter().product();
    let data = match tensor.data() {
        Data::F32(v) => part(v, size, at),
        Data::F64(v) => part(v, size, at),
        Data::I64(v) => part(v, size, at),
        Data::Bool(v) => part(v, size, at),
        Data::Text(v) => part(v, size, at),
    };
    Ok(Tensor::from_data(shape, data)?)
}

/// Tensors of one shape under each other.
fn stacked(call: &Call<'_>, parts: &[Tensor]) -> Result<Tensor, Fault> {
    fn join<T: Element>(parts: &[Tensor]) -> Option<Data> {
        let mut all = Vec::new();
        for part in parts {
            all.extend_from_slice(part.view::<T>()?);
        }
        Some(T::wrap(all))
    }
    let first = parts.first().ok_or_else(|| Fault::new("there was no round"))?;
    let mut shape = vec![parts.len()];
    shape.extend_from_slice(first.shape());
    call.room(&shape)?;
    let data = match first.data() {
        Data::F32(_) => join::<f32>(parts),
        Data::F64(_) => join::<f64>(parts),
        Data::I64(_) => join::<i64>(parts),
        Data::Bool(_) => join::<bool>(parts),
        Data::Text(_) => join::<String>(parts),
    };
    let data = data.ok_or_else(|| Fault::new("the rounds gave different types"))?;
    if parts.iter().any(|p| p.shape() != first.shape()) {
        return Err(Fault::new("the rounds gave different shapes"));
    }
    Ok(Tensor::from_data(shape, data)?)
}
