//! What a look says: nothing where nothing would change, and what a server does not say by itself.

use mlstack_kube_double::Fault;
use mlstack_provider::{Address, ErrorKind, Keyed, Level, Provider as _, Step};
use mlstack_provider_kubernetes::{KubeReader, Policy, Seen};
use serde_json::json;

use crate::objects::{all, config_map, deployment, namespace, resource, secret, selector};
use crate::stage::{STACK, Stage, changed, find, findings, run, told};

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/demo/deployments/api";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_applied_is_unchanged_whatever_its_kind() {
    let stage = Stage::new().await;
    let desired = all();
    stage.make(&desired).await;
    stage.double.forget_calls();
    let seen = stage.examine(&desired).await;
    assert_eq!(changed(&seen, &desired), Vec::<String>::new());
    assert_eq!(findings(&seen.findings), "");
    for one in &seen.observed {
        assert_eq!(one.recorded.as_ref(), Some(&one.spec), "{}", one.address);
    }
    assert!(
        stage.double.calls().iter().all(|call| !call.is_write()),
        "a look writes nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_not_there_is_no_hindrance() {
    let stage = Stage::new().await;
    let mut desired = all();
    let seen = stage.examine(&desired).await;
    assert_eq!((seen.observed.len(), findings(&seen.findings).as_str()), (0, ""));
    // All is checked as if it were there.
    desired[6].spec["spec"]["ports"][0]["port"] = 70_000.into();
    let text = findings(&stage.examine(&desired).await.findings);
    assert_eq!(
        text,
        "refusal service/api: spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive"
    );
    // One that nobody makes is said once.
    let seen = stage.examine(&[config_map("c", "1")]).await;
    assert_eq!(
        findings(&seen.findings),
        "refusal configmap/c: there is no namespace `demo`"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_names_who_and_what() {
    let stage = Stage::new().await;
    let desired = [namespace(), deployment("api", "registry.example/api:1")];
    stage.make(&desired).await;
    stage
        .edit("kubectl-edit", DEPLOYMENT, &json!({"spec": {"replicas": 3}}))
        .await;
    let seen = stage.examine(&desired).await;
    let api = find(&seen, &desired[1].address);
    assert_eq!(api.spec["spec"]["replicas"], 3);
    assert_eq!(api.recorded.as_ref().expect("recorded")["spec"]["replicas"], 1);
    assert_eq!(
        findings(&seen.findings),
        "conflict deployment/api: spec.replicas is 3 and owned by kubectl-edit; wanted is 1"
    );
    // What we ourselves want otherwise is no drift.
    let other = [namespace(), deployment("api", "registry.example/api:2")];
    let seen = stage.examine(&other).await;
    let api = find(&seen, &desired[1].address);
    let image = |spec: &serde_json::Value| spec["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(
        image(api.recorded.as_ref().expect("recorded")),
        "registry.example/api:1"
    );
    assert_eq!(image(&api.spec), "registry.example/api:1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_somebody_removed_is_drift_too() {
    let stage = Stage::new().await;
    let desired = [namespace(), config_map("c", "1")];
    stage.make(&desired).await;
    stage
        .edit(
            "kubectl-edit",
            "/api/v1/namespaces/demo/configmaps/c",
            &json!({"data": {"b": null}}),
        )
        .await;
    let seen = stage.examine(&desired).await;
    let map = find(&seen, &desired[1].address);
    assert_eq!(map.spec["data"], json!({"a": "1"}));
    assert_eq!(map.recorded.as_ref(), Some(&desired[1].spec));
    assert_eq!(
        findings(&seen.findings),
        "note configmap/c: data.b was changed by somebody: nothing instead of \"2\""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_cannot_change_shows_what_it_would_become() {
    let stage = Stage::new().await;
    let before = all();
    stage.make(&before).await;
    let mut after = all();
    after[7].spec["spec"]["selector"]["matchLabels"]["more"] = "x".into();
    after[7].spec["spec"]["template"]["metadata"]["labels"]["more"] = "x".into();
    after[9].spec["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example/migrate:2".into();
    let seen = stage.examine(&after).await;
    assert_eq!(findings(&seen.findings), "");
    // All else is as it was, what the server made up included.
    assert_eq!(find(&seen, &after[7].address).spec, before[7].spec);
    assert_eq!(find(&seen, &after[9].address).spec, before[9].spec);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pods_name_must_be_somewhere() {
    let stage = Stage::new().await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["serviceAccountName"] = "runner".into();
    api.spec["spec"]["template"]["spec"]["volumes"] = json!([
        {"name": "a", "configMap": {"name": "config-1"}}, {"name": "b", "secret": {"secretName": "token"}},
    ]);
    let desired = [namespace(), secret(), api];
    let seen = stage.examine(&desired).await;
    assert_eq!(
        findings(&seen.findings),
        "refusal deployment/api: it names configmap/config-1, which is not there\n\
         refusal deployment/api: it names serviceaccount/runner, which is not there"
    );
    let error = stage.engine().observe(STACK, &desired).await.expect_err("a refusal");
    assert!(
        told(&error).starts_with("failed the cluster would refuse deployment/api"),
        "{}",
        told(&error)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_alone() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "9"}});
    stage
        .send("POST", "/api/v1/namespaces/demo/configmaps", "application/json", &body)
        .await;
    let desired = [namespace(), config_map("c", "1")];
    let error = stage
        .engine()
        .observe(STACK, &desired)
        .await
        .expect_err("it is somebody's");
    assert_eq!(error.kind, ErrorKind::Foreign);
    let policy = Policy {
        adopt: true,
        ..Policy::default()
    };
    let seen = stage
        .engine_with(policy)
        .reader()
        .examine(STACK, &desired)
        .await
        .expect("a look");
    assert_eq!(
        find(&seen, &desired[1].address).problem.as_deref(),
        Some("it is not in the stack's inventory yet")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_secret_is_compared_and_never_seen() {
    let stage = Stage::new().await;
    let desired = [namespace(), secret()];
    stage.make(&desired).await;
    let stored = stage.double.object("Secret", "demo", "token").expect("stored");
    assert_eq!(stored["data"], json!({"value": "aHVudGVyMi1odW50ZXIy"}));
    let mut rotated = desired.clone();
    rotated[1].spec["x-mlstack"]["secrets"]["token"] = "digest-2".into();
    let seen = stage.examine(&rotated).await;
    assert_eq!(find(&seen, &rotated[1].address).spec, desired[1].spec);
    // Somebody writes another value: only who reads it back can tell.
    let patch = json!({"data": {"value": "b3RoZXI="}});
    stage
        .edit("kubectl-edit", "/api/v1/namespaces/demo/secrets/token", &patch)
        .await;
    assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
    let keyed = Keyed::new(|_, value| {
        if value == b"other" {
            "digest-9".to_owned()
        } else {
            "digest-1".to_owned()
        }
    });
    let reader = KubeReader::new(&stage.cluster, Policy::default()).reading_back(keyed);
    let seen = reader.examine(STACK, &desired).await.expect("a look");
    let secret = find(&seen, &desired[1].address);
    assert_eq!(secret.spec["x-mlstack"]["secrets"]["token"], "digest-9");
    assert_eq!(secret.recorded.as_ref(), Some(&desired[1].spec));
    assert!(findings(&seen.findings).starts_with("note secret/token: a secret was changed by kubectl-edit"));
    assert!(!format!("{seen:?}").contains("b3RoZXI"));
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_of_the_server_are_shown() {
    let stage = Stage::new().await;
    let mut space = namespace();
    space.spec["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted".into();
    stage.make(&[space.clone()]).await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["containers"][0]["securityContext"] = json!({});
    let seen = stage.examine(&[space, api]).await;
    let warned = seen
        .findings
        .iter()
        .find(|found| found.level == Level::Warning)
        .expect("a warning");
    assert!(warned.text.starts_with("would violate PodSecurity"), "{}", warned.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_is_not_right_though_it_looks_so() {
    let stage = Stage::new().await;
    let desired = [namespace(), config_map("c", "1")];
    stage.make(&desired).await;
    let path = "/api/v1/namespaces/demo/configmaps/c";
    stage
        .edit("x", path, &json!({"metadata": {"finalizers": ["example.dev/hold"]}}))
        .await;
    stage.send("DELETE", path, "application/json", &json!({})).await;
    let seen = stage.examine(&desired).await;
    let problem = find(&seen, &desired[1].address).problem.clone();
    assert_eq!(
        problem.as_deref(),
        Some("it is being deleted, held by example.dev/hold")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_object_is_asked_about_once_and_an_overload_until_it_is_over() {
    let stage = Stage::new().await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["replicaz"] = 1.into();
    stage.make(&[namespace()]).await;
    stage.double.forget_calls();
    let seen = stage.examine(&[namespace(), api]).await;
    assert_eq!(
        findings(&seen.findings),
        "refusal deployment/api: spec.replicaz: field not declared in schema"
    );
    let patches = stage
        .double
        .calls()
        .into_iter()
        .filter(|call| call.method == "PATCH" && call.path.contains("deployments"));
    assert_eq!(patches.count(), 1);
    stage
        .double
        .fault_on("GET /api/v1/namespaces/demo", 1, Fault::Status(429));
    stage.double.fault_on("PATCH", 1, Fault::ResetBefore);
    let seen = stage.examine(&[namespace()]).await;
    assert_eq!(seen.observed[0].address, Address::new("namespace", "demo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_cluster_lacks_is_said() {
    let stage = Stage::new().await;
    let route = resource("httproute", "api", json!({"spec": {"rules": []}}));
    let seen = stage.examine(&[namespace(), route]).await;
    assert!(
        findings(&seen.findings).contains("httproute/api"),
        "{}",
        findings(&seen.findings)
    );
    let _ = selector("api");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_secret_that_is_not_there_comes_with_the_way_to_make_it() {
    let stage = Stage::new().await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "regcred"}]);
    let desired = [namespace(), api];
    let hint = |seen: &Seen| seen.findings[0].hint.clone().expect("a hint");
    let seen = stage.examine(&desired).await;
    assert_eq!(
        findings(&seen.findings),
        "warning deployment/api: it names secret/regcred, which is not there"
    );
    assert_eq!(
        hint(&seen),
        "make it before the first apply, of what docker login stored: kubectl create namespace demo && \
         kubectl create secret docker-registry regcred --namespace demo \
         --from-file=.dockerconfigjson=$HOME/.docker/config.json; then plan with --adopt"
    );
    let plain = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "demo"}});
    stage
        .send("POST", "/api/v1/namespaces", "application/json", &plain)
        .await;
    assert!(hint(&stage.examine(&desired).await).starts_with("make it of what docker login stored: kubectl create"));
    let credentials = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "regcred"},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "eyJhdXRocyI6e319"},
    });
    let path = "/api/v1/namespaces/demo/secrets";
    stage.send("POST", path, "application/json", &credentials).await;
    let policy = Policy {
        adopt: true,
        ..Policy::default()
    };
    let engine = stage.engine_with(policy);
    let seen = engine.reader().examine(STACK, &desired).await.expect("a look");
    assert_eq!(findings(&seen.findings), "");
    for resource in desired {
        let step = Step::Create { resource };
        run(&engine, &step)
            .await
            .unwrap_or_else(|error| panic!("{}", told(&error)));
    }
    assert!(stage.double.object("Secret", "demo", "regcred").is_some());
}
