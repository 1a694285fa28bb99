use serde_json::{Value, json};

use super::merge;
use crate::fields;

fn all(base: &Value, expected: &Value, seen: &Value) -> (Value, Vec<String>) {
    let mut paths = Vec::new();
    let merged = merge(base, expected, seen, &mut |path, _, _| {
        paths.push(fields::join(path));
        true
    });
    (merged, paths)
}

#[test]
fn where_the_server_agrees_the_own_words_stand() {
    let base = json!({"spec": {"memory": "1024Mi", "env": [{"name": "A", "value": ""}]}});
    let server = json!({"spec": {"memory": "1Gi", "replicas": 1, "env": [{"name": "A"}]}});
    assert_eq!(all(&base, &server, &server), (base.clone(), vec![]));
}

#[test]
fn only_what_differs_is_what_is_seen() {
    let base = json!({"spec": {"memory": "1024Mi", "replicas": 2}});
    let expected = json!({"spec": {"memory": "1Gi", "replicas": 2, "policy": "Always"}});
    let seen = json!({"spec": {"memory": "1Gi", "replicas": 5, "policy": "Always", "paused": true}});
    let (merged, paths) = all(&base, &expected, &seen);
    assert_eq!(
        merged,
        json!({"spec": {"memory": "1024Mi", "replicas": 5, "paused": true}})
    );
    assert_eq!(paths, ["spec.paused", "spec.replicas"]);
}

#[test]
fn a_field_that_is_no_longer_wanted_shows() {
    let base = json!({"spec": {"image": "a"}});
    let expected = json!({"spec": {"image": "a", "replicas": 1}});
    let seen = json!({"spec": {"image": "a", "replicas": 3}});
    assert_eq!(
        all(&base, &expected, &seen).0,
        json!({"spec": {"image": "a", "replicas": 3}})
    );
    let gone = json!({"spec": {"image": "a"}});
    let (merged, _) = all(
        &json!({"spec": {"image": "a", "args": ["x"]}}),
        &json!({"spec": {"image": "a", "args": ["x"]}}),
        &gone,
    );
    assert_eq!(merged, gone);
}

#[test]
fn items_are_known_by_their_keys() {
    let item = |name: &str, value: &str| json!({"name": name, "value": value});
    let base = json!([item("A", "1"), item("B", "2"), item("C", "3")]);
    // One lacks, one differs, one is of somebody else and stays.
    let expected = json!([item("A", "1"), item("B", "2"), item("C", "3"), item("X", "0")]);
    let seen = json!([item("A", "1"), item("C", "9"), item("X", "0")]);
    let (merged, paths) = all(&base, &expected, &seen);
    assert_eq!(merged, json!([item("A", "1"), item("C", "9")]));
    assert_eq!(paths, ["[C].value", "[B]"]);
}

#[test]
fn items_stand_in_the_order_of_the_spec() {
    let (a, b) = (json!({"name": "A", "value": "1"}), json!({"name": "B", "value": "2"}));
    let other = json!({"name": "B", "value": "3"});
    // The server keeps them its own way on both sides.
    let (merged, paths) = all(&json!([a, b]), &json!([b, a]), &json!([other, a]));
    assert_eq!((merged, paths.len()), (json!([a, other]), 1));
    // The order itself differs.
    let (merged, _) = all(&json!([a, b]), &json!([a, b]), &json!([b, a]));
    assert_eq!(merged, json!([b, a]));
}

#[test]
fn ports_with_one_number_are_told_by_their_protocol() {
    let port = |protocol: &str, name: &str| json!({"port": 53, "protocol": protocol, "targetPort": name});
    let base = json!([port("TCP", "dns"), port("UDP", "dns")]);
    let seen = json!([port("TCP", "dns"), port("UDP", "other")]);
    assert_eq!(all(&base, &base, &seen).0, seen);
}

#[test]
fn what_does_not_count_leaves_the_own_words() {
    let base = json!({"spec": {"class": "fast"}});
    let (expected, seen) = (
        json!({"spec": {"class": "fast"}}),
        json!({"spec": {"class": "fast", "volumeName": "pv-1"}}),
    );
    assert_eq!(merge(&base, &expected, &seen, &mut |_, _, _| false), base);
    // Nor does it leave an empty shell of what the server made up.
    let made = |uid: &str| json!({"spec": {"class": "fast", "selector": {"labels": {"uid": uid}}}});
    assert_eq!(merge(&base, &made("a"), &made("b"), &mut |_, _, _| false), base);
    assert_eq!(merge(&base, &base, &made("b"), &mut |_, _, _| false), base);
}

#[test]
fn the_result_and_the_spec_differ_just_where_an_apply_changes_something() {
    let base = json!({"a": {"b": 1, "c": [1, 2]}, "l": [{"name": "x", "v": 1}]});
    for seen in [
        json!({"a": {"b": 2, "c": [1, 2]}, "l": [{"name": "x", "v": 1}]}),
        json!({"a": {"c": [2]}, "l": []}),
        json!({"l": [{"name": "x", "v": 1}, {"name": "y"}]}),
    ] {
        let (merged, paths) = all(&base, &base, &seen);
        assert_eq!(merged, seen);
        assert!(!paths.is_empty());
    }
}
