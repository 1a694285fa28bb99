//! Tree to [`Stack`]: one function a type, with the defaults of the language.
//!
//! Runs after `shape`, which has said what is wrong: whatever cannot be read here is skipped without a word.

use indexmap::IndexMap;

use super::condition::Condition;
use super::model::*;
use super::node::{Map, Node};
use super::reference::{self, Raw};
use super::{scalar, shape, units};
use crate::diag::Path;

/// The version of SeaweedFS that is bundled.
const SEAWEEDFS: &str = "4.48";

/// Reads a whole stack file as `environment` sees it.
pub(super) fn stack(root: &Node, environment: Option<&str>) -> Stack {
    let top = Fields(root.map());
    let components = top.map("components");
    let own = environment.map_or(Fields(None), |name| top.record("environments").record(name));
    Stack {
        name: top.text("name").unwrap_or_default(),
        environment: environment.map(str::to_owned),
        target: own.text("target"),
        kubernetes: kubernetes(&own.record("kubernetes")),
        components: each(components, |name, node| Some(component(name, node))),
        secrets: each(top.map("secrets"), |_, node| secret(&Fields(node.map()))),
        policies: each_field(top.map("policies"), |_, node| Some(policy(node))),
        allow_degraded: each_field(top.map("allow_degraded"), |_, node| Some(waivers(node.map()))),
    }
}

fn policy(node: &Node) -> Policy {
    let fields = Fields(node.map());
    let severity = text(node).or_else(|| fields.text("severity"));
    Policy {
        severity: severity.and_then(|word| match word.as_str() {
            "ignore" => Some(PolicySeverity::Ignore),
            "warning" => Some(PolicySeverity::Warning),
            "error" => Some(PolicySeverity::Error),
            _ => None,
        }),
        deny: fields.text("deny").and_then(|deny| Condition::parse(&deny).ok()),
        message: fields.text("message"),
    }
}

fn waivers(map: Option<&Map>) -> IndexMap<String, Waiver> {
    each(map, |_, node| waiver(node))
}

fn waiver(node: &Node) -> Option<Waiver> {
    let fields = Fields(node.map());
    Some(Waiver {
        reason: text(node).or_else(|| fields.text("reason"))?,
        until: fields.text("until"),
    })
}

fn kubernetes(fields: &Fields<'_>) -> Kubernetes {
    Kubernetes {
        namespace: fields.text("namespace"),
        registry: fields.text("registry"),
        pull_secret: fields.text("pull_secret"),
        domain: fields.text("domain"),
        ingress_class: fields.text("ingress_class"),
        gateway: fields.text("gateway"),
        storage_class: fields.text("storage_class"),
        openshift: fields.bool("openshift"),
    }
}

/// A mapping with known fields; `None` where there is none.
#[derive(Clone, Copy)]
struct Fields<'n>(Option<&'n Map>);

impl<'n> Fields<'n> {
    fn get(&self, name: &str) -> Option<&'n Node> {
        Some(&self.0?.get(name)?.node)
    }

    fn record(&self, name: &str) -> Self {
        Self(self.map(name))
    }

    fn map(&self, name: &str) -> Option<&'n Map> {
        self.get(name)?.map()
    }

    fn list(&self, name: &str) -> &'n [Node] {
        self.get(name).and_then(Node::list).unwrap_or_default()
    }

    fn text(&self, name: &str) -> Option<String> {
        text(self.get(name)?)
    }

    fn texts(&self, name: &str) -> Option<Vec<String>> {
        Some(self.get(name)?.list()?.iter().filter_map(text).collect())
    }

    fn integer<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        T::try_from(scalar::integer(self.get(name)?.scalar()?)?).ok()
    }

    fn quantity(&self, name: &str, read: fn(&str) -> Result<u64, units::Fault>) -> Option<u64> {
        read(&self.get(name)?.scalar()?.text).ok()
    }

    fn size(&self, name: &str) -> Option<u64> {
        self.quantity(name, units::size)
    }

    fn duration(&self, name: &str, default_s: u64) -> u64 {
        self.quantity(name, units::duration).unwrap_or(default_s * 1_000_000)
    }

    fn bool(&self, name: &str) -> bool {
        self.get(name)
            .and_then(Node::scalar)
            .and_then(scalar::boolean)
            .unwrap_or(false)
    }
}

fn text(node: &Node) -> Option<String> {
    scalar::text(node.scalar()?).ok().map(str::to_owned)
}

/// Every entry that can be read, in file order.
fn each<T>(map: Option<&Map>, read: impl Fn(&str, &Node) -> Option<T>) -> IndexMap<String, T> {
    let entries = map.into_iter().flatten();
    entries
        .filter_map(|(key, entry)| Some((key.clone(), read(key, &entry.node)?)))
        .collect()
}

/// Every entry that can be read, extensions left out.
fn each_field<T>(map: Option<&Map>, read: impl Fn(&str, &Node) -> Option<T>) -> IndexMap<String, T> {
    each(
        map,
        |key, node| if key.starts_with("x-") { None } else { read(key, node) },
    )
}

fn secret(fields: &Fields<'_>) -> Option<SecretSource> {
    let from_env = || fields.text("env").map(SecretSource::Env);
    let sops = fields.record("sops");
    let from_sops = || {
        let (file, key) = (sops.text("file")?, sops.text("key")?);
        Some(SecretSource::Sops { file, key })
    };
    let from_file = || fields.text("file").map(SecretSource::File);
    from_env()
        .or_else(from_file)
        .or_else(from_sops)
        .or_else(|| fields.integer("generate").map(SecretSource::Generate))
}

fn component(name: &str, node: &Node) -> Component {
    let fields = Fields(node.map());
    let kind = kind(&fields);
    let expose_port = fields
        .integer("expose")
        .or_else(|| fields.record("expose").integer("port"));
    let expose_to = fields.record("expose").integer("to");
    let port = fields.integer("port").or(kind.port()).or(expose_to).or(expose_port);
    Component {
        name: name.to_owned(),
        path: Path::root().key("components").key(name),
        image: fields.text("image"),
        build: build(&fields),
        command: fields.texts("command"),
        port,
        replicas: fields.integer("replicas").unwrap_or(1),
        autoscale: fields.get("autoscale").and_then(|node| autoscale(&Fields(node.map()))),
        resources: resources(&fields.record("resources")),
        env: each(fields.map("env"), |_, node| template(node)),
        uses: fields.texts("uses").unwrap_or_default(),
        expose: expose_port.map(|host| Expose {
            port: host,
            to: expose_to.or(port).unwrap_or(host),
            public: fields.record("expose").bool("public"),
        }),
        healthcheck: fields
            .get("healthcheck")
            .and_then(|node| healthcheck(&Fields(node.map()))),
        volumes: fields
            .list("volumes")
            .iter()
            .filter_map(|node| volume(&Fields(node.map())))
            .collect(),
        rollout: Rollout {
            timeout_us: fields.record("rollout").duration("timeout", 300),
        },
        protect: fields.bool("protect"),
        allow_degraded: waivers(fields.map("allow_degraded")),
        kind,
    }
}

fn kind(fields: &Fields<'_>) -> Kind {
    match fields.text("type").unwrap_or_default().as_str() {
        "model-server" => Kind::ModelServer(model_server(fields)),
        "database" => Kind::Database(Database {
            version: version(fields, "17"),
            storage: fields.size("storage"),
        }),
        "object-store" => Kind::ObjectStore(object_store(fields)),
        "frontend" => Kind::Frontend(Frontend {
            calls: fields.text("calls"),
        }),
        "cache" => Kind::Cache(cache(fields)),
        "broker" => Kind::Broker(Broker {
            version: version(fields, "2"),
            storage: fields.size("storage"),
        }),
        _ => Kind::Service,
    }
}

fn version(fields: &Fields<'_>, default: &str) -> String {
    fields.text("version").unwrap_or_else(|| default.to_owned())
}

fn model_server(fields: &Fields<'_>) -> ModelServer {
    ModelServer {
        model: fields.get("model").and_then(model),
        protocols: protocols(fields),
        log_predictions: fields.text("log_predictions"),
        checks: fields
            .list("checks")
            .iter()
            .filter_map(|node| check(&Fields(node.map())))
            .collect(),
    }
}

fn model(node: &Node) -> Option<ModelRef> {
    let fields = Fields(node.map());
    let uri = text(node).or_else(|| fields.text("uri"))?;
    let sha256 = fields
        .text("sha256")
        .map(|digest| digest.trim_start_matches("sha256:").to_owned());
    Some(ModelRef { uri, sha256 })
}

fn protocols(fields: &Fields<'_>) -> Vec<Protocol> {
    let mut protocols = vec![Protocol::Rest];
    for word in fields.texts("protocols").unwrap_or_default() {
        match word.as_str() {
            "grpc" => protocols.push(Protocol::Grpc),
            "websocket" => protocols.push(Protocol::Websocket),
            "mqtt" => protocols.push(Protocol::Mqtt),
            _ => {}
        }
    }
    protocols.sort();
    protocols.dedup();
    protocols
}

fn check(fields: &Fields<'_>) -> Option<Check> {
    let expect = fields.record("expect");
    Some(Check {
        request: json(fields.get("request")?)?,
        prediction: json(expect.get("prediction")?)?,
        within: expect
            .get("within")
            .and_then(Node::scalar)
            .and_then(scalar::number)
            .unwrap_or(0.0),
        p95_us: fields.quantity("p95", units::duration),
    })
}

/// A tree as JSON; texts that YAML readers disagree about are left out.
pub(super) fn json(node: &Node) -> Option<serde_json::Value> {
    if let Some(map) = node.map() {
        return Some(
            map.iter()
                .filter_map(|(key, entry)| Some((key.clone(), json(&entry.node)?)))
                .collect(),
        );
    }
    if let Some(items) = node.list() {
        return Some(items.iter().filter_map(json).collect());
    }
    let scalar = node.scalar()?;
    shape::json_scalar(scalar).or_else(|| Some(scalar::text(scalar).ok()?.into()))
}

fn object_store(fields: &Fields<'_>) -> ObjectStore {
    let engine = match fields.text("engine").as_deref() {
        Some("s3") => ObjectStoreEngine::S3 {
            endpoint: fields.text("endpoint").unwrap_or_default(),
            region: fields.text("region").unwrap_or_default(),
            access_key: fields.text("access_key"),
            secret_key: fields.text("secret_key"),
        },
        _ => ObjectStoreEngine::Seaweedfs {
            version: version(fields, SEAWEEDFS),
            storage: fields.size("storage"),
        },
    };
    let bucket = |_: &str, node: &Node| {
        Some(Bucket {
            versioning: Fields(node.map()).bool("versioning"),
        })
    };
    ObjectStore {
        engine,
        buckets: each(fields.map("buckets"), bucket),
    }
}

fn cache(fields: &Fields<'_>) -> Cache {
    let engine = match fields.text("engine").as_deref() {
        Some("redis") => CacheEngine::Redis,
        _ => CacheEngine::Valkey,
    };
    Cache {
        engine,
        version: version(fields, "8"),
        storage: fields.size("storage"),
    }
}

fn build(fields: &Fields<'_>) -> Option<Build> {
    let node = fields.get("build")?;
    let record = Fields(node.map());
    Some(Build {
        context: text(node).or_else(|| record.text("context"))?,
        dockerfile: record.text("dockerfile").unwrap_or_else(|| "Dockerfile".to_owned()),
        args: each_field(record.map("args"), |_, node| text(node)),
    })
}

fn autoscale(fields: &Fields<'_>) -> Option<Autoscale> {
    let cpu = fields.quantity("cpu", units::percent).unwrap_or(70);
    let (min, max) = (fields.integer("min")?, fields.integer("max")?);
    Some(Autoscale {
        min,
        max,
        cpu_percent: u32::try_from(cpu).ok()?,
    })
}

fn resources(fields: &Fields<'_>) -> Resources {
    Resources {
        cpu_millis: fields.quantity("cpu", units::cpu),
        memory: fields.size("memory"),
        gpu: fields.integer("gpu"),
    }
}

fn healthcheck(fields: &Fields<'_>) -> Option<Healthcheck> {
    let probe = fields
        .text("http")
        .map(Probe::Http)
        .or_else(|| fields.texts("command").map(Probe::Command))?;
    Some(Healthcheck {
        probe,
        interval_us: fields.duration("interval", 10),
        timeout_us: fields.duration("timeout", 3),
        retries: fields.integer("retries").unwrap_or(3),
        start_period_us: fields.duration("start_period", 30),
    })
}

fn volume(fields: &Fields<'_>) -> Option<Volume> {
    let named = fields.text("name").map(VolumeSource::Named);
    Some(Volume {
        source: named.or_else(|| fields.text("host").map(VolumeSource::Host))?,
        path: fields.text("path")?,
        read_only: fields.bool("read_only"),
    })
}

/// A text with references; those to unknown properties are dropped, `check::links` says so.
fn template(node: &Node) -> Option<Template> {
    let pieces = reference::parse(scalar::text(node.scalar()?).ok()?).ok()?;
    Some(Template(pieces.into_iter().filter_map(piece).collect()))
}

fn piece(raw: Raw<'_>) -> Option<Piece> {
    match raw {
        Raw::Text(text) => Some(Piece::Text(text)),
        Raw::Secret(name) => Some(Piece::SecretValue(name.to_owned())),
        Raw::SecretFile(name) => Some(Piece::SecretFile(name.to_owned())),
        Raw::Property(component, property) => {
            let property = Property::ALL.into_iter().find(|known| known.name() == property)?;
            Some(Piece::Property {
                component: component.to_owned(),
                property,
            })
        }
    }
}

#[cfg(test)]
mod tests;
