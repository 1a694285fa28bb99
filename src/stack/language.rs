//! The words of the stack language: every field with its shape, its default and what it is for.
//!
//! The one source of the decoder's checks, of the JSON Schema and of the tables in `docs/stack-file.md`.

mod components;
mod records;
mod words;

pub(super) use components::{COMMON, TYPES, WORKLOAD};
pub(super) use words::ELSEWHERE;

use super::texts::{self, Rule};
use crate::diag::codes::Code;

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
        item: &'static Self,
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
        value: &'static Self,
        /// The fewest.
        min: usize,
    },
    /// A mapping with fields that we choose.
    Record(&'static Record),
    /// A mapping with exactly one of the fields.
    OneOf(&'static Record),
    /// A scalar of the first shape, or a mapping of the second.
    Short(&'static Self, &'static Record),
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

/// Every mapping with known fields but the types, by the name that the documentation calls it.
pub(super) fn records() -> Vec<(&'static str, &'static [Field])> {
    let mut all: Vec<(&'static str, &'static [Field])> = vec![
        ("stack", STACK.fields),
        ("secret", SECRET.fields),
        ("sops", SOPS.fields),
        ("environment", ENVIRONMENT.fields),
        ("common", COMMON),
        ("workload", WORKLOAD),
    ];
    all.extend(records::ALL.iter().map(|(name, record)| (*name, record.fields)));
    all
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

/// By name: a word, or a policy of one's own.
const POLICIES: Shape = Shape::Map {
    key: &texts::NAME,
    value: &Shape::Short(&Shape::Word(&words::SEVERITIES), &records::POLICY),
    min: 0,
};

/// By what is let through: a reason, or a waiver.
const WAIVERS: Shape = Shape::Map {
    key: &texts::ANY,
    value: &Shape::Short(&TEXT, &records::WAIVER),
    min: 0,
};

/// By the name of what goes.
const FAREWELLS: Shape = Shape::Map {
    key: &texts::ANY,
    value: &WAIVERS,
    min: 0,
};

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
            "policies",
            POLICIES,
            "{downtime: error}",
            "What a plan may not do, or is told of: how much each weighs, or one of your own with `deny`",
        ),
        field(
            "allow_degraded",
            FAREWELLS,
            "{cache: {destroy: \"the shared one is used\"}}",
            "Policies to let through for what is no component any more, by its name, each with the reason",
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
            "sops",
            Shape::Record(&SOPS),
            "{file: secrets.enc.yaml, key: db.password}",
            "One value of a file that SOPS encrypted for an age key",
        ),
        field(
            "generate",
            Shape::Integer { min: 16, max: 128 },
            "32",
            "Made once, this many random characters, and kept",
        ),
    ],
};

static SOPS: Record = Record {
    what: "`sops`",
    fields: &[
        field(
            "file",
            PATH,
            "secrets.enc.yaml",
            "The file, relative to the stack file: YAML, or by its name JSON (`.json`) or dotenv (`.env`)",
        )
        .required(),
        field(
            "key",
            TEXT,
            "db.password",
            "Where the value stands in it, with a dot between keys and places in lists from 0",
        )
        .required(),
    ],
};

static ENVIRONMENT: Record = Record {
    what: "an environment",
    fields: &[
        field(
            "target",
            Shape::Word(&words::TARGETS),
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
        field(
            "policies",
            POLICIES,
            "{downtime: error}",
            "Policies of this environment, merged over those of the stack",
        ),
        field(
            "allow_degraded",
            FAREWELLS,
            "{cache: {destroy: \"the shared one is used\"}}",
            "Policies to let through in this environment for what is no component any more, by its name",
        ),
        field(
            "kubernetes",
            Shape::Record(&records::KUBERNETES),
            "{namespace: ml, registry: ghcr.io/me}",
            "What a cluster must be told, with `target: k8s`",
        ),
    ],
};
