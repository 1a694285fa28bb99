//! One run at a time.

use std::time::Duration;

use mlstack_kube_double::Fault;
use mlstack_provider_kubernetes::{ClusterLock, HeldLock, Taken};

use crate::objects::namespace;
use crate::stage::{STACK, Stage};

const TIME: Duration = Duration::from_secs(20);

async fn take(stage: &Stage, holder: &str) -> Taken {
    ClusterLock::take(&stage.cluster, STACK, holder, TIME, |_| false)
        .await
        .expect("an answer")
}

async fn ours(stage: &Stage, holder: &str) -> Box<ClusterLock> {
    match take(stage, holder).await {
        Taken::Ours(lock) => lock,
        Taken::Held(by) => panic!("held by {by}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_do_not_meet() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let first = ours(&stage, "run-1").await;
    assert!(matches!(take(&stage, "run-2").await, Taken::Held(by) if by == "run-1"));
    assert!(first.renew().await.expect("an answer"));
    first.release().await.expect("given back");
    let second = ours(&stage, "run-2").await;
    assert!(!first.renew().await.expect("an answer"), "it is not ours any more");
    first.release().await.expect("nothing to give back");
    assert!(second.renew().await.expect("an answer"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_dead_is_taken_over() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let first = ours(&stage, "run-1").await;
    let taken = ClusterLock::take(&stage.cluster, STACK, "run-2", TIME, |holder| holder == "run-1").await;
    assert!(matches!(taken, Ok(Taken::Ours(_))));
    assert!(!first.renew().await.expect("an answer"), "the first one stops");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_namespace_yet_the_lock_comes_with_it() {
    let stage = Stage::new().await;
    let lock = ours(&stage, "run-1").await;
    stage.make(&[namespace()]).await;
    assert!(lock.renew().await.expect("an answer"));
    assert!(matches!(take(&stage, "run-2").await, Taken::Held(_)));
    lock.release().await.expect("given back");
    assert_eq!(stage.double.names("Lease"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_the_lock_is_seen_and_what_was_seen_can_be_freed() {
    let stage = Stage::new().await;
    stage.make(&[namespace()]).await;
    let find = || HeldLock::find(&stage.cluster, STACK);
    assert!(find().await.expect("an answer").is_none());
    let lock = ours(&stage, "run-1").await;
    let seen = find().await.expect("an answer").expect("a lock");
    assert_eq!((seen.holder.as_str(), seen.is_over), ("run-1", false));
    // The server tells whole seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(lock.renew().await.expect("an answer"));
    assert!(
        !seen.free(&stage.cluster, STACK).await.expect("an answer"),
        "it moved on"
    );
    let seen = find().await.expect("an answer").expect("a lock");
    assert!(seen.free(&stage.cluster, STACK).await.expect("an answer"));
    assert!(!lock.renew().await.expect("an answer"), "its holder learns of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_whose_making_was_never_answered_is_ours() {
    let stage = Stage::new().await;
    let lock = ours(&stage, "run-1").await;
    stage.make(&[namespace()]).await;
    stage.double.fault_on("POST /apis/coordination", 1, Fault::ResetAfter);
    assert!(lock.renew().await.expect("an answer"));
    assert!(lock.is_made().await);
    lock.release().await.expect("given back");
    assert_eq!(stage.double.names("Lease"), Vec::<String>::new());
}
