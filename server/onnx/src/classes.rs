//! Finds the class names of a classifier: from its classifier node, its ZipMap, or the table its labels are taken from.

use crate::attributes::{Attributes, Labels, read_tensor};
use crate::proto::{GraphProto, NodeProto};
use crate::tensor::{Data, Tensor};

/// The classes behind the first output that has any.
pub(crate) fn find(graph: &GraphProto) -> Option<Labels> {
    let zip = graph
        .node
        .iter()
        .find(|n| n.op_type == "ZipMap")
        .and_then(of_attributes);
    zip.or_else(|| graph.output.iter().find_map(|output| behind(graph, &output.name)))
}

/// How many nodes a label may pass on its way to the output.
const STEPS: usize = 16;

/// Follows a label back through nodes that do not change it.
fn behind(graph: &GraphProto, name: &str) -> Option<Labels> {
    let mut name = name;
    for _ in 0..STEPS {
        let node = graph.node.iter().find(|n| n.output.iter().any(|o| o == name))?;
        match node.op_type.as_str() {
            "Cast" | "Reshape" | "Identity" | "Squeeze" | "Unsqueeze" | "Flatten" => name = node.input.first()?,
            "ArrayFeatureExtractor" | "Gather" => return table(graph, node.input.first()?),
            _ => return of_attributes(node),
        }
    }
    None
}

fn of_attributes(node: &NodeProto) -> Option<Labels> {
    Attributes::new(&node.attribute)
        .labels()
        .ok()
        .filter(|labels| !labels.is_empty())
}

/// Labels kept in a constant tensor.
fn table(graph: &GraphProto, name: &str) -> Option<Labels> {
    let tensor = graph
        .initializer
        .iter()
        .find(|t| t.name == name)
        .and_then(|t| read_tensor(t).ok())?;
    labels(&tensor)
}

fn labels(tensor: &Tensor) -> Option<Labels> {
    match tensor.data() {
        Data::I64(v) => Some(Labels::Ints(v.clone())),
        Data::Text(v) => Some(Labels::Texts(v.clone())),
        Data::F32(_) | Data::F64(_) | Data::Bool(_) => None,
    }
}
