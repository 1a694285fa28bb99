//! A part of a stack, chosen by name: `--only` and `--exclude`.
//!
//! Owns which addresses are in. What is out is wanted exactly as it stands, so that the planner sees it and leaves it
//! alone; what is out and does not exist is not wanted. Pure; never decides what happens to what is in.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Observed, Resource};
use serde::{Deserialize, Serialize};

use super::{Action, Change, Plan};

/// Which things a plan is about. Each name is that of a component (`db`) or an address (`volume/db-data`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// `--only`: these, and all that they need.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub only: BTreeSet<String>,
    /// `--exclude`: all but these, and but what cannot be made without them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub exclude: BTreeSet<String>,
}

/// Why a scope cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Names that fit nothing wanted and nothing live.
    #[error("there is nothing called {}", names.join(", "))]
    Unknown {
        /// The names.
        names: Vec<String>,
        /// What there is: the names of all services, sorted.
        known: Vec<String>,
    },
    /// What is left alone stands on something that is not there afterwards.
    #[error("{dependent} is left alone, but {on}, which it stands on, is not there afterwards")]
    LeftBroken {
        /// What is left alone.
        dependent: Address,
        /// What is not there.
        on: Address,
    },
    /// Something outside would have to change as well.
    #[error("{address} would have to change too: {reason}")]
    Reaches {
        /// What is outside.
        address: Address,
        /// Why it changes.
        reason: String,
    },
}

/// Both sides of a plan, narrowed to a scope.
#[derive(Debug)]
pub struct Narrowed {
    /// What is wanted: what is in as the stack says, what is out as it stands.
    pub desired: Vec<Resource>,
    /// What is live; what is out counts as working.
    pub observed: Vec<Observed>,
    /// What the plan leaves alone.
    pub outside: BTreeSet<Address>,
}

impl Scope {
    /// Whether nothing was chosen: the whole stack.
    pub fn is_whole(&self) -> bool {
        self.only.is_empty() && self.exclude.is_empty()
    }

    /// Narrows both sides of a plan.
    ///
    /// # Errors
    /// When a name fits nothing, or when what is left alone stands on what is not there afterwards.
    pub fn narrow(&self, desired: Vec<Resource>, observed: Vec<Observed>) -> Result<Narrowed, ScopeError> {
        self.refuse_unknown(&desired, &observed)?;
        let live: BTreeSet<Address> = observed.iter().map(|live| live.address.clone()).collect();
        let outside = self.outside(&desired, &live);
        let mut wanted: Vec<Resource> = desired.into_iter().filter(|r| !outside.contains(&r.address)).collect();
        let known = |on: &Address| live.contains(on) || wanted.iter().any(|r| r.address == *on);
        let left = observed.iter().filter(|live| outside.contains(&live.address));
        let left: Vec<Resource> = left.map(|live| as_it_stands(live, &known)).collect();
        wanted.extend(left);
        refuse_broken(&wanted, &outside)?;
        let working = |mut live: Observed| {
            live.problem.take_if(|_| outside.contains(&live.address));
            live
        };
        Ok(Narrowed {
            desired: wanted,
            observed: observed.into_iter().map(working).collect(),
            outside,
        })
    }

    fn refuse_unknown(&self, desired: &[Resource], observed: &[Observed]) -> Result<(), ScopeError> {
        let all = || {
            desired
                .iter()
                .map(|r| &r.address)
                .chain(observed.iter().map(|o| &o.address))
        };
        let asked = self.only.iter().chain(&self.exclude);
        let names: Vec<String> = asked
            .filter(|name| !all().any(|a| is_called(a, name)))
            .cloned()
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        let services = all().filter(|address| address.kind == "service");
        let known: BTreeSet<String> = services.map(|address| address.name.clone()).collect();
        Err(ScopeError::Unknown {
            names,
            known: known.into_iter().collect(),
        })
    }

    /// Everything, wanted or live, that the plan leaves alone.
    fn outside(&self, desired: &[Resource], live: &BTreeSet<Address>) -> BTreeSet<Address> {
        let all: BTreeSet<Address> = desired
            .iter()
            .map(|r| r.address.clone())
            .chain(live.iter().cloned())
            .collect();
        let mut outside = BTreeSet::new();
        if !self.only.is_empty() {
            let inside = self.needed(desired, &all);
            outside.extend(all.iter().filter(|address| !inside.contains(*address)).cloned());
        }
        let excluded = |address: &&Address| self.exclude.iter().any(|name| is_called(address, name));
        outside.extend(all.iter().filter(excluded).cloned());
        // What is not made takes with it what cannot be made without it.
        loop {
            let missing = |on: &Address| outside.contains(on) && !live.contains(on);
            let lost = desired
                .iter()
                .filter(|r| !outside.contains(&r.address) && r.depends_on.iter().any(missing));
            let lost: Vec<Address> = lost.map(|r| r.address.clone()).collect();
            if lost.is_empty() {
                return outside;
            }
            outside.extend(lost);
        }
    }

    /// What `only` names, and all that it stands on.
    fn needed(&self, desired: &[Resource], all: &BTreeSet<Address>) -> BTreeSet<Address> {
        let uses: BTreeMap<&Address, &[Address]> = desired.iter().map(|r| (&r.address, &*r.depends_on)).collect();
        let named = |address: &&Address| self.only.iter().any(|name| is_called(address, name));
        let mut todo: Vec<&Address> = all.iter().filter(named).collect();
        let mut inside = BTreeSet::new();
        while let Some(address) = todo.pop() {
            if inside.insert(address.clone()) {
                todo.extend(uses.get(address).copied().unwrap_or_default());
            }
        }
        inside
    }
}

/// Whether `plan`, made of both narrowed sides, leaves alone what is `outside`.
///
/// # Errors
/// Names the first thing outside that would change: a container whose network is made anew.
pub fn refuse_reach(plan: &Plan, outside: &BTreeSet<Address>) -> Result<(), ScopeError> {
    let touched = |change: &&Change| outside.contains(&change.address) && change.action != Action::NoOp;
    match plan.changes.iter().find(touched) {
        None => Ok(()),
        Some(change) => Err(ScopeError::Reaches {
            address: change.address.clone(),
            reason: change.reason.to_string(),
        }),
    }
}

fn is_called(address: &Address, name: &str) -> bool {
    address.name == name || address.to_string() == name
}

/// What stands there, as if it were wanted so; what it needs and nobody can see (a pulled image) is not asked for.
fn as_it_stands(live: &Observed, known: &dyn Fn(&Address) -> bool) -> Resource {
    Resource {
        address: live.address.clone(),
        spec: live.spec.clone(),
        depends_on: live.depends_on.iter().filter(|on| known(on)).cloned().collect(),
        source: None,
        protected: live.protected,
    }
}

fn refuse_broken(wanted: &[Resource], outside: &BTreeSet<Address>) -> Result<(), ScopeError> {
    let stays: BTreeSet<&Address> = wanted.iter().map(|resource| &resource.address).collect();
    for left in wanted.iter().filter(|resource| outside.contains(&resource.address)) {
        if let Some(on) = left.depends_on.iter().find(|on| !stays.contains(on)) {
            return Err(ScopeError::LeftBroken {
                dependent: left.address.clone(),
                on: on.clone(),
            });
        }
    }
    Ok(())
}
