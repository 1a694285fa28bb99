use mlstack_provider::Address;
use serde_json::json;

use super::{is_claim_of, join, left_over};

#[test]
fn a_claim_tells_whose_it_is() {
    assert!(is_claim_of("data-db-0", "db"));
    assert!(is_claim_of("data-my-db-12", "my-db"));
    assert!(!is_claim_of("data-db", "db"));
    assert!(!is_claim_of("data-mydb-0", "db"));
    assert!(!is_claim_of("db-0", "db"));
}

#[test]
fn a_namespace_goes_last_and_claims_after_their_set() {
    let live = |name: &str| {
        json!({"metadata": {"name": name, "uid": "u",
        "annotations": {"mlstack.dev/depends-on": "configmap/gone,service/api"}}})
    };
    let of = |kind: &str, name: &str| left_over(&Address::new(kind, name), &live(name));
    let mut all = vec![
        of("statefulset", "db"),
        of("service", "api"),
        of("pvc", "data-db-0"),
        of("namespace", "demo"),
    ];
    all[3].depends_on.clear();
    join(&mut all);
    let text: Vec<String> = all
        .iter()
        .map(|one| {
            let on: Vec<String> = one.depends_on.iter().map(ToString::to_string).collect();
            format!("{} {} [{}]", one.address, one.protected, on.join(" "))
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"), @"
    namespace/demo true []
    pvc/data-db-0 true [namespace/demo service/api]
    service/api false [namespace/demo]
    statefulset/db false [namespace/demo pvc/data-db-0 service/api]
    ");
}
