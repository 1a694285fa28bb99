//! What policies say, on plans of the memory target's making.

use indexmap::IndexMap;
use insta::assert_snapshot;
use mlstack_provider::Impact;
use serde_json::json;

use super::*;
use crate::plan::{Action, Options, plan};
use crate::review::tests::{self as made, live, resource};

fn stack(policies: &str, environment: Option<&str>) -> Stack {
    let text = format!(
        "version: 1\nname: shop\ncomponents:\n  db: {{type: database, allow_degraded: {{downtime: {{reason: one node, \
         until: \"2027-03-31\"}}}}}}\n  web: {{type: service, image: \"ghcr.io/me/web:1\", resources: {{memory: 1Mi}}}}\n{policies}"
    );
    made::stack(&text, environment)
}

fn port(host: &str, published: &str) -> Value {
    json!({"host_ip": host, "published": published, "target": 80})
}

/// The database and the page are made anew, a volume goes with leave, the page opens a port.
fn busy() -> Plan {
    let before = vec![
        live(resource("service/db", json!({"image": "db:1"}))),
        live(resource(
            "service/web",
            json!({"image": "web:1", "ports": [port("127.0.0.1", "80")]}),
        )),
        live(resource("volume/old-data", json!({}))),
    ];
    let after = vec![
        resource("service/db", json!({"image": "db:2"})),
        resource("service/web", json!({"image": "web:2", "ports": [port("", "80")]})),
    ];
    let options = Options {
        destroy_data: ["old-data".to_owned()].into(),
    };
    let mut plan = plan(&after, &before, &|_: &str, _: &str| Impact::Replace, &options);
    for change in plan
        .changes
        .iter_mut()
        .filter(|change| change.action == Action::Replace)
    {
        change.disruption = Disruption::Downtime { seconds: Some(3) };
    }
    plan
}

fn told(policies: &str, environment: Option<&str>) -> String {
    let models = [ModelChange {
        component: "web".to_owned(),
        breaking: vec!["input MedInc is gone".to_owned(), "output price is text".to_owned()],
        ..ModelChange::default()
    }];
    let found = judge(&stack(policies, environment), "compose", &busy(), &models, &|_| None);
    let line = |found: &Violation| {
        let waived = found.waived.as_ref().map(|waiver| format!(" ({})", waiver.reason));
        let (policy, text) = (&found.policy, &found.text);
        format!("{:?} {policy}: {text}{}\n", found.severity, waived.unwrap_or_default())
    };
    found.iter().map(line).collect()
}

#[test]
fn some_things_are_told_without_asking() {
    assert_snapshot!(told("", None), @"
    Warning breaking-api: callers of web must change: input MedInc is gone, and 1 more
    Warning exposed: service/web becomes reachable from other machines: port 80
    ");
}

#[test]
fn how_much_each_weighs_is_the_environments_word() {
    let policies = "policies: {downtime: warning, exposed: ignore, breaking-api: ignore}\nenvironments:\n  dev: {}\n  \
                    live: {policies: {downtime: error, data-loss: error, destroy: warning}}\n";
    assert_snapshot!(told(policies, Some("dev")), @"
    Warning downtime: service/db does not answer for about 3 s (one node)
    Warning downtime: service/web does not answer for about 3 s
    ");
    assert_snapshot!(told(policies, Some("live")), @"
    Error data-loss: the data of old-data goes
    Error downtime: service/db does not answer for about 3 s (one node)
    Error downtime: service/web does not answer for about 3 s
    Warning destroy: volume/old-data is taken away
    ");
}

#[test]
fn ones_own_are_conditions_on_a_change() {
    let policies = "policies:\n  exposed: ignore\n  breaking-api: ignore\n  fridays: {deny: \"@.kind == 'volume' && @.action == \
                    'delete'\", message: volumes go on Fridays}\n  pinned: {deny: \"@.kind == 'service' && \
                    !search(@.after.image, '@sha256:')\", severity: warning}\n";
    assert_snapshot!(told(policies, None), @"
    Error fridays: volumes go on Fridays
    Warning pinned: service/db is against it
    Warning pinned: service/web is against it
    ");
}

#[test]
fn a_condition_sees_no_secret_and_all_the_rest() {
    let (stack, components, plan) = (stack("", None), BTreeSet::from(["db"]), busy());
    let court = Court {
        stack: &stack,
        target: "compose",
        waivers: Waivers::of(&stack, &components, &plan),
        components: &components,
        at: &|_| None,
    };
    let mut change = busy().changes.remove(0);
    let secret = |digest: &str| Some(json!({"image": "db:1", "x-mlstack": {"secrets": {"password": digest}}}));
    (change.before, change.after) = (secret("aa"), secret("bb"));
    let seen = serde_json::to_string_pretty(&court.seen(&change)).expect("JSON");
    assert_snapshot!(seen, @r#"
    {
      "address": "service/db",
      "kind": "service",
      "name": "db",
      "action_reason": "cannot-update-in-place",
      "because": "image",
      "disruption": "downtime",
      "downtime_seconds": 3,
      "protected": false,
      "action": "replace",
      "before": {
        "image": "db:1",
        "x-mlstack": {
          "secrets": {
            "password": "(secret)"
          }
        }
      },
      "after": {
        "image": "db:1",
        "x-mlstack": {
          "secrets": {
            "password": "(secret changed)"
          }
        }
      },
      "attributes": [
        "image"
      ],
      "component": "db",
      "environment": null,
      "target": "compose"
    }
    "#);
}

#[test]
fn a_door_is_what_others_can_knock_at() {
    let doors = |kind, spec| outside(kind, &spec).join(" ");
    assert_eq!(
        doors(
            "service",
            json!({"ports": [port("127.0.0.1", "80"), port("::1", "81"), port("", "82")]})
        ),
        "port 82"
    );
    assert_eq!(doors("service", json!({"ports": [port("0.0.0.0", "")]})), "");
    let balancer = json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 1883}]}});
    assert_eq!(doors("service", balancer), "port 1883");
    let ingress = json!({"spec": {"rules": [{"host": "a.example.com"}, {}]}});
    assert_eq!(doors("ingress", ingress), "a.example.com every host");
    assert_eq!(doors("httproute", json!({"spec": {}})), "every host");
    assert_eq!(doors("volume", json!({})), "");
}

#[test]
fn every_known_policy_is_judged() {
    let all: IndexMap<_, _> = POLICIES.iter().map(|(name, ..)| (name, "error")).collect();
    let policies = format!("policies: {}\n", serde_json::to_string(&all).expect("names"));
    let told = told(&policies, None);
    for (name, ..) in POLICIES {
        assert!(told.contains(&format!("Error {name}:")), "{name} in\n{told}");
    }
}

/// What is said of things that go, with what helps.
fn farewell(text: &str) -> String {
    let gone = ["service/cache", "service/cache-page"].map(|name| live(resource(name, json!({"image": "x"}))));
    let data = live(resource("volume/cache-data", json!({})));
    let observed = [gone.to_vec(), vec![data]].concat();
    let options = Options {
        destroy_data: ["cache-data".to_owned()].into(),
    };
    let plan = plan(&[], &observed, &|_: &str, _: &str| Impact::Replace, &options);
    let at = |path: &Path| {
        Some(Source {
            file: path.to_string(),
            line: 1,
            column: 1,
        })
    };
    let found = judge(&stack(text, None), "compose", &plan, &[], &at);
    let line = |found: &Violation| {
        let waived = found
            .waived
            .as_ref()
            .map(|waiver| format!("let through: {}", waiver.reason));
        let place = found.source.as_ref().map(|at| at.file.clone()).unwrap_or_default();
        let more = waived.or_else(|| found.help.clone()).unwrap_or_default();
        format!("{} {place}: {}\n  {more}\n", found.policy, found.text)
    };
    found.iter().map(line).collect()
}

#[test]
fn what_goes_is_let_through_by_the_stack() {
    assert_snapshot!(farewell("policies: {destroy: error}\n"), @r#"
    destroy policies.destroy: service/cache is taken away
      let it through with a reason, if it is meant: `allow_degraded: {cache: {destroy: "…"}}` at the top of the stack file
    destroy policies.destroy: service/cache-page is taken away
      let it through with a reason, if it is meant: `allow_degraded: {cache-page: {destroy: "…"}}` at the top of the stack file
    destroy policies.destroy: volume/cache-data is taken away
      let it through with a reason, if it is meant: `allow_degraded: {cache: {destroy: "…"}}` at the top of the stack file
    "#);
    assert_snapshot!(farewell("policies: {destroy: error, data-loss: error}\nallow_degraded: {cache: {destroy: it moved}, volume/cache-data: {data-loss: {reason: a copy is kept}}}\n"), @r#"
    data-loss policies.data-loss: the data of cache-data goes
      let through: a copy is kept
    destroy policies.destroy: service/cache is taken away
      let through: it moved
    destroy policies.destroy: service/cache-page is taken away
      let it through with a reason, if it is meant: `allow_degraded: {cache-page: {destroy: "…"}}` at the top of the stack file
    destroy policies.destroy: volume/cache-data is taken away
      let through: it moved
    "#);
    assert_snapshot!(farewell("policies: {destroy: error}\nallow_degraded: {cahce: {destroy: it moved}}\n"), @r#"
    destroy policies.destroy: service/cache is taken away
      `allow_degraded` of the stack says `cahce`: did you mean `cache`?
    destroy policies.destroy: service/cache-page is taken away
      let it through with a reason, if it is meant: `allow_degraded: {cache-page: {destroy: "…"}}` at the top of the stack file
    destroy policies.destroy: volume/cache-data is taken away
      `allow_degraded` of the stack says `cahce`: did you mean `cache`?
    "#);
}

#[test]
fn a_new_waiver_of_the_stack_is_told() {
    let (before, after) = (
        stack("allow_degraded: {cache: {destroy: it moved}}\n", None),
        stack(
            "allow_degraded: {cache: {destroy: it moved, downtime: so what}}\n",
            None,
        ),
    );
    let found = loosened(&before, &after, &|_| None);
    let texts: Vec<_> = found
        .iter()
        .map(|found| (found.policy.as_str(), found.text.as_str()))
        .collect();
    assert_eq!(texts, [("downtime", "`cache` is let through from now on: so what")]);
}
