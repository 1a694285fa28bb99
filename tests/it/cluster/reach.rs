//! Which cluster is meant, and as whom: contexts, programs that log in, rights that lack, a real cluster where there is one.

use std::os::unix::fs::PermissionsExt as _;

use super::ground::Ground;
use crate::support::Sandbox;

const STACK: &str = "version: 1\nname: shop\ncomponents:\n  cache: { type: cache, engine: valkey, version: \"8\" }\n";

/// What EKS and GKE do: a program that prints a token.
#[test]
fn a_login_program_of_the_kubeconfig_is_run() {
    let ground = Ground::with(STACK);
    ground.double.require_token();
    let program = ground.folder.path().join("login");
    let credential =
        r#"{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "TOKEN"}}"#;
    let credential = credential.replace("TOKEN", ground.double.token());
    ground
        .folder
        .write("login", format!("#!/bin/sh\ntouch ran\necho '{credential}'\n"));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let user = |user: &str| {
        ground.folder.write(
            "kubeconfig",
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: eks\nclusters: [{{name: eks, cluster: {{server: \"{}\"}}}}]\n\
                 users: [{{name: me, user: {user}}}]\ncontexts: [{{name: eks, context: {{cluster: eks, user: me}}}}]\n",
                ground.double.url()
            ),
        );
    };
    user("{}");
    insta::assert_snapshot!(ground.run("plan"), @r#"
    exit: 4
    --- stdout
    --- stderr
    error: cannot read configmap/mlstack-shop
      caused by: configmaps "mlstack-shop" is forbidden: User "system:anonymous" cannot get resource "configmaps" in API group "" in the namespace "shop"
      hint: ask whoever runs the cluster for that right, or choose a namespace of yours
    "#);
    let api = "client.authentication.k8s.io/v1";
    user(&format!(
        "{{exec: {{apiVersion: {api}, command: \"{}\", interactiveMode: Never}}}}",
        program.display()
    ));
    let said = ground.run("apply -y");
    assert!(said.starts_with("exit: 0"), "{said}");
    ground.is_settled();
    assert!(ground.folder.path().join("ran").exists());
    // A plan that asks nobody runs nothing either.
    std::fs::remove_file(ground.folder.path().join("ran")).unwrap();
    assert!(ground.run("plan --offline").starts_with("exit: 0"));
    assert!(!ground.folder.path().join("ran").exists());
}

#[test]
fn a_doctor_says_what_a_cluster_lacks() {
    let ground = Ground::with(
        "version: 1\nname: shop\ncomponents:\n  db: { type: database, version: \"17\" }\n  web:\n    type: service\n    \
         image: registry.example/web:1\n    port: 8080\n    resources: { cpu: 100m, memory: 64Mi }\n    \
         expose: { port: 80, public: true }\n",
    );
    insta::assert_snapshot!(ground.run("doctor"), @"
    exit: 1
    --- stdout
      ok    mlstack.yaml is valid
      ok    Kubernetes v1.36.2 at [TIME]
      ok    namespace shop is made by the first apply
      ok    you may do there what an apply does, with 9 kinds of objects
      ok    volumes get the storage class standard
      FAIL  public components need an ingress controller, and there is none
      ok    model server at [DIR]/server
    --- stderr
    ");
    assert!(
        ground
            .writes()
            .iter()
            .all(|call| call.contains("selfsubjectaccessreviews"))
    );
    // Somebody who may nothing.
    let kubeconfig = ground
        .double
        .kubeconfig()
        .replace("contexts:\n", "    as: guest\ncontexts:\n");
    ground.folder.write("kubeconfig", kubeconfig);
    insta::assert_snapshot!(ground.run("doctor"), @"
    exit: 1
    --- stdout
      ok    mlstack.yaml is valid
      ok    Kubernetes v1.36.2 at [TIME]
      warn  whether namespace shop is there cannot be seen
      FAIL  you may not do there what an apply does; ask whoever runs the cluster for
            deployments: create, delete, get, list, patch
            ingresses: create, delete, get, list, patch
            namespaces: create, delete, get, patch
            networkpolicies: create, delete, get, list, patch
            persistentvolumeclaims: create, delete, get, list, patch
            secrets: create, delete, get, list, patch
            serviceaccounts: create, delete, get, list, patch
            services: create, delete, get, list, patch
            statefulsets: create, delete, get, list, patch
      warn  which storage classes there are cannot be seen
      ok    model server at [DIR]/server
    --- stderr
    ");
}

/// The whole way on the cluster that `MLSTACK_TEST_CLUSTER` (a kubeconfig) or `KUBECONFIG` names.
#[test]
fn a_real_cluster_is_walked_where_there_is_one() {
    let named = ["MLSTACK_TEST_CLUSTER", "KUBECONFIG"].iter().find_map(std::env::var_os);
    let Some(kubeconfig) = named.filter(|path| !path.is_empty()) else {
        return not_run();
    };
    let name = format!("mlstack-test-{}", std::process::id());
    let folder = Sandbox::new()
        .stack(&STACK.replace("shop", &name))
        .env("KUBECONFIG", kubeconfig.to_str().unwrap())
        .env("MLSTACK_TARGET", "k8s");
    whole_way(&folder, &name);
}

#[test]
fn the_walk_of_a_real_cluster_fits_the_double() {
    let ground = Ground::with(STACK);
    whole_way(&ground.folder, "shop");
    assert!(!ground.double.names("Namespace").contains(&"/shop".to_owned()));
}

/// From nothing to nothing; what fails takes down what it made.
fn whole_way(folder: &Sandbox, name: &str) {
    let well = |command: &str| {
        let said = folder.run(command);
        if !said.starts_with("exit: 0") {
            folder.run(&format!("destroy -y --destroy-data {name}"));
            panic!("{command}\n{said}");
        }
        said
    };
    well("apply -y");
    assert!(well("plan --detailed-exitcode").contains("No changes"));
    assert!(well("status").contains("healthy"));
    folder.write(
        "mlstack.yaml",
        folder
            .read("mlstack.yaml")
            .replace("valkey, ", "valkey, resources: { cpu: 150m }, "),
    );
    well("apply -y");
    well("rollback -y");
    well(&format!("destroy -y --destroy-data {name}"));
}

#[expect(clippy::print_stderr, reason = "a test that does not run says so loudly")]
fn not_run() {
    eprintln!("NOT RUN: a real cluster: MLSTACK_TEST_CLUSTER and KUBECONFIG name none");
}
