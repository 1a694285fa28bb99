//! Components that wait for each other.

use std::collections::{BTreeMap, BTreeSet};

use super::links::Edge;
use super::{Context, Found, value};
use crate::diag::{Diagnostic, codes};

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    let graph = stuck(cx);
    let mut seen = BTreeSet::new();
    for start in cx.stack.components.keys() {
        if let Some(cycle) = cycle(&graph, start, &mut seen) {
            found.push(diagnostic(&cycle));
        }
    }
}

type Graph<'a> = BTreeMap<&'a str, Vec<&'a Edge>>;

/// The components that no order of starting reaches, with those that they wait for in vain.
fn stuck<'a>(cx: &'a Context<'_>) -> Graph<'a> {
    let edges = || {
        cx.edges
            .iter()
            .filter(|edge| cx.stack.components.contains_key(&edge.to))
    };
    let (mut open, mut waiting) = (BTreeMap::new(), BTreeMap::<&str, Vec<&str>>::new());
    for edge in edges() {
        *open.entry(edge.from.as_str()).or_insert(0_usize) += 1;
        waiting.entry(edge.to.as_str()).or_default().push(edge.from.as_str());
    }
    let names = cx.stack.components.keys().map(String::as_str);
    let mut started: Vec<&str> = names.filter(|name| !open.contains_key(name)).collect();
    while let Some(name) = started.pop() {
        for other in waiting.remove(name).unwrap_or_default() {
            let left = open.entry(other).or_insert(1);
            *left -= 1;
            if *left == 0 {
                open.remove(other);
                started.push(other);
            }
        }
    }
    let is_open = |name: &String| open.contains_key(name.as_str());
    let mut graph = Graph::new();
    for edge in edges().filter(|edge| is_open(&edge.from) && is_open(&edge.to)) {
        graph.entry(&edge.from).or_default().push(edge);
    }
    graph
}

/// The cycle that following the first edges from `start` runs into, unless that was seen before.
fn cycle<'a>(graph: &Graph<'a>, start: &'a str, seen: &mut BTreeSet<&'a str>) -> Option<Vec<&'a Edge>> {
    let (mut walk, mut here) = (Vec::<&Edge>::new(), start);
    while seen.insert(here) {
        let edge = graph.get(here)?[0];
        walk.push(edge);
        here = &edge.to;
    }
    let first = walk.iter().position(|edge| edge.from == here)?;
    Some(walk.split_off(first))
}

/// The most members of a cycle that are shown.
const SHOWN: usize = 8;

fn diagnostic(cycle: &[&Edge]) -> Diagnostic {
    let mut names: Vec<_> = cycle
        .iter()
        .take(SHOWN)
        .map(|edge| format!("`{}`", edge.from))
        .collect();
    if cycle.len() > SHOWN {
        names.push(format!("{} more", cycle.len() - SHOWN));
    }
    names.push(names[0].clone());
    let label = match cycle {
        [_] => format!("{} waits for itself", names[0]),
        _ => names.join(" → "),
    };
    let help = "remove one of these; nothing needs to be named in both directions";
    let diagnostic = Diagnostic::new(&codes::DEPENDENCY_CYCLE, value(&cycle[0].at()), label).help(help);
    cycle[1..].iter().take(SHOWN - 1).fold(diagnostic, |diagnostic, edge| {
        let label = format!("`{}` waits for `{}`", edge.from, edge.to);
        diagnostic.related(value(&edge.at()), label)
    })
}
