//! How the components hang together, as a picture by Mermaid: what comes, changes and goes in colour.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::inert::{fence, is_label, label};
use crate::plan::Action;
use crate::review::{Node, Topology};

/// More than this nobody can read; then only what changes is drawn, with its neighbours.
const MOST: usize = 40;
/// The most characters of a name.
const NAME: usize = 40;

const HEAD: &str = "flowchart LR";
const ADDED: &str = "#1a7f37";
const REMOVED: &str = "#cf222e";
/// What a node is drawn as.
const SHAPES: [(&str, &str); 4] = [("[(", ")]"), ("{{", "}}"), ("([", "])"), ("[", "]")];
/// How a node is marked that changes.
const MARKS: [&str; 4] = ["", ":::added", ":::changed", ":::removed"];

const CLASSES: &str = "  classDef added fill:#dafbe1,stroke:#1a7f37,color:#1f2328\n  \
                         classDef changed fill:#fff8c5,stroke:#9a6700,color:#1f2328\n  \
                         classDef removed fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray:4 3\n";

/// The picture in its fence; `None` when there is nothing to see, or too much.
pub(super) fn picture(topology: &Topology) -> Option<String> {
    let quiet = |node: &Node| mark(node.change).is_empty();
    let edges_quiet = topology.edges.iter().all(|edge| edge.change == Action::NoOp);
    if topology.nodes.iter().all(quiet) && edges_quiet {
        return None;
    }
    let shown = shown(topology);
    if shown.len() > MOST {
        return None;
    }
    let mut text = format!("{HEAD}\n");
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
            Action::Create => ADDED,
            Action::Delete => REMOVED,
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
    let changed = |at: &usize| !mark(topology.nodes[*at].change).is_empty();
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
        "database" | "object-store" | "cache" => SHAPES[0],
        "broker" => SHAPES[1],
        _ if node.exposed => SHAPES[2],
        _ => SHAPES[3],
    };
    let mark = mark(node.change);
    let (name, kind) = (label(&node.name, NAME), label(&node.kind, NAME));
    format!("  n{at}{open}\"{name}<br/>{kind}\"{close}{mark}\n")
}

fn mark(action: Action) -> &'static str {
    match action {
        Action::NoOp | Action::Keep => MARKS[0],
        Action::Create => MARKS[1],
        Action::Update | Action::Replace | Action::Repair | Action::Refuse => MARKS[2],
        Action::Delete => MARKS[3],
    }
}

/// Whether `picture` draws such a line.
pub(super) fn drawn(line: &str) -> bool {
    line == HEAD || CLASSES.lines().any(|class| class == line) || is_node(line) || is_edge(line) || is_style(line)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_place(text: &str) -> bool {
    text.strip_prefix('n').is_some_and(is_number)
}

fn is_node(line: &str) -> bool {
    let parts = line.strip_prefix("  ").and_then(|line| {
        let (start, rest) = line.split_once('"')?;
        let (inside, end) = rest.rsplit_once('"')?;
        Some((start, inside.split_once("<br/>")?, end))
    });
    let Some((start, (name, kind), end)) = parts else {
        return false;
    };
    let shaped = SHAPES.iter().any(|(open, close)| {
        let mark = end.strip_prefix(close).is_some_and(|mark| MARKS.contains(&mark));
        mark && start.strip_suffix(open).is_some_and(is_place)
    });
    shaped && is_label(name) && is_label(kind)
}

fn is_edge(line: &str) -> bool {
    let ends = |arrow| line.strip_prefix("  ")?.split_once(arrow);
    let is = |(from, to)| is_place(from) && is_place(to);
    [" --> ", " -.-> "].into_iter().any(|arrow| ends(arrow).is_some_and(is))
}

fn is_style(line: &str) -> bool {
    let parts = line
        .strip_prefix("  linkStyle ")
        .and_then(|line| line.split_once(" stroke:"));
    parts.is_some_and(|(count, color)| is_number(count) && [ADDED, REMOVED].contains(&color))
}
