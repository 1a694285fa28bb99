//! What users will notice, told before anything is done.

use mlstack_provider::Outage;

use super::*;
use crate::plan::forecast::{Foresight, forecast};

/// The memory target has no pods and ports; this one tells by the image.
fn outage(kind: &str, wanted: &Value, _changed: &[&str]) -> Outage {
    match (kind, wanted["image"].as_str()) {
        ("service", Some("page")) => Outage::Rolling,
        ("service", Some("api")) => Outage::Moment,
        ("service", _) => Outage::Stop,
        _ => Outage::None,
    }
}

fn forecast_of(desired: &[Resource], live: &[Resource]) -> String {
    let mut plan = check(desired, &lives(live));
    let took = BTreeMap::from([("service/db".to_owned(), 12), ("service/page".to_owned(), 9)]);
    forecast(&mut plan, Foresight { outage, took: &took });
    let changes = plan.changes.iter().filter(|change| change.action != Action::NoOp);
    changes
        .map(|change| format!("{}: {}\n", change.address, change.disruption))
        .collect()
}

fn services(memory: u32) -> Vec<Resource> {
    let service = |name: &str| {
        want(
            &format!("service/{name}"),
            json!({"image": name, "memory": memory}),
            &[],
        )
    };
    ["page", "api", "db", "batch"].map(service).into()
}

#[test]
fn the_target_says_how_and_the_ledger_how_long() {
    assert_snapshot!(forecast_of(&services(2), &services(1)), @"
    service/api: ≈ 1 s downtime
    service/batch: downtime
    service/db: ≈ 12 s downtime
    service/page: rolling, no downtime
    ");
}

#[test]
fn what_comes_and_goes_and_what_is_taken_apart() {
    let mut desired = stack();
    desired[0].spec["driver"] = json!("overlay");
    desired.push(want("service/page", json!({"image": "page"}), &[]));
    let mut live = stack();
    live.push(want("service/old", json!({"image": "old"}), &[]));
    assert_snapshot!(forecast_of(&desired, &live), @"
    network/default: 
    service/api: downtime
    service/db: ≈ 12 s downtime
    service/old: 
    service/page:
    ");
}
