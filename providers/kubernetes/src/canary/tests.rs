use mlstack_manifest::kind;
use mlstack_provider::{Address, Observed, Resource, Value};
use serde_json::json;

use super::{fits, from_template, name};

fn resource(spec: Value) -> Resource {
    Resource {
        address: Address::new("deployment", "model"),
        spec,
        depends_on: Vec::new(),
        source: None,
        protected: false,
    }
}

fn observed(spec: Value) -> Observed {
    Observed {
        address: Address::new("deployment", "model"),
        id: "u".to_owned(),
        recorded: None,
        spec,
        depends_on: Vec::new(),
        protected: false,
        problem: None,
    }
}

fn spec(image: &str, strategy: &str, replicas: u32, digest: &str) -> Value {
    json!({
        "spec": {"replicas": replicas, "strategy": {"type": strategy}, "template": {"spec": {"containers": [{"image": image}]}}},
        "x-mlstack": {"secrets": {"token": digest}},
    })
}

#[test]
fn only_a_new_version_that_fits_beside_the_other_is_tried() {
    let deployment = kind("deployment").expect("a kind");
    let before = observed(spec("a", "RollingUpdate", 1, "1"));
    let after = |image, strategy, replicas, digest| resource(spec(image, strategy, replicas, digest));
    let fits = |after: Resource| fits(deployment, &before, &after);
    assert!(fits(after("b", "RollingUpdate", 1, "1")));
    assert!(fits(after("a", "RollingUpdate", 1, "2")), "another secret");
    assert!(!fits(after("a", "RollingUpdate", 3, "1")), "only more of the same");
    assert!(!fits(after("b", "Recreate", 1, "1")));
    assert!(!fits(after("b", "RollingUpdate", 0, "1")));
    let set = kind("statefulset").expect("a kind");
    assert!(!super::fits(set, &before, &after("b", "RollingUpdate", 1, "1")));
}

#[test]
fn it_is_the_version_but_for_what_keeps_users_away() {
    let template = json!({
        "metadata": {"labels": {"app.kubernetes.io/name": "model"}, "annotations": {"mlstack.dev/secrets": "{}"}},
        "spec": {"containers": [
            {"name": "server", "image": "b", "lifecycle": {"preStop": {"sleep": {"seconds": 5}}}},
            {"name": "other", "image": "c", "lifecycle": {"postStart": {"sleep": {"seconds": 1}}}},
        ]},
    });
    insta::assert_json_snapshot!(from_template(&template, "model", 700), @r#"
    {
      "metadata": {
        "labels": {
          "app.kubernetes.io/name": "model",
          "mlstack.dev/canary": "model"
        },
        "annotations": {
          "mlstack.dev/secrets": "{}"
        }
      },
      "spec": {
        "containers": [
          {
            "name": "server",
            "image": "b"
          },
          {
            "name": "other",
            "image": "c",
            "lifecycle": {
              "postStart": {
                "sleep": {
                  "seconds": 1
                }
              }
            }
          }
        ],
        "readinessGates": [
          {
            "conditionType": "mlstack.dev/canary"
          }
        ],
        "activeDeadlineSeconds": 700,
        "terminationGracePeriodSeconds": 5
      },
      "apiVersion": "v1",
      "kind": "Pod"
    }
    "#);
}

#[test]
fn a_name_is_always_the_same_and_fits() {
    assert_eq!(name("model"), "model-canary");
    let long = "m".repeat(60);
    assert_eq!(name(&long), name(&long));
    assert!(name(&long).len() <= 52);
}
