//! How the components hang together, as a picture by Mermaid: what comes, changes and goes in colour.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::inert::{fence, label};
use crate::plan::Action;
use crate::review::{Node, Topology};

/// More than this nobody can read; then only what changes is drawn, with its neighbours.
const MOST: usize = 40;
/// The most characters of a name.
const NAME: usize = 40;

pub(super) const CLASSES: &str = "  classDef added fill:#dafbe1,stroke:#1a7f37,color:#1f2328\n  \
                         classDef changed fill:#fff8c5,stroke:#9a6700,color:#1f2328\n  \
                         classDef removed fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4 3\n";

/// The picture in its fence; `None` when there is nothing to see, or too much.
pub(super) fn picture(topology: &Topology) -> Option<String> {
    let quiet = |node: &Node| class(node.change).is_none();
    let edges_quiet = topology.edges.iter().all(|edge| edge.change == Action::NoOp);
    if topology.nodes.iter().all(quiet) && edges_quiet {
        return None;
    }
    let shown = shown(topology);
    if shown.len() > MOST {
        return None;
    }
    let mut text = "flowchart LR\n".to_owned();
    for &at in &shown {
        text += &node(at, &topology.nodes[at]);
    }
    let place = |name: &str| shown.iter().copied().find(|&at| topology.nodes[at].name == name);
    let mut marked = Vec::new();
    let edges = topology
        .edges
        .iter()
        .filter_map(|edge| Some((place(&edge.from)?, place(&edge.to)?, edge)));
    for (count, (from, to, edge)) in edges.enumerate() {
        let arrow = if edge.change == Action::Delete { "-.->" } else { "-->" };
        let _ = writeln!(text, "  n{from} {arrow} n{to}");
        let color = match edge.change {
            Action::Create => "#1a7f37",
            Action::Delete => "#cf222e",
            _ => continue,
        };
        marked.push(format!("  linkStyle {count} stroke:{color}\n"));
    }
    Some(fence("mermaid", &(text + CLASSES + &marked.concat())))
}

/// The nodes that are drawn, by their places.
fn shown(topology: &Topology) -> Vec<usize> {
    let all = 0..topology.nodes.len();
    if all.len() <= MOST {
        return all.collect();
    }
    let changed = |at: &usize| class(topology.nodes[*at].change).is_some();
    let mut names: BTreeSet<&str> = all
        .clone()
        .filter(changed)
        .map(|at| topology.nodes[at].name.as_str())
        .collect();
    let around = topology.edges.iter().filter(|edge| {
        edge.change != Action::NoOp || { names.contains(edge.from.as_str()) || names.contains(edge.to.as_str()) }
    });
    let around: Vec<&str> = around.flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]).collect();
    names.extend(around);
    all.filter(|&at| names.contains(topology.nodes[at].name.as_str()))
        .collect()
}

fn node(at: usize, node: &Node) -> String {
    let (open, close) = match node.kind.as_str() {
        "database" | "object-store" | "cache" => ("[(", ")]"),
        "broker" => ("{{", "}}"),
        _ if node.exposed => ("([", "])"),
        _ => ("[", "]"),
    };
    let class = class(node.change).map(|name| format!(":::{name}")).unwrap_or_default();
    let (name, kind) = (label(&node.name, NAME), label(&node.kind, NAME));
    format!("  n{at}{open}\"{name}<br/>{kind}\"{close}{class}\n")
}

fn class(action: Action) -> Option<&'static str> {
    match action {
        Action::Create => Some("added"),
        Action::Delete => Some("removed"),
        Action::NoOp | Action::Keep => None,
        Action::Update | Action::Replace | Action::Repair | Action::Refuse => Some("changed"),
    }
}
