//! Components that wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use super::links::Edge;
use super::{Context, Found, value};
use crate::diag::{Diagnostic, codes};

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    let graph = stuck(cx);
    let mut told = BTreeSet::new();
    for start in cx.stack.components.keys() {
        if let Some(cycle) = cycle(&graph, start)
            && cycle.iter().all(|edge| !told.contains(edge.from.as_str()))
        {
            told.extend(cycle.iter().map(|edge| edge.from.as_str()));
            found.push(diagnostic(&cycle));
        }
    }
}

type Graph<'a> = BTreeMap<&'a str, Vec<&'a Edge>>;

/// The components that no order of starting reaches, with what they wait for.
fn stuck<'a>(cx: &'a Context<'_>) -> Graph<'a> {
    let mut graph = Graph::new();
    for edge in cx
        .edges
        .iter()
        .filter(|edge| cx.stack.components.contains_key(&edge.to))
    {
        graph.entry(&edge.from).or_default().push(edge);
    }
    loop {
        let before = graph.len();
        let waiting: BTreeSet<&str> = graph.keys().copied().collect();
        graph.retain(|_, edges| {
            edges.retain(|edge| waiting.contains(edge.to.as_str()));
            !edges.is_empty()
        });
        if graph.len() == before {
            return graph;
        }
    }
}

/// The cycle that following the first edges from `start` runs into.
fn cycle<'a>(graph: &Graph<'a>, start: &str) -> Option<Vec<&'a Edge>> {
    let mut walk: Vec<&Edge> = vec![graph.get(start)?[0]];
    loop {
        let here = walk.last()?.to.as_str();
        if let Some(first) = walk.iter().position(|edge| edge.from == here) {
            return Some(walk.split_off(first));
        }
        walk.push(graph.get(here)?[0]);
    }
}

fn diagnostic(cycle: &[&Edge]) -> Diagnostic {
    let mut names: Vec<_> = cycle.iter().map(|edge| format!("`{}`", edge.from)).collect();
    names.push(names[0].clone());
    let label = match cycle {
        [_] => format!("{} waits for itself", names[0]),
        _ => names.join(" → "),
    };
    let help = "remove one of these; nothing needs to be named in both directions";
    let diagnostic = Diagnostic::new(&codes::DEPENDENCY_CYCLE, value(&cycle[0].at), label).help(help);
    cycle[1..].iter().fold(diagnostic, |diagnostic, edge| {
        diagnostic.related(value(&edge.at), format!("`{}` waits for `{}`", edge.from, edge.to))
    })
}
