use std::collections::BTreeMap;

use mlstack_provider::Secret;
use serde_json::json;

use mlstack_provider::Keyed;

use super::{data, read_back, stand_in};

#[test]
fn the_data_of_a_secret_is_always_whole() {
    let spec = json!({"kind": "Secret", "x-mlstack": {"secrets": {"token": "d"}}});
    let values = BTreeMap::from([("token".to_owned(), Secret::new("hunter2"))]);
    assert_eq!(data(&spec, &values).expect("a value"), json!({"value": "aHVudGVyMg=="}));
    let error = data(&spec, &BTreeMap::new()).expect_err("no value");
    assert_eq!(error.hints, ["set it: mlstack secrets set token"]);
    let pull =
        json!({"kind": "Secret", "type": "kubernetes.io/dockerconfigjson", "x-mlstack": {"secrets": {"token": "d"}}});
    assert_eq!(
        data(&pull, &values).expect("a value"),
        json!({".dockerconfigjson": "aHVudGVyMg=="})
    );
}

#[test]
fn a_check_needs_no_value() {
    let spec = json!({"x-mlstack": {"secrets": {"token": "d"}}});
    assert_eq!(stand_in(&spec, None), json!({"value": ""}));
    assert_eq!(
        stand_in(&spec, Some(&json!({"data": {"value": "eA==", "old": "eQ=="}}))),
        json!({"value": "eA=="})
    );
}

#[test]
fn what_is_read_back_is_a_digest() {
    let spec = json!({"x-mlstack": {"secrets": {"token": "d"}}});
    let keyed = Keyed::new(|name, value| format!("{name}:{}", value.len()));
    let live = json!({"data": {"value": "aHVudGVyMg=="}});
    assert_eq!(
        serde_json::Value::Object(read_back(&spec, &live, &keyed)),
        json!({"token": "token:7"})
    );
    assert_eq!(format!("{keyed:?}"), "Keyed(•••)");
}
