//! What mlstack keeps for itself beside a stack.

use mlstack_provider_kubernetes::{HeldLock, Put, Shelf};
use serde_json::json;

use crate::objects::{config_map, namespace};
use crate::stage::{STACK, Stage, changed, told};

const PATH: &str = "/api/v1/namespaces/demo/configmaps";

fn done(put: Put) -> String {
    match put {
        Put::Done(version) => version,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_no_part_of_the_stack() {
    let stage = Stage::new().await;
    let stack = [namespace(), config_map("settings", "one")];
    stage.make(&stack).await;
    let shelf = Shelf::new(&stage.cluster, STACK);
    done(shelf.put("ledger", b"text", None).await.expect("an answer"));
    assert_eq!(changed(&stage.examine(&stack).await, &stack), Vec::<String>::new());
    let left = stage.examine(&[]).await.observed;
    let names: Vec<String> = left.iter().map(|one| one.address.to_string()).collect();
    assert!(!names.iter().any(|name| name.contains("ledger")), "{names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_is_replaced_only_over_what_was_read() {
    let stage = Stage::new().await;
    let shelf = Shelf::new(&stage.cluster, STACK);
    assert_eq!(shelf.get("ledger").await.expect("an answer"), None);
    let put = |bytes: &'static [u8], over: Option<String>| {
        let shelf = shelf.clone();
        async move { shelf.put("ledger", bytes, over.as_deref()).await.expect("an answer") }
    };
    assert_eq!(put(b"one", None).await, Put::NoPlace);
    stage.make(&[namespace()]).await;
    let first = done(put(b"one", None).await);
    assert_eq!(put(b"two", None).await, Put::Overtaken);
    let second = done(put(b"two", Some(first.clone())).await);
    assert_eq!(put(b"three", Some(first)).await, Put::Overtaken);
    assert!(shelf.remove("ledger").await.expect("an answer"));
    assert!(shelf.remove("ledger").await.expect("nothing to do"));
    assert_eq!(
        put(b"three", Some(second)).await,
        Put::Overtaken,
        "somebody took it away"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_is_too_large_is_told() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let shelf = Shelf::new(&stage.cluster, STACK);
    let error = shelf.put("ledger", &vec![7; (1 << 20) + 1], None).await.unwrap_err();
    insta::assert_snapshot!(told(&error), @"
    failed cannot write configmap/mlstack-demo.ledger
      1048577 bytes are more than the 1048576 that an object of a cluster holds
      help: keep the ledger elsewhere: --ledger s3://BUCKET/PREFIX or postgres://USER@HOST/DATABASE
    ");
    let put = shelf.put("ledger", &vec![7; 1 << 20], None).await;
    done(put.expect("just as much as fits"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_neither_read_nor_written() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mlstack-demo.ledger"}});
    stage.send("POST", PATH, "application/json", &theirs).await;
    let shelf = Shelf::new(&stage.cluster, STACK);
    let read = shelf.get("ledger").await.unwrap_err();
    insta::assert_snapshot!(told(&read), @"
    failed cannot use configmap/mlstack-demo.ledger
      it is not mlstack's, or another stack's
      help: choose another stack name or namespace, or delete it if nobody needs it
    ");
    assert!(shelf.put("ledger", b"one", None).await.is_err());
    assert!(shelf.remove("ledger").await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_write_there_is_told_so() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    stage.double.require_token();
    let nobody = mlstack_provider_kubernetes::Cluster::plain(stage.double.url(), STACK).expect("a URL");
    let error = Shelf::new(&nobody, STACK)
        .put("ledger", b"one", None)
        .await
        .unwrap_err();
    insta::assert_snapshot!(told(&error), @r#"
    denied cannot write configmap/mlstack-demo.ledger
      configmaps is forbidden: User "system:anonymous" cannot create resource "configmaps" in API group "" in the namespace "demo"
      help: ask whoever runs the cluster for that right, or choose a namespace of yours
    "#);
    assert!(HeldLock::find(&nobody, STACK).await.is_err());
}
