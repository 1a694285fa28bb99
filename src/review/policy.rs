//! What the policies of a stack say of a plan.
//!
//! Owns the policies that mlstack knows itself, and what a condition of the user's sees of a change: the plan's JSON of
//! it, without a secret, with the component and the place beside it.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use mlstack_provider::Source;
use serde_json::{Value, json};

use super::waived::Waivers;
use super::{ModelChange, Severity, Violation, Waiver, owner};
use crate::diag::Path;
use crate::plan::{Change, Disruption, Plan, wire};
use crate::stack::{Condition, POLICIES, PolicySeverity, Stack};

/// Everything that is against a policy, heaviest first, then in the order of the policies and of the plan. `at` tells
/// the line of a place: what has no line of its own, because it goes, is told at that of the policy.
pub fn judge(
    stack: &Stack,
    target: &str,
    plan: &Plan,
    models: &[ModelChange],
    at: &dyn Fn(&Path) -> Option<Source>,
) -> Vec<Violation> {
    let components = stack.components.keys().map(String::as_str).collect();
    let court = Court {
        stack,
        target,
        waivers: Waivers::of(stack, &components, plan),
        components: &components,
        at,
    };
    let known = POLICIES
        .iter()
        .filter_map(|(name, ..)| Some((name, severity(stack.weight(name))?)));
    let mut all: Vec<Violation> = known
        .flat_map(|(name, severity)| court.known(name, severity, plan, models))
        .collect();
    all.extend(court.denied(plan));
    all.sort_by_key(|found| found.severity);
    all
}

fn severity(said: PolicySeverity) -> Option<Severity> {
    match said {
        PolicySeverity::Ignore => None,
        PolicySeverity::Warning => Some(Severity::Warning),
        PolicySeverity::Error => Some(Severity::Error),
    }
}

struct Court<'a> {
    stack: &'a Stack,
    target: &'a str,
    components: &'a BTreeSet<&'a str>,
    waivers: Waivers<'a>,
    at: &'a dyn Fn(&Path) -> Option<Source>,
}

impl Court<'_> {
    /// What is against a policy that mlstack knows itself.
    fn known(&self, name: &str, severity: Severity, plan: &Plan, models: &[ModelChange]) -> Vec<Violation> {
        if name == "breaking-api" {
            return models.iter().filter_map(|model| self.breaks(severity, model)).collect();
        }
        let says = |change: &Change| match name {
            "data-loss" => loses_data(change),
            "destroy" => change.destroys().then(|| format!("{} is taken away", change.address)),
            "downtime" => stops(change),
            "exposed" => opens(change),
            _ => None,
        };
        let found = plan.changes.iter().filter_map(|change| Some((change, says(change)?)));
        found
            .map(|(change, text)| self.violation(name, severity, change, text))
            .collect()
    }

    fn breaks(&self, severity: Severity, model: &ModelChange) -> Option<Violation> {
        let first = model.breaking.first()?;
        let more = match model.breaking.len() - 1 {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        Some(Violation {
            policy: "breaking-api".to_owned(),
            severity,
            address: None,
            text: format!("callers of {} must change: {first}{more}", model.component),
            help: Some("tell those who call it, or serve the new model beside the old one".to_owned()),
            source: model.source.clone(),
            waived: self.waivers.of_component(&model.component, "breaking-api"),
        })
    }

    /// What the conditions of the stack's own policies are about.
    fn denied(&self, plan: &Plan) -> Vec<Violation> {
        let seen = LazyCell::new(|| plan.changes.iter().map(|change| self.seen(change)).collect());
        let mut all = Vec::new();
        for (name, policy) in &self.stack.policies {
            let (Some(deny), Some(severity)) = (&policy.deny, severity(self.stack.weight(name))) else {
                continue;
            };
            let against = deny.among(&seen).into_iter().map(|place| &plan.changes[place]);
            all.extend(against.map(|change| {
                let text = policy.message.clone();
                let text = text.unwrap_or_else(|| format!("{} is against it", change.address));
                self.violation(name, severity, change, text)
            }));
        }
        all
    }

    fn violation(&self, policy: &str, severity: Severity, change: &Change, text: String) -> Violation {
        let own = || {
            let policies = self.stack.policies.contains_key(policy);
            policies.then(|| (self.at)(&Path::root().key("policies").key(policy)))?
        };
        Violation {
            policy: policy.to_owned(),
            severity,
            address: Some(change.address.clone()),
            text,
            help: Some(self.waivers.advice(change, policy)),
            source: change.source.clone().or_else(own),
            waived: self.waivers.of_change(change, policy),
        }
    }

    /// A change as conditions see it.
    fn seen(&self, change: &Change) -> Value {
        let mut seen = wire::to_json(change);
        let delta = seen["change"].take();
        let attributes: Vec<&str> = change.attributes.iter().map(|one| one.path.as_str()).collect();
        seen["action"] = change.action.name().into();
        seen["before"] = delta["before"].clone();
        seen["after"] = delta["after"].clone();
        seen["attributes"] = json!(attributes);
        seen["component"] = json!(owner(change, self.components));
        seen["environment"] = json!(self.stack.environment);
        seen["target"] = self.target.into();
        if let Some(seen) = seen.as_object_mut() {
            seen.shift_remove("change");
            seen.shift_remove("source");
        }
        seen
    }
}

/// What a change of the stack file lets through that was not let through before: policies that weigh less or say
/// something else, and waivers. `at` tells the line of a place.
pub fn loosened(before: &Stack, after: &Stack, at: &dyn Fn(&Path) -> Option<Source>) -> Vec<Violation> {
    let all = Path::root().key("policies");
    let names: BTreeSet<&str> = before
        .policies
        .keys()
        .chain(after.policies.keys())
        .map(String::as_str)
        .collect();
    let policies = names.into_iter().filter_map(|name| {
        let (was, is) = (before.weight(name), after.weight(name));
        let weighs = is > PolicySeverity::Ignore;
        let other = weighs && deny(before, name).is_some() && deny(before, name) != deny(after, name);
        let text = match (other, was > is) {
            (true, _) => format!("the condition of `{name}` is another one"),
            (false, true) => format!("`{name}` weighs less: {} → {}", word(was), word(is)),
            (false, false) => return None,
        };
        Some(remark(name, text, at(&all.key(name)).or_else(|| at(&all))))
    });
    let mut found: Vec<Violation> = policies.collect();
    for (name, waivers) in &after.allow_degraded {
        let had = before.allow_degraded.get(name);
        let new = waivers
            .iter()
            .filter(|(key, waiver)| had.and_then(|had| had.get(*key)) != Some(waiver));
        found.extend(new.map(|(key, waiver)| {
            let place = Path::root().key("allow_degraded").key(name).key(key);
            remark(key, let_through(name, waiver), at(&place))
        }));
    }
    for (name, component) in &after.components {
        let had = before.components.get(name).map(|before| &before.allow_degraded);
        let new = component
            .allow_degraded
            .iter()
            .filter(|(key, waiver)| after.has_policy(key) && had.and_then(|had| had.get(*key)) != Some(waiver));
        found.extend(new.map(|(key, waiver)| {
            remark(
                key,
                let_through(name, waiver),
                at(&component.path.key("allow_degraded").key(key)),
            )
        }));
    }
    found
}

fn let_through(name: &str, waiver: &Waiver) -> String {
    format!("`{name}` is let through from now on: {}", waiver.reason)
}

fn remark(policy: &str, text: String, source: Option<Source>) -> Violation {
    Violation {
        policy: policy.to_owned(),
        severity: Severity::Warning,
        address: None,
        text,
        help: Some("see whether that is meant: nothing stops it any more".to_owned()),
        source,
        waived: None,
    }
}

fn deny<'a>(stack: &'a Stack, name: &str) -> Option<&'a Condition> {
    stack.policies.get(name)?.deny.as_ref()
}

fn word(weight: PolicySeverity) -> &'static str {
    severity(weight).map_or("ignore", Severity::name)
}

fn loses_data(change: &Change) -> Option<String> {
    (change.disruption == Disruption::DataLoss).then(|| format!("the data of {} goes", change.address.name))
}

fn stops(change: &Change) -> Option<String> {
    match change.disruption {
        Disruption::Downtime { seconds: Some(seconds) } => {
            Some(format!("{} does not answer for about {seconds} s", change.address))
        }
        Disruption::Downtime { seconds: None } => Some(format!("{} does not answer for a while", change.address)),
        _ => None,
    }
}

/// Whether something becomes reachable from other machines that was not.
fn opens(change: &Change) -> Option<String> {
    let doors = |spec: &Option<Value>| {
        spec.as_ref()
            .map(|spec| outside(&change.address.kind, spec))
            .unwrap_or_default()
    };
    let (before, after) = (doors(&change.before), doors(&change.after));
    let new: Vec<String> = after.into_iter().filter(|door| !before.contains(door)).collect();
    (!new.is_empty()).then(|| {
        format!(
            "{} becomes reachable from other machines: {}",
            change.address,
            new.join(", ")
        )
    })
}

/// Where a thing can be reached from other machines.
fn outside(kind: &str, spec: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let ports = |all: Vec<Value>, name: &str| all.iter().map(|port| format!("port {}", text(&port[name]))).collect();
    match kind {
        "ingress" => hosts(&list(&spec["spec"]["rules"]), "host"),
        "httproute" => match list(&spec["spec"]["hostnames"]).as_slice() {
            [] => vec!["every host".to_owned()],
            all => all.iter().map(text).collect(),
        },
        "service" if spec["spec"]["type"] == "LoadBalancer" => ports(list(&spec["spec"]["ports"]), "port"),
        "service" => {
            let here = |port: &Value| {
                let address = port["host_ip"].as_str().unwrap_or_default();
                address.starts_with("127.") || address == "::1"
            };
            let all = list(&spec["ports"]);
            let open = all
                .into_iter()
                .filter(|port| !text(&port["published"]).is_empty() && port["published"] != Value::Null && !here(port));
            ports(open.collect(), "published")
        }
        _ => Vec::new(),
    }
}

fn hosts(all: &[Value], key: &str) -> Vec<String> {
    let host = |one: &Value| one[key].as_str().unwrap_or("every host").to_owned();
    all.iter().map(host).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
