//! Checks a plan against the two sides it came from.
//!
//! Run by every test and before every apply: a planner that errs is caught before it acts.
//! Never plans itself: each check is written from what must hold, not from how the planner gets there.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Observed, Resource, Step};

use super::{Action, Change, Node, Plan, Reason};

/// Everything wrong with a plan, one sentence each; empty when it is sound.
pub fn verify(plan: &Plan, desired: &[Resource], observed: &[Observed]) -> Vec<String> {
    let checked = Checked::new(plan, desired, observed);
    let checks = [
        Checked::inputs_are_sound,
        Checked::every_address_has_its_change,
        Checked::nodes_follow_what_they_wait_for,
        Checked::each_address_has_one_step,
        Checked::every_change_has_its_steps,
        Checked::wanted_things_follow_their_dependencies,
        Checked::dependents_go_first,
        Checked::data_is_protected,
        Checked::nothing_shows_a_secret,
        Checked::refusals_stop_everything,
    ];
    checks.iter().flat_map(|check| check(&checked)).collect()
}

struct Checked<'a> {
    plan: &'a Plan,
    desired: BTreeMap<&'a Address, &'a Resource>,
    observed: BTreeMap<&'a Address, &'a Observed>,
    sizes: (usize, usize),
    up: BTreeMap<&'a Address, &'a Node>,
    down: BTreeMap<&'a Address, &'a Node>,
}

impl<'a> Checked<'a> {
    fn new(plan: &'a Plan, desired: &'a [Resource], observed: &'a [Observed]) -> Self {
        let (down, up): (Vec<&Node>, Vec<&Node>) = plan
            .nodes
            .iter()
            .partition(|node| matches!(node.step, Step::Delete { .. }));
        let by_address = |nodes: Vec<&'a Node>| nodes.into_iter().map(|node| (node.step.address(), node)).collect();
        Self {
            plan,
            desired: desired.iter().map(|r| (&r.address, r)).collect(),
            observed: observed.iter().map(|o| (&o.address, o)).collect(),
            sizes: (desired.len(), observed.len()),
            up: by_address(up),
            down: by_address(down),
        }
    }

    fn inputs_are_sound(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        if self.sizes != (self.desired.len(), self.observed.len()) {
            flaws.push("an address is declared or observed twice".to_owned());
        }
        for resource in self.desired.values() {
            for on in resource.depends_on.iter().filter(|on| !self.desired.contains_key(on)) {
                flaws.push(format!("{} depends on {on}, which is not declared", resource.address));
            }
        }
        flaws
    }

    fn every_address_has_its_change(&self) -> Vec<String> {
        let all: BTreeSet<&Address> = self.desired.keys().chain(self.observed.keys()).copied().collect();
        let told: Vec<&Address> = self.plan.changes.iter().map(|change| &change.address).collect();
        if told == all.into_iter().collect::<Vec<_>>() {
            return Vec::new();
        }
        vec!["the changes are not exactly one for each address, in order".to_owned()]
    }

    fn nodes_follow_what_they_wait_for(&self) -> Vec<String> {
        let sound = |(place, node): &(usize, &Node)| {
            node.id == place + 1 && node.after.is_sorted() && node.after.iter().all(|a| (1..node.id).contains(a))
        };
        let wrong = self.plan.nodes.iter().enumerate().filter(|entry| !sound(entry));
        wrong
            .map(|(_, node)| format!("{node}: does not come after all it waits for"))
            .collect()
    }

    fn each_address_has_one_step(&self) -> Vec<String> {
        if self.up.len() + self.down.len() != self.plan.nodes.len() {
            return vec!["an address has two steps of one direction".to_owned()];
        }
        let mut flaws = Vec::new();
        for (address, up) in &self.up {
            let Some(down) = self.down.get(address) else { continue };
            if !matches!(up.step, Step::Create { .. }) || !up.after.contains(&down.id) {
                flaws.push(format!("{up}: its address has another step that is not its delete"));
            }
        }
        flaws
    }

    fn every_change_has_its_steps(&self) -> Vec<String> {
        let steps = |change: &Change| {
            let verb = |nodes: &BTreeMap<&Address, &Node>| nodes.get(&change.address).map(|n| super::verb(&n.step));
            (verb(&self.down), verb(&self.up))
        };
        let fits = |change: &Change| match (change.action, steps(change)) {
            (Action::NoOp | Action::Keep | Action::Refuse, found) => found == (None, None),
            (Action::Create, found) => found == (None, Some("create")),
            (Action::Update, found) => found == (None, Some("update")),
            (Action::Repair, found) => found == (None, Some("repair")),
            (Action::Delete, found) => found == (Some("delete"), None),
            (Action::Replace, found) => found == (None, Some("replace")) || found == (Some("delete"), Some("create")),
        };
        let refused = self.plan.refused().next().is_some();
        let wrong = self.plan.changes.iter().filter(|change| !refused && !fits(change));
        wrong
            .map(|change| format!("{}: its steps are not those of {:?}", change.address, change.action))
            .collect()
    }

    fn wanted_things_follow_their_dependencies(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for (address, node) in &self.up {
            let wanted = self.desired.get(address).map_or(&[][..], |r| &r.depends_on);
            for on in wanted.iter().filter_map(|on| self.up.get(on)) {
                if on.id >= node.id {
                    flaws.push(format!(
                        "{node}: comes before {}, which it depends on",
                        on.step.address()
                    ));
                }
            }
        }
        flaws
    }

    fn dependents_go_first(&self) -> Vec<String> {
        let mut flaws = Vec::new();
        for (address, node) in &self.down {
            for on in self.observed.get(address).map_or(&[][..], |o| &o.depends_on) {
                let later = self.down.get(on).is_some_and(|on| on.id < node.id)
                    || self
                        .up
                        .get(on)
                        .is_some_and(|up| up.id < node.id && matches!(up.step, Step::Replace { .. }));
                if later && !self.stands_on(on, address) {
                    flaws.push(format!("{node}: comes after {on}, on which it stands"));
                }
            }
        }
        flaws
    }

    /// Whether live `above` stands on `below`, however far; true for both of a cycle.
    fn stands_on(&self, above: &Address, below: &Address) -> bool {
        let (mut todo, mut seen) = (vec![above], BTreeSet::new());
        while let Some(address) = todo.pop() {
            if address == below {
                return true;
            }
            if seen.insert(address) {
                todo.extend(self.observed.get(address).into_iter().flat_map(|o| &o.depends_on));
            }
        }
        false
    }

    fn data_is_protected(&self) -> Vec<String> {
        let protected = |address: &Address| self.observed.get(address).is_some_and(|o| o.protected);
        let named = |node: &Node| node.reason == Reason::DataNamed || self.up.contains_key(node.step.address());
        let wrong = self
            .down
            .iter()
            .filter(|(address, node)| protected(address) && !named(node));
        wrong
            .map(|(_, node)| format!("{node}: holds data that nobody named"))
            .collect()
    }

    fn nothing_shows_a_secret(&self) -> Vec<String> {
        let all = self
            .plan
            .changes
            .iter()
            .flat_map(|c| c.attributes.iter().map(move |a| (c, a)));
        let secret = |path: &str| path.starts_with(&super::SECRETS.join("."));
        let wrong = all.filter(|(_, a)| secret(&a.path) && (a.before.is_some() || a.after.is_some() || !a.sensitive));
        wrong
            .map(|(change, a)| format!("{}: {} shows a secret", change.address, a.path))
            .collect()
    }

    fn refusals_stop_everything(&self) -> Vec<String> {
        if self.plan.refused().next().is_some() && !self.plan.nodes.is_empty() {
            return vec!["something is refused, yet there are steps".to_owned()];
        }
        Vec::new()
    }
}
