//! What a way back aims at: what stood before, with data as it stands now.
//!
//! Owns the choice of what is wanted; the plan that leads there is a plan like any other. Pure.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Observed, Resource};

use super::diff;

/// What stood when `observed` was seen, as it was made; what `known` remembers just so comes first, in its order.
pub fn before(observed: &[Observed], known: &[Resource]) -> Vec<Resource> {
    let stood: BTreeMap<&Address, Resource> = observed.iter().map(|live| (&live.address, as_made(live))).collect();
    let same = |known: &&Resource| {
        let made = stood.get(&known.address);
        made.is_some_and(|made| diff(&made.spec, &known.spec).is_empty())
    };
    let mut all: Vec<Resource> = known.iter().filter(same).cloned().collect();
    all.extend(stood.into_values());
    unique(&mut all);
    all
}

/// Keeps the first of each address; says which there are.
fn unique(all: &mut Vec<Resource>) -> BTreeSet<Address> {
    let mut seen = BTreeSet::new();
    all.retain(|resource| seen.insert(resource.address.clone()));
    seen
}

/// Wants as well what `desired` stands on and is there `now`: it had been taken away by hand, and the run that failed
/// made it again. To take it away once more would take it from what uses it.
pub fn keep_used(desired: &mut Vec<Resource>, now: &[Observed]) {
    let mut known: BTreeSet<Address> = desired.iter().map(|resource| resource.address.clone()).collect();
    let mut next = 0;
    while let Some(resource) = desired.get(next) {
        let missing = resource.depends_on.iter().filter(|on| known.insert((*on).clone()));
        let found = missing.filter_map(|on| now.iter().find(|live| live.address == *on));
        let used: Vec<Resource> = found.map(as_made).collect();
        desired.extend(used);
        next += 1;
    }
}

/// A live thing as it would be asked for again.
pub fn as_made(live: &Observed) -> Resource {
    Resource {
        address: live.address.clone(),
        spec: live.recorded.clone().unwrap_or_else(|| live.spec.clone()),
        depends_on: live.depends_on.clone(),
        source: None,
        protected: live.protected,
    }
}

/// Keeps the first of each address, without what it depends on that is not among them.
pub fn first_of_each(all: &mut Vec<Resource>) {
    let seen = unique(all);
    for resource in all {
        resource.depends_on.retain(|on| seen.contains(on));
    }
}

/// What holds data is wanted as it stands: it is never rolled back.
pub fn keep_data(desired: &mut [Resource], observed: &[Observed]) {
    for resource in desired.iter_mut().filter(|resource| resource.protected) {
        if let Some(live) = observed.iter().find(|live| live.address == resource.address) {
            resource.spec.clone_from(&live.spec);
        }
    }
}
