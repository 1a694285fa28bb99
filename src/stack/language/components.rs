//! The types of components, and their own fields.

use super::records::{AUTOSCALE, BUCKET, BUILD, CHECK, EXPOSE, HEALTHCHECK, MODEL, RESOURCES, ROLLOUT, VOLUME};
use super::words::{BROKERS, CACHES, DATABASES, PROTOCOLS, STORES, TYPE_WORDS};
use super::{Field, NAME, PATH, PORT, Shape, TEXT, Type, WAIVERS, field};
use crate::stack::texts;

/// The sorts of component.
pub(in crate::stack) static TYPES: &[Type] = &[
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
pub(in crate::stack) static COMMON: &[Field] = &[
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
        "{timeout: 10m}",
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
        WAIVERS,
        "{no-limits: \"a laptop demo\"}",
        "Capabilities that a target may degrade, advice to ignore and policies to let through, each with the reason",
    ),
];

/// Fields of components that can be anybody's container.
pub(in crate::stack) static WORKLOAD: &[Field] = &[
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
