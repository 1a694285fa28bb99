//! Golden requests: what must be answered before a version counts as working.

use std::time::{Duration, Instant};

use insta::assert_snapshot;
use mlstack_kube_double::{Behaviour, Call, Fault, Mode};
use mlstack_provider::{Execute as _, Operate as _, Resource, Step, Value};
use mlstack_provider_kubernetes::Seen;
use serde_json::json;
use tokio::sync::Notify;

use crate::answers::Answers;
use crate::objects::{deployment, namespace};
use crate::stage::{STACK, Stage, changed, find, run, told};

const GOOD: &str = "registry.example/model:1";
const NEXT: &str = "registry.example/model:2";

/// A model server that should answer 4.
fn model(image: &str) -> Resource {
    let mut model = deployment("model", image);
    let check = json!({"request": {"MedInc": 8.3}, "prediction": 4, "within": 0.01});
    model.spec["x-mlstack"] = json!({"checks": {"port": 8080, "path": "/predict", "requests": [check]}});
    model
}

/// The same within 200 ms.
fn timed(image: &str) -> Resource {
    let mut model = model(image);
    model.spec["x-mlstack"]["checks"]["requests"][0]["p95"] = "200ms".into();
    model
}

fn image(stage: &Stage) -> Value {
    let live = stage
        .double
        .object("Deployment", "demo", "model")
        .expect("a deployment");
    live["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

/// The same where two versions cannot run side by side.
fn alone(image: &str) -> Resource {
    let mut model = model(image);
    model.spec["spec"]["strategy"] = json!({"type": "Recreate"});
    model
}

/// How often a pod was asked, by connections.
fn asked(stage: &Stage) -> usize {
    let calls = stage.double.calls();
    let forwarded = calls
        .iter()
        .filter(|call| call.path.contains("/portforward") && call.status == 101);
    forwarded.count()
}

/// A stage where the first version works.
async fn up() -> Stage {
    up_as(model(GOOD)).await
}

async fn up_as(model: Resource) -> Stage {
    let stage = Stage::new().await;
    stage.double.serve(GOOD, 8080, Answers::with(4.001).listen().await);
    stage.make(&[namespace(), model]).await;
    stage
}

/// What is said of an update that fails, once the version before serves again.
async fn refused(stage: &Stage, before: Resource, after: Resource) -> String {
    // Without the namespace: not everybody may read it.
    let desired = [before];
    let before = find(&stage.examine(&desired).await, &desired[0].address).clone();
    let begun = Instant::now();
    let error = run(&stage.engine(), &Step::Update { before, after })
        .await
        .expect_err("it fails");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert_eq!(image(stage), GOOD, "{}", told(&error));
    let after = changed(&stage.examine(&desired).await, &desired);
    let ours = after.iter().find(|text| text.starts_with("deployment"));
    assert_eq!(ours, None);
    assert_eq!(canary(stage), None);
    pods_without_names(stage, &told(&error))
}

/// What is said of a new version that is refused while the one before was not touched.
async fn not_begun(stage: &Stage, after: Resource) -> String {
    stage.double.forget_calls();
    let text = refused(stage, model(GOOD), after).await;
    let touched = |call: &Call| call.is_write() && call.path.contains("/deployments/");
    assert_eq!(stage.double.calls().into_iter().find(touched), None);
    text
}

fn canary(stage: &Stage) -> Option<Value> {
    stage.double.object("Pod", "demo", "model-canary")
}

/// Runs a step until it asks the golden requests, and no further.
async fn cut_off(stage: &Stage, step: &Step) {
    let (engine, asking) = (stage.engine(), Notify::new());
    let tell = |text: &str| {
        if text == "asking its checks" {
            asking.notify_one();
        }
    };
    tokio::select! {
        _ = engine.run(step, &tell) => panic!("it is cut off before"),
        () = asking.notified() => {}
    }
}

/// The names of pods are other ones each time.
fn pods_without_names(stage: &Stage, text: &str) -> String {
    let calls = stage.double.calls();
    let names = calls.iter().filter_map(|call| {
        let (before, _) = call.path.split_once("/portforward")?;
        before.rsplit_once('/').map(|(_, name)| name)
    });
    names.fold(text.to_owned(), |text, name| text.replace(name, "POD"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_answer_is_a_success() {
    let stage = up().await;
    assert_eq!(asked(&stage), 1);
    stage.double.serve(NEXT, 8080, Answers::with(3.995).listen().await);
    let desired = [namespace(), timed(NEXT)];
    let step = Step::Update {
        before: find(&stage.examine(&desired).await, &desired[1].address).clone(),
        after: desired[1].clone(),
    };
    stage.double.forget_calls();
    run(&stage.engine(), &step)
        .await
        .unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(asked(&stage), 1, "41 requests take one connection");
    assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_be_for_one_request() {
    let stage = Stage::new().await;
    let closing = Answers {
        goes_on: false,
        ..Answers::with(4.0)
    };
    stage.double.serve(GOOD, 8080, closing.listen().await);
    stage.make(&[namespace(), timed(GOOD)]).await;
    assert_eq!(asked(&stage), 41);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_answers_wrong_never_serves() {
    let stage = up().await;
    stage.double.serve(NEXT, 8080, Answers::with(5.5).listen().await);
    assert_snapshot!(not_begun(&stage, model(NEXT)).await, @r#"
    not-ready deployment/model gives a wrong answer
      checks[0]: expected 4 within 0.01, got 5.5; asked {"MedInc":8.3}
      help: if 5.5 is right, write it as checks[0].expect.prediction
      help: the version before it was not touched, and serves
      rolled back
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_one_must_stop_first_a_wrong_answer_brings_it_back() {
    let stage = up_as(alone(GOOD)).await;
    stage.double.serve(NEXT, 8080, Answers::with(5.5).listen().await);
    assert_snapshot!(refused(&stage, alone(GOOD), alone(NEXT)).await, @r#"
    not-ready deployment/model gives a wrong answer
      checks[0]: expected 4 within 0.01, got 5.5; asked {"MedInc":8.3}
      help: if 5.5 is right, write it as checks[0].expect.prediction
      rolled back
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_does_not_come_up_costs_nothing() {
    let stage = up().await;
    stage.double.script(NEXT, Mode::PullFails);
    assert_snapshot!(not_begun(&stage, model(NEXT)).await, @r#"
    not-ready deployment/model did not become ready
      the registry has no such image (pod model-canary, container server): Failed to pull image "registry.example/model:2": failed to pull and unpack image "registry.example/model:2": failed to resolve reference "registry.example/model:2": registry.example/model:2: not found
      help: mend `image`, or push it first
      help: the version before it was not touched, and serves
      rolled back
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_pod_may_be_made_it_is_asked_after_the_rollout() {
    let mut stage = up().await;
    stage.double.serve(NEXT, 8080, Answers::with(5.5).listen().await);
    let rule =
        |resources: &[&str], verbs: &[&str]| json!({"apiGroups": ["", "apps"], "resources": resources, "verbs": verbs});
    let most = [
        "configmaps",
        "deployments",
        "replicasets",
        "pods/log",
        "pods/portforward",
        "events",
    ];
    let rules = json!([rule(&most, &["*"]), rule(&["pods"], &["get", "list"])]);
    stage.become_user(&rules).await;
    assert_snapshot!(refused(&stage, model(GOOD), model(NEXT)).await, @r#"
    not-ready deployment/model gives a wrong answer
      checks[0]: expected 4 within 0.01, got 5.5; asked {"MedInc":8.3}
      help: if 5.5 is right, write it as checks[0].expect.prediction
      rolled back
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_is_found_and_goes() {
    let stage = up().await;
    stage.double.serve(NEXT, 8080, Answers::with(4.0).listen().await);
    let desired = [namespace(), model(NEXT)];
    let update = |seen: &Seen| Step::Update {
        before: find(seen, &desired[1].address).clone(),
        after: model(NEXT),
    };
    cut_off(&stage, &update(&stage.examine(&desired).await)).await;
    let left = canary(&stage).expect("a canary");
    let conditions = left["status"]["conditions"].as_array().expect("conditions");
    let ready = conditions.iter().find(|one| one["type"] == "Ready").expect("one");
    assert_eq!(ready["reason"], "ReadinessGatesNotReady");
    assert_eq!(
        left["metadata"]["labels"]["app.kubernetes.io/name"], "model",
        "policies know it"
    );
    assert_eq!(left["metadata"]["ownerReferences"][0]["name"], "mlstack-demo");
    let seen = stage.examine(&[namespace(), model(GOOD)]).await;
    let problem = &find(&seen, &desired[1].address).problem;
    assert_eq!(problem.as_deref(), Some("a pod that tried a new version is left"));
    let statuses = stage.engine().reader().status(STACK).await.expect("a look");
    assert_eq!(statuses.len(), 1, "it serves nobody");
    let step = update(&stage.examine(&desired).await);
    run(&stage.engine(), &step)
        .await
        .unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(canary(&stage), None);
    assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_is_a_wrong_one() {
    let stage = up().await;
    let late = Answers {
        pause: Duration::from_millis(2),
        says: Some(300),
        ..Answers::with(4.0)
    };
    stage.double.serve(NEXT, 8080, late.listen().await);
    assert_snapshot!(not_begun(&stage, timed(NEXT)).await, @"
    not-ready deployment/model answers too slowly
      checks[0]: p95 is 300ms over 40 answers, and may be 200ms
      help: give it more resources.cpu, or raise checks[0].p95
      help: the version before it was not touched, and serves
      rolled back
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_to_a_pod_does_not_count_where_it_says_its_own_time() {
    let stage = Stage::new().await;
    let far = Answers {
        pause: Duration::from_millis(40),
        says: Some(3),
        ..Answers::with(4.0)
    };
    stage.double.serve(GOOD, 8080, far.listen().await);
    let mut model = timed(GOOD);
    model.spec["x-mlstack"]["checks"]["requests"][0]["p95"] = "20ms".into();
    stage.make(&[namespace(), model]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_a_wrong_one() {
    let stage = up().await;
    let log = Behaviour {
        log: vec!["listening on port 8000".to_owned()],
        ..Mode::Runs.into()
    };
    stage.double.script(NEXT, log);
    assert_snapshot!(not_begun(&stage, model(NEXT)).await, @r#"
    not-ready deployment/model does not answer its checks
      checks[0]: nobody listens on port 8080; asked {"MedInc":8.3}
      its last lines:
    listening on port 8000
      help: see that it listens on its port, and answers POST /predict
      help: the version before it was not touched, and serves
      rolled back
    "#);
    let never = Answers {
        pause: Duration::from_secs(60),
        ..Answers::with(4.0)
    };
    stage.double.serve(NEXT, 8080, never.listen().await);
    assert_snapshot!(not_begun(&stage, model(NEXT)).await, @r#"
    not-ready deployment/model does not answer its checks
      checks[0]: no answer within 5 s; asked {"MedInc":8.3}
      its last lines:
    listening on port 8000
      help: see that it listens on its port, and answers POST /predict
      help: the version before it was not touched, and serves
      rolled back
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_version_that_answers_wrong_does_not_stay() {
    let stage = Stage::new().await;
    stage.double.serve(GOOD, 8080, Answers::with(5.5).listen().await);
    stage.make(&[namespace()]).await;
    let step = Step::Create { resource: model(GOOD) };
    let error = run(&stage.engine(), &step).await.expect_err("a wrong answer");
    assert_snapshot!(told(&error), @r#"
    not-ready deployment/model gives a wrong answer
      checks[0]: expected 4 within 0.01, got 5.5; asked {"MedInc":8.3}
      help: if 5.5 is right, write it as checks[0].expect.prediction
      help: it was taken away, so that nobody gets its answers
    "#);
    assert_eq!(stage.double.names("Deployment"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_named() {
    let rule =
        |resources: &[&str], verbs: &[&str]| json!({"apiGroups": ["", "apps"], "resources": resources, "verbs": verbs});
    let most = ["configmaps", "deployments", "replicasets", "pods", "pods/log", "events"];
    for right in ["get", "create"] {
        let mut stage = up().await;
        stage.double.serve(NEXT, 8080, Answers::with(4.0).listen().await);
        let rules = json!([rule(&most, &["*"]), rule(&["pods/portforward"], &[right])]);
        stage.become_user(&rules).await;
        let text = not_begun(&stage, model(NEXT)).await;
        match right {
            "get" => assert_snapshot!(text, @r#"
            denied cannot ask the checks of deployment/model
              pods "POD" is forbidden: User "dev" cannot create resource "pods/portforward" in API group "" in the namespace "demo"
              help: checks need the verbs get and create on pods/portforward: ask whoever runs the cluster for them
              help: the version before it was not touched, and serves
              rolled back
            "#),
            _ => assert_snapshot!(text, @r#"
            denied cannot ask the checks of deployment/model
              pods "POD" is forbidden: User "dev" cannot get resource "pods/portforward" in API group "" in the namespace "demo"
              help: checks need the verbs get and create on pods/portforward: ask whoever runs the cluster for them
              help: the version before it was not touched, and serves
              rolled back
            "#),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_was_cut_off_is_made_up_for() {
    let stage = Stage::new().await;
    stage.double.serve(GOOD, 8080, Answers::with(4.0).listen().await);
    let desired = [namespace(), model(GOOD)];
    stage.make(&desired[..1]).await;
    let step = Step::Create { resource: model(GOOD) };
    cut_off(&stage, &step).await;
    let seen = stage.examine(&desired).await;
    assert_eq!(
        changed(&seen, &desired),
        ["deployment/model: its checks were not answered yet"]
    );
    let step = Step::Repair {
        before: find(&seen, &desired[1].address).clone(),
        after: model(GOOD),
    };
    run(&stage.engine(), &step)
        .await
        .unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_opened_again() {
    for fault in [Fault::ResetBefore, Fault::Status(503)] {
        let stage = Stage::new().await;
        stage.double.serve("", 8080, Answers::with(4.0).listen().await);
        stage.double.fault_on("/portforward", 2, fault);
        stage.make(&[namespace(), model(GOOD)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_be_killed_at_every_write() {
    let (before, after) = (Fault::HoldBefore, Fault::HoldAfter);
    let (a, b, c, d) = tokio::join!(
        killed(model, before),
        killed(model, after),
        killed(alone, before),
        killed(alone, after)
    );
    // Beside the one in service: the canary comes, it goes, the rollout. Else: the rollout, its mark goes.
    assert_eq!([a, b, c, d], [3, 3, 2, 2]);
}

/// Kills an update at each of its writes, and goes on after each; how many there were.
async fn killed(way: fn(&str) -> Resource, fault: Fault) -> usize {
    let desired = [namespace(), way(NEXT)];
    for write in 1.. {
        let stage = up_as(way(GOOD)).await;
        stage.double.serve(NEXT, 8080, Answers::with(4.0).listen().await);
        let step = steps(&stage, &desired).await.remove(0);
        stage.double.fault_at_write(write, fault);
        let engine = stage.engine();
        let is_killed = tokio::select! {
            _ = run(&engine, &step) => false,
            () = stage.double.wait_held() => true,
        };
        stage.double.release();
        if !is_killed {
            return write - 1;
        }
        go_on(&stage, &desired).await;
        assert_eq!(changed(&stage.examine(&desired).await, &desired), Vec::<String>::new());
        assert_eq!(
            (image(&stage), canary(&stage)),
            (json!(NEXT), None),
            "{write} {fault:?}"
        );
    }
    0
}

/// Does what plans want, as the next run and, where the killed one's last write arrives late, the one after it.
async fn go_on(stage: &Stage, desired: &[Resource]) {
    for _ in 0..2 {
        for step in steps(stage, desired).await {
            run(&stage.engine(), &step)
                .await
                .unwrap_or_else(|error| panic!("{}", told(&error)));
        }
    }
}

/// What a plan would do about the model server.
async fn steps(stage: &Stage, desired: &[Resource]) -> Vec<Step> {
    let (seen, after) = (stage.examine(desired).await, desired[1].clone());
    let before = find(&seen, &after.address).clone();
    let same = before.spec == after.spec;
    match (same, before.problem.is_some()) {
        (true, false) => Vec::new(),
        (true, true) => vec![Step::Repair { before, after }],
        (false, _) => vec![Step::Update { before, after }],
    }
}
