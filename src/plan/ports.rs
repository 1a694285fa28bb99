//! Published ports that move from one thing to another.
//!
//! Owns who must let go of a port first where waiting is no way out: two that swap their ports, or one that takes a
//! port from what waits for it. Never orders steps: that is the graph's.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Value};

use super::decide::Decision;
use super::{Action, World};

/// The ports that a spec publishes, of which a target has one each: `ports[].published`, with the protocol.
pub(super) fn ports(spec: &Value) -> impl Iterator<Item = String> {
    let published = |port: &Value| match &port["published"] {
        Value::Null => None,
        Value::String(number) => Some(format!("{number}/{}", port["protocol"])),
        number => Some(format!("{number}/{}", port["protocol"])),
    };
    spec["ports"].as_array().into_iter().flatten().filter_map(published)
}

/// Each wanted thing that takes over a port, with the live thing that has it now.
pub(super) fn taken_over<'a>(world: &World<'a>) -> Vec<(&'a Address, &'a Address)> {
    let mut holders: BTreeMap<String, &Address> = BTreeMap::new();
    for (address, live) in &world.observed {
        holders.extend(ports(&live.spec).map(|port| (port, *address)));
    }
    let taken = world.desired.iter().flat_map(|(address, resource)| {
        let holders = ports(&resource.spec).filter_map(|port| holders.get(&port).copied());
        holders.map(|holder| (*address, holder)).collect::<Vec<_>>()
    });
    taken.filter(|(taker, holder)| taker != holder).collect()
}

/// Takes those apart whose port is wanted by something that they wait for: gone first, made anew after.
pub(super) fn take_holders_apart<'a>(world: &World<'a>, decisions: &mut BTreeMap<&'a Address, Decision<'a>>) {
    let dependencies = |(address, resource): (&&'a Address, &&'a mlstack_provider::Resource)| {
        (*address, resource.depends_on.iter().collect::<BTreeSet<_>>())
    };
    let mut waits: BTreeMap<&Address, BTreeSet<&Address>> = world.desired.iter().map(dependencies).collect();
    for (taker, holder) in taken_over(world) {
        if !reaches(&waits, holder, taker) {
            waits.entry(taker).or_default().insert(holder);
        } else if let Some(decision) = decisions.get_mut(holder)
            && decision.action == Action::Replace
        {
            decision.apart = true;
        }
    }
}

fn reaches(waits: &BTreeMap<&Address, BTreeSet<&Address>>, from: &Address, to: &Address) -> bool {
    let (mut todo, mut seen) = (vec![from], BTreeSet::new());
    while let Some(address) = todo.pop() {
        if address == to {
            return true;
        }
        if seen.insert(address) {
            todo.extend(waits.get(address).into_iter().flatten().copied());
        }
    }
    false
}
