//! The user's model: what a stack file says, typed, with every default filled in and every reference checked.

use indexmap::IndexMap;

use super::condition::Condition;
use crate::diag::Path;

/// A checked stack in one environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Stack {
    /// `name`: lower-case letters, digits and hyphens.
    pub name: String,
    /// The environment that was merged in, if any.
    pub environment: Option<String>,
    /// The target that the environment names.
    pub target: Option<String>,
    /// `kubernetes` of the environment.
    pub kubernetes: Kubernetes,
    /// `components`, in file order.
    pub components: IndexMap<String, Component>,
    /// `secrets`, in file order.
    pub secrets: IndexMap<String, SecretSource>,
    /// `policies`, in file order, as the environment has them.
    pub policies: IndexMap<String, Policy>,
    /// `allow_degraded` of the stack, as the environment has it: the name of what is no component any more → the
    /// policies that are let through for it.
    pub allow_degraded: IndexMap<String, IndexMap<String, Waiver>>,
}

impl Stack {
    /// Whether there is a policy of that name: one of the stack's own, or one that mlstack knows itself.
    pub fn has_policy(&self, name: &str) -> bool {
        self.policies.contains_key(name) || known_policy(name).is_some()
    }

    /// How much a policy weighs: as it says itself, else by default. One that is not there weighs nothing.
    pub fn weight(&self, policy: &str) -> PolicySeverity {
        let own = self.policies.get(policy);
        let said = own.and_then(|own| own.severity.or(own.deny.as_ref().map(|_| PolicySeverity::Error)));
        said.or_else(|| known_policy(policy)).unwrap_or(PolicySeverity::Ignore)
    }
}

/// What a plan may not do, or is told of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// How much it weighs; its own default when unsaid.
    pub severity: Option<PolicySeverity>,
    /// `deny`: which changes are against it; none for those that mlstack knows itself.
    pub deny: Option<Condition>,
    /// `message`: what is said then.
    pub message: Option<String>,
}

/// How much a policy weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicySeverity {
    /// It is not looked at.
    Ignore,
    /// It is told.
    Warning,
    /// Nothing is done while something is against it.
    Error,
}

/// Why something is let through, and how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiver {
    /// The reason the user gives.
    pub reason: String,
    /// `until`: the last day on which it counts, as `2026-12-31`; for ever when unsaid.
    pub until: Option<String>,
}

/// The policies that mlstack knows itself, with what each is about and how much it weighs when nothing is said.
pub const POLICIES: [(&str, &str, PolicySeverity); 5] = [
    (
        "breaking-api",
        "the prediction API of a model changes so that callers must change",
        PolicySeverity::Warning,
    ),
    (
        "data-loss",
        "data goes that was named as free to go",
        PolicySeverity::Ignore,
    ),
    ("destroy", "something is taken away", PolicySeverity::Ignore),
    (
        "downtime",
        "something does not answer for a while",
        PolicySeverity::Ignore,
    ),
    (
        "exposed",
        "something becomes reachable from other machines",
        PolicySeverity::Warning,
    ),
];

/// How much a policy that mlstack knows itself weighs when nothing is said; `None` for any other name.
pub fn known_policy(name: &str) -> Option<PolicySeverity> {
    let found = POLICIES.iter().find(|(known, ..)| *known == name);
    found.map(|(.., default)| *default)
}

/// `kubernetes`: what a cluster must be told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kubernetes {
    /// `namespace`: one that is there already; none when mlstack makes one.
    pub namespace: Option<String>,
    /// `registry`: where packed images go.
    pub registry: Option<String>,
    /// `pull_secret`: the name of a Secret with the credentials of registries.
    pub pull_secret: Option<String>,
    /// `domain`: the names of public components end with it.
    pub domain: Option<String>,
    /// `ingress_class`.
    pub ingress_class: Option<String>,
    /// `gateway`: serve public components by it instead of an Ingress.
    pub gateway: Option<String>,
    /// `storage_class`.
    pub storage_class: Option<String>,
    /// `openshift`: the cluster chooses the users of containers.
    pub openshift: bool,
}

/// One part of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// Its key: lower-case letters, digits and hyphens; also its host name inside the stack.
    pub name: String,
    /// Where it stands, symbolically.
    pub path: Path,
    /// What sort of thing it is, with the fields of that sort.
    pub kind: Kind,
    /// `image`: somebody's image instead of the bundled one.
    pub image: Option<String>,
    /// `build`: an image built from a Dockerfile.
    pub build: Option<Build>,
    /// `command`: arguments that replace the image's own.
    pub command: Option<Vec<String>>,
    /// `port`: where it listens inside; the kind's own port when unsaid, for a service the one it exposes.
    pub port: Option<u16>,
    /// `replicas`: how many copies, 1 when unsaid.
    pub replicas: u32,
    /// `autoscale`: how many copies as load changes.
    pub autoscale: Option<Autoscale>,
    /// `resources`.
    pub resources: Resources,
    /// `env`, in file order.
    pub env: IndexMap<String, Template>,
    /// `uses`: components this one talks to; wires addresses and orders the start. Those that `calls`,
    /// `log_predictions` and references name are among them.
    pub uses: Vec<String>,
    /// `expose`: reachable from outside the stack.
    pub expose: Option<Expose>,
    /// `healthcheck`: how a foreign image tells that it works.
    pub healthcheck: Option<Healthcheck>,
    /// `volumes`.
    pub volumes: Vec<Volume>,
    /// `rollout`: how a new version takes over.
    pub rollout: Rollout,
    /// `protect`: refuse to remove this component's data; databases and stores are protected anyway.
    pub protect: bool,
    /// `allow_degraded`: the name of a capability, an advice or a policy → why that is fine here.
    pub allow_degraded: IndexMap<String, Waiver>,
}

/// The sorts of component.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Serves a model.
    ModelServer(ModelServer),
    /// A database.
    Database(Database),
    /// An S3-compatible object store.
    ObjectStore(ObjectStore),
    /// A web page in front of another component.
    Frontend(Frontend),
    /// A key-value cache.
    Cache(Cache),
    /// A message broker.
    Broker(Broker),
    /// Any container.
    Service,
}

impl Kind {
    /// The value of `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ModelServer(_) => "model-server",
            Self::Database(_) => "database",
            Self::ObjectStore(_) => "object-store",
            Self::Frontend(_) => "frontend",
            Self::Cache(_) => "cache",
            Self::Broker(_) => "broker",
            Self::Service => "service",
        }
    }

    /// The port that the bundled image of this kind listens on; none where nothing is bundled.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::ModelServer(_) | Self::Frontend(_) => Some(8080),
            Self::Database(_) => Some(5432),
            Self::ObjectStore(store) => match store.engine {
                ObjectStoreEngine::Seaweedfs { .. } => Some(8333),
                ObjectStoreEngine::S3 { .. } => None,
            },
            Self::Cache(_) => Some(6379),
            Self::Broker(_) => Some(1883),
            Self::Service => None,
        }
    }

    /// What a component of this kind tells others.
    pub fn properties(&self) -> &'static [Property] {
        use Property as P;
        match self {
            Self::ModelServer(_) | Self::Frontend(_) | Self::Service | Self::Broker(_) => {
                &[P::Host, P::Port, P::Address, P::Url]
            }
            Self::Database(_) => &[
                P::Host,
                P::Port,
                P::Address,
                P::Url,
                P::User,
                P::Database,
                P::PasswordFile,
            ],
            Self::Cache(_) => &[P::Host, P::Port, P::Address, P::Url],
            Self::ObjectStore(store) => match store.engine {
                ObjectStoreEngine::Seaweedfs { .. } => &[
                    P::Host,
                    P::Port,
                    P::Address,
                    P::Url,
                    P::Endpoint,
                    P::Region,
                    P::AccessKeyFile,
                    P::SecretKeyFile,
                ],
                ObjectStoreEngine::S3 { .. } => &[P::Url, P::Endpoint, P::Region, P::AccessKeyFile, P::SecretKeyFile],
            },
        }
    }
}

/// Fields of `type: model-server`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelServer {
    /// `model`; always there unless `image` or `build` is.
    pub model: Option<ModelRef>,
    /// `protocols`; `rest` is always among them.
    pub protocols: Vec<Protocol>,
    /// `log_predictions`: the database that keeps them.
    pub log_predictions: Option<String>,
    /// `checks`: golden requests.
    pub checks: Vec<Check>,
}

/// Where a model lies.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRef {
    /// A path relative to the stack file, or `s3://bucket/key`.
    pub uri: String,
    /// The pinned digest, 64 hex digits.
    pub sha256: Option<String>,
}

/// A way to ask a model server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// JSON over HTTP.
    Rest,
    /// Open Inference Protocol over gRPC.
    Grpc,
    /// JSON messages over WebSocket.
    Websocket,
    /// MQTT request and response.
    Mqtt,
}

/// One golden request of `checks`.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The body of `POST /predict`.
    pub request: serde_json::Value,
    /// `expect.prediction`.
    pub prediction: serde_json::Value,
    /// `expect.within`: absolute tolerance for numbers, 0 when unsaid.
    pub within: f64,
    /// `p95`: the slowest acceptable 95th percentile, in microseconds.
    pub p95_us: Option<u64>,
}

/// Fields of `type: database`; the engine is PostgreSQL.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// `version`: the major version, such as `17`.
    pub version: String,
    /// `storage`, in bytes.
    pub storage: Option<u64>,
}

/// Fields of `type: object-store`.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectStore {
    /// `engine`.
    pub engine: ObjectStoreEngine,
    /// `buckets`, in file order.
    pub buckets: IndexMap<String, Bucket>,
}

/// What answers S3 requests.
#[derive(Clone, Debug, PartialEq)]
pub enum ObjectStoreEngine {
    /// Bundled SeaweedFS.
    Seaweedfs {
        /// `version`.
        version: String,
        /// `storage`, in bytes.
        storage: Option<u64>,
    },
    /// A store that exists already, outside the stack.
    S3 {
        /// `endpoint`, a URL.
        endpoint: String,
        /// `region`.
        region: String,
        /// `access_key`: a name under `secrets`.
        access_key: Option<String>,
        /// `secret_key`: a name under `secrets`.
        secret_key: Option<String>,
    },
}

/// One bucket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bucket {
    /// `versioning`.
    pub versioning: bool,
}

/// Fields of `type: frontend`.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontend {
    /// `calls`: the model server behind the page; always there unless `image` or `build` is.
    pub calls: Option<String>,
}

/// Fields of `type: cache`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cache {
    /// `engine`.
    pub engine: CacheEngine,
    /// `version`.
    pub version: String,
    /// `storage`, in bytes: keeps the cache across restarts when set.
    pub storage: Option<u64>,
}

/// The caches there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheEngine {
    /// Valkey, the default.
    Valkey,
    /// Redis.
    Redis,
}

/// Fields of `type: broker`; the engine is Mosquitto.
#[derive(Clone, Debug, PartialEq)]
pub struct Broker {
    /// `version`.
    pub version: String,
    /// `storage`, in bytes: keeps retained messages across restarts when set.
    pub storage: Option<u64>,
}

/// `build`: an image from a Dockerfile.
#[derive(Clone, Debug, PartialEq)]
pub struct Build {
    /// `context`, relative to the stack file.
    pub context: String,
    /// `dockerfile`, relative to the context.
    pub dockerfile: String,
    /// `args`, in file order.
    pub args: IndexMap<String, String>,
}

/// `autoscale`.
#[derive(Clone, Debug, PartialEq)]
pub struct Autoscale {
    /// Fewest copies.
    pub min: u32,
    /// Most copies.
    pub max: u32,
    /// CPU use to aim at, in percent.
    pub cpu_percent: u32,
}

/// `resources`; absent means the user set no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resources {
    /// Thousandths of a core.
    pub cpu_millis: Option<u64>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Whole devices.
    pub gpu: Option<u32>,
}

/// `expose`.
#[derive(Clone, Debug, PartialEq)]
pub struct Expose {
    /// The port on the host.
    pub port: u16,
    /// `to`: the port inside the container; the kind's own port when unsaid.
    pub to: u16,
    /// `public`: reachable from other machines, not only from this one.
    pub public: bool,
}

/// `healthcheck`.
#[derive(Clone, Debug, PartialEq)]
pub struct Healthcheck {
    /// What is asked.
    pub probe: Probe,
    /// Microseconds between two probes.
    pub interval_us: u64,
    /// Microseconds until one probe counts as failed.
    pub timeout_us: u64,
    /// Failures in a row until unhealthy.
    pub retries: u32,
    /// Microseconds during which failures do not count.
    pub start_period_us: u64,
}

/// How health is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// A command run inside the container.
    Command(Vec<String>),
    /// A path answered with 2xx on the component's port.
    Http(String),
}

/// One entry of `volumes`.
#[derive(Clone, Debug, PartialEq)]
pub struct Volume {
    /// What is mounted.
    pub source: VolumeSource,
    /// Where, an absolute path inside the container.
    pub path: String,
    /// Mounted read-only.
    pub read_only: bool,
}

/// What a volume holds.
#[derive(Clone, Debug, PartialEq)]
pub enum VolumeSource {
    /// `name`: a named volume of the stack; data, protected.
    Named(String),
    /// `host`: a path of the host, relative to the stack file.
    Host(String),
}

/// `rollout`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    /// `timeout`: how long a new version may take to become ready, in microseconds.
    pub timeout_us: u64,
}

/// A text with references in it: `http://${api.host}:8080`.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub Vec<Piece>);

/// A piece of a [`Template`].
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// `${component.property}`.
    Property {
        /// The component.
        component: String,
        /// Which of its properties.
        property: Property,
    },
    /// `${secrets.name.file}`: the path of the secret inside the container.
    SecretFile(String),
    /// `${secrets.name}`: the value itself; only as a whole value of `env`, and only where a target can deliver it.
    SecretValue(String),
}

/// What a component tells others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Property {
    /// `host`: host name inside the stack.
    Host,
    /// `port`: port inside the stack.
    Port,
    /// `address`: `host:port`.
    Address,
    /// `url`, without credentials: `http://predictor:8080`, `redis://cache:6379`, `postgres://app@db:5432/app`.
    Url,
    /// `user` of a database.
    User,
    /// `database`: its name.
    Database,
    /// `password_file`: the path of a file with the password.
    PasswordFile,
    /// `endpoint`: the S3 endpoint URL.
    Endpoint,
    /// `region`: the S3 region.
    Region,
    /// `access_key_file`: the path of a file with the S3 access key id.
    AccessKeyFile,
    /// `secret_key_file`: the path of a file with the S3 secret key.
    SecretKeyFile,
}

impl Property {
    /// Every property.
    pub const ALL: [Self; 11] = [
        Self::Host,
        Self::Port,
        Self::Address,
        Self::Url,
        Self::User,
        Self::Database,
        Self::PasswordFile,
        Self::Endpoint,
        Self::Region,
        Self::AccessKeyFile,
        Self::SecretKeyFile,
    ];

    /// What it is, in a few words.
    pub fn about(self) -> &'static str {
        match self {
            Self::Host => "the host name inside the stack",
            Self::Port => "the port inside the stack",
            Self::Address => "`host:port`",
            Self::Url => "the whole address, without credentials",
            Self::User => "of a database: the user",
            Self::Database => "of a database: its name",
            Self::PasswordFile => "of a database or a cache: the path of a file with the password",
            Self::Endpoint => "of an object store: the URL of its S3 endpoint",
            Self::Region => "of an object store: its region",
            Self::AccessKeyFile => "of an object store: the path of a file with the access key id",
            Self::SecretKeyFile => "of an object store: the path of a file with the secret key",
        }
    }

    /// As it stands in a reference.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Port => "port",
            Self::Address => "address",
            Self::Url => "url",
            Self::User => "user",
            Self::Database => "database",
            Self::PasswordFile => "password_file",
            Self::Endpoint => "endpoint",
            Self::Region => "region",
            Self::AccessKeyFile => "access_key_file",
            Self::SecretKeyFile => "secret_key_file",
        }
    }
}

/// Where a secret's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// An environment variable of whoever runs mlstack.
    Env(String),
    /// A file, relative to the stack file.
    File(String),
    /// One value of a file that SOPS encrypted for age keys.
    Sops {
        /// The file, relative to the stack file.
        file: String,
        /// Where in it: `db.password`.
        key: String,
    },
    /// Made by mlstack once and kept: this many random characters.
    Generate(u32),
}
