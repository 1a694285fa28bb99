//! Environments: a partial tree laid over the base.
//!
//! Mappings merge key by key; everything else, lists included, replaces. Every value keeps its own place.

use super::node::{Entry, Node, Value};
use super::suggest::did_you_mean;
use crate::diag::{Diagnostic, Path, codes};

/// The names of the environments.
pub(super) fn environments(root: &Node) -> impl Iterator<Item = &str> + Clone {
    root.get("environments")
        .and_then(Node::map)
        .into_iter()
        .flat_map(|map| map.keys().map(String::as_str))
}

/// The tree of environment `name`; `None`, and a diagnostic, when there is none.
pub(super) fn environment(root: &Node, name: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    let Some(environment) = root.get("environments").and_then(|all| all.get(name)) else {
        diagnostics.push(unknown(root, name));
        return None;
    };
    let mut merged = root.clone();
    for field in ["policies", "allow_degraded"] {
        lay_field(&mut merged, environment, field);
    }
    let overlay = environment.get("components");
    let base = match &mut merged.value {
        Value::Map(map) => map.get_mut("components"),
        _ => None,
    };
    if let (Some(base), Some(overlay)) = (base, overlay) {
        let strangers = strangers(&base.node, overlay, name, diagnostics);
        lay_over(&mut base.node, overlay);
        if let Value::Map(map) = &mut base.node.value {
            map.retain(|component, _| !strangers.contains(component));
        }
    }
    Some(merged)
}

/// What the environment says of a field of the stack, over that of the stack where it has any.
fn lay_field(merged: &mut Node, environment: &Node, field: &str) {
    let Value::Map(own) = &environment.value else { return };
    let (Some(entry), Value::Map(map)) = (own.get(field), &mut merged.value) else {
        return;
    };
    match map.get_mut(field) {
        Some(base) => lay_over(&mut base.node, &entry.node),
        None => drop(map.insert(field.to_owned(), entry.clone())),
    }
}

fn unknown(root: &Node, name: &str) -> Diagnostic {
    let path = Path::root().key("environments");
    Diagnostic::at_key(
        &codes::UNKNOWN_ENVIRONMENT,
        &path,
        format!("no environment is named `{name}`"),
    )
    .help(did_you_mean(name, environments(root)))
}

/// A component that only the environment has must bring its type: most often its name is mistyped.
fn strangers(base: &Node, overlay: &Node, environment: &str, diagnostics: &mut Vec<Diagnostic>) -> Vec<String> {
    let mut strangers = Vec::new();
    let (Some(base), Some(overlay)) = (base.map(), overlay.map()) else {
        return strangers;
    };
    for (name, entry) in overlay {
        if !base.contains_key(name) && entry.node.get("type").is_none() {
            let path = Path::root()
                .key("environments")
                .key(environment)
                .key("components")
                .key(name);
            let label = format!("the base has no component `{name}`");
            let help = did_you_mean(name, base.keys().map(String::as_str));
            diagnostics.push(Diagnostic::at_key(&codes::UNKNOWN_COMPONENT, &path, label).help(help));
            strangers.push(name.clone());
        }
    }
    strangers
}

fn lay_over(base: &mut Node, overlay: &Node) {
    let (Value::Map(below), Value::Map(above)) = (&mut base.value, &overlay.value) else {
        overlay.clone_into(base);
        return;
    };
    for (name, Entry { key, node }) in above {
        match below.get_mut(name) {
            Some(entry) if entry.node.map().is_some() && node.map().is_some() => lay_over(&mut entry.node, node),
            Some(entry) => {
                *entry = Entry {
                    key: *key,
                    node: node.clone(),
                }
            }
            None => {
                below.insert(
                    name.clone(),
                    Entry {
                        key: *key,
                        node: node.clone(),
                    },
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
