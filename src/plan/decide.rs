//! What happens to each address, and why.
//!
//! Owns the protection of data: what holds data and is no longer declared is kept, with everything it stands on,
//! and what would lose its data is refused, unless the user named it. Never knows the order of the steps.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Impact, Observed, Resource};

use super::ports::take_holders_apart;
use super::{Action, AttributeChange, Change, Disruption, Options, Reason, Rules, World, diff};

/// What happens to one address.
pub(super) struct Decision<'a> {
    pub(super) desired: Option<&'a Resource>,
    pub(super) observed: Option<&'a Observed>,
    pub(super) action: Action,
    pub(super) reason: Reason,
    pub(super) attributes: Vec<AttributeChange>,
    /// Whether what it stores goes with it.
    pub(super) loses_data: bool,
    /// Whether it must be gone while something it stands on is made anew: a delete and a create instead of a replace.
    /// Also where its port goes to something that it waits for.
    pub(super) apart: bool,
}

/// What runs, with what is known to have held data protected, whatever its own label says by now.
pub fn protect(observed: &[Observed], held_data: &BTreeSet<Address>) -> Vec<Observed> {
    let protect = |live: &Observed| Observed {
        protected: live.protected || held_data.contains(&live.address),
        ..live.clone()
    };
    observed.iter().map(protect).collect()
}

/// Decides for every address, wanted or live.
pub(super) fn decide<'a>(
    world: &World<'a>,
    rules: Rules<'_>,
    options: &Options,
) -> BTreeMap<&'a Address, Decision<'a>> {
    let addresses: BTreeSet<&Address> = world.desired.keys().chain(world.observed.keys()).copied().collect();
    let mut decisions: BTreeMap<_, _> = addresses
        .into_iter()
        .map(|address| (address, alone(world, address, rules, options)))
        .collect();
    keep_what_kept_needs(world, &mut decisions);
    take_dependents_apart(world, rules, options, &mut decisions);
    take_holders_apart(world, &mut decisions);
    decisions
}

/// What happens to one address when nothing else is looked at.
fn alone<'a>(world: &World<'a>, address: &Address, rules: Rules<'_>, options: &Options) -> Decision<'a> {
    let (desired, observed) = (
        world.desired.get(address).copied(),
        world.observed.get(address).copied(),
    );
    match (desired, observed) {
        (Some(desired), Some(observed)) => compare(desired, observed, rules, options),
        (None, Some(live)) => Decision::new(desired, observed, undeclared(live, options)),
        (_, None) => Decision::new(desired, observed, (Action::Create, Reason::NotFound)),
    }
}

fn undeclared(live: &Observed, options: &Options) -> (Action, Reason) {
    match (live.protected, options.allows(&live.address)) {
        (false, _) => (Action::Delete, Reason::NoLongerDeclared),
        (true, true) => (Action::Delete, Reason::DataNamed),
        (true, false) => (Action::Keep, Reason::HoldsData),
    }
}

fn compare<'a>(desired: &'a Resource, observed: &'a Observed, rules: Rules<'_>, options: &Options) -> Decision<'a> {
    let attributes = diff(&observed.spec, &desired.spec);
    let cost = |change: &AttributeChange| rules(&desired.address.kind, &change.attribute);
    // The first of the dearest: `max_by_key` would give the last.
    let worst = attributes
        .iter()
        .map(|a| (cost(a), a))
        .reduce(|a, b| if b.0 > a.0 { b } else { a });
    let verdict = match (worst, &observed.problem) {
        (None, None) => (Action::NoOp, Reason::Unchanged),
        (None, Some(problem)) => (
            Action::Repair,
            Reason::NotWorking {
                problem: problem.clone(),
            },
        ),
        (Some((cost, because)), _) => {
            let action = if cost == Impact::InPlace {
                Action::Update
            } else {
                Action::Replace
            };
            let reason = match action {
                _ if drifted(desired, observed) => drifted_by(because, attributes.len() - 1),
                Action::Update => changed(because, attributes.len() - 1),
                _ => cannot_update(because),
            };
            (action, reason)
        }
    };
    let loses_data = matches!(worst, Some((Impact::ReplaceLosesData, _)));
    let because = worst.map(|(_, change)| change.path.clone()).unwrap_or_default();
    let mut decision = Decision {
        attributes,
        ..Decision::new(Some(desired), Some(observed), verdict)
    };
    if loses_data {
        decision.lose_data(because, options);
    }
    decision
}

/// Whether it was made just as it is wanted.
fn drifted(desired: &Resource, observed: &Observed) -> bool {
    let made = observed.recorded.as_ref();
    made.is_some_and(|made| diff(made, &desired.spec).is_empty())
}

fn drifted_by(because: &AttributeChange, more: usize) -> Reason {
    Reason::Drifted {
        attribute: because.path.clone(),
        more,
    }
}

fn changed(first: &AttributeChange, more: usize) -> Reason {
    Reason::Changed {
        attribute: first.path.clone(),
        more,
    }
}

fn cannot_update(change: &AttributeChange) -> Reason {
    Reason::CannotUpdateInPlace {
        attribute: change.path.clone(),
        before: change.before.clone(),
    }
}

/// What kept things stand on stays as well.
fn keep_what_kept_needs<'a>(world: &World<'a>, decisions: &mut BTreeMap<&'a Address, Decision<'a>>) {
    let kept = |d: &Decision<'_>| d.action == Action::Keep;
    let mut todo: Vec<&Address> = decisions.iter().filter(|(_, d)| kept(d)).map(|(a, _)| *a).collect();
    while let Some(address) = todo.pop() {
        for on in &world.observed[address].depends_on {
            let Some((on, decision)) = decisions.get_key_value(on).map(|(k, _)| *k).zip(decisions.get_mut(on)) else {
                continue;
            };
            if decision.action == Action::Delete && decision.reason != Reason::DataNamed {
                (decision.action, decision.reason) = (
                    Action::Keep,
                    Reason::NeededByKept {
                        address: address.clone(),
                    },
                );
                todo.push(on);
            }
        }
    }
}

/// Where something is made anew, what stands on it and cannot stay meanwhile is taken away first and made anew after.
///
/// Whether it can stay is the target's word: its rule for the attribute `depends_on.KIND`.
fn take_dependents_apart<'a>(
    world: &World<'a>,
    rules: Rules<'_>,
    options: &Options,
    decisions: &mut BTreeMap<&'a Address, Decision<'a>>,
) {
    let replaced = |d: &Decision<'_>| d.action == Action::Replace;
    let mut todo: Vec<&Address> = decisions.iter().filter(|(_, d)| replaced(d)).map(|(a, _)| *a).collect();
    while let Some(address) = todo.pop() {
        for dependent in world.dependents(address) {
            let impact = rules(&dependent.kind, &format!("depends_on.{}", address.kind));
            if impact == Impact::InPlace {
                continue;
            }
            let decision = decisions.get_mut(dependent).expect("every live address has a decision");
            let held = decision.action == Action::Keep;
            if !held && decision.take_apart(address, impact, options) {
                todo.push(dependent);
            }
            if held {
                let in_the_way = decisions.get_mut(address).expect("it came from the decisions");
                let reason = Reason::HeldByKept {
                    address: dependent.clone(),
                };
                (in_the_way.action, in_the_way.reason) = (Action::Refuse, reason);
            }
        }
    }
}

impl<'a> Decision<'a> {
    fn new(desired: Option<&'a Resource>, observed: Option<&'a Observed>, verdict: (Action, Reason)) -> Self {
        Self {
            desired,
            observed,
            action: verdict.0,
            reason: verdict.1,
            attributes: Vec::new(),
            loses_data: false,
            apart: false,
        }
    }

    fn protected(&self) -> bool {
        self.desired.is_some_and(|r| r.protected) || self.observed.is_some_and(|o| o.protected)
    }

    /// What it stores goes: refused when that is data nobody named.
    fn lose_data(&mut self, attribute: String, options: &Options) {
        self.loses_data = true;
        let named = self.desired.is_some_and(|r| options.allows(&r.address));
        if self.protected() && !named {
            (self.action, self.reason) = (Action::Refuse, Reason::WouldLoseData { attribute });
        }
    }

    /// Takes it away while `on` is made anew; says whether that is news to the things standing on this one.
    fn take_apart(&mut self, on: &Address, impact: Impact, options: &Options) -> bool {
        if self.apart || matches!(self.action, Action::Delete | Action::Refuse) {
            return false;
        }
        let known = self.action == Action::Replace;
        self.apart = true;
        if !known {
            (self.action, self.reason) = (Action::Replace, Reason::DependencyReplaced { address: on.clone() });
        }
        if impact == Impact::ReplaceLosesData || self.protected() {
            self.lose_data(format!("depends_on.{}", on.kind), options);
        }
        !known
    }

    fn disruption(&self) -> Disruption {
        match self.action {
            _ if self.loses_data => Disruption::DataLoss,
            Action::Delete if self.protected() => Disruption::DataLoss,
            Action::Replace => Disruption::Downtime { seconds: None },
            _ => Disruption::None,
        }
    }

    /// The same, for people.
    pub(super) fn into_change(self, address: &Address) -> Change {
        Change {
            address: address.clone(),
            disruption: self.disruption(),
            protected: self.protected(),
            source: self.desired.and_then(|r| r.source.clone()),
            before: self.observed.map(|o| o.spec.clone()),
            after: self.desired.map(|r| r.spec.clone()),
            action: self.action,
            reason: self.reason,
            attributes: self.attributes,
        }
    }
}
