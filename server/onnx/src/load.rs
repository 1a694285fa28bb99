//! From bytes to a model: what the file is, whether it is within the limits, what goes in and out.

use crate::error::LoadError;
use crate::graph::{Graph, Scope};
use crate::model::{Dimension, Model, Port};
use crate::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use crate::sniff::{Looks, sniff};
use crate::tensor::ElementType;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// How large a model may be. The defaults leave room for a forest of a few hundred megabytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the file.
    pub bytes: usize,
    /// Operator calls, also those inside nested graphs.
    pub nodes: usize,
    /// Nodes of all trees of one ensemble.
    pub tree_nodes: usize,
    /// Elements of any tensor, in the file or computed.
    pub tensor_elements: usize,
    /// Elements that an operator may read or write when it is computed while loading.
    pub folded_elements: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 512 << 20,
            nodes: 20_000,
            tree_nodes: 1 << 25,
            tensor_elements: 1 << 26,
            folded_elements: 1 << 20,
        }
    }
}

/// Graphs inside graphs inside graphs, this deep.
const DEPTH: usize = 4;

pub(crate) fn load(bytes: &[u8], limits: Limits) -> Result<Model, LoadError> {
    within("bytes", bytes.len(), limits.bytes)?;
    let mut proto = decode(bytes)?;
    let graph = proto.graph.take().ok_or_else(|| damaged("it holds no graph"))?;
    measure(&graph, &limits)?;
    let opsets = opsets(&proto)?;
    let constants: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name.as_str()).collect();
    let formal: Vec<&ValueInfoProto> = graph
        .input
        .iter()
        .filter(|input| !constants.contains(input.name.as_str()))
        .collect();
    let inputs = formal.iter().map(|input| port(input)).collect::<Result<Vec<_>, _>>()?;
    let names: Vec<String> = inputs.iter().map(|p| p.name.clone()).collect();
    let mut unsupported = Vec::new();
    let mut scope = Scope {
        opsets: &opsets,
        limits: &limits,
        depth: 0,
        unsupported: &mut unsupported,
    };
    let compiled = Graph::compile(&graph, &names, &mut scope);
    if !unsupported.is_empty() {
        return Err(LoadError::Unsupported(unsupported));
    }
    let compiled = compiled?;
    let outputs = outputs(&graph, &compiled)?;
    let metadata = proto.metadata_props.into_iter().map(|e| (e.key, e.value)).collect();
    let classes = crate::classes::find(&graph);
    let mut operators = BTreeSet::new();
    collect_operators(&graph, &mut operators);
    Ok(Model {
        inputs,
        outputs,
        metadata,
        opsets,
        operators,
        classes,
        graph: compiled,
        limit: limits.tensor_elements,
    })
}

fn collect_operators(graph: &GraphProto, into: &mut BTreeSet<(String, String)>) {
    for node in &graph.node {
        let domain = if node.domain.is_empty() {
            "ai.onnx"
        } else {
            &node.domain
        };
        into.insert((domain.to_owned(), node.op_type.clone()));
        node.attribute
            .iter()
            .filter_map(|a| a.g.as_deref())
            .for_each(|inner| collect_operators(inner, into));
    }
}

fn damaged(detail: impl Into<String>) -> LoadError {
    LoadError::Damaged { detail: detail.into() }
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), LoadError> {
    if found > limit {
        Err(LoadError::TooLarge { what, found, limit })
    } else {
        Ok(())
    }
}

/// Bytes that start like a model (`ir_version` first) and then fail are a damaged model, all others something else.
fn decode(bytes: &[u8]) -> Result<ModelProto, LoadError> {
    if let Some(looks) = sniff(bytes) {
        return Err(LoadError::NotOnnx(looks));
    }
    match ModelProto::decode(bytes) {
        Ok(proto) if proto.graph.is_none() && proto.opset_import.is_empty() && !like_onnx(bytes) => {
            Err(LoadError::NotOnnx(Looks::Unknown))
        }
        Ok(proto) => Ok(proto),
        Err(error) if like_onnx(bytes) => Err(damaged(error.to_string())),
        Err(_) => Err(LoadError::NotOnnx(Looks::Unknown)),
    }
}

fn like_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=30, ..])
}

fn opsets(proto: &ModelProto) -> Result<BTreeMap<String, i64>, LoadError> {
    if proto.opset_import.is_empty() {
        return Err(damaged("it names no operator set"));
    }
    let domain = |d: &str| {
        if d.is_empty() {
            "ai.onnx".to_owned()
        } else {
            d.to_owned()
        }
    };
    Ok(proto
        .opset_import
        .iter()
        .map(|o| (domain(&o.domain), o.version))
        .collect())
}

/// Counts what the limits are about, before anything large is built.
fn measure(graph: &GraphProto, limits: &Limits) -> Result<(), LoadError> {
    let mut nodes = 0;
    measure_graph(graph, limits, &mut nodes, 0)
}

fn measure_graph(graph: &GraphProto, limits: &Limits, nodes: &mut usize, depth: usize) -> Result<(), LoadError> {
    within("nested graphs", depth, DEPTH)?;
    *nodes = nodes.saturating_add(graph.node.len());
    within("nodes", *nodes, limits.nodes)?;
    graph
        .initializer
        .iter()
        .try_for_each(|tensor| measure_tensor(tensor, limits))?;
    let attributes = graph.node.iter().flat_map(|node: &NodeProto| &node.attribute);
    attributes
        .into_iter()
        .try_for_each(|attribute| measure_attribute(attribute, limits, nodes, depth))
}

fn measure_attribute(
    attribute: &AttributeProto,
    limits: &Limits,
    nodes: &mut usize,
    depth: usize,
) -> Result<(), LoadError> {
    if let Some(tensor) = &attribute.t {
        measure_tensor(tensor, limits)?;
    }
    match &attribute.g {
        Some(graph) => measure_graph(graph, limits, nodes, depth + 1),
        None => Ok(()),
    }
}

fn measure_tensor(tensor: &TensorProto, limits: &Limits) -> Result<(), LoadError> {
    if tensor.data_location != 0 || !tensor.external_data.is_empty() {
        return Err(LoadError::ExternalData {
            tensor: tensor.name.clone(),
        });
    }
    let elements = tensor.dims.iter().fold(1_usize, |n, &d| {
        n.saturating_mul(usize::try_from(d).unwrap_or(usize::MAX))
    });
    within("elements in one tensor", elements, limits.tensor_elements)
}

fn port(info: &ValueInfoProto) -> Result<Port, LoadError> {
    let invalid = |detail: &str| LoadError::Invalid {
        place: format!("value '{}'", info.name),
        detail: detail.to_owned(),
    };
    let tensor = info
        .r#type
        .as_ref()
        .and_then(|t| t.tensor_type.as_ref())
        .ok_or_else(|| invalid("only tensors are supported as inputs"))?;
    let element =
        ElementType::from_onnx(tensor.elem_type).ok_or_else(|| invalid("its element type is not supported"))?;
    let shape = tensor
        .shape
        .as_ref()
        .map(|shape| shape.dim.iter().map(|d| dimension(d.dim_value)).collect());
    Ok(Port {
        name: info.name.clone(),
        element,
        shape,
        labels: None,
    })
}

fn dimension(value: Option<i64>) -> Dimension {
    match value.map(usize::try_from) {
        Some(Ok(n)) if n > 0 => Dimension::Fixed(n),
        _ => Dimension::Any,
    }
}

/// The outputs; a map from class to probability counts as a matrix with one column a class.
fn outputs(graph: &GraphProto, compiled: &Graph) -> Result<Vec<Port>, LoadError> {
    let one = |info: &ValueInfoProto| match compiled.maps.get(&info.name) {
        Some(labels) => Ok(Port {
            name: info.name.clone(),
            element: ElementType::F32,
            shape: Some(vec![Dimension::Any, Dimension::Fixed(labels.len())]),
            labels: Some(labels.clone()),
        }),
        None => port(info),
    };
    graph.output.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
