//! The ledger of a stack on a cluster: in its namespace, for whoever may change the stack.

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
