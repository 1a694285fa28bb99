//! Drift apart from what was intended.

use insta::assert_snapshot;
use serde_json::json;

use super::*;
use crate::plan::wire;

/// One line a drift, with what it names.
fn lines(all: &[Drift]) -> String {
    let attributes = |d: &Drift| d.attributes.iter().map(|a| format!(" {}", a.path)).collect::<String>();
    all.iter()
        .map(|d| format!("{}: {}{} {:?}\n", d.address, d.sort, attributes(d), d.problem))
        .collect()
}

/// The world of the stack, and its place of one thing.
fn world_with(address: &str, change: impl Fn(&mut Observed)) -> Vec<Observed> {
    let mut all = lives(&stack());
    change(
        all.iter_mut()
            .find(|live| live.address == at(address))
            .expect("it is there"),
    );
    all
}

#[test]
fn what_somebody_changed_is_drift_and_put_back() {
    let world = world_with("service/db", |db| db.spec["memory"] = json!(1));
    let plan = check(&stack(), &world);
    assert_snapshot!(lines(&plan.drift), @"service/db: changed memory None");
    assert_snapshot!(told(&plan), @"Update service/db: memory drifted (None)");
    assert_eq!(plan.intended().count(), 0);
}

#[test]
fn what_the_stack_file_changed_is_no_drift() {
    let mut desired = stack();
    desired[2].spec["memory"] = json!(1);
    let plan = check(&desired, &lives(&stack()));
    assert_eq!(lines(&plan.drift), "");
    assert_snapshot!(told(&plan), @"Update service/db: memory changed (None)");
    assert_eq!(plan.intended().count(), 1);
}

#[test]
fn both_at_once_are_told_apart() {
    let mut desired = stack();
    desired[2].spec["image"] = json!("postgres:18");
    let world = world_with("service/db", |db| db.spec["memory"] = json!(1));
    let plan = check(&desired, &world);
    assert_snapshot!(lines(&plan.drift), @"service/db: changed memory None");
    assert_snapshot!(told(&plan), @"Replace service/db: image changed (Downtime { seconds: None })");
    assert_eq!(plan.intended().count(), 1, "the stack file asks for another image");
}

#[test]
fn what_is_broken_gone_or_somebody_elses_is_drift() {
    let mut world = world_with("service/api", |api| api.problem = Some("paused".into()));
    world.retain(|live| live.address != at("service/db") && live.address != at("service/web"));
    let ghost = Observed {
        recorded: None,
        ..live(&want("service/ghost", json!({}), &[]))
    };
    let forgotten = live(&want("service/forgotten", json!({}), &[]));
    world.extend([ghost, forgotten]);
    // `api` stands on `db`, so it was there; nobody but the ledger knows of `web`.
    assert_snapshot!(lines(&drift(&stack(), &world, &[])), @r#"
    service/api: does not work Some("paused")
    service/db: removed None
    service/ghost: not made by mlstack None
    "#);
    assert_snapshot!(lines(&drift(&stack(), &world, &stack())), @r#"
    service/api: does not work Some("paused")
    service/db: removed None
    service/ghost: not made by mlstack None
    service/web: removed None
    "#);
    assert!(
        drift(&[], &world, &stack()).is_empty(),
        "a destroy compares with nothing"
    );
}

#[test]
fn what_another_tool_made_is_no_drift_when_it_is_wanted() {
    let world = world_with("service/db", |db| (db.recorded, db.spec["memory"]) = (None, json!(1)));
    let plan = check(&stack(), &world);
    assert_eq!(lines(&plan.drift), "");
    assert_eq!(plan.intended().count(), 1);
}

#[test]
fn a_drift_is_read_back_from_its_json_and_shows_no_secret() {
    let secret = |digest: &str| json!({"x-mlstack": {"secrets": {"key": digest}}, "memory": 1});
    let mut world = vec![live(&want("service/api", secret("11"), &[]))];
    world[0].spec = secret("22");
    world[0].spec["memory"] = json!(2);
    let all = drift(&[want("service/api", secret("11"), &[])], &world, &[]);
    let written: Vec<Value> = all.iter().map(wire::drift_to_json).collect();
    assert_snapshot!(format!("{:#}", json!(written)), @r#"
    [
      {
        "address": "service/api",
        "kind": "service",
        "name": "api",
        "drift": "changed",
        "change": {
          "actions": [
            "update"
          ],
          "before": {
            "x-mlstack": {
              "secrets": {
                "key": "(secret)"
              }
            },
            "memory": 1
          },
          "after": {
            "x-mlstack": {
              "secrets": {
                "key": "(secret changed)"
              }
            },
            "memory": 2
          },
          "before_sensitive": {
            "x-mlstack": {
              "secrets": {
                "key": true
              }
            }
          },
          "after_sensitive": {
            "x-mlstack": {
              "secrets": {
                "key": true
              }
            }
          },
          "replace_paths": []
        },
        "attributes": [
          {
            "path": "memory",
            "before": 1,
            "after": 2,
            "sensitive": false
          },
          {
            "path": "x-mlstack.secrets.key",
            "before": null,
            "after": null,
            "sensitive": true
          }
        ],
        "fix": "`mlstack apply` puts it back; to keep it, write it into the stack file first",
        "source": null
      }
    ]
    "#);
    let read: Vec<Value> = written
        .iter()
        .map(|json| wire::drift_to_json(&wire::drift_from_json(json).expect("it is one")))
        .collect();
    assert_eq!(read[0]["attributes"], written[0]["attributes"]);
}

#[test]
fn a_network_without_more_is_one_all_the_same() {
    let on = |networks: Value| json!({"networks": networks});
    let told = |before: Value, after: Value| -> Vec<String> {
        let shown = |value: &Option<Value>| value.as_ref().map_or("none".into(), Value::to_string);
        diff(&on(before), &on(after))
            .iter()
            .map(|a| format!("{} {} → {}", a.path, shown(&a.before), shown(&a.after)))
            .collect()
    };
    assert_eq!(told(json!({"back": null}), json!({"back": null})), [""; 0]);
    assert_eq!(told(json!({"back": null}), json!({"back": {}})), [""; 0]);
    assert_eq!(
        told(json!({"back": null}), json!({})),
        [r#"networks.back "connected" → none"#]
    );
    assert_eq!(
        told(json!(null), json!({"back": null})),
        [r#"networks.back none → "connected""#]
    );
    let aliases = json!({"aliases": ["a"]});
    assert_eq!(
        told(json!({"back": aliases}), json!({"back": null})),
        [r#"networks.back.aliases ["a"] → none"#]
    );
}
