use super::*;
use crate::diag::render::{self, Source, Style};

/// The picture of everything that is wrong with `text`.
fn wrong(text: &str, options: &Options) -> String {
    let parsed = parse(text, options);
    let source = Source {
        file: "mlstack.yaml",
        text,
        places: &parsed.document,
    };
    render::text(
        &source,
        &parsed.diagnostics,
        Style {
            color: false,
            width: 100,
        },
    )
}

const EXAMPLE: &str = r#"# yaml-language-server: $schema=https://mlstack.dev/schema/stack-v1.json
version: 1
name: house-prices

components:
  predictor:
    type: model-server
    model: model/house-prices.onnx
    protocols: [rest, grpc, websocket]
    replicas: 2
    resources: { cpu: 500m, memory: 256Mi }
    uses: [db, artifacts]
    log_predictions: db
    checks:
      - request: { MedInc: 8.3, HouseAge: 41 }
        expect: { prediction: 4.13, within: 0.01 }
        p95: 50ms
  db:
    type: database
    engine: postgres
    version: "17"
    storage: 10Gi
  artifacts:
    type: object-store
    buckets:
      models:   { versioning: true }
      datasets: {}
  web:
    type: frontend
    calls: predictor
    expose: { port: 3000 }

environments:
  dev:  { target: compose }
  prod:
    target: k8s
    components:
      predictor: { replicas: 4, autoscale: { min: 4, max: 12, cpu: 70% } }
"#;

fn named(environment: &str) -> Options {
    Options {
        environment: Some(environment.to_owned()),
        every_environment: true,
        today: None,
    }
}

#[test]
fn the_example_of_the_contract() {
    insta::assert_snapshot!(wrong(EXAMPLE, &named("prod")), @"
    mlstack::one-replica

      ⚠ one copy in production
        ╭─[mlstack.yaml:28:3]
     28 │   web:
        ·   ─┬─
        ·    ╰── `web` is away whenever its one copy is
        ╰────
      help: add `replicas: 2`

    mlstack.yaml: 1 warning
    ");
    let stack = parse(EXAMPLE, &named("prod")).stack.unwrap();
    insta::assert_debug_snapshot!(stack, @r#"
    Stack {
        name: "house-prices",
        environment: Some(
            "prod",
        ),
        target: Some(
            "k8s",
        ),
        kubernetes: Kubernetes {
            namespace: None,
            registry: None,
            pull_secret: None,
            domain: None,
            ingress_class: None,
            gateway: None,
            storage_class: None,
            openshift: false,
        },
        components: {
            "predictor": Component {
                name: "predictor",
                path: Path(
                    [
                        Key(
                            "components",
                        ),
                        Key(
                            "predictor",
                        ),
                    ],
                ),
                kind: ModelServer(
                    ModelServer {
                        model: Some(
                            ModelRef {
                                uri: "model/house-prices.onnx",
                                sha256: None,
                            },
                        ),
                        protocols: [
                            Rest,
                            Grpc,
                            Websocket,
                        ],
                        log_predictions: Some(
                            "db",
                        ),
                        checks: [
                            Check {
                                request: Object {
                                    "MedInc": Number(8.3),
                                    "HouseAge": Number(41),
                                },
                                prediction: Number(4.13),
                                within: 0.01,
                                p95_us: Some(
                                    50000,
                                ),
                            },
                        ],
                    },
                ),
                image: None,
                build: None,
                command: None,
                port: Some(
                    8080,
                ),
                replicas: 4,
                autoscale: Some(
                    Autoscale {
                        min: 4,
                        max: 12,
                        cpu_percent: 70,
                    },
                ),
                resources: Resources {
                    cpu_millis: Some(
                        500,
                    ),
                    memory: Some(
                        268435456,
                    ),
                    gpu: None,
                },
                env: {},
                uses: [
                    "db",
                    "artifacts",
                ],
                expose: None,
                healthcheck: None,
                volumes: [],
                rollout: Rollout {
                    timeout_us: 300000000,
                },
                protect: false,
                allow_degraded: {},
            },
            "db": Component {
                name: "db",
                path: Path(
                    [
                        Key(
                            "components",
                        ),
                        Key(
                            "db",
                        ),
                    ],
                ),
                kind: Database(
                    Database {
                        version: "17",
                        storage: Some(
                            10737418240,
                        ),
                    },
                ),
                image: None,
                build: None,
                command: None,
                port: Some(
                    5432,
                ),
                replicas: 1,
                autoscale: None,
                resources: Resources {
                    cpu_millis: None,
                    memory: None,
                    gpu: None,
                },
                env: {},
                uses: [],
                expose: None,
                healthcheck: None,
                volumes: [],
                rollout: Rollout {
                    timeout_us: 300000000,
                },
                protect: false,
                allow_degraded: {},
            },
            "artifacts": Component {
                name: "artifacts",
                path: Path(
                    [
                        Key(
                            "components",
                        ),
                        Key(
                            "artifacts",
                        ),
                    ],
                ),
                kind: ObjectStore(
                    ObjectStore {
                        engine: Seaweedfs {
                            version: "4.48",
                            storage: None,
                        },
                        buckets: {
                            "models": Bucket {
                                versioning: true,
                            },
                            "datasets": Bucket {
                                versioning: false,
                            },
                        },
                    },
                ),
                image: None,
                build: None,
                command: None,
                port: Some(
                    8333,
                ),
                replicas: 1,
                autoscale: None,
                resources: Resources {
                    cpu_millis: None,
                    memory: None,
                    gpu: None,
                },
                env: {},
                uses: [],
                expose: None,
                healthcheck: None,
                volumes: [],
                rollout: Rollout {
                    timeout_us: 300000000,
                },
                protect: false,
                allow_degraded: {},
            },
            "web": Component {
                name: "web",
                path: Path(
                    [
                        Key(
                            "components",
                        ),
                        Key(
                            "web",
                        ),
                    ],
                ),
                kind: Frontend(
                    Frontend {
                        calls: Some(
                            "predictor",
                        ),
                    },
                ),
                image: None,
                build: None,
                command: None,
                port: Some(
                    8080,
                ),
                replicas: 1,
                autoscale: None,
                resources: Resources {
                    cpu_millis: None,
                    memory: None,
                    gpu: None,
                },
                env: {},
                uses: [
                    "predictor",
                ],
                expose: Some(
                    Expose {
                        port: 3000,
                        to: 8080,
                        public: false,
                    },
                ),
                healthcheck: None,
                volumes: [],
                rollout: Rollout {
                    timeout_us: 300000000,
                },
                protect: false,
                allow_degraded: {},
            },
        },
        secrets: {},
        policies: {},
        allow_degraded: {},
    }
    "#);
}

#[test]
fn all_errors_at_once_in_file_order() {
    let text = "version: 1
name: Größe
components:
  api:
    type: servce
  page: {type: frontend, calls: ap, expose: 70000}
  db: {type: database, storage: 10Gb, replica: 2}
  db: {type: database}
";
    insta::assert_snapshot!(wrong(text, &Options::default()), @"
    mlstack::bad-name

      × a name that targets cannot carry
       ╭─[mlstack.yaml:2:7]
     2 │ name: Größe
       ·       ──┬──
       ·         ╰── lower-case letters, digits and hyphens, a letter first
       ╰────
      help: such as `gr-e`

    mlstack::unknown-type

      × unknown component type
       ╭─[mlstack.yaml:5:11]
     5 │     type: servce
       ·           ───┬──
       ·              ╰── the type `servce` is unknown
       ╰────
      help: did you mean `service`?

    mlstack::unknown-component

      × unknown component
       ╭─[mlstack.yaml:6:33]
     6 │   page: {type: frontend, calls: ap, expose: 70000}
       ·                                 ─┬
       ·                                  ╰── no component is named `ap`
       ╰────
      help: did you mean `api`?

    mlstack::out-of-range

      × a number out of range
       ╭─[mlstack.yaml:6:45]
     6 │   page: {type: frontend, calls: ap, expose: 70000}
       ·                                             ──┬──
       ·                                               ╰── `70000` is out of range
       ╰────
      help: a whole number from 1 to 65535

    mlstack::wrong-unit

      × a wrong unit
       ╭─[mlstack.yaml:7:33]
     7 │   db: {type: database, storage: 10Gb, replica: 2}
       ·                                 ──┬─
       ·                                   ╰── `10Gb` is not a size: a number with its unit (Ki, Mi, Gi, k, M, G)
       ╰────
      help: write `10Gi`

    mlstack::unknown-field

      × unknown field
       ╭─[mlstack.yaml:7:39]
     7 │   db: {type: database, storage: 10Gb, replica: 2}
       ·                                       ───┬───
       ·                                          ╰── a database has no field `replica`
       ╰────
      help: did you mean `replicas`?

    mlstack::duplicate-key

      × a key appears twice
       ╭─[mlstack.yaml:8:3]
     7 │   db: {type: database, storage: 10Gb, replica: 2}
       ·   ─┬
       ·    ╰── first here
     8 │   db: {type: database}
       ·   ─┬
       ·    ╰── `db` again
       ╰────
      help: keep one of the two

    mlstack.yaml: 7 errors
    ");
}

#[test]
fn an_environment_that_does_not_exist() {
    insta::assert_snapshot!(wrong(EXAMPLE, &named("prd")), @"
    mlstack::one-replica

      ⚠ one copy in production
        ╭─[mlstack.yaml:28:3]
     28 │   web:
        ·   ─┬─
        ·    ╰── in `prod`: `web` is away whenever its one copy is
        ╰────
      help: add `replicas: 2`

    mlstack::unknown-environment

      × unknown environment
        ╭─[mlstack.yaml:33:1]
     33 │ environments:
        · ──────┬─────
        ·       ╰── no environment is named `prd`
        ╰────
      help: did you mean `prod`?

    mlstack.yaml: 1 error, 1 warning
    ");
}

#[test]
fn environments_are_checked_without_being_chosen() {
    let every = Options {
        environment: None,
        every_environment: true,
        today: None,
    };
    assert_eq!(
        wrong(EXAMPLE, &every),
        wrong(EXAMPLE, &named("prod")).replace("── ", "── in `prod`: ")
    );
    let text = EXAMPLE.replace("max: 12", "max: 3");
    assert_eq!(parse(&text, &Options::default()).diagnostics, []);
    insta::assert_snapshot!(wrong(&text, &every), @"
    mlstack::one-replica

      ⚠ one copy in production
        ╭─[mlstack.yaml:28:3]
     28 │   web:
        ·   ─┬─
        ·    ╰── in `prod`: `web` is away whenever its one copy is
        ╰────
      help: add `replicas: 2`

    mlstack::out-of-range

      × a number out of range
        ╭─[mlstack.yaml:38:51]
     38 │       predictor: { replicas: 4, autoscale: { min: 4, max: 3, cpu: 70% } }
        ·                                                   ┬
        ·                                                   ╰── in `prod`: `min` 4 is more than `max` 3
        ╰────
      help: write `min: 3`, or raise `max`

    mlstack.yaml: 1 error, 1 warning
    ");
}

#[test]
fn references_imply_uses() {
    let text = "version: 1
name: shop
secrets: {token: {generate: 32}}
components:
  api:
    type: service
    image: me/api:1.0
    port: 8000
    resources: {memory: 64Mi}
    uses: [cache]
    env:
      DSN: 'x ${db.url}?$${literal} ${api.port}'
      TOKEN: ${secrets.token}
      TOKEN_FILE: ${secrets.token.file}
  db: {type: database}
  cache: {type: cache}
";
    let stack = parse(text, &Options::default()).stack.unwrap();
    assert_eq!(stack.components["api"].uses, ["cache", "db"]);
    insta::assert_debug_snapshot!(stack.components["api"].env, @r#"
    {
        "DSN": Template(
            [
                Text(
                    "x ",
                ),
                Property {
                    component: "db",
                    property: Url,
                },
                Text(
                    "?${literal} ",
                ),
                Property {
                    component: "api",
                    property: Port,
                },
            ],
        ),
        "TOKEN": Template(
            [
                SecretValue(
                    "token",
                ),
            ],
        ),
        "TOKEN_FILE": Template(
            [
                SecretFile(
                    "token",
                ),
            ],
        ),
    }
    "#);
}

#[test]
fn reasons_silence_advice() {
    let text = "version: 1\nname: shop\ncomponents:\n  a: {type: service, image: nginx, allow_degraded: {floating-tag: demo, no-limits: demo}}\n";
    assert_eq!(wrong(text, &Options::default()), "");
}

#[test]
fn null_counts_as_an_empty_mapping_or_list() {
    let text = "version: 1\nname: shop\nsecrets:\nenvironments:\ncomponents:\n  db:\n    type: database\n    env:\n    uses:\n  s:\n    type: object-store\n    buckets:\n      datasets:\n";
    assert_eq!(wrong(text, &Options::default()), "");
    assert!(parse(text, &Options::default()).stack.is_some());
}
