//! The mappings inside of components: what `resources`, `expose`, `checks` … consist of.

use super::words::SEVERITIES;
use super::{NAME, PATH, PORT, Record, Shape, TEXT, field};
use crate::stack::texts;

pub(super) static RESOURCES: Record = Record {
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

pub(super) static EXPOSE: Record = Record {
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

pub(super) static VOLUME: Record = Record {
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

pub(super) static ROLLOUT: Record = Record {
    what: "`rollout`",
    fields: &[field(
        "timeout",
        Shape::Duration,
        "10m",
        "How long a new version may take to become ready",
    )
    .default("5m")],
};

pub(super) static BUILD: Record = Record {
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

pub(super) static AUTOSCALE: Record = Record {
    what: "`autoscale`",
    fields: &[
        field("min", Shape::Integer { min: 1, max: 1000 }, "2", "Fewest copies").required(),
        field("max", Shape::Integer { min: 1, max: 1000 }, "6", "Most copies").required(),
        field("cpu", Shape::Percent, "70%", "The use of CPU to aim at").default("70%"),
    ],
};

pub(super) static HEALTHCHECK: Record = Record {
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

pub(super) static MODEL: Record = Record {
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

pub(super) static CHECK: Record = Record {
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

pub(super) static EXPECT: Record = Record {
    what: "`expect`",
    fields: &[
        field("prediction", Shape::Json, "4.13", "The prediction").required(),
        field("within", Shape::Tolerance, "0.01", "How far a number may be off").default("0"),
    ],
};

pub(super) static BUCKET: Record = Record {
    what: "a bucket",
    fields: &[field("versioning", Shape::Bool, "true", "Keep old versions of objects").default("false")],
};

pub(super) static POLICY: Record = Record {
    what: "a policy",
    fields: &[
        field(
            "deny",
            Shape::Text(&texts::CONDITION),
            "\"@.kind == 'volume' && @.action == 'delete'\"",
            "Which changes are against it: a filter expression of JSONPath over one change",
        ),
        field(
            "severity",
            Shape::Word(&SEVERITIES),
            "warning",
            "`error` stops an apply, `warning` is told, `ignore` is neither; of one's own `error` when unsaid",
        ),
        field(
            "message",
            TEXT,
            "\"volumes go on Fridays\"",
            "What is said to whoever is against it",
        ),
    ],
};

pub(super) static WAIVER: Record = Record {
    what: "a waiver",
    fields: &[
        field("reason", TEXT, "\"one node until the move\"", "Why it is fine here").required(),
        field(
            "until",
            Shape::Text(&texts::DATE),
            "\"2027-03-31\"",
            "The last day on which it counts; for ever when unsaid",
        ),
    ],
};

/// All of them, by the name that the documentation calls them.
const SUBDOMAIN: Shape = Shape::Text(&texts::SUBDOMAIN);

pub(super) static KUBERNETES: Record = Record {
    what: "`kubernetes`",
    fields: &[
        field(
            "namespace",
            SUBDOMAIN,
            "ml",
            "A namespace that is there already; when unsaid, mlstack makes one with the stack's name",
        ),
        field(
            "registry",
            Shape::Text(&texts::REPOSITORY),
            "ghcr.io/me",
            "Where images that mlstack packs are pushed to, and pulled from by the cluster",
        ),
        field(
            "pull_secret",
            SUBDOMAIN,
            "regcred",
            "A Secret of the namespace with the credentials of private registries",
        ),
        field(
            "domain",
            SUBDOMAIN,
            "example.com",
            "Public components answer at `COMPONENT.DOMAIN`",
        ),
        field(
            "ingress_class",
            SUBDOMAIN,
            "nginx",
            "Which controller serves public components; the cluster's default when unsaid",
        ),
        field(
            "gateway",
            SUBDOMAIN,
            "public",
            "Serve public components by this Gateway of the namespace instead of an Ingress",
        ),
        field(
            "storage_class",
            SUBDOMAIN,
            "fast",
            "What volumes are made of; the cluster's default when unsaid",
        ),
        field(
            "openshift",
            Shape::Bool,
            "true",
            "Let the cluster choose the users that containers run as, as OpenShift does",
        )
        .default("false"),
    ],
};

pub(super) static ALL: &[(&str, &Record)] = &[
    ("kubernetes", &KUBERNETES),
    ("resources", &RESOURCES),
    ("expose", &EXPOSE),
    ("volume", &VOLUME),
    ("rollout", &ROLLOUT),
    ("build", &BUILD),
    ("autoscale", &AUTOSCALE),
    ("healthcheck", &HEALTHCHECK),
    ("model", &MODEL),
    ("check", &CHECK),
    ("expect", &EXPECT),
    ("bucket", &BUCKET),
    ("policy", &POLICY),
    ("waiver", &WAIVER),
];
