//! What users will notice of a plan: who stops, for how long, and who does not.
//!
//! Owns the estimate. How a thing is changed is the target's word; how long that took the last time is the ledger's.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Outage, Step, Value};

use super::{Action, Change, Disruption, Plan};

/// About how long a hand-over between two proven versions takes, in seconds (measured: 0.8 to 1.7).
const MOMENT: u32 = 1;

/// What is known of changes before they are made.
#[derive(Clone, Copy)]
pub struct Foresight<'a> {
    /// The target's word on a change of a thing of this kind to this spec, by the attributes that differ.
    pub outage: fn(&str, &Value, &[&str]) -> Outage,
    /// How long the last change of a thing took, in seconds, by its address.
    pub took: &'a BTreeMap<String, u32>,
}

/// Says of every change what users will notice.
pub fn forecast(plan: &mut Plan, foresight: Foresight<'_>) {
    let apart = taken_apart(plan);
    for change in &mut plan.changes {
        if let Some(disruption) = of(change, &apart, foresight) {
            change.disruption = disruption;
        }
    }
}

/// What is taken away first and made anew later, as something that it stands on is made anew meanwhile.
fn taken_apart(plan: &Plan) -> BTreeSet<Address> {
    let deleted = plan
        .nodes
        .iter()
        .filter(|node| matches!(node.step, Step::Delete { .. }));
    deleted.map(|node| node.step.address().clone()).collect()
}

fn of(change: &Change, apart: &BTreeSet<Address>, foresight: Foresight<'_>) -> Option<Disruption> {
    if change.disruption == Disruption::DataLoss || !matches!(change.action, Action::Update | Action::Replace) {
        return None;
    }
    let after = change.after.as_ref()?;
    let changed: Vec<&str> = change.attributes.iter().map(|one| one.attribute.as_str()).collect();
    let outage = match apart.contains(&change.address) {
        true => Outage::Stop,
        false => (foresight.outage)(&change.address.kind, after, &changed),
    };
    Some(match outage {
        Outage::None => Disruption::None,
        Outage::Rolling => Disruption::Rolling,
        Outage::Moment => Disruption::Downtime { seconds: Some(MOMENT) },
        Outage::Stop => Disruption::Downtime {
            seconds: foresight.took.get(&change.address.to_string()).copied(),
        },
    })
}
