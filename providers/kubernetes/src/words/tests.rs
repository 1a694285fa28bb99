use mlstack_manifest::kind;
use mlstack_provider::{Address, Resource, Value};
use serde_json::json;

use super::{Place, sent, stands_on, was_applied, words};

fn place() -> Place {
    Place {
        namespace: "demo".to_owned(),
        set: "applyset-x-v1".to_owned(),
    }
}

fn resource(digest: Value) -> Resource {
    Resource {
        address: Address::new("deployment", "api"),
        spec: json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"},
            "spec": {"template": {"spec": {"containers": [{"name": "server", "image": "api:1"}]}}},
            "x-mlstack": {"secrets": {"token": digest}, "image": "x"},
        }),
        depends_on: vec![Address::new("configmap", "c-1"), Address::new("service", "api")],
        source: None,
        protected: false,
    }
}

#[test]
fn an_object_goes_out_with_what_we_must_know_later() {
    let deployment = kind("deployment").expect("a kind");
    let object = sent(deployment, &resource(json!("d1")), &place(), None);
    insta::assert_json_snapshot!(object, @r#"
    {
      "apiVersion": "apps/v1",
      "kind": "Deployment",
      "metadata": {
        "name": "api",
        "namespace": "demo",
        "labels": {
          "applyset.kubernetes.io/part-of": "applyset-x-v1"
        },
        "annotations": {
          "mlstack.dev/applied": "67e6e14b633215e3",
          "mlstack.dev/depends-on": "configmap/c-1,service/api"
        }
      },
      "spec": {
        "template": {
          "spec": {
            "containers": [
              {
                "name": "server",
                "image": "api:1"
              }
            ]
          },
          "metadata": {
            "annotations": {
              "mlstack.dev/secrets": "{\"token\":\"d1\"}"
            }
          }
        }
      }
    }
    "#);
    assert_eq!(stands_on(&object), Some(resource(json!(null)).depends_on));
    assert!(
        was_applied(&object, &resource(json!("d2")).spec),
        "secrets are told apart by their digests alone"
    );
}

#[test]
fn what_comes_back_is_the_spec_again() {
    let deployment = kind("deployment").expect("a kind");
    let resource = resource(json!("d1"));
    let mut live = sent(deployment, &resource, &place(), None);
    live["metadata"]["uid"] = "u".into();
    live["metadata"]["resourceVersion"] = "1".into();
    live["metadata"]["managedFields"] = json!([]);
    live["status"] = json!({"replicas": 1});
    assert_eq!(words(deployment, &live, &resource.spec), resource.spec);
    // One that nobody wants is read without a spec beside it.
    assert_eq!(
        words(deployment, &live, &Value::Null)["x-mlstack"],
        json!({"secrets": {"token": "d1"}})
    );
}

#[test]
fn a_secret_nobody_knows_counts_as_the_one_that_is_there() {
    let deployment = kind("deployment").expect("a kind");
    let live = sent(deployment, &resource(json!("d1")), &place(), None);
    let again = sent(deployment, &resource(json!(null)), &place(), Some(&live));
    assert_eq!(again["spec"]["template"], live["spec"]["template"]);
}

#[test]
fn the_values_of_a_secret_are_in_no_word() {
    let secret = kind("secret").expect("a kind");
    let live = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"value": "aHVudGVyMg=="},
        "metadata": {"name": "token", "namespace": "demo", "annotations": {"mlstack.dev/secrets": "{\"token\":\"d1\"}"}},
    });
    let spec = words(secret, &live, &Value::Null);
    assert_eq!(
        spec,
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": {"name": "token"},
            "x-mlstack": {"secrets": {"token": "d1"}},
        })
    );
}
