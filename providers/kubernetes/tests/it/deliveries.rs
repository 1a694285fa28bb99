//! Packed images are in their registry before the cluster is asked to run them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mlstack_kube_double::Mode;
use mlstack_provider::{ErrorKind, Observed, Progress, ProviderError, Resource, Step};
use mlstack_provider_kubernetes::{Delivery, KubeEngine};
use serde_json::json;

use crate::objects::{deployment, namespace, stateful_set};
use crate::stage::{Stage, find, run, told};

const ONE: &str = "registry.example/demo-api@sha256:1";
const TWO: &str = "registry.example/demo-api@sha256:2";

/// Notes what it is asked for, and may refuse it.
#[derive(Debug, Default)]
struct Courier {
    asked: Mutex<Vec<String>>,
    refuses: bool,
}

#[async_trait]
impl Delivery for Courier {
    async fn deliver(&self, component: &str, reference: &str, progress: Progress<'_>) -> Result<(), ProviderError> {
        self.asked
            .lock()
            .expect("nobody panicked")
            .push(format!("{component} {reference}"));
        progress("pushing 34.1 MB to registry.example/demo-api");
        match self.refuses {
            true => Err(ProviderError::new(ErrorKind::Denied, "cannot push the image of").because("not authorized")),
            false => Ok(()),
        }
    }
}

impl Courier {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().expect("nobody panicked"))
    }
}

fn couriers(stage: &Stage) -> (Arc<Courier>, KubeEngine) {
    let courier = Arc::new(Courier::default());
    let engine = stage.engine_delivering(Arc::<Courier>::clone(&courier));
    (courier, engine)
}

fn packed(mut resource: Resource, image: &str) -> Resource {
    resource.spec["x-mlstack"] = json!({"image": {"component": "api", "reference": image}});
    resource
}

async fn live(stage: &Stage, wanted: &Resource) -> Observed {
    let desired = [namespace(), wanted.clone()];
    find(&stage.examine(&desired).await, &wanted.address).clone()
}

async fn good(engine: &KubeEngine, step: &Step) {
    run(engine, step)
        .await
        .unwrap_or_else(|error| panic!("{}", told(&error)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_is_delivered_when_it_is_new() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let (courier, engine) = couriers(&stage);
    let wanted = packed(deployment("api", ONE), ONE);
    let resource = wanted.clone();
    good(&engine, &Step::Create { resource }).await;
    assert_eq!(courier.asked(), [format!("api {ONE}")]);

    let mut after = wanted.clone();
    after.spec["spec"]["replicas"] = 2.into();
    let before = live(&stage, &after).await;
    good(&engine, &Step::Update { before, after }).await;
    assert_eq!(courier.asked(), [""; 0], "it runs that image already");

    let after = packed(deployment("api", TWO), TWO);
    let before = live(&stage, &after).await;
    good(&engine, &Step::Update { before, after }).await;
    assert_eq!(courier.asked(), [format!("api {TWO}")]);

    let before = live(&stage, &packed(deployment("api", TWO), TWO)).await;
    good(&engine, &Step::Delete { before }).await;
    assert_eq!(courier.asked(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_somebody_removed_from_its_registry_is_delivered_again() {
    let stage = Stage::new().await;
    let wanted = packed(stateful_set("api", ONE), ONE);
    stage.make(&[namespace(), wanted.clone()]).await;
    let (courier, engine) = couriers(&stage);
    let (before, after) = (live(&stage, &wanted).await, wanted.clone());
    good(&engine, &Step::Repair { before, after }).await;
    assert_eq!(courier.asked(), [format!("api {ONE}")]);

    let mut before = live(&stage, &wanted).await;
    before.problem = Some("the registry has no such image".to_owned());
    let after = wanted.clone();
    good(&engine, &Step::Update { before, after }).await;
    assert_eq!(courier.asked(), [format!("api {ONE}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_costs_nothing_that_runs() {
    let stage = Stage::new().await;
    let old = packed(deployment("api", ONE), ONE);
    stage.make(&[namespace(), old]).await;
    let courier = Courier {
        refuses: true,
        ..Courier::default()
    };
    let engine = stage.engine_delivering(Arc::new(courier));
    let after = packed(deployment("api", TWO), TWO);
    let before = live(&stage, &after).await;
    stage.double.forget_calls();
    for step in [
        Step::Replace {
            before: before.clone(),
            after: after.clone(),
        },
        Step::Update { before, after },
    ] {
        let error = run(&engine, &step).await.expect_err("refused");
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(
            told(&error).contains("cannot push the image of deployment/api"),
            "{}",
            told(&error)
        );
    }
    let calls = stage.double.calls();
    let writes = calls.iter().filter(|call| call.is_write()).count();
    assert_eq!(writes, 0, "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_delivers_nothing() {
    let stage = Stage::new().await;
    stage.make(&[namespace(), packed(deployment("api", ONE), ONE)]).await;
    stage.double.script(TWO, Mode::Crashes);
    let (courier, engine) = couriers(&stage);
    let after = packed(deployment("api", TWO), TWO);
    let before = live(&stage, &after).await;
    let error = run(&engine, &Step::Update { before, after })
        .await
        .expect_err("it crashes");
    assert!(error.rolled_back, "{}", told(&error));
    assert_eq!(courier.asked(), [format!("api {TWO}")]);
}
