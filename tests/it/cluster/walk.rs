//! A stack, from nothing to nothing: what is said and what is done.

use super::ground::Ground;

const SHOP: &str = r#"version: 1
name: shop
secrets:
  token: { generate: 32 }
components:
  api:
    type: service
    image: registry.example/api:1
    port: 8080
    uses: [cache]
    resources: { cpu: 100m, memory: 64Mi }
    env: { ROUND: "one", TOKEN_FILE: "${secrets.token.file}" }
  cache: { type: cache, engine: valkey, version: "8" }
"#;

#[test]
fn a_stack_goes_from_nothing_to_nothing() {
    let ground = Ground::with(SHOP);
    insta::assert_snapshot!(ground.run("plan"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

      + deployment/api              mlstack.yaml:6   will be created
      + deployment/cache            mlstack.yaml:13  will be created
      + namespace/shop              mlstack.yaml:2   will be created
      + networkpolicy/api           mlstack.yaml:6   will be created
      + networkpolicy/cache         mlstack.yaml:13  will be created
      + networkpolicy/default-deny                   will be created
      + secret/token                mlstack.yaml:4   will be created
      + service/api                 mlstack.yaml:6   will be created
      + service/cache               mlstack.yaml:13  will be created
      + serviceaccount/api          mlstack.yaml:6   will be created
      + serviceaccount/cache        mlstack.yaml:13  will be created

    Plan: 11 to add, 0 to change, 0 to replace, 0 to destroy.
    --- stderr
    ");
    assert_eq!(ground.writes(), Vec::<String>::new(), "a plan writes nothing");
    insta::assert_snapshot!(ground.run("apply -y"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

      + deployment/api              mlstack.yaml:6   will be created
      + deployment/cache            mlstack.yaml:13  will be created
      + namespace/shop              mlstack.yaml:2   will be created
      + networkpolicy/api           mlstack.yaml:6   will be created
      + networkpolicy/cache         mlstack.yaml:13  will be created
      + networkpolicy/default-deny                   will be created
      + secret/token                mlstack.yaml:4   will be created
      + service/api                 mlstack.yaml:6   will be created
      + service/cache               mlstack.yaml:13  will be created
      + serviceaccount/api          mlstack.yaml:6   will be created
      + serviceaccount/cache        mlstack.yaml:13  will be created

    Plan: 11 to add, 0 to change, 0 to replace, 0 to destroy.
    --- stderr
    Applied: 11 of 11 done in [TIME] s.
    ");
    ground.is_settled();
    insta::assert_snapshot!(ground.run("status"), @"
    exit: 0
    --- stdout
    COMPONENT  STATE    SINCE                ADDRESS
    api        healthy  [TIME] [TIME]  -
    cache      healthy  [TIME] [TIME]  -
    --- stderr
    ");

    ground.edit("\"one\"", "\"two\"");
    ground.double.forget_calls();
    insta::assert_snapshot!(ground.run("apply -y"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

      ~ deployment/api  mlstack.yaml:6  env.ROUND one → two  rolling, no downtime

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.
    --- stderr
    Applied: 1 of 1 done in [TIME] s.
    ");
    insta::assert_snapshot!(ground.writes().join("\n"), @"
    POST /apis/coordination.k8s.io/v1/namespaces/shop/leases
    POST /api/v1/namespaces/shop/configmaps?fieldManager=mlstack-ledger&fieldValidation=Strict
    PUT /api/v1/namespaces/shop/configmaps/mlstack-shop.journal?fieldManager=mlstack-ledger&fieldValidation=Strict
    PATCH /apis/apps/v1/namespaces/shop/deployments/api?fieldManager=mlstack&fieldValidation=Strict
    PUT /api/v1/namespaces/shop/configmaps/mlstack-shop.journal?fieldManager=mlstack-ledger&fieldValidation=Strict
    PUT /api/v1/namespaces/shop/configmaps/mlstack-shop.ledger?fieldManager=mlstack-ledger&fieldValidation=Strict
    DELETE /api/v1/namespaces/shop/configmaps/mlstack-shop.journal
    DELETE /apis/coordination.k8s.io/v1/namespaces/shop/leases/mlstack-shop
    ");
    ground.is_settled();

    insta::assert_snapshot!(ground.run("rollback -y"), @"
    exit: 0
    --- stdout
    Back to revision 1 of [TIME]
    shop → k8s (context double, namespace shop)

      ~ deployment/api    env.ROUND two → one  rolling, no downtime

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.
    --- stderr
    Applied: 1 of 1 done in [TIME] s.
    The stack file may still ask for something else: `mlstack plan` shows it. Put it right there before the next apply.
    ");
    insta::assert_snapshot!(ground.run("drift"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

    Not applied yet, changed in the stack file or its secrets:

      ~ deployment/api  mlstack.yaml:6  env.ROUND one → two  rolling, no downtime

    No drift: 11 of 11 are as mlstack made them. Not applied yet: 1; see `mlstack plan`.
    --- stderr
    ");
    ground.edit("\"two\"", "\"one\"");
    ground.is_settled();

    insta::assert_snapshot!(ground.run("destroy -y"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

      - deployment/api                         no longer declared
      - deployment/cache                       no longer declared
      ! namespace/shop              protected  no longer declared: kept
      - networkpolicy/api                      no longer declared
      - networkpolicy/cache                    no longer declared
      - networkpolicy/default-deny             no longer declared
      - secret/token                           no longer declared
      - service/api                            no longer declared
      - service/cache                          no longer declared
      - serviceaccount/api                     no longer declared
      - serviceaccount/cache                   no longer declared

    Plan: 0 to add, 0 to change, 0 to replace, 10 to destroy.
    --- stderr
    Applied: 10 of 10 done in [TIME] s.
    Kept: shop. To lose this data for good: mlstack destroy --destroy-data shop
    ");
    assert_eq!(ground.double.names("Deployment"), Vec::<String>::new());
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
    assert!(!ground.double.names("Namespace").contains(&"/shop".to_owned()));
}

#[test]
fn what_somebody_else_changed_is_shown_with_his_name_and_taken_back_on_request() {
    let ground = Ground::with(SHOP);
    ground.run("apply -y");
    let api = "/apis/apps/v1/namespaces/shop/deployments/api";
    ground.meddle("kubectl-edit", api, r#"{"spec": {"replicas": 3}}"#);
    insta::assert_snapshot!(ground.run("drift --detailed-exitcode"), @"
    exit: 2
    --- stdout
    shop → k8s (context double, namespace shop)

      ≠ deployment/api  mlstack.yaml:6  replicas 1 → 3
                                        fix: `mlstack apply` puts it back; to keep
                                        it, write it into the stack file first

    Drift: 1 is not as mlstack made it.

    The target says:

      conflict  deployment/api  spec.replicas is 3 and owned by kubectl-edit; wanted
                                is 1
                                --force-conflicts takes these fields over; or leave
                                them out of the stack file
    --- stderr
    ");
    insta::assert_snapshot!(ground.run("plan"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

    Drift, not made by mlstack:

      ≠ deployment/api  mlstack.yaml:6  replicas 1 → 3

      ~ deployment/api  mlstack.yaml:6  replicas 3 → 1

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.

    The target says:

      conflict  deployment/api  spec.replicas is 3 and owned by kubectl-edit; wanted
                                is 1
                                --force-conflicts takes these fields over; or leave
                                them out of the stack file
    --- stderr
    ");
    ground.double.forget_calls();
    insta::assert_snapshot!(ground.run("apply -y -q"), @"
    exit: 5
    --- stdout
    shop → k8s (context double, namespace shop)

    Drift, not made by mlstack:

      ≠ deployment/api  mlstack.yaml:6  replicas 1 → 3

      ~ deployment/api  mlstack.yaml:6  replicas 3 → 1

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.

    The target says:

      conflict  deployment/api  spec.replicas is 3 and owned by kubectl-edit; wanted
                                is 1
                                --force-conflicts takes these fields over; or leave
                                them out of the stack file
    --- stderr
    error: somebody else manages fields of deployment/api
      hint: say in the stack file what they set, or take the fields over: --force-conflicts
    ");
    assert_eq!(
        ground.double.object("Deployment", "shop", "api").unwrap()["spec"]["replicas"],
        3
    );
    insta::assert_snapshot!(ground.run("apply -y -q --force-conflicts"), @"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

    Drift, not made by mlstack:

      ≠ deployment/api  mlstack.yaml:6  replicas 1 → 3

      ~ deployment/api  mlstack.yaml:6  replicas 3 → 1

    Plan: 0 to add, 1 to change, 0 to replace, 0 to destroy.

    The target says:

      conflict  deployment/api  spec.replicas is 3 and owned by kubectl-edit; wanted
                                is 1
                                --force-conflicts takes these fields over; or leave
                                them out of the stack file
    --- stderr
    ");
    assert_eq!(
        ground.double.object("Deployment", "shop", "api").unwrap()["spec"]["replicas"],
        1
    );
    ground.is_settled();
}

#[test]
fn what_exists_already_is_not_taken_without_leave() {
    let ground = Ground::with(SHOP);
    let service =
        r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "api"}, "spec": {"ports": [{"port": 80}]}}"#;
    ground.make(
        "/api/v1/namespaces",
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#,
    );
    ground.make("/api/v1/namespaces/shop/services", service);
    insta::assert_snapshot!(ground.run("plan"), @"
    exit: 1
    --- stdout
    --- stderr
    error: the cluster would refuse namespace/shop
     --> mlstack.yaml:2:1
      caused by: it exists already, and it is not of this stack
        service/api: it exists already, and it is not of this stack
      hint: take it over with --adopt, or give yours another name
      hint: `mlstack plan --offline` needs neither engine nor cluster
    ");
    insta::assert_snapshot!(ground.run("apply -y -q"), @"
    exit: 1
    --- stdout
    --- stderr
    error: the cluster would refuse namespace/shop
     --> mlstack.yaml:2:1
      caused by: it exists already, and it is not of this stack
        service/api: it exists already, and it is not of this stack
      hint: take it over with --adopt, or give yours another name
    ");
    insta::assert_snapshot!(ground.run("apply -y -q --adopt"), @r#"
    exit: 0
    --- stdout
    shop → k8s (context double, namespace shop)

      + deployment/api              mlstack.yaml:6   will be created
      + deployment/cache            mlstack.yaml:13  will be created
      ~ namespace/shop              mlstack.yaml:2   metadat…stance" none → shop
                                                     metadat…ged-by" none → mlstack
                                                     metadat…art-of" none → shop
                                                     metadat…nforce" none → rest…ted
      + networkpolicy/api           mlstack.yaml:6   will be created
      + networkpolicy/cache         mlstack.yaml:13  will be created
      + networkpolicy/default-deny                   will be created
      + secret/token                mlstack.yaml:4   will be created
      ~ service/api                 mlstack.yaml:6   metadat…ponent" none → service
                                                     metadat…stance" none → shop
                                                     metadat…ged-by" none → mlstack
                                                     metadat…o/name" none → api
                                                     metadat…art-of" none → shop
                                                     ports[main] none → {"name…TCP"}
                                                     selecto…ponent" none → service
                                                     selecto…stance" none → shop
                                                     selecto…o/name" none → api
      + service/cache               mlstack.yaml:13  will be created
      + serviceaccount/api          mlstack.yaml:6   will be created
      + serviceaccount/cache        mlstack.yaml:13  will be created

    Plan: 9 to add, 2 to change, 0 to replace, 0 to destroy.
    --- stderr
    "#);
    ground.is_settled();
}
