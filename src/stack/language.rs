//! The words of the stack language: every field with its shape, its default and what it is for.
//!
//! The one source of the decoder's checks, of the JSON Schema and of the tables in `docs/stack-file.md`.

use super::texts::{self, Rule};
use crate::diag::codes::{self, Code};

/// What a value may look like.
pub(super) enum Shape {
    /// A text of some sort.
    Text(&'static Rule),
    /// A text with references in it.
    Template,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A number, zero or more.
    Tolerance,
    /// Bytes, such as `256Mi`.
    Size,
    /// Shares of a core, such as `500m`.
    Cpu,
    /// A time, such as `10s`.
    Duration,
    /// Such as `70%`.
    Percent,
    /// The number of this language's version.
    LanguageVersion,
    /// One of some words.
    Word(&'static Words),
    /// A sequence of at least `min`.
    List {
        /// What each item is.
        item: &'static Shape,
        /// The fewest.
        min: usize,
        /// Whether an item may stand there twice.
        unique: bool,
    },
    /// A mapping with keys that the user chooses.
    Map {
        /// What each key is.
        key: &'static Rule,
        /// What each value is.
        value: &'static Shape,
        /// The fewest.
        min: usize,
    },
    /// A mapping with fields that we choose.
    Record(&'static Record),
    /// A mapping with exactly one of the fields.
    OneOf(&'static Record),
    /// A scalar of the first shape, or a mapping of the second.
    Short(&'static Shape, &'static Record),
    /// A component: its fields depend on `type`.
    Component,
    /// A part of a component, merged over the base: only that it is a mapping.
    Partial,
    /// Any JSON value.
    Json,
}

/// A mapping with known fields.
pub(super) struct Record {
    /// What it is, with its article: "a bucket".
    pub(super) what: &'static str,
    /// Its fields.
    pub(super) fields: &'static [Field],
}

/// A field of a mapping.
pub(super) struct Field {
    /// Its key.
    pub(super) name: &'static str,
    /// One sentence without a period.
    pub(super) about: &'static str,
    /// What its value looks like.
    pub(super) shape: Shape,
    /// What counts when it is absent, as written in a stack file.
    pub(super) default: Option<&'static str>,
    /// Whether it must be there.
    pub(super) required: bool,
    /// Values that show it.
    pub(super) example: &'static str,
}

/// A closed list of words.
pub(super) struct Words {
    /// What is said when a word is not on the list.
    pub(super) code: &'static Code,
    /// What the words name.
    pub(super) what: &'static str,
    /// The words.
    pub(super) known: &'static [&'static str],
    /// Words that people write, with what to write instead; the code says how they fail.
    pub(super) others: &'static [(&'static str, &'static Code, &'static str)],
}

/// A sort of component.
pub(super) struct Type {
    /// The value of `type`.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    /// The groups of fields that it has.
    pub(super) fields: &'static [&'static [Field]],
}

impl Type {
    /// All its fields.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Field> + Clone + use<> {
        self.fields.iter().flat_map(|group| group.iter())
    }

    /// The type called `name`.
    pub(super) fn find(name: &str) -> Option<&'static Self> {
        TYPES.iter().find(|kind| kind.name == name)
    }
}

const fn field(name: &'static str, shape: Shape, example: &'static str, about: &'static str) -> Field {
    Field {
        name,
        about,
        shape,
        default: None,
        required: false,
        example,
    }
}

impl Field {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn default(self, value: &'static str) -> Self {
        Self {
            default: Some(value),
            ..self
        }
    }
}

const TEXT: Shape = Shape::Text(&texts::FILLED);
const NAME: Shape = Shape::Text(&texts::NAME);
const PATH: Shape = Shape::Text(&texts::PATH);
const PORT: Shape = Shape::Integer { min: 1, max: 65535 };

/// The whole file.
pub(super) static STACK: Record = Record {
    what: "a stack",
    fields: &[
        field(
            "version",
            Shape::LanguageVersion,
            "1",
            "The version of the stack language",
        )
        .required(),
        field(
            "name",
            NAME,
            "house-prices",
            "The name of the stack: lower-case letters, digits and hyphens, at most 40",
        )
        .required(),
        field(
            "components",
            Shape::Map {
                key: &texts::NAME,
                value: &Shape::Component,
                min: 1,
            },
            "{web: {type: frontend, calls: api}}",
            "The parts of the stack; each key is a name, and the host name inside the stack",
        )
        .required(),
        field(
            "secrets",
            Shape::Map {
                key: &texts::SECRET,
                value: &Shape::OneOf(&SECRET),
                min: 0,
            },
            "{api_key: {env: API_KEY}}",
            "Values that never stand in the file, by name",
        ),
        field(
            "environments",
            Shape::Map {
                key: &texts::NAME,
                value: &Shape::Record(&ENVIRONMENT),
                min: 0,
            },
            "{dev: {target: compose}}",
            "What differs between environments, merged over the rest of the file",
        ),
    ],
};

static SECRET: Record = Record {
    what: "the source of a secret",
    fields: &[
        field(
            "env",
            Shape::Text(&texts::VARIABLE),
            "API_KEY",
            "Read from this environment variable of whoever runs mlstack",
        ),
        field(
            "file",
            PATH,
            "secrets/api-key",
            "Read from this file, relative to the stack file",
        ),
        field(
            "generate",
            Shape::Integer { min: 16, max: 128 },
            "32",
            "Made once, this many random characters, and kept",
        ),
    ],
};

static ENVIRONMENT: Record = Record {
    what: "an environment",
    fields: &[
        field(
            "target",
            Shape::Word(&TARGETS),
            "compose",
            "Where this environment runs",
        ),
        field(
            "components",
            Shape::Map {
                key: &texts::NAME,
                value: &Shape::Partial,
                min: 0,
            },
            "{api: {replicas: 3}}",
            "Fields of components, merged over the base: mappings merge, everything else replaces",
        ),
    ],
};

static TARGETS: Words = Words {
    code: &codes::UNKNOWN_VALUE,
    what: "target",
    known: &["compose", "k8s", "local", "ssh", "proxmox", "aws", "terraform"],
    others: &[
        ("kubernetes", &codes::UNKNOWN_VALUE, "write `k8s`"),
        ("docker", &codes::UNKNOWN_VALUE, "write `compose`"),
        ("docker-compose", &codes::UNKNOWN_VALUE, "write `compose`"),
    ],
};

/// Words of Docker Compose and Kubernetes, with the field that says it here.
pub(super) static ELSEWHERE: &[(&str, &str)] = &[
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

/// The sorts of component.
pub(super) static TYPES: &[Type] = &[
    Type {
        name: "model-server",
        about: "Serves a model: the bundled server, or anybody's image",
        fields: &[COMMON, WORKLOAD, MODEL_SERVER],
    },
    Type {
        name: "database",
        about: "PostgreSQL",
        fields: &[COMMON, DATABASE],
    },
    Type {
        name: "object-store",
        about: "An S3-compatible store: SeaweedFS, or one that exists already",
        fields: &[COMMON, OBJECT_STORE],
    },
    Type {
        name: "frontend",
        about: "A web page: the bundled one to try a model, or anybody's image",
        fields: &[COMMON, WORKLOAD, FRONTEND],
    },
    Type {
        name: "cache",
        about: "A key-value cache: Valkey or Redis",
        fields: &[COMMON, CACHE],
    },
    Type {
        name: "broker",
        about: "An MQTT broker: Mosquitto",
        fields: &[COMMON, BROKER],
    },
    Type {
        name: "service",
        about: "Any container",
        fields: &[COMMON, WORKLOAD],
    },
];

/// Fields of every component.
pub(super) static COMMON: &[Field] = &[
    field(
        "type",
        Shape::Word(&TYPE_WORDS),
        "model-server",
        "What sort of thing it is",
    )
    .required(),
    field(
        "image",
        Shape::Text(&texts::IMAGE),
        "ghcr.io/me/api:1.4.2",
        "Somebody's image instead of the bundled one",
    ),
    field("replicas", Shape::Integer { min: 1, max: 1000 }, "2", "How many copies").default("1"),
    field(
        "resources",
        Shape::Record(&RESOURCES),
        "{cpu: 500m, memory: 256Mi}",
        "What each copy may use",
    ),
    field(
        "env",
        Shape::Map {
            key: &texts::VARIABLE,
            value: &Shape::Template,
            min: 0,
        },
        "{DATABASE_URL: \"${db.url}\"}",
        "Environment variables; `${component.property}` and `${secrets.name}` are references",
    ),
    field(
        "uses",
        Shape::List {
            item: &NAME,
            min: 0,
            unique: true,
        },
        "[db]",
        "Components that it talks to: wires addresses and credentials, and orders the start",
    ),
    field(
        "expose",
        Shape::Short(&PORT, &EXPOSE),
        "{port: 8080}",
        "Makes it reachable from outside the stack",
    ),
    field(
        "volumes",
        Shape::List {
            item: &Shape::Record(&VOLUME),
            min: 0,
            unique: false,
        },
        "[{name: cache, path: /var/cache/app}]",
        "Folders that outlive the container",
    ),
    field(
        "rollout",
        Shape::Record(&ROLLOUT),
        "{timeout: 5m}",
        "How a new version takes over",
    ),
    field(
        "protect",
        Shape::Bool,
        "true",
        "Refuse to remove its data; databases and stores are protected anyway",
    )
    .default("false"),
    field(
        "allow_degraded",
        Shape::Map {
            key: &texts::ANY,
            value: &TEXT,
            min: 0,
        },
        "{no-limits: \"a laptop demo\"}",
        "Capabilities that a target may degrade, and advice to ignore, each with the reason",
    ),
];

/// Fields of components that can be anybody's container.
pub(super) static WORKLOAD: &[Field] = &[
    field(
        "build",
        Shape::Short(&PATH, &BUILD),
        "{context: ./api}",
        "An image built from a Dockerfile",
    ),
    field(
        "command",
        Shape::List {
            item: &Shape::Text(&texts::ANY),
            min: 1,
            unique: false,
        },
        "[python, serve.py]",
        "Arguments that replace the image's own",
    ),
    field(
        "port",
        PORT,
        "8000",
        "The port it listens on inside, for an image of your own",
    ),
    field(
        "autoscale",
        Shape::Record(&AUTOSCALE),
        "{min: 2, max: 6, cpu: 70%}",
        "How many copies as load changes",
    ),
    field(
        "healthcheck",
        Shape::Record(&HEALTHCHECK),
        "{http: /healthz}",
        "How an image of your own tells that it works",
    ),
];

static MODEL_SERVER: &[Field] = &[
    field(
        "model",
        Shape::Short(&Shape::Text(&texts::MODEL), &MODEL),
        "model/house-prices.onnx",
        "The model, relative to the stack file",
    ),
    field(
        "protocols",
        Shape::List {
            item: &Shape::Word(&PROTOCOLS),
            min: 0,
            unique: true,
        },
        "[rest, grpc]",
        "Ways to ask; `rest` is always there",
    )
    .default("[rest]"),
    field("log_predictions", NAME, "db", "The database that keeps the predictions"),
    field(
        "checks",
        Shape::List {
            item: &Shape::Record(&CHECK),
            min: 0,
            unique: false,
        },
        "[{request: {MedInc: 8.3}, expect: {prediction: 4.13, within: 0.01}}]",
        "Golden requests: the gate of every rollout",
    ),
];

static DATABASE: &[Field] = &[
    field("engine", Shape::Word(&DATABASES), "postgres", "The database").default("postgres"),
    field("version", Shape::Text(&texts::TAG), "\"17\"", "Its major version").default("\"17\""),
    STORAGE,
];

static OBJECT_STORE: &[Field] = &[
    field(
        "engine",
        Shape::Word(&STORES),
        "seaweedfs",
        "The store; `s3` is one that exists already",
    )
    .default("seaweedfs"),
    field(
        "version",
        Shape::Text(&texts::TAG),
        "\"4.48\"",
        "The version of the bundled engine",
    ),
    STORAGE,
    field(
        "buckets",
        Shape::Map {
            key: &texts::BUCKET,
            value: &Shape::Record(&BUCKET),
            min: 0,
        },
        "{models: {versioning: true}}",
        "Buckets that are there from the start",
    ),
    field(
        "endpoint",
        Shape::Text(&texts::URL),
        "https://s3.eu-central-1.amazonaws.com",
        "Of `engine: s3`: where it answers",
    ),
    field("region", TEXT, "eu-central-1", "Of `engine: s3`: its region"),
    field(
        "access_key",
        Shape::Text(&texts::SECRET),
        "s3_access_key",
        "Of `engine: s3`: the secret with the access key id",
    ),
    field(
        "secret_key",
        Shape::Text(&texts::SECRET),
        "s3_secret_key",
        "Of `engine: s3`: the secret with the secret key",
    ),
];

static FRONTEND: &[Field] = &[field("calls", NAME, "predictor", "The model server behind the page")];

static CACHE: &[Field] = &[
    field("engine", Shape::Word(&CACHES), "valkey", "The cache").default("valkey"),
    field("version", Shape::Text(&texts::TAG), "\"8\"", "Its version").default("\"8\""),
    STORAGE,
];

static BROKER: &[Field] = &[
    field("engine", Shape::Word(&BROKERS), "mosquitto", "The broker").default("mosquitto"),
    field("version", Shape::Text(&texts::TAG), "\"2\"", "Its version").default("\"2\""),
    STORAGE,
];

const STORAGE: Field = field("storage", Shape::Size, "10Gi", "How much it may keep");

static RESOURCES: Record = Record {
    what: "resources",
    fields: &[
        field(
            "cpu",
            Shape::Cpu,
            "500m",
            "Shares of a core: `500m` is half of one, `2` is two",
        ),
        field("memory", Shape::Size, "256Mi", "Memory"),
        field("gpu", Shape::Integer { min: 1, max: 64 }, "1", "Whole graphics devices"),
    ],
};

static EXPOSE: Record = Record {
    what: "`expose`",
    fields: &[
        field("port", PORT, "8080", "The port outside").required(),
        field("to", PORT, "80", "The port inside; the component's own when unsaid"),
        field(
            "public",
            Shape::Bool,
            "true",
            "Reachable from other machines, not only from this one",
        )
        .default("false"),
    ],
};

static VOLUME: Record = Record {
    what: "a volume",
    fields: &[
        field(
            "name",
            NAME,
            "cache",
            "A volume of the stack, by name; it is data, and protected",
        ),
        field(
            "host",
            PATH,
            "data",
            "A folder of this machine, relative to the stack file",
        ),
        field("path", Shape::Text(&texts::INSIDE), "/data", "Where it is mounted").required(),
        field("read_only", Shape::Bool, "true", "Mounted for reading only").default("false"),
    ],
};

static ROLLOUT: Record = Record {
    what: "`rollout`",
    fields: &[field(
        "timeout",
        Shape::Duration,
        "5m",
        "How long a new version may take to become ready",
    )
    .default("5m")],
};

static BUILD: Record = Record {
    what: "`build`",
    fields: &[
        field(
            "context",
            PATH,
            "./api",
            "The folder that is built, relative to the stack file",
        )
        .required(),
        field(
            "dockerfile",
            PATH,
            "Dockerfile",
            "The Dockerfile, relative to the context",
        )
        .default("Dockerfile"),
        field(
            "args",
            Shape::Map {
                key: &texts::VARIABLE,
                value: &Shape::Text(&texts::ANY),
                min: 0,
            },
            "{PYTHON: \"3.13\"}",
            "Build arguments; never secrets, they stay in the image",
        ),
    ],
};

static AUTOSCALE: Record = Record {
    what: "`autoscale`",
    fields: &[
        field("min", Shape::Integer { min: 1, max: 1000 }, "2", "Fewest copies").required(),
        field("max", Shape::Integer { min: 1, max: 1000 }, "6", "Most copies").required(),
        field("cpu", Shape::Percent, "70%", "The use of CPU to aim at").default("70%"),
    ],
};

static HEALTHCHECK: Record = Record {
    what: "`healthcheck`",
    fields: &[
        field(
            "http",
            Shape::Text(&texts::HTTP_PATH),
            "/healthz",
            "A path answered with 2xx on the component's port",
        ),
        field(
            "command",
            Shape::List {
                item: &TEXT,
                min: 1,
                unique: false,
            },
            "[pg_isready]",
            "A command inside the container that ends with 0",
        ),
        field("interval", Shape::Duration, "10s", "Time between two probes").default("10s"),
        field("timeout", Shape::Duration, "3s", "Time until a probe counts as failed").default("3s"),
        field(
            "retries",
            Shape::Integer { min: 1, max: 100 },
            "3",
            "Failures in a row until unhealthy",
        )
        .default("3"),
        field(
            "start_period",
            Shape::Duration,
            "30s",
            "Time during which failures do not count",
        )
        .default("30s"),
    ],
};

static MODEL: Record = Record {
    what: "`model`",
    fields: &[
        field(
            "uri",
            Shape::Text(&texts::MODEL),
            "model/house-prices.onnx",
            "A path relative to the stack file, or `s3://bucket/key`",
        )
        .required(),
        field(
            "sha256",
            Shape::Text(&texts::SHA256),
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "The digest that the file must have",
        ),
    ],
};

static CHECK: Record = Record {
    what: "a check",
    fields: &[
        field("request", Shape::Json, "{MedInc: 8.3}", "The body of `POST /predict`").required(),
        field(
            "expect",
            Shape::Record(&EXPECT),
            "{prediction: 4.13, within: 0.01}",
            "What must come back",
        )
        .required(),
        field("p95", Shape::Duration, "50ms", "The slowest acceptable 95th percentile"),
    ],
};

static EXPECT: Record = Record {
    what: "`expect`",
    fields: &[
        field("prediction", Shape::Json, "4.13", "The prediction").required(),
        field("within", Shape::Tolerance, "0.01", "How far a number may be off").default("0"),
    ],
};

static BUCKET: Record = Record {
    what: "a bucket",
    fields: &[field("versioning", Shape::Bool, "true", "Keep old versions of objects").default("false")],
};

static TYPE_WORDS: Words = Words {
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

static DATABASES: Words = Words {
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

static STORES: Words = Words {
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

static CACHES: Words = Words {
    code: &codes::UNKNOWN_ENGINE,
    what: "cache engine",
    known: &["valkey", "redis"],
    others: &[(
        "memcached",
        &codes::NOT_BUNDLED,
        "use `valkey`, or `type: service` with `image: memcached:1.6`",
    )],
};

static BROKERS: Words = Words {
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

static PROTOCOLS: Words = Words {
    code: &codes::UNKNOWN_VALUE,
    what: "protocol",
    known: &["rest", "grpc", "websocket", "mqtt"],
    others: &[
        ("http", &codes::UNKNOWN_VALUE, "write `rest`"),
        ("ws", &codes::UNKNOWN_VALUE, "write `websocket`"),
    ],
};
