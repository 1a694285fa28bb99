use super::*;
use crate::lsp::tests::{STACK, good, marked};

/// One line a proposal, for the place of the mark in a text that may be broken.
fn offered(text: &str) -> String {
    let (text, byte) = marked(text);
    let stack = good(STACK);
    let all = proposals(&text, byte, &Sketch::of(&text), stack.as_ref()).into_iter();
    all.map(|one| {
        let replaced = &text[one.span.start..one.span.end()];
        format!("{} ({}) {replaced:?} → {:?}\n", one.label, one.detail, one.text)
    })
    .collect()
}

/// The labels alone, for what stands where `from` stood.
fn labels(from: &str, to: &str) -> String {
    let (text, byte) = marked(&STACK.replacen(from, to, 1));
    let stack = good(STACK);
    let all = proposals(&text, byte, &Sketch::of(&text), stack.as_ref()).into_iter();
    all.map(|one| one.label).collect::<Vec<_>>().join(" ")
}

#[test]
fn keys_of_a_component() {
    insta::assert_snapshot!(offered("components:\n  db:\n    type: database\n    env: {}\n    ‸\n  api:\n"), @r#"
    image (an image reference) "" → "image: "
    replicas (1 to 1000) "" → "replicas: "
    resources (a mapping) "" → "resources:\n      "
    uses (a list) "" → "uses:\n      - "
    expose (1 to 65535, or a mapping like `expose`) "" → "expose: "
    volumes (a list) "" → "volumes:\n      - "
    rollout (a mapping) "" → "rollout:\n      "
    protect (`true` or `false`) "" → "protect: "
    allow_degraded (a mapping) "" → "allow_degraded:\n      "
    engine (`postgres`) "" → "engine: "
    version (a version) "" → "version: "
    storage (a size) "" → "storage: "
    "#);
    insta::assert_snapshot!(offered("components:\n  db: {type: database, ve‸}\n"), @r#"
    image (an image reference) "ve" → "image: "
    replicas (1 to 1000) "ve" → "replicas: "
    resources (a mapping) "ve" → "resources: "
    env (a mapping) "ve" → "env: "
    uses (a list) "ve" → "uses: "
    expose (1 to 65535, or a mapping like `expose`) "ve" → "expose: "
    volumes (a list) "ve" → "volumes: "
    rollout (a mapping) "ve" → "rollout: "
    protect (`true` or `false`) "ve" → "protect: "
    allow_degraded (a mapping) "ve" → "allow_degraded: "
    engine (`postgres`) "ve" → "engine: "
    version (a version) "ve" → "version: "
    storage (a size) "ve" → "storage: "
    "#);
    insta::assert_snapshot!(offered("components:\n  api:\n    type: model-server\n    resources:\n      memory: 1Gi\n      c‸\n"), @r#"
    cpu (a share of CPU) "c" → "cpu: "
    gpu (1 to 64) "c" → "gpu: "
    "#);
    assert_eq!(
        offered("components:\n  db: {type: database}\nenvironments:\n  p:\n    components:\n      db: {vers‸ion: 1}\n")
            .lines()
            .next()
            .unwrap(),
        "type (`model-server` or `database` or `object-store` or `frontend` or `cache` or `broker` or `service`) \"version\" → \"type\""
    );
}

#[test]
fn keys_of_the_file() {
    assert_eq!(labels("version: 1", "‸"), "version policies allow_degraded");
    assert_eq!(
        labels("target: k8s", "ku‸\n    target: k8s"),
        "policies allow_degraded kubernetes"
    );
    assert_eq!(labels("generate: 32", "‸: 32"), "env file sops generate");
    insta::assert_snapshot!(offered("name: x\ncomponents:\n  a: {type: service}\n  b: {type: cache}\nenvironments:\n  prod:\n    components:\n      a: {}\n      ‸\n"), @r#"b (cache) "" → "b:\n        ""#);
}

#[test]
fn values() {
    insta::assert_snapshot!(labels("type: database", "type: ‸"), @"model-server database object-store frontend cache broker service");
    insta::assert_snapshot!(labels("memory: 256Mi", "memory: ‸"), @"256Mi");
    insta::assert_snapshot!(labels("protocols: [rest, grpc]", "protocols: [rest, ‸]"), @"grpc websocket mqtt");
    insta::assert_snapshot!(labels("protocols: [rest, grpc]", "protect: t‸"), @"true false");
    insta::assert_snapshot!(labels("target: k8s", "target: ‸"), @"compose k8s local ssh proxmox aws terraform");
}

#[test]
fn names() {
    assert_eq!(labels("uses: [db]", "uses: [db, ‸]"), "store web");
    assert_eq!(labels("uses: [db]", "uses:\n      - db\n      - ‸"), "store web");
    assert_eq!(labels("uses: [db]", "uses:\n      ‸"), "db store web");
    assert_eq!(labels("calls: predictor", "calls: ‸"), "predictor");
    assert_eq!(labels("log_predictions: db", "log_predictions: ‸"), "db");
    assert_eq!(labels("access_key: key", "access_key: ‸"), "key");
}

#[test]
fn references() {
    assert_eq!(labels("${db.url}", "${‸"), "db store web secrets");
    assert_eq!(labels("${db.url}", "http://${d‸b.url}"), "db store web secrets");
    assert_eq!(
        labels("${db.url}", "${db.‸"),
        "host port address url user database password_file"
    );
    assert_eq!(labels("${db.url}", "${secrets.‸}"), "key");
    assert_eq!(labels("${db.url}", "${secrets.key.‸}"), "file");
    assert_eq!(labels("${db.url}", "${db.url} ‸"), "");
    insta::assert_snapshot!(offered("components:\n  a:\n    env:\n      A: x ${b.u‸rl}/y\n  b: {type: service}\n"), @r#"
    host (the host name inside the stack) "url" → "host"
    port (the port inside the stack) "url" → "port"
    address (`host:port`) "url" → "address"
    url (the whole address, without credentials) "url" → "url"
    user (of a database: the user) "url" → "user"
    database (of a database: its name) "url" → "database"
    password_file (of a database or a cache: the path of a file with the password) "url" → "password_file"
    endpoint (of an object store: the URL of its S3 endpoint) "url" → "endpoint"
    region (of an object store: its region) "url" → "region"
    access_key_file (of an object store: the path of a file with the access key id) "url" → "access_key_file"
    secret_key_file (of an object store: the path of a file with the secret key) "url" → "secret_key_file"
    "#);
}

#[test]
fn nothing_where_nothing_is_known() {
    assert_eq!(labels("# a stack", "# ‸"), "");
    assert_eq!(labels("name: shop", "name: ‸"), "");
    assert_eq!(labels("uses: [db]", "resources: ‸"), "");
}

#[test]
fn policies_of_mlstack_and_of_the_stack() {
    let text = "name: x\npolicies:\n  fridays: {deny: \"@.kind == 'volume'\"}\n  downtime: error\nallow_degraded:\n  \
                cache:\n    destroy: gone\n    ‸\n";
    insta::assert_snapshot!(offered(text), @r#"
    breaking-api (the prediction API of a model changes so that callers must change) "" → "breaking-api: "
    data-loss (data goes that was named as free to go) "" → "data-loss: "
    downtime (something does not answer for a while) "" → "downtime: "
    exposed (something becomes reachable from other machines) "" → "exposed: "
    fridays (a policy of this stack) "" → "fridays: "
    "#);
}
