//! Closed lists of words, and what people write instead.

use super::Words;
use crate::diag::codes;

pub(super) static TARGETS: Words = Words {
    code: &codes::UNKNOWN_VALUE,
    what: "target",
    known: &["compose", "k8s", "local", "ssh", "proxmox", "aws", "terraform"],
    others: &[
        ("kubernetes", &codes::UNKNOWN_VALUE, "write `k8s`"),
        ("docker", &codes::UNKNOWN_VALUE, "write `compose`"),
        ("docker-compose", &codes::UNKNOWN_VALUE, "write `compose`"),
    ],
};

pub(super) static SEVERITIES: Words = Words {
    code: &codes::UNKNOWN_VALUE,
    what: "severity",
    known: &["ignore", "warning", "error"],
    others: &[
        ("deny", &codes::UNKNOWN_VALUE, "write `error`"),
        ("warn", &codes::UNKNOWN_VALUE, "write `warning`"),
        ("info", &codes::UNKNOWN_VALUE, "write `warning`"),
        ("off", &codes::UNKNOWN_VALUE, "write `ignore`"),
    ],
};

/// Words of Docker Compose and Kubernetes, with the field that says it here.
pub(in crate::stack) static ELSEWHERE: &[(&str, &str)] = &[
    ("services", "components"),
    ("environment", "env"),
    ("ports", "expose"),
    ("depends_on", "uses"),
    ("links", "uses"),
    ("entrypoint", "command"),
    ("args", "command"),
    ("deploy", "resources"),
    ("limits", "resources"),
    ("scale", "replicas"),
    ("mem_limit", "resources"),
    ("livenessProbe", "healthcheck"),
    ("readinessProbe", "healthcheck"),
    ("target", "path"),
    ("source", "name"),
    ("size", "storage"),
    ("kind", "type"),
];

pub(super) static TYPE_WORDS: Words = Words {
    code: &codes::UNKNOWN_TYPE,
    what: "type",
    known: &[
        "model-server",
        "database",
        "object-store",
        "frontend",
        "cache",
        "broker",
        "service",
    ],
    others: &[
        ("model", &codes::UNKNOWN_TYPE, "write `model-server`"),
        (
            "postgres",
            &codes::UNKNOWN_TYPE,
            "write `type: database` (its engine is postgres)",
        ),
        (
            "postgresql",
            &codes::UNKNOWN_TYPE,
            "write `type: database` (its engine is postgres)",
        ),
        (
            "s3",
            &codes::UNKNOWN_TYPE,
            "write `type: object-store`, with `engine: s3` for one that exists already",
        ),
        ("redis", &codes::UNKNOWN_TYPE, "write `type: cache` and `engine: redis`"),
        ("valkey", &codes::UNKNOWN_TYPE, "write `type: cache`"),
        ("mqtt", &codes::UNKNOWN_TYPE, "write `type: broker`"),
        ("container", &codes::UNKNOWN_TYPE, "write `type: service`"),
    ],
};

pub(super) static DATABASES: Words = Words {
    code: &codes::UNKNOWN_ENGINE,
    what: "database engine",
    known: &["postgres"],
    others: &[
        ("postgresql", &codes::UNKNOWN_ENGINE, "write `postgres`"),
        (
            "mysql",
            &codes::NOT_BUNDLED,
            "use `postgres`, or `type: service` with `image: mysql:8.4`",
        ),
        (
            "mariadb",
            &codes::NOT_BUNDLED,
            "use `postgres`, or `type: service` with `image: mariadb:11.8`",
        ),
        (
            "mongodb",
            &codes::NOT_BUNDLED,
            "use `postgres`, or `type: service` with `image: mongo:8`",
        ),
        ("sqlite", &codes::NOT_BUNDLED, "use `postgres`"),
    ],
};

pub(super) static STORES: Words = Words {
    code: &codes::UNKNOWN_ENGINE,
    what: "object store engine",
    known: &["seaweedfs", "s3"],
    others: &[
        (
            "garage",
            &codes::NOT_BUNDLED,
            "use `seaweedfs`, or `engine: s3` with the `endpoint` of a Garage that runs already",
        ),
        (
            "rustfs",
            &codes::NOT_BUNDLED,
            "use `seaweedfs`, or `engine: s3` with the `endpoint` of a RustFS that runs already",
        ),
        (
            "ceph",
            &codes::NOT_BUNDLED,
            "use `engine: s3` with the `endpoint` of your Ceph Object Gateway",
        ),
        (
            "minio",
            &codes::NOT_BUNDLED,
            "`minio/minio` left Docker Hub: use `seaweedfs`, or `engine: s3` with the `endpoint` of a MinIO that runs already",
        ),
        ("aws", &codes::UNKNOWN_ENGINE, "write `s3`"),
    ],
};

pub(super) static CACHES: Words = Words {
    code: &codes::UNKNOWN_ENGINE,
    what: "cache engine",
    known: &["valkey", "redis"],
    others: &[(
        "memcached",
        &codes::NOT_BUNDLED,
        "use `valkey`, or `type: service` with `image: memcached:1.6`",
    )],
};

pub(super) static BROKERS: Words = Words {
    code: &codes::UNKNOWN_ENGINE,
    what: "broker engine",
    known: &["mosquitto"],
    others: &[
        (
            "rabbitmq",
            &codes::NOT_BUNDLED,
            "use `mosquitto`, or `type: service` with `image: rabbitmq:4`",
        ),
        (
            "kafka",
            &codes::NOT_BUNDLED,
            "use `mosquitto`, or `type: service` with `image: apache/kafka:4.1.0`",
        ),
        (
            "emqx",
            &codes::NOT_BUNDLED,
            "use `mosquitto`, or `type: service` with `image: emqx/emqx:5.8`",
        ),
    ],
};

pub(super) static PROTOCOLS: Words = Words {
    code: &codes::UNKNOWN_VALUE,
    what: "protocol",
    known: &["rest", "grpc", "websocket", "mqtt"],
    others: &[
        ("http", &codes::UNKNOWN_VALUE, "write `rest`"),
        ("ws", &codes::UNKNOWN_VALUE, "write `websocket`"),
    ],
};
