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
    }
}

#[test]
fn the_example_of_the_contract() {
    assert_eq!(wrong(EXAMPLE, &named("prod")), "");
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
       ·                                               ╰── 70000 is outside of 1 to 65535
       ╰────
      help: a whole number from 1 to 65535

    mlstack::wrong-unit

      × a wrong unit
       ╭─[mlstack.yaml:7:33]
     7 │   db: {type: database, storage: 10Gb, replica: 2}
       ·                                 ──┬─
       ·                                   ╰── `10Gb` is not a size: a number and a unit, Ki, Mi, Gi or k, M, G
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
