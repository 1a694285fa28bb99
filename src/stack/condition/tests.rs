use proptest::prelude::*;
use serde_json::json;

use super::Condition;

fn change() -> serde_json::Value {
    json!({"action": "delete", "kind": "volume", "name": "db-data", "protected": true, "downtime_seconds": 12,
        "after": null, "before": {"driver": "local", "labels": ["a", "b"]}})
}

#[test]
fn a_condition_looks_at_one_change() {
    let holds = |text: &str| !Condition::parse(text).unwrap().among(&json!([change()])).is_empty();
    for text in [
        "@.action == 'delete' && @.kind == 'volume'",
        "@.downtime_seconds > 10",
        "@.protected == true",
        "@.action == 'create' || !(@.kind == 'service')",
        "match(@.name, 'db-.*')",
        "search(@.before.driver, 'loc')",
        "@.before.labels[?@ == 'b']",
        "length(@.before.labels) == 2",
        "@.after == null",
    ] {
        assert!(holds(text), "{text}");
    }
    for text in [
        "@.action == 'create'",
        "@.component",
        "@.before.missing == 1",
        "@.downtime_seconds > 12",
    ] {
        assert!(!holds(text), "{text}");
    }
}

#[test]
fn those_among_many_are_told_by_their_place() {
    let all = json!([{"name": "a"}, {"name": "b"}, {"kind": "a"}, {"name": "a"}]);
    let among = |text: &str| Condition::parse(text).unwrap().among(&all);
    assert_eq!(among("@.name == 'a'"), [0, 3]);
    assert_eq!(among("@.kind"), [2]);
    assert!(among("@.name == 'c'").is_empty());
    assert!(Condition::parse("@.name").unwrap().among(&json!([])).is_empty());
}

#[test]
fn what_could_cost_much_or_means_nothing_is_refused() {
    let refusal = |text: &str| Condition::parse(text).unwrap_err();
    let told: Vec<String> = [
        "",
        "action == 'delete'",
        "@.a ==",
        "@..image",
        "$.x == 1",
        "@.a == $.b",
        "$[?@.a]",
        "true] , [?@.a",
        "frobnicate(@.a)",
        "@.a[?@.b[?@..c]]",
        "@.kindd == 'volume'",
        "@['kindd']",
        "search(@.nmae, 'db')",
        "search(@.name, '(')",
        "search(@.name, @.kind)",
    ]
    .iter()
    .map(|text| format!("{text:?}: {}\n", refusal(text)))
    .collect();
    insta::assert_snapshot!(told.concat(), @r#"
    "": expected atom_expr
    "action == 'delete'": expected atom_expr
    "@.a ==": expected comparable
    "@..image": `..` is not for policies: name the way, such as `@.after.image`
    "$.x == 1": a condition looks at one change: write `@`, not `$`
    "@.a == $.b": a condition looks at one change: write `@`, not `$`
    "$[?@.a]": a condition looks at one change: write `@`, not `$`
    "true] , [?@.a": expected comp_op
    "frobnicate(@.a)": expected atom_expr
    "@.a[?@.b[?@..c]]": `..` is not for policies: name the way, such as `@.after.image`
    "@.kindd == 'volume'": a change has no `kindd`
    "@['kindd']": a change has no `kindd`
    "search(@.nmae, 'db')": a change has no `nmae`
    "search(@.name, '(')": the pattern cannot be read: it is no regular expression
    "search(@.name, @.kind)": the pattern of `match` and `search` is a text in quotes
    "#);
    assert!(refusal(&"(".repeat(5000)).contains("characters"));
    assert!(refusal(&format!("{}@.a{}", "(".repeat(100), ")".repeat(100))).contains("deep"));
}

proptest! {
    /// Whatever a stranger writes is an expression or an error, and never takes the program down.
    #[test]
    fn nothing_breaks_it(text in "[@$.a-c\\[\\]()?!&|<>='\" 0-9*,:~\\\\-]{0,60}") {
        if let Ok(condition) = Condition::parse(&text) {
            condition.among(&json!([change()]));
        }
    }
}
