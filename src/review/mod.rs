//! What a pull request does to a stack, as data: one plan for each environment, what becomes of the models, how the
//! parts hang together, and what the rules say of it.
//!
//! Owns the shape that every form of a review is made from: a comment, annotations, SARIF, JSON. Pure: no I/O, no
//! clock; who reads git and targets fills it in, who shows it (`view`) never asks for more.

mod cause;
mod models;
mod policy;
mod topology;
mod waived;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use mlstack_provider::{Address, Finding, Source, Value};

use crate::plan::{Action, Plan};

pub use crate::stack::Waiver;
pub use cause::Written;
pub use models::{Served, is_here, model_changes, model_of, served};
pub use policy::{judge, loosened};
pub use topology::{owner, topology};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Review {
    /// The stack's name.
    pub stack: String,
    /// What it is compared with: a commit; `None` when it is what runs, or nothing.
    pub base: Option<Base>,
    /// One for each environment or target, in the order of the stack file.
    pub sections: Vec<Section>,
    /// Who last wrote a line of the stack file, by line from 1; empty unless asked for (`--why`).
    pub why: BTreeMap<usize, Blame>,
}

/// A commit that a review compares with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// As it was typed: `origin/main`.
    pub reference: String,
    /// The full id of the commit, in hex.
    pub commit: String,
}

/// The commit that a line of the stack file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blame {
    /// The full id of the commit, in hex.
    pub commit: String,
    /// Who wrote it; the name alone.
    pub author: String,
    /// The day, as `2026-11-23`.
    pub date: String,
    /// The first line of its message.
    pub summary: String,
}

/// What happens in one environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// The environment; `None` for the stack as the file says it without one.
    pub environment: Option<String>,
    /// The target's name.
    pub target: String,
    /// Where exactly, if a target was looked at.
    pub context: Option<String>,
    /// What changes.
    pub plan: Plan,
    /// What the fingerprint of the plan is: what `apply --approved` takes.
    pub fingerprint: String,
    /// Fields of the stack file that the target honours only in part; JSON as in the plan document.
    pub unsupported: Vec<Value>,
    /// What is wrong or doubtful in the stack file; JSON as in the plan document.
    pub diagnostics: Vec<Value>,
    /// What the target says of it.
    pub findings: Vec<Finding>,
    /// What becomes of models, by component.
    pub models: Vec<ModelChange>,
    /// How the components hang together, before and after.
    pub topology: Topology,
    /// What the policies say.
    pub violations: Vec<Violation>,
    /// Why there is no plan: the stack file of this side cannot be used. Then everything else is empty.
    pub failure: Option<String>,
}

/// What becomes of the model of one component.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelChange {
    /// The component that serves it.
    pub component: String,
    /// The model before; `None` when the component is new.
    pub before: Option<ModelFacts>,
    /// The model after; `None` when the component goes.
    pub after: Option<ModelFacts>,
    /// What callers of the prediction API must change, one sentence each: `input MedInc is gone`.
    pub breaking: Vec<String>,
    /// What is new and breaks nobody, one sentence each.
    pub compatible: Vec<String>,
    /// The line of the stack file.
    pub source: Option<Source>,
}

/// What can be said of one model file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelFacts {
    /// As the stack file names it.
    pub uri: String,
    /// How large it is; `None` when it is elsewhere.
    pub bytes: Option<u64>,
    /// Its digest, 64 hex digits; `None` when it is elsewhere and not pinned.
    pub sha256: Option<String>,
    /// The opset of ONNX that it needs.
    pub opset: Option<i64>,
    /// Its inputs, as `MedInc: float`.
    pub inputs: Vec<String>,
    /// Its outputs, likewise.
    pub outputs: Vec<String>,
    /// The licence that it carries.
    pub licence: Option<String>,
    /// The metrics that it carries, by name.
    pub metrics: BTreeMap<String, String>,
    /// Why no more is known: it is in a store, or git keeps a pointer to it alone.
    pub unread: Option<String>,
}

/// How components hang together: those of either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The components, in file order; those that go come last.
    pub nodes: Vec<Node>,
    /// Who uses whom, by name: `(user, used)`; those of either side, sorted.
    pub edges: Vec<Edge>,
}

/// One component in the picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// The value of `type`.
    pub kind: String,
    /// What happens to what it is made of; the heaviest.
    pub change: Action,
    /// Whether it can be reached from outside.
    pub exposed: bool,
}

/// One arrow in the picture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Who uses.
    pub from: String,
    /// Whom.
    pub to: String,
    /// [`Action::Create`], [`Action::Delete`] or [`Action::NoOp`].
    pub change: Action,
}

/// How much a violation weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is allowed while it stands.
    Error,
    /// Told.
    Warning,
}

/// What a policy says of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The policy's name: a stable code, or the user's own name for it.
    pub policy: String,
    /// How much it weighs in this environment.
    pub severity: Severity,
    /// What it is about, if one thing.
    pub address: Option<Address>,
    /// What is wrong, in a sentence.
    pub text: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The line of the stack file.
    pub source: Option<Source>,
    /// Why it is let through, where the stack file says so.
    pub waived: Option<Waiver>,
}

impl Severity {
    /// Its word, for people and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl Review {
    /// A review of one section, that compares with no commit.
    pub fn of(stack: impl Into<String>, section: Section) -> Self {
        Self {
            stack: stack.into(),
            sections: vec![section],
            ..Self::default()
        }
    }

    /// Whether nothing changes anywhere.
    pub fn is_empty(&self) -> bool {
        self.sections.iter().all(Section::is_empty)
    }
}

impl Section {
    /// Whether nothing changes here.
    pub fn is_empty(&self) -> bool {
        self.failure.is_none() && self.plan.is_empty() && self.models.is_empty() && self.violations.is_empty()
    }

    /// What stops an apply: the violations that weigh as errors and are not waived.
    pub fn stopping(&self) -> impl Iterator<Item = &Violation> {
        self.violations.iter().filter(|found| found.stops())
    }
}

impl Violation {
    /// Whether it stops an apply.
    pub fn stops(&self) -> bool {
        self.severity == Severity::Error && self.waived.is_none()
    }
}
