//! Checks that need more than one value: one file a rule family.
//!
//! To add a check: a code in `diag::codes`, its page in `diag/explain`, a function here, a bad file in
//! `tests/fixtures/bad`.

mod cycles;
mod data;
mod fields;
mod images;
mod links;
mod mounts;
mod names;
mod policies;
mod ports;
mod production;
mod secrets;

use super::model::{Component, Kind, Stack};
use super::node::Node;
use crate::diag::codes::Code;
use crate::diag::{At, Diagnostic, Help, Part, Path, Segment};
use links::Edge;
pub use mounts::links as mount_links;
pub(super) use policies::end_waivers;

/// What a check may look at.
struct Context<'a> {
    stack: &'a Stack,
    root: &'a Node,
    edges: &'a [Edge],
}

impl Context<'_> {
    /// Whether something stands at `path`, right or wrong.
    fn has(&self, path: &Path) -> bool {
        self.root.follow(path).2
    }

    fn components(&self) -> impl Iterator<Item = &Component> {
        self.stack
            .components
            .values()
            .filter(|component| self.is_typed(component))
    }

    /// The component's own part of the tree.
    fn node(&self, component: &Component) -> Option<&Node> {
        self.root.get("components")?.get(&component.name)
    }

    /// Whether the component has a field, right or wrong.
    fn sets(&self, component: &Component, field: &str) -> bool {
        self.node(component).is_some_and(|node| node.get(field).is_some())
    }

    /// Whether its type is known; where it is not, that was said, and nothing more can be.
    fn is_typed(&self, component: &Component) -> bool {
        let kind = self.node(component).and_then(|node| node.get("type")?.scalar());
        kind.is_some_and(|kind| kind.text == component.kind.name())
    }
}

/// Where the checks put what they find.
type Found = Vec<Diagnostic>;

/// Checks a decoded stack against its tree, then completes its `uses`.
pub(super) fn stack(stack: &mut Stack, root: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let edges = links::edges(stack, root);
    let cx = Context {
        stack,
        root,
        edges: &edges,
    };
    let mut found = Found::new();
    names::check(&cx, &mut found);
    fields::check(&cx, &mut found);
    links::check(&cx, &mut found);
    cycles::check(&cx, &mut found);
    ports::check(&cx, &mut found);
    data::check(&cx, &mut found);
    images::check(&cx, &mut found);
    production::check(&cx, &mut found);
    mounts::check(&cx, &mut found);
    secrets::check(&cx, &mut found);
    policies::check(&cx, &mut found);
    policies::check_waivers(&cx, &mut found);
    found.retain(|diagnostic| !is_waived(stack, diagnostic));
    diagnostics.append(&mut found);
    links::complete(stack, &edges);
}

/// Whether the component at fault allows it, with a reason.
fn is_waived(stack: &Stack, diagnostic: &Diagnostic) -> bool {
    let At::Path(path, _) = &diagnostic.at else {
        return false;
    };
    let [Segment::Key(first), Segment::Key(name), ..] = path.0.as_slice() else {
        return false;
    };
    let component = stack.components.get(name).filter(|_| first == "components");
    diagnostic.code.waivable
        && component.is_some_and(|component| component.allow_degraded.contains_key(diagnostic.code.name))
}

/// A diagnostic at the key of `path`.
fn at_key(code: &'static Code, path: &Path, label: impl Into<String>, help: impl Into<Help>) -> Diagnostic {
    Diagnostic::at_key(code, path, label).help(help)
}

/// A diagnostic at the value of `path`.
fn at_value(code: &'static Code, path: &Path, label: impl Into<String>, help: impl Into<Help>) -> Diagnostic {
    Diagnostic::at_value(code, path, label).help(help)
}

fn value(path: &Path) -> At {
    At::Path(path.clone(), Part::Value)
}

fn key(path: &Path) -> At {
    At::Path(path.clone(), Part::Key)
}

/// Whether the component runs an image of ours.
fn is_bundled(component: &Component) -> bool {
    component.image.is_none() && component.build.is_none() && component.kind != Kind::Service
}
