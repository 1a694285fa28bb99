//! How the components hang together on both sides, and what happens to each.

use std::collections::{BTreeMap, BTreeSet};

use super::{Edge, Node, Topology};
use crate::plan::{Action, Change, Plan};
use crate::stack::{Component, Stack};

/// Where Kubernetes objects say which component they belong to.
const COMPONENT: &str = "/metadata/labels/app.kubernetes.io~1name";

/// The picture of both sides. Where only the plan knows what there was, the same stack is both.
pub fn topology(before: Option<&Stack>, after: Option<&Stack>, plan: &Plan) -> Topology {
    let sides = Sides { before, after };
    let names = sides.names();
    let actions = actions(plan, &names.iter().copied().collect());
    let nodes = names.iter().filter_map(|name| {
        let (was, is) = (sides.get(before, name), sides.get(after, name));
        let component = is.or(was)?;
        let none = BTreeSet::new();
        Some(Node {
            name: (*name).to_owned(),
            kind: component.kind.name().to_owned(),
            change: change(was, is, actions.get(name).unwrap_or(&none)),
            exposed: component.expose.is_some(),
        })
    });
    Topology {
        nodes: nodes.collect(),
        edges: sides.edges(),
    }
}

/// The component that a change is of: as its labels say, else by its name, or by what its name begins with.
pub fn owner<'a>(change: &Change, components: &BTreeSet<&'a str>) -> Option<&'a str> {
    let labelled = |spec: &Option<serde_json::Value>| {
        let name = spec.as_ref()?.pointer(COMPONENT)?.as_str()?;
        components.get(name)
    };
    let name = change.address.name.as_str();
    let ends = name.match_indices('-').map(|(end, _)| end).chain([name.len()]);
    let named = || ends.rev().find_map(|end| components.get(&name[..end]));
    labelled(&change.after)
        .or_else(|| labelled(&change.before))
        .or_else(named)
        .copied()
}

fn actions<'a>(plan: &Plan, names: &BTreeSet<&'a str>) -> BTreeMap<&'a str, BTreeSet<Action>> {
    let mut actions: BTreeMap<&str, BTreeSet<Action>> = BTreeMap::new();
    for change in &plan.changes {
        if let Some(name) = owner(change, names) {
            actions.entry(name).or_default().insert(change.action);
        }
    }
    actions
}

/// A component that is on both sides is changed where something of it is new or goes.
fn change(before: Option<&Component>, after: Option<&Component>, actions: &BTreeSet<Action>) -> Action {
    let heavy = [Action::Refuse, Action::Replace]
        .into_iter()
        .find(|action| actions.contains(action));
    match (before, after) {
        (_, Some(_)) | (Some(_), _) if actions.contains(&Action::Refuse) => Action::Refuse,
        (None, Some(_)) => Action::Create,
        (Some(_), None) => Action::Delete,
        _ if !actions.is_empty() && actions.iter().all(|action| *action == Action::Create) => Action::Create,
        // Of a store outside the stack nothing is made: the file alone tells.
        (Some(before), Some(after)) if actions.is_empty() && before != after => Action::Update,
        _ => heavy.unwrap_or(match actions.iter().all(|action| *action == Action::NoOp) {
            true => Action::NoOp,
            false => Action::Update,
        }),
    }
}

/// The stack before and after.
#[derive(Clone, Copy)]
struct Sides<'a> {
    before: Option<&'a Stack>,
    after: Option<&'a Stack>,
}

impl<'a> Sides<'a> {
    fn get(self, side: Option<&'a Stack>, name: &str) -> Option<&'a Component> {
        side.and_then(|stack| stack.components.get(name))
    }

    /// The components in file order; those that go come last.
    fn names(self) -> Vec<&'a str> {
        let all = |side: Option<&'a Stack>| side.into_iter().flat_map(|stack| stack.components.keys());
        let gone = all(self.before).filter(|name| self.get(self.after, name).is_none());
        all(self.after).chain(gone).map(String::as_str).collect()
    }

    fn edges(self) -> Vec<Edge> {
        let (was, is) = (uses(self.before), uses(self.after));
        let edge = |pair: &(String, String)| Edge {
            from: pair.0.clone(),
            to: pair.1.clone(),
            change: match (was.contains(pair), is.contains(pair)) {
                (true, false) => Action::Delete,
                (false, true) => Action::Create,
                _ => Action::NoOp,
            },
        };
        was.union(&is).map(edge).collect()
    }
}

fn uses(stack: Option<&Stack>) -> BTreeSet<(String, String)> {
    let components = stack.into_iter().flat_map(|stack| stack.components.values());
    components
        .flat_map(|one| one.uses.iter().map(|used| (one.name.clone(), used.clone())))
        .collect()
}

#[cfg(test)]
#[path = "topology_tests.rs"]
mod tests;
