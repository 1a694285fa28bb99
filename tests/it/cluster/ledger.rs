//! The ledger of a stack on a cluster: in its namespace, for whoever may change the stack.

use std::process::Stdio;
use std::time::Duration;

use mlstack_kube_double::Fault;

use super::ground::Ground;

const API: &str = r#"version: 1
name: shop
components:
  api: { type: service, image: "registry.example/api:1", port: 8080, resources: { cpu: 100m, memory: 64Mi } }
"#;

fn ours(ground: &Ground, kind: &str) -> Vec<String> {
    let names = ground.double.names(kind).into_iter();
    names.filter(|name| name.contains("mlstack-")).collect()
}

/// As on another machine: what lies beside the stack file is gone.
fn forget(ground: &Ground) {
    let _gone = std::fs::remove_dir_all(ground.folder.path().join(".mlstack"));
}

#[test]
fn the_namespace_remembers_and_another_machine_reads_it() {
    let ground = Ground::with(API);
    ground.run("apply -y");
    assert_eq!(
        ours(&ground, "ConfigMap"),
        ["shop/mlstack-shop", "shop/mlstack-shop.ledger"]
    );
    assert_eq!(ours(&ground, "Lease"), Vec::<String>::new());
    forget(&ground);
    let told = ground.folder.run("history --format json");
    let said = |what: &str| told.contains(what);
    assert!(said(r#""command": "apply""#) && said(r#""ending": "done""#), "{told}");
    insta::assert_snapshot!(ground.run("unlock"), @"
    exit: 0
    --- stdout
    Nobody holds the lock in the namespace shop, nor one on the target itself.
    --- stderr
    ");
    ground.edit("api:1", "api:2");
    ground.run("apply -y");
    forget(&ground);
    let told = ground.run("rollback -y");
    assert!(
        told.contains("Back to revision 1") && told.contains("Applied: 1 of 1 done"),
        "{told}"
    );
}

#[test]
fn what_was_typed_wins() {
    let ground = Ground::with(API);
    ground.run("apply -y --ledger ledgers");
    assert!(ground.folder.path().join("ledgers/shop/ledger.json").exists());
    assert_eq!(ours(&ground, "ConfigMap"), ["shop/mlstack-shop"]);
    insta::assert_snapshot!(ground.run("unlock --ledger ledgers"), @"
    exit: 0
    --- stdout
    Nobody holds the lock in [DIR]/ledgers/shop, nor one on the target itself.
    --- stderr
    ");
}

#[test]
fn a_namespace_that_is_lost_takes_its_ledger_with_it() {
    let ground = Ground::with(API);
    ground.run("apply -y");
    ground.run("destroy -y");
    assert_eq!(
        ours(&ground, "ConfigMap"),
        ["shop/mlstack-shop.ledger"],
        "its history is kept"
    );
    insta::assert_snapshot!(ground.run("destroy -y --destroy-data shop"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

      - namespace/shop  protected  no longer declared, --destroy-data names it
                                   data loss

    Plan: 0 to add, 0 to change, 0 to replace, 1 to destroy.
    --- stderr
    Applied: 1 of 1 done in [TIME] s.
    ");
    assert_eq!(ours(&ground, "ConfigMap"), Vec::<String>::new());
    insta::assert_snapshot!(ground.run("history"), @"
    exit: 0
    --- stdout
    Nothing was changed yet, or the ledger was lost.
    --- stderr
    ");
    ground.run("apply -y");
    ground.is_settled();
}

/// The first one has made the namespace and is held there, without a lock as there was no place for one.
#[test]
fn of_two_first_applies_the_one_without_the_lock_starts_nothing_more() {
    let ground = Ground::with(API);
    // Before the namespace is made, the lock is tried three times: once by itself, and with each line of the journal.
    ground.double.fault_at_change(4, Fault::HoldAfter);
    let apply = || {
        let mut command = ground.folder.command("apply -y");
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let first = apply();
    let until = |is_there: &dyn Fn() -> bool| {
        while !is_there() {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until(&|| ground.double.object("Namespace", "", "shop").is_some());
    let second = apply();
    until(&|| ours(&ground, "ConfigMap").contains(&"shop/mlstack-shop.journal".to_owned()));
    ground.double.release();
    let [first, second] = [first, second].map(|run| run.wait_with_output().unwrap());
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    let codes = [first, second].map(|run| run.status.code());
    assert_eq!(codes, [Some(6), Some(0)], "{said}");
    let end = said
        .split_once("error: the lock")
        .map(|(_, end)| end)
        .unwrap_or_default();
    insta::assert_snapshot!(end, @"
     on this stack is lost
      hint: nothing more was touched; once the other run has ended: mlstack plan
    ");
    assert_eq!(ours(&ground, "Lease"), Vec::<String>::new());
    ground.is_settled();
}
