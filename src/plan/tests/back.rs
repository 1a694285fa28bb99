//! Ways back: what is aimed at.

use serde_json::json;

use super::{live, stack, want};
use crate::plan::back::{before, first_of_each, keep_data, keep_used};

#[test]
fn what_stood_is_wanted_as_it_was_made_in_the_order_that_is_remembered() {
    let known = stack();
    let mut observed: Vec<_> = known.iter().rev().map(live).collect();
    // By hand: another memory now. It was made otherwise.
    observed[2].spec = json!({"image": "postgres:17", "memory": 1});
    // Another version than the one that is remembered.
    observed[1].spec = json!({"image": "api:2"});
    observed[1].recorded = Some(json!({"image": "api:2"}));
    observed.remove(0);
    let back = before(&observed, &known);
    let told: Vec<_> = back.iter().map(|one| format!("{} {}", one.address, one.spec)).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    network/default {"driver":"bridge"}
    volume/db-data {"driver":"local"}
    service/db {"image":"postgres:17","memory":268435456}
    service/api {"image":"api:2"}
    "#);
}

#[test]
fn what_depended_on_something_that_did_not_stand_depends_on_it_no_more() {
    let observed = [live(&want("service/api", json!({}), &["service/db"]))];
    let mut desired = before(&observed, &[]);
    keep_used(&mut desired, &observed);
    first_of_each(&mut desired);
    assert!(desired[0].depends_on.is_empty());
}

/// Somebody removed the network by hand, a run that failed made it again: what uses it goes on using it.
#[test]
fn what_came_back_in_between_and_is_used_stays() {
    let service = want("service/api", json!({}), &["network/back"]);
    let mut desired = before(&[live(&service)], &[]);
    let now = [live(&service), live(&want("network/back", json!({}), &[]))];
    keep_used(&mut desired, &now);
    first_of_each(&mut desired);
    let told: Vec<_> = desired
        .iter()
        .map(|one| format!("{} {:?}", one.address, one.depends_on.len()))
        .collect();
    assert_eq!(told, ["service/api 1", "network/back 0"]);
}

#[test]
fn data_is_wanted_as_it_stands() {
    let mut desired = stack();
    let mut observed: Vec<_> = desired.iter().map(live).collect();
    for live in &mut observed {
        live.spec = json!({"driver": "by hand"});
    }
    keep_data(&mut desired, &observed);
    let by_hand: Vec<_> = desired.iter().filter(|one| one.spec["driver"] == "by hand").collect();
    assert_eq!(
        by_hand.iter().map(|one| one.address.to_string()).collect::<Vec<_>>(),
        ["volume/db-data"]
    );
}
