//! Which waiver lets something through, and where one would have to be written.
//!
//! A component says so itself; for what is no component any more, the stack does.

use std::collections::BTreeSet;

use super::{Waiver, owner};
use crate::plan::{Change, Plan};
use crate::stack::Stack;
use crate::stack::suggest::nearest;

/// The waivers of a stack.
pub(super) struct Waivers<'a> {
    stack: &'a Stack,
    /// The components of the stack file.
    components: &'a BTreeSet<&'a str>,
    /// Former components, as far as a plan tells: the names of workloads that belong to none of them.
    former: BTreeSet<&'a str>,
}

/// What a component is made of first of all, on Compose and on Kubernetes; it has the component's name.
const WORKLOADS: [&str; 3] = ["service", "deployment", "statefulset"];

impl<'a> Waivers<'a> {
    pub(super) fn of(stack: &'a Stack, components: &'a BTreeSet<&'a str>, plan: &'a Plan) -> Self {
        let strangers = plan.changes.iter().filter(|change| owner(change, components).is_none());
        let workloads = strangers.filter(|change| WORKLOADS.contains(&&*change.address.kind));
        Self {
            stack,
            components,
            former: workloads.map(|change| change.address.name.as_str()).collect(),
        }
    }

    /// Why a change is let through in spite of a policy.
    pub(super) fn of_change(&self, change: &Change, policy: &str) -> Option<Waiver> {
        match owner(change, self.components) {
            Some(component) => self.of_component(component, policy),
            None => self.of_stranger(change, policy),
        }
    }

    /// The same for all of a component.
    pub(super) fn of_component(&self, component: &str, policy: &str) -> Option<Waiver> {
        let component = self.stack.components.get(component)?;
        component.allow_degraded.get(policy).cloned()
    }

    /// By its address, or by the former component that it was of: `cache` says nothing of `cache-page`.
    fn of_stranger(&self, change: &Change, policy: &str) -> Option<Waiver> {
        let all = &self.stack.allow_degraded;
        let names = all
            .keys()
            .map(String::as_str)
            .chain(self.former.iter().copied())
            .collect();
        let of = |name: &str| all.get(name)?.get(policy);
        let own = of(&change.address.to_string());
        own.or_else(|| of(owner(change, &names)?)).cloned()
    }

    /// What the stack lets through in spite of a policy.
    fn lets_through(&self, policy: &str) -> Vec<String> {
        let all = self.stack.allow_degraded.iter();
        let all =
            all.filter(|(name, waivers)| waivers.contains_key(policy) && !self.components.contains(name.as_str()));
        all.map(|(name, _)| name.clone()).collect()
    }

    /// What somebody who means a change has to write.
    pub(super) fn advice(&self, change: &Change, policy: &str) -> String {
        let head = "let it through with a reason, if it is meant:";
        if let Some(component) = owner(change, self.components) {
            return format!("{head} `allow_degraded: {{{policy}: \"…\"}}` on `{component}`");
        }
        let name = owner(change, &self.former).unwrap_or(&change.address.name);
        let written = self.lets_through(policy);
        match nearest(name, written.iter().map(String::as_str)) {
            Some(near) => format!("`allow_degraded` of the stack says `{near}`: did you mean `{name}`?"),
            None => format!("{head} `allow_degraded: {{{name}: {{{policy}: \"…\"}}}}` at the top of the stack file"),
        }
    }
}
