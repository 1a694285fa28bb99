//! The difference between what is wanted and what runs: what changes, why, and in which order.
//!
//! Owns [`Plan`], the closed list of [`Reason`]s, the order of the steps, and [`verify`], which checks a plan.
//! Pure and deterministic: no I/O, no clock, no chance; never knows a stack file or a target.
//!
//! Two halves: `decide` says for each address what happens and why, `order` turns that into a graph of steps.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mlstack_provider::{Address, Impact, Observed, Resource, Source, Step, Value};

pub mod back;
mod decide;
mod diff;
mod drift;
mod forecast;
mod order;
mod ports;
pub mod scope;
pub mod seal;
mod verify;
pub mod wire;

#[cfg(test)]
mod tests;

pub use decide::protect;
pub use diff::{AttributeChange, SECRETS, diff};
pub use drift::{Drift, Sort, drift};
pub use forecast::{Foresight, forecast};
pub use verify::verify;

/// What changing an attribute of a kind costs: [`mlstack_provider::Provider::impact`] as a function.
pub type Rules<'a> = &'a dyn Fn(&str, &str) -> Impact;

/// What the user allows for this one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `--destroy-data`: data that may go, each by its name (`db-data`) or its address (`volume/db-data`).
    pub destroy_data: BTreeSet<String>,
}

impl Options {
    /// Whether the user named this data as free to go.
    pub fn allows(&self, address: &Address) -> bool {
        self.destroy_data.contains(&address.name) || self.destroy_data.contains(&address.to_string())
    }

    /// The names that fit no data there is: misspelt, most likely.
    pub fn unmatched<'a>(&'a self, observed: &[Observed]) -> Vec<&'a str> {
        let data = || observed.iter().filter(|o| o.protected).map(|o| &o.address);
        let known: BTreeSet<String> = data().flat_map(|a| [a.name.clone(), a.to_string()]).collect();
        self.destroy_data
            .iter()
            .filter(|name| !known.contains(*name))
            .map(String::as_str)
            .collect()
    }
}

/// What will happen, for people ([`Plan::changes`]) and for the executor ([`Plan::nodes`]).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// One entry for each address, wanted or live, sorted by address; unchanged ones too.
    pub changes: Vec<Change>,
    /// The steps, each after all those it waits for; empty when anything is refused.
    pub nodes: Vec<Node>,
    /// What changed behind mlstack's back, sorted by address; the changes put it right.
    pub drift: Vec<Drift>,
}

/// What happens to one thing, told to people.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The thing.
    pub address: Address,
    /// What happens to it.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What differs, sorted by path; empty when it is new or goes.
    pub attributes: Vec<AttributeChange>,
    /// What users of the stack notice.
    pub disruption: Disruption,
    /// The line of the stack file that asks for it.
    pub source: Option<Source>,
    /// Whether it holds data that cannot be made again.
    pub protected: bool,
    /// The live spec.
    pub before: Option<Value>,
    /// The wanted spec.
    pub after: Option<Value>,
}

/// The kind of what is made anew from files.
const IMAGE: &str = "image";

impl Change {
    /// Whether it takes away what somebody could miss: an image that nothing uses any more is no loss.
    pub fn destroys(&self) -> bool {
        self.action == Action::Delete && self.address.kind != IMAGE
    }
}

/// What happens to one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// It is made.
    Create,
    /// It is changed where it stands.
    Update,
    /// It is taken away and made anew.
    Replace,
    /// It is right but does not run, and is brought back to work.
    Repair,
    /// It is taken away.
    Delete,
    /// It is no longer declared but stays, because it holds data.
    Keep,
    /// It would lose data that nobody named: the whole plan is refused.
    Refuse,
}

impl Action {
    /// Its word, for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoOp => "no-op",
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Repair => "repair",
            Self::Delete => "delete",
            Self::Keep => "keep",
            Self::Refuse => "refuse",
        }
    }
}

/// Why something happens: the closed list. `Display` is what the user reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// It is as it should be.
    Unchanged,
    /// It is wanted and does not exist.
    NotFound,
    /// Attributes differ and can be changed where it stands.
    Changed {
        /// The first attribute that differs.
        attribute: String,
        /// How many others do.
        more: usize,
    },
    /// An attribute differs that cannot be changed where it stands.
    CannotUpdateInPlace {
        /// The attribute that forces the replacement.
        attribute: String,
        /// Its live value; `None` when it is not set or secret.
        before: Option<Value>,
    },
    /// It was made as it is wanted, and somebody changed it since.
    Drifted {
        /// The attribute that drifted; the one that costs most where several did.
        attribute: String,
        /// How many others did.
        more: usize,
    },
    /// Something it stands on is made anew, and it cannot stay meanwhile.
    DependencyReplaced {
        /// What it stands on.
        address: Address,
    },
    /// It is right but does not work.
    NotWorking {
        /// What the target says about it.
        problem: String,
    },
    /// The stack file no longer asks for it.
    NoLongerDeclared,
    /// The stack file no longer asks for it, and the user named its data as free to go.
    DataNamed,
    /// The stack file no longer asks for it, but it holds data.
    HoldsData,
    /// The stack file no longer asks for it, but something that is kept stands on it.
    NeededByKept {
        /// What is kept.
        address: Address,
    },
    /// Making it anew would lose data that the user did not name.
    WouldLoseData {
        /// The attribute, or the dependency, that forces it.
        attribute: String,
    },
    /// It must be made anew, but something that is kept stands on it.
    HeldByKept {
        /// What is kept.
        address: Address,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unchanged => write!(f, "no changes"),
            Self::NotFound => write!(f, "will be created"),
            Self::Changed { attribute, more: 0 } | Self::CannotUpdateInPlace { attribute, .. } => {
                write!(f, "{attribute} changed")
            }
            Self::Changed { attribute, more } => write!(f, "{attribute} and {more} more changed"),
            Self::Drifted { attribute, more: 0 } => write!(f, "{attribute} drifted"),
            Self::Drifted { attribute, more } => write!(f, "{attribute} and {more} more drifted"),
            Self::DependencyReplaced { address } => write!(f, "{address} is replaced"),
            Self::NotWorking { problem } => write!(f, "{problem}"),
            Self::NoLongerDeclared => write!(f, "no longer declared"),
            Self::DataNamed => write!(f, "no longer declared, --destroy-data names it"),
            Self::HoldsData => write!(f, "no longer declared: kept"),
            Self::NeededByKept { address } => write!(f, "no longer declared: kept for {address}"),
            Self::WouldLoseData { attribute } => write!(f, "refused: changing {attribute} would lose its data"),
            Self::HeldByKept { address } => write!(f, "refused: {address} is kept and stands on it"),
        }
    }
}

/// What users of the stack notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disruption {
    /// Nothing.
    None,
    /// Copies are changed one after the other; some always serve.
    Rolling,
    /// It does not answer for a moment.
    Downtime {
        /// About how long, where that is known.
        seconds: Option<u32>,
    },
    /// What it stores is gone.
    DataLoss,
}

impl fmt::Display for Disruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Rolling => write!(f, "rolling, no downtime"),
            Self::Downtime { seconds: Some(seconds) } => write!(f, "≈ {seconds} s downtime"),
            Self::Downtime { seconds: None } => write!(f, "downtime"),
            Self::DataLoss => write!(f, "data loss"),
        }
    }
}

/// One step with its place in the order.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// One-based; also its place in [`Plan::nodes`].
    pub id: usize,
    /// Which nodes must have succeeded before, ascending; all smaller than `id`.
    pub after: Vec<usize>,
    /// What to do.
    pub step: Step,
    /// Why.
    pub reason: Reason,
}

/// How many things a plan adds, changes, replaces and destroys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Made.
    pub add: usize,
    /// Changed where they stand, or brought back to work.
    pub change: usize,
    /// Made anew.
    pub replace: usize,
    /// Taken away.
    pub destroy: usize,
}

impl Plan {
    /// Whether there is nothing to do and nothing to refuse.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.refused().next().is_none()
    }

    /// The changes that would lose data nobody named; any of them refuses the plan.
    pub fn refused(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action == Action::Refuse)
    }

    /// How many things it touches, by sort.
    pub fn summary(&self) -> Summary {
        let count = |wanted: &[Action]| self.changes.iter().filter(|c| wanted.contains(&c.action)).count();
        Summary {
            add: count(&[Action::Create]),
            change: count(&[Action::Update, Action::Repair]),
            replace: count(&[Action::Replace]),
            destroy: count(&[Action::Delete]),
        }
    }

    /// One line a node, for tests: `[1] -> #2 service/api, replace, image changed`.
    pub fn to_lines(&self) -> String {
        self.nodes.iter().map(|node| format!("{node}\n")).collect()
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after: Vec<String> = self.after.iter().map(usize::to_string).collect();
        let (id, step) = (self.id, &self.step);
        write!(
            f,
            "[{}] -> #{id} {}, {}, {}",
            after.join(", "),
            step.address(),
            verb(step),
            self.reason
        )
    }
}

/// The name of what a step does.
pub fn verb(step: &Step) -> &'static str {
    match step {
        Step::Create { .. } => "create",
        Step::Update { .. } => "update",
        Step::Replace { .. } => "replace",
        Step::Repair { .. } => "repair",
        Step::Delete { .. } => "delete",
    }
}

/// Compares what is wanted with what runs.
///
/// The order of either list does not matter. Addresses are unique in each; of two with one address the one with
/// the smaller id counts, and [`verify`] tells.
pub fn plan(desired: &[Resource], observed: &[Observed], rules: Rules<'_>, options: &Options) -> Plan {
    let world = World::new(desired, observed);
    let decisions = decide::decide(&world, rules, options);
    let refused = decisions.values().any(|decision| decision.action == Action::Refuse);
    Plan {
        drift: drift(desired, observed, &[]),
        nodes: if refused {
            Vec::new()
        } else {
            order::nodes(&world, &decisions)
        },
        changes: decisions
            .into_iter()
            .map(|(address, decision)| decision.into_change(address))
            .collect(),
    }
}

/// Both sides by address, and who stands on whom.
struct World<'a> {
    desired: BTreeMap<&'a Address, &'a Resource>,
    observed: BTreeMap<&'a Address, &'a Observed>,
    /// Live things by what they depend on, as recorded in the objects themselves.
    dependents: BTreeMap<&'a Address, BTreeSet<&'a Address>>,
}

impl<'a> World<'a> {
    fn new(desired: &'a [Resource], observed: &'a [Observed]) -> Self {
        let mut live: Vec<&Observed> = observed.iter().collect();
        live.sort_by(|a, b| b.id.cmp(&a.id));
        let observed: BTreeMap<_, _> = live.into_iter().map(|o| (&o.address, o)).collect();
        let mut dependents: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (address, live) in &observed {
            for on in live.depends_on.iter().filter(|on| on != address) {
                dependents.entry(on).or_default().insert(*address);
            }
        }
        Self {
            desired: desired.iter().map(|r| (&r.address, r)).collect(),
            observed,
            dependents,
        }
    }

    /// The live things that stand on `address`.
    fn dependents(&self, address: &Address) -> impl Iterator<Item = &'a Address> {
        self.dependents.get(address).into_iter().flatten().copied()
    }
}
