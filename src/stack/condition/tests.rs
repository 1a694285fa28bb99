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
        "@.before[?@.whatever == 1 || @ == 'local']",
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
fn a_condition_of_nothing_is_none() {
    for text in ["", " \n "] {
        assert_eq!(Condition::parse(text).unwrap_err().label, "nothing stands here");
    }
}

/// Conditions that are refused, each with what is said of it and what helps.
fn told(conditions: &[&str]) -> String {
    let one = |text: &&str| {
        let wrong = Condition::parse(text).unwrap_err();
        format!("{text}\n  {}\n  {}\n", wrong.label, wrong.help)
    };
    conditions.iter().map(one).collect()
}

#[test]
fn what_could_cost_much_or_means_nothing_is_refused() {
    insta::assert_snapshot!(told(&[
        "@..image",
        "$.x == 1",
        "@.name == $.b",
        "@.after[?@.b[?@..c]]",
        "search(@.name, '(')",
        "search(@.name, @.kind)",
        "true] , [?@.name",
    ]), @r#"
    @..image
      character 2: `..` would look everywhere
      name the way, such as `@.after.image`
    $.x == 1
      character 1: a condition looks at one change, not at `$`
      write `@`, the change
    @.name == $.b
      character 11: a condition looks at one change, not at `$`
      write `@`, the change
    @.after[?@.b[?@..c]]
      character 16: `..` would look everywhere
      name the way, such as `@.after.image`
    search(@.name, '(')
      the pattern cannot be read: it is no regular expression
      such as `"@.kind == 'volume' && @.action == 'delete'"`
    search(@.name, @.kind)
      the pattern of `match` and `search` is a text in quotes
      such as `"@.kind == 'volume' && @.action == 'delete'"`
    true] , [?@.name
      character 5: `]` closes nothing
      take it away, or open it before
    "#);
    let refusal = |text: &str| Condition::parse(text).unwrap_err().label;
    assert!(refusal(&"(".repeat(5000)).contains("characters"));
    assert!(refusal(&format!("{}@.name{}", "(".repeat(100), ")".repeat(100))).contains("deep"));
}

#[test]
fn what_is_misspelt_is_told_in_our_words() {
    insta::assert_snapshot!(told(&[
        "action == 'delete'",
        "acton == 'delete'",
        "@action == 'delete'",
        "@.action = 'delete'",
        "@.action === 'delete'",
        "@.action == delete",
        "@.action == 'delete",
        "@.action == “delete”",
        "@.action == 'delete' and @.kind == 'volume'",
        "@.action == 'delete' & @.protected",
        "not @.protected",
        "@.protected == True",
        "@.name contains 'db'",
        "@.name =~ 'db'",
        "@.action ==",
        "@.action == == 'delete'",
        "@.action 'delete'",
        "(@.action == 'delete'",
        "@.action == 'delete')",
        "serach(@.name, 'db')",
        "frobnicate(@.name)",
        "search(@.name)",
        "@.after.labels.my-label == 'x'",
        "@.kindd == 'volume'",
        "@['kindd']",
        "@.whatever",
        "search(@.nmae, 'db')",
        "@.action == 'deleted'",
        "'gone' != @.action",
        "@.disruption == 'outage'",
        "@.name == 'é' && @.kind = 'volume'",
        "@.name == 'a',",
    ]), @r#"
    action == 'delete'
      character 1: `action` has no `@.` before it
      write `@.action`
    acton == 'delete'
      character 1: `acton` means nothing here
      did you mean `@.action`?
    @action == 'delete'
      character 1: `@action` lacks a dot
      write `@.action`
    @.action = 'delete'
      character 10: `=` means nothing here
      write `==`
    @.action === 'delete'
      character 10: `===` means nothing here
      write `==`
    @.action == delete
      character 13: `delete` has no quotes
      write `'delete'`
    @.action == 'delete
      character 13: the quote `'` is not closed
      end the text with `'`
    @.action == “delete”
      character 13: `“` means nothing here
      write `'`
    @.action == 'delete' and @.kind == 'volume'
      character 22: `and` means nothing here
      write `&&`
    @.action == 'delete' & @.protected
      character 22: `&` means nothing here
      write `&&`
    not @.protected
      character 1: `not` means nothing here
      write `!`
    @.protected == True
      character 16: `True` means nothing here
      write `true`
    @.name contains 'db'
      character 8: `contains` means nothing here
      write `search(@.name, 'PATTERN')`
    @.name =~ 'db'
      character 8: `=~` means nothing here
      write `search(@.name, 'PATTERN')`
    @.action ==
      something is missing at its end
      such as `"@.kind == 'volume' && @.action == 'delete'"`
    @.action == == 'delete'
      character 13: `==` cannot stand here
      such as `"@.kind == 'volume' && @.action == 'delete'"`
    @.action 'delete'
      character 10: `'delete'` cannot stand here
      such as `"@.kind == 'volume' && @.action == 'delete'"`
    (@.action == 'delete'
      character 1: `(` is not closed
      write `)` where it ends
    @.action == 'delete')
      character 21: `)` closes nothing
      take it away, or open it before
    serach(@.name, 'db')
      character 1: there is no function `serach`
      did you mean `search`?
    frobnicate(@.name)
      character 1: there is no function `frobnicate`
      one of `count`, `length`, `match`, `search`, `value`
    search(@.name)
      character 14: `)` cannot stand here
      such as `"@.kind == 'volume' && @.action == 'delete'"`
    @.after.labels.my-label == 'x'
      character 16: `my-label` has a dash
      write `['my-label']`, without the dot before it
    @.kindd == 'volume'
      character 3: a change has no `kindd`
      did you mean `kind`?
    @['kindd']
      character 3: a change has no `kindd`
      did you mean `kind`?
    @.whatever
      character 3: a change has no `whatever`
      it has action, action_reason, address, after, attributes, because, before, component, disruption, downtime_seconds, environment, kind, name, protected, target
    search(@.nmae, 'db')
      character 10: a change has no `nmae`
      did you mean `name`?
    @.action == 'deleted'
      character 13: `action` is never `deleted`
      did you mean `'delete'`?
    'gone' != @.action
      character 1: `action` is never `gone`
      one of `no-op`, `create`, `update`, `replace`, `repair`, `delete`, `keep`, `refuse`
    @.disruption == 'outage'
      character 17: `disruption` is never `outage`
      one of `none`, `rolling`, `downtime`, `data-loss`
    @.name == 'é' && @.kind = 'volume'
      character 25: `=` means nothing here
      write `==`
    @.name == 'a',
      character 14: `,` joins nothing
      write `&&`, or `||`
    "#);
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
