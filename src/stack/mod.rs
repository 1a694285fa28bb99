//! The stack file: one text in, one [`Stack`] or a list of diagnostics out.
//!
//! ```text
//! text ─yaml─▶ Node ─merge(environment)─▶ Node ─shape─▶ (diagnostics) ─decode─▶ Stack ─check─▶ (diagnostics)
//! ```
//!
//! Owns the user's model, its defaults and its checks. Pure: files beside the stack file are read by the
//! caller and handed in. Never knows a provider, a plan or a target's resources.

mod check;
mod condition;
mod decode;
mod document;
mod format;
pub mod guide;
mod language;
pub mod lfs;
pub mod manual;
mod merge;
pub mod model;
pub mod models;
mod node;
mod reference;
mod scalar;
mod schema;
mod shape;
pub(crate) mod suggest;
mod texts;
mod trail;
mod units;
mod yaml;

pub use check::mount_links;
pub use condition::Condition;
pub use document::Document;
pub use format::{FormatError, format};
pub use model::*;
pub use schema::{SCHEMA_ID, schema};
pub use yaml::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};

use std::collections::BTreeSet;

use crate::diag::{At, Diagnostic, Locate, Span};
use node::Node;

/// The most diagnostics of one file; who mends these sees the next.
const MAX_DIAGNOSTICS: usize = 1000;

/// The most environments that are checked beside the wanted one.
const MAX_ENVIRONMENTS: usize = 30;

/// What of a stack file is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The environment to merge in; the base alone when unsaid.
    pub environment: Option<String>,
    /// Checks every environment too, not only the wanted one.
    pub every_environment: bool,
    /// Today, as `2026-11-23`: waivers that ended before count no more. They all count when unsaid.
    pub today: Option<String>,
}

/// What came out of a stack file.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The stack, unless a diagnostic is an error.
    pub stack: Option<Stack>,
    /// Everything that is wrong, sorted by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Where things stand.
    pub document: Document,
}

/// A duration as stack files write it (`90s`, `10m`), in microseconds; `None` when it is none.
pub fn duration(text: &str) -> Option<u64> {
    units::duration(text).ok()
}

/// The names of the environments of a stack file, in its order; none when it cannot be read.
pub fn environments(text: &str) -> Vec<String> {
    let root = yaml::read(text, &mut Vec::new());
    let names = root.iter().flat_map(merge::environments);
    names.map(str::to_owned).collect()
}

/// Reads and checks a stack file. Never fails: what is wrong is in the diagnostics, all of it at once.
pub fn parse(text: &str, options: &Options) -> Parsed {
    let mut diagnostics = Vec::new();
    let Some(root) = yaml::read(text, &mut diagnostics) else {
        return finish(None, diagnostics, Document::new(text, None));
    };
    let wanted = options.environment.as_deref();
    let tree = wanted.and_then(|name| merge::environment(&root, name, &mut diagnostics));
    let today = options.today.as_deref();
    if !options.every_environment {
        let parsed = read(text, tree.unwrap_or(root), (wanted, today), diagnostics);
        return finish(parsed.stack, parsed.diagnostics, parsed.document);
    }
    let mut parsed = read(text, tree.unwrap_or_else(|| root.clone()), (wanted, today), diagnostics);
    let mut told = told(&parsed);
    let others = merge::environments(&root).filter(|name| Some(*name) != wanted);
    for name in others.take(MAX_ENVIRONMENTS) {
        also(&mut parsed, &mut told, environment(text, &root, name, today), name);
    }
    finish(parsed.stack, parsed.diagnostics, parsed.document)
}

fn environment(text: &str, root: &Node, name: &str, today: Option<&str>) -> Parsed {
    let mut diagnostics = Vec::new();
    let tree = merge::environment(root, name, &mut diagnostics).unwrap_or_else(|| root.clone());
    read(text, tree, (Some(name), today), diagnostics)
}

fn read(
    text: &str,
    tree: Node,
    (environment, today): (Option<&str>, Option<&str>),
    mut diagnostics: Vec<Diagnostic>,
) -> Parsed {
    shape::check(&tree, &mut diagnostics);
    let mut stack = decode::stack(&tree, environment);
    if let Some(today) = today {
        check::end_waivers(&mut stack, today, &mut diagnostics);
    }
    check::stack(&mut stack, &tree, &mut diagnostics);
    Parsed {
        stack: Some(stack),
        diagnostics,
        document: Document::new(text, Some(tree)),
    }
}

/// What was said already, and where.
type Told = BTreeSet<(&'static str, Span)>;

fn told(parsed: &Parsed) -> Told {
    parsed
        .diagnostics
        .iter()
        .map(|old| (old.code.name, parsed.document.locate(&old.at)))
        .collect()
}

/// Adds what another environment has to say, by bytes, unless it was said already.
fn also(parsed: &mut Parsed, told: &mut Told, other: Parsed, environment: &str) {
    for diagnostic in other.diagnostics {
        let span = other.document.locate(&diagnostic.at);
        if parsed.diagnostics.len() < MAX_DIAGNOSTICS && told.insert((diagnostic.code.name, span)) {
            let related = diagnostic.related.into_iter();
            parsed.diagnostics.push(Diagnostic {
                at: At::Span(span),
                label: format!("in `{environment}`: {}", diagnostic.label),
                related: related
                    .map(|(at, label)| (At::Span(other.document.locate(&at)), label))
                    .collect(),
                ..diagnostic
            });
        }
    }
}

fn finish(stack: Option<Stack>, mut diagnostics: Vec<Diagnostic>, document: Document) -> Parsed {
    let stack = stack.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    diagnostics.sort_by_cached_key(|diagnostic| document.locate(&diagnostic.at).start);
    diagnostics.dedup();
    if diagnostics.len() > MAX_DIAGNOSTICS && stack.is_none() {
        diagnostics.retain(Diagnostic::is_error);
    }
    diagnostics.truncate(MAX_DIAGNOSTICS);
    Parsed {
        stack,
        diagnostics,
        document,
    }
}

#[cfg(test)]
mod tests;
