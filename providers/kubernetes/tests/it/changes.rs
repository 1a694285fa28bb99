//! Steps, and what lies around an apply.

use std::time::Duration;

use mlstack_kube_double::{Fault, Mode};
use mlstack_provider::{Address, ErrorKind, Execute as _, Step, Value};
use mlstack_provider_kubernetes::Policy;
use serde_json::json;

use crate::objects::{all, config_map, deployment, namespace, secret, stateful_set};
use crate::stage::{Stage, changed, find, run, told};

const CONFIG: &str = "/api/v1/namespaces/demo/configmaps/c";

fn uid(stage: &Stage, kind: &str, name: &str) -> Option<Value> {
    Some(stage.double.object(kind, "demo", name)?["metadata"]["uid"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_others_are_taken_only_when_told() {
    let stage = Stage::new().await;
    let desired = [namespace(), config_map("c", "1")];
    stage.make(&desired).await;
    stage.edit("kubectl-edit", CONFIG, &json!({"data": {"a": "9"}})).await;
    let seen = stage.examine(&desired).await;
    let step = Step::Update {
        before: find(&seen, &desired[1].address).clone(),
        after: desired[1].clone(),
    };
    let error = run(&stage.engine(), &step).await.expect_err("a conflict");
    assert_eq!(error.kind, ErrorKind::Foreign);
    let policy = Policy {
        take_fields: true,
        ..Policy::default()
    };
    run(&stage.engine_with(policy), &step).await.expect("taken over");
    assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_adopted_loses_what_we_do_not_want() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let body =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "9", "old": "x"}});
    let path = "/api/v1/namespaces/demo/configmaps?fieldManager=kubectl-client-side-apply";
    stage.send("POST", path, "application/json", &body).await;
    let desired = config_map("c", "1");
    let step = Step::Create {
        resource: desired.clone(),
    };
    let error = run(&stage.engine(), &step).await.expect_err("it is somebody's");
    assert_eq!(error.kind, ErrorKind::Foreign);
    let policy = Policy {
        adopt: true,
        ..Policy::default()
    };
    run(&stage.engine_with(policy), &step)
        .await
        .unwrap_or_else(|error| panic!("{}", told(&error)));
    let live = stage.double.object("ConfigMap", "demo", "c").expect("there");
    assert_eq!(live["data"], json!({"a": "1", "b": "2"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_wanted_is_seen_goes_and_leaves_the_inventory() {
    let stage = Stage::new().await;
    let desired = [namespace(), config_map("c", "1"), secret()];
    stage.make(&desired).await;
    let kinds = |stage: &Stage| {
        let parent = stage
            .double
            .object("ConfigMap", "demo", "mlstack-demo")
            .expect("an inventory");
        parent["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"].clone()
    };
    assert_eq!(kinds(&stage), "ConfigMap,Secret");
    let seen = stage.examine(&desired[..2]).await;
    assert_eq!(changed(&seen, &desired[..2]), ["secret/token is left"]);
    let engine = stage.engine();
    let before = find(&seen, &desired[2].address).clone();
    run(&engine, &Step::Delete { before: before.clone() })
        .await
        .expect("deleted");
    engine.finish().await.expect("exact");
    assert_eq!(kinds(&stage), "ConfigMap");
    // Deleting it again is fine, deleting another one in its place is not.
    run(&engine, &Step::Delete { before: before.clone() })
        .await
        .expect("gone already");
    stage.make(&desired[2..]).await;
    let error = run(&engine, &Step::Delete { before }).await.expect_err("another one");
    assert_eq!(error.kind, ErrorKind::Stale);
    assert!(uid(&stage, "Secret", "token").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workload_is_made_anew_around_its_pods() {
    let stage = Stage::new().await;
    let desired = [namespace(), deployment("api", "registry.example/api:1")];
    stage.make(&desired).await;
    let (pods, set) = (stage.double.names("Pod"), uid(&stage, "Deployment", "api"));
    let before = find(&stage.examine(&desired).await, &desired[1].address).clone();
    let mut after = desired[1].clone();
    after.spec["metadata"]["annotations"] = json!({"example.dev/why": "made anew"});
    let step = Step::Replace {
        before,
        after: after.clone(),
    };
    run(&stage.engine(), &step)
        .await
        .unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(stage.double.names("Pod"), pods, "the pods stay");
    assert_ne!(uid(&stage, "Deployment", "api"), set);
    // One that the server would refuse costs nothing.
    let mut bad = after.clone();
    bad.spec["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "9"}, "limits": {"cpu": "1"}});
    let before = find(&stage.examine(&[namespace(), after.clone()]).await, &after.address).clone();
    let set = uid(&stage, "Deployment", "api");
    run(&stage.engine(), &Step::Replace { before, after: bad })
        .await
        .expect_err("refused");
    assert_eq!(uid(&stage, "Deployment", "api"), set);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_goes_back_by_itself() {
    let stage = Stage::new().await;
    let before = [
        namespace(),
        deployment("api", "registry.example/api:1"),
        stateful_set("db", "registry.example/db:1"),
    ];
    stage.make(&before).await;
    stage.double.script("registry.example/broken:1", Mode::PullFails);
    for (index, after) in [
        (1, deployment("api", "registry.example/broken:1")),
        (2, stateful_set("db", "registry.example/broken:1")),
    ] {
        let step = Step::Update {
            before: find(&stage.examine(&before).await, &before[index].address).clone(),
            after,
        };
        let error = run(&stage.engine(), &step).await.expect_err("a missing image");
        assert!(error.rolled_back, "{}", told(&error));
        assert!(
            told(&error).contains("the registry has no such image"),
            "{}",
            told(&error)
        );
    }
    assert_eq!(changed(&stage.examine(&before).await, &before), Vec::<String>::new());
    let pod = stage.double.object("Pod", "demo", "db-0").expect("a pod");
    assert_eq!(
        pod["spec"]["containers"][0]["image"], "registry.example/db:1",
        "the stuck pod is gone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_changes_nothing() {
    for fault in [Fault::ResetBefore, Fault::ResetAfter, Fault::Status(503)] {
        let stage = Stage::new().await;
        for write in 1..=6 {
            stage.double.fault_at_write(write, fault);
        }
        let desired = [namespace(), config_map("c", "1"), secret()];
        stage.make(&desired).await;
        assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_still_goes_is_waited_for() {
    let stage = Stage::new().await;
    let desired = [namespace(), config_map("c", "1")];
    stage.make(&desired).await;
    stage
        .edit("x", CONFIG, &json!({"metadata": {"finalizers": ["example.dev/hold"]}}))
        .await;
    stage.send("DELETE", CONFIG, "application/json", &json!({})).await;
    let engine = stage.engine();
    let step = Step::Create {
        resource: desired[1].clone(),
    };
    let made = run(&engine, &step);
    let freed = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stage
            .edit("x", CONFIG, &json!({"metadata": {"finalizers": null}}))
            .await;
    };
    let (made, ()) = tokio::join!(made, freed);
    assert_eq!(made.expect("made").expect("there").problem, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_but_data() {
    let stage = Stage::new().await;
    let desired = all();
    stage.make(&desired).await;
    let engine = stage.engine();
    let seen = stage.examine(&[]).await;
    let kept: Vec<String> = seen
        .observed
        .iter()
        .filter(|one| one.protected)
        .map(|one| one.address.to_string())
        .collect();
    assert_eq!(kept, ["namespace/demo", "pvc/data-db-0", "pvc/models"]);
    for one in seen.observed.iter().rev().filter(|one| !one.protected) {
        run(&engine, &Step::Delete { before: one.clone() })
            .await
            .unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    engine.finish().await.expect("exact");
    let left: Vec<Address> = stage
        .examine(&[])
        .await
        .observed
        .into_iter()
        .map(|one| one.address)
        .collect();
    assert_eq!(left.iter().map(ToString::to_string).collect::<Vec<_>>(), kept);
    assert!(stage.double.names("Pod").is_empty());
}
