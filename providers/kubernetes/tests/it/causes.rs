//! A rollout that does not get on says why, soon.

use std::time::{Duration, Instant};

use mlstack_kube_double::{Behaviour, Mode};
use mlstack_provider::{Resource, Step};
use serde_json::json;

use crate::objects::{deployment, namespace, resource, stateful_set, template};
use crate::stage::{Stage, run, told};

/// What is said about a rollout that fails.
async fn failure(stage: &Stage, wanted: Resource) -> String {
    stage.make(&[namespace()]).await;
    let begin = Instant::now();
    let error = run(&stage.engine(), &Step::Create { resource: wanted })
        .await
        .expect_err("it fails");
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "{:?}: {}",
        begin.elapsed(),
        told(&error)
    );
    told(&error)
}

async fn of_mode(mode: Mode) -> String {
    let stage = Stage::new().await;
    stage.double.script(
        "registry.example/api:1",
        Behaviour {
            log: vec!["loading the model".to_owned(), "no such file: /models/a".to_owned()],
            ..mode.into()
        },
    );
    failure(&stage, deployment("api", "registry.example/api:1")).await
}

/// The cause, its remedy and, where a container ran, its last words.
macro_rules! says {
    ($text:expr, $($part:expr),+) => {{
        let text = $text;
        $(assert!(text.contains($part), "{text}");)+
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had() {
    says!(
        of_mode(Mode::PullFails).await,
        "the registry has no such image",
        "mend `image`"
    );
    says!(of_mode(Mode::NeverPulled).await, "may not be pulled");
    says!(of_mode(Mode::BadName).await, "the image's name is none");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ends() {
    says!(
        of_mode(Mode::Crashes).await,
        "the container crashes",
        "exited (3)",
        "no such file: /models/a"
    );
    says!(
        of_mode(Mode::OutOfMemory).await,
        "more memory than its limit",
        "raise resources.memory"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_cannot_begin() {
    says!(of_mode(Mode::BadCommand).await, "command cannot be run");
    says!(of_mode(Mode::RunsAsRoot).await, "runs as root");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_is_never_well() {
    says!(of_mode(Mode::NeverReady).await, "its readiness probe fails");
    says!(of_mode(Mode::NeverAlive).await, "its probe fails");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_finds_no_place() {
    let stage = Stage::new().await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"nvidia.com/gpu": "8"}, "limits": {"nvidia.com/gpu": "8"}});
    says!(
        failure(&stage, api).await,
        "no node has the GPUs",
        "Insufficient nvidia.com/gpu"
    );
    let mut api = deployment("b", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["volumes"] =
        json!([{"name": "d", "persistentVolumeClaim": {"claimName": "nope"}}]);
    says!(failure(&stage, api).await, "its volume claim is not there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_names_what_is_not_there() {
    let stage = Stage::new().await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["volumes"] = json!([{"name": "c", "configMap": {"name": "nope"}}]);
    says!(failure(&stage, api).await, "a volume cannot be mounted", "nope");
    let mut api = deployment("b", "registry.example/api:1");
    let from = json!({"secretKeyRef": {"name": "nope", "key": "k"}});
    api.spec["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "valueFrom": from}]);
    says!(failure(&stage, api).await, "a ConfigMap or Secret lacks", "nope");
    let mut api = deployment("c", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["serviceAccountName"] = "nope".into();
    says!(failure(&stage, api).await, "there is no such service account");
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_that_are_refused() {
    let stage = Stage::new().await;
    let mut space = namespace();
    space.spec["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted".into();
    stage.make(&[space]).await;
    let mut api = deployment("api", "registry.example/api:1");
    api.spec["spec"]["template"]["spec"]["securityContext"] = json!({});
    let error = run(&stage.engine(), &Step::Create { resource: api })
        .await
        .expect_err("refused");
    says!(told(&error), "Pod Security level forbids");
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}});
    stage
        .send(
            "POST",
            "/api/v1/namespaces/demo/resourcequotas",
            "application/json",
            &quota,
        )
        .await;
    says!(
        failure(&stage, deployment("api", "registry.example/api:1")).await,
        "a quota of the namespace is used up"
    );
    says!(
        failure(&stage, stateful_set("db", "registry.example/db:1")).await,
        "a quota of the namespace is used up"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_and_a_job_tell_it_too() {
    let stage = Stage::new().await;
    stage.double.script("registry.example/db:1", Mode::PullFails);
    says!(
        failure(&stage, stateful_set("db", "registry.example/db:1")).await,
        "the registry has no such image",
        "pod db-0"
    );
    stage.double.script(
        "registry.example/migrate:1",
        Behaviour {
            exit: 1,
            log: vec!["no table".to_owned()],
            ..Mode::Runs.into()
        },
    );
    let mut pod = template("migrate", "registry.example/migrate:1");
    pod["spec"]["restartPolicy"] = "Never".into();
    let job = resource(
        "job",
        "migrate-1",
        json!({"spec": {"backoffLimit": 0, "template": pod}}),
    );
    says!(failure(&stage, job).await, "exited (1)", "no table");
}
