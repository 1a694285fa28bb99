//! Which fields a stack uses, and where.
//!
//! Every struct of the model is taken apart without `..`: a new field of the language does not compile until
//! it has its [`Field`] here.

use super::Field;
use crate::diag::Path;
use crate::stack::{
    Autoscale, Broker, Bucket, Build, Cache, CacheEngine, Check, Component, Database, Expose, Frontend, Healthcheck,
    Kind, Kubernetes, ModelRef, ModelServer, ObjectStore, ObjectStoreEngine, Piece, Probe, Protocol, Resources,
    Rollout, SecretSource, Stack, Template, Volume, VolumeSource,
};

/// A field that a stack uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Use<'a> {
    /// Which.
    pub field: Field,
    /// Where.
    pub at: Path,
    /// The component that uses it; none for fields of the whole stack.
    pub component: Option<&'a Component>,
}

/// Every use of a field in `stack`, in file order.
pub fn uses(stack: &Stack) -> Vec<Use<'_>> {
    let Stack {
        name: _,
        environment,
        target: _,
        kubernetes,
        components,
        secrets,
        policies: _,
        allow_degraded: _,
    } = stack;
    let mut found = Found::at(&Path::root());
    found.key(Field::Name, "name");
    let own = found
        .path
        .key("environments")
        .key(environment.as_deref().unwrap_or_default());
    found.below(own.key("kubernetes"), |found| found.kubernetes(kubernetes));
    for (name, source) in secrets {
        let (field, key) = secret(source);
        found.add(field, found.path.key("secrets").key(name).key(key));
    }
    let of_stack = found.uses.into_iter().map(|(field, at)| Use {
        field,
        at,
        component: None,
    });
    of_stack.chain(components.values().flat_map(of_component)).collect()
}

fn secret(source: &SecretSource) -> (Field, &'static str) {
    match source {
        SecretSource::Env(_) => (Field::SecretsFromEnv, "env"),
        SecretSource::File(_) => (Field::SecretsFromFile, "file"),
        SecretSource::Sops { file: _, key: _ } => (Field::SecretsFromSops, "sops"),
        SecretSource::Generate(_) => (Field::GeneratedSecrets, "generate"),
    }
}

fn of_component(component: &Component) -> impl Iterator<Item = Use<'_>> {
    let mut found = Found::at(&component.path);
    found.component(component);
    let uses = found.uses.into_iter();
    uses.map(move |(field, at)| Use {
        field,
        at,
        component: Some(component),
    })
}

/// What was found so far below `path`.
struct Found {
    path: Path,
    uses: Vec<(Field, Path)>,
}

impl Found {
    fn at(path: &Path) -> Self {
        Self {
            path: path.clone(),
            uses: Vec::new(),
        }
    }

    fn add(&mut self, field: Field, at: Path) {
        self.uses.push((field, at));
    }

    fn key(&mut self, field: Field, key: &str) {
        self.add(field, self.path.key(key));
    }

    /// `field`, when the stack file uses it.
    fn when(&mut self, used: bool, field: Field, key: &str) {
        if used {
            self.key(field, key);
        }
    }

    /// The fields inside the mapping `key`.
    fn inside(&mut self, key: &str, find: impl FnOnce(&mut Self)) {
        self.below(self.path.key(key), find);
    }

    fn below(&mut self, path: Path, find: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.path, path);
        find(self);
        self.path = outer;
    }

    /// The fields inside each entry of the list `key`.
    fn each<T>(&mut self, key: &str, entries: &[T], find: impl Fn(&mut Self, &T)) {
        for (i, entry) in entries.iter().enumerate() {
            self.below(self.path.key(key).index(i), |found| find(found, entry));
        }
    }

    fn kubernetes(&mut self, settings: &Kubernetes) {
        let Kubernetes {
            namespace,
            registry,
            pull_secret,
            domain,
            ingress_class,
            gateway,
            storage_class,
            openshift,
        } = settings;
        let texts = [
            ("namespace", namespace),
            ("registry", registry),
            ("pull_secret", pull_secret),
            ("domain", domain),
            ("ingress_class", ingress_class),
            ("gateway", gateway),
            ("storage_class", storage_class),
        ];
        for (key, text) in texts {
            self.when(text.is_some(), Field::Kubernetes, key);
        }
        self.when(*openshift, Field::Kubernetes, "openshift");
    }

    fn component(&mut self, component: &Component) {
        let Component {
            name: _,
            path: _,
            kind,
            image,
            build,
            command,
            port,
            replicas,
            autoscale,
            resources,
            env,
            uses,
            expose,
            healthcheck,
            volumes,
            rollout,
            protect,
            allow_degraded: _,
        } = component;
        self.kind(kind);
        self.when(image.is_some(), Field::Image, "image");
        build.as_ref().inspect(|build| self.build(build));
        self.when(command.is_some(), Field::Command, "command");
        self.when(port.is_some(), Field::Port, "port");
        self.when(*replicas != 1, Field::Replicas, "replicas");
        autoscale.as_ref().inspect(|autoscale| self.autoscale(autoscale));
        self.inside("resources", |found| found.resources(resources));
        self.when(!env.is_empty(), Field::Env, "env");
        self.inside("env", |found| {
            env.iter().for_each(|(key, value)| found.template(key, value));
        });
        self.when(!uses.is_empty(), Field::Uses, "uses");
        expose.as_ref().inspect(|expose| self.expose(expose));
        healthcheck
            .as_ref()
            .inspect(|healthcheck| self.healthcheck(healthcheck));
        self.each("volumes", volumes, Self::volume);
        self.inside("rollout", |found| found.rollout(rollout));
        self.when(*protect, Field::Protect, "protect");
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::ModelServer(server) => self.model_server(server),
            Kind::Database(database) => self.database(database),
            Kind::ObjectStore(store) => self.object_store(store),
            Kind::Frontend(frontend) => self.frontend(frontend),
            Kind::Cache(cache) => self.cache(cache),
            Kind::Broker(broker) => self.broker(broker),
            Kind::Service => self.key(Field::Service, "type"),
        }
    }

    fn model_server(&mut self, server: &ModelServer) {
        let ModelServer {
            model,
            protocols,
            log_predictions,
            checks,
        } = server;
        self.key(Field::ModelServer, "type");
        model.as_ref().inspect(|model| self.model(model));
        self.each("protocols", protocols, |found, protocol| found.protocol(*protocol));
        self.when(log_predictions.is_some(), Field::LogPredictions, "log_predictions");
        self.each("checks", checks, Self::check);
    }

    fn model(&mut self, model: &ModelRef) {
        let ModelRef { uri, sha256 } = model;
        let remote = uri.starts_with("s3://");
        self.key(if remote { Field::ModelS3 } else { Field::Model }, "model");
        self.inside("model", |found| {
            found.when(sha256.is_some(), Field::ModelDigest, "sha256");
        });
    }

    fn protocol(&mut self, protocol: Protocol) {
        let field = match protocol {
            Protocol::Rest => Field::Rest,
            Protocol::Grpc => Field::Grpc,
            Protocol::Websocket => Field::Websocket,
            Protocol::Mqtt => Field::Mqtt,
        };
        self.add(field, self.path.clone());
    }

    fn check(&mut self, check: &Check) {
        let Check {
            request: _,
            prediction: _,
            within: _,
            p95_us,
        } = check;
        self.add(Field::Checks, self.path.clone());
        self.when(p95_us.is_some(), Field::ChecksP95, "p95");
    }

    fn database(&mut self, database: &Database) {
        let Database { version: _, storage } = database;
        self.key(Field::Database, "type");
        self.key(Field::Version, "version");
        self.when(storage.is_some(), Field::Storage, "storage");
    }

    fn object_store(&mut self, store: &ObjectStore) {
        let ObjectStore { engine, buckets } = store;
        let buckets_are = match engine {
            ObjectStoreEngine::Seaweedfs { version: _, storage } => {
                self.key(Field::ObjectStore, "type");
                self.key(Field::Version, "version");
                self.when(storage.is_some(), Field::Storage, "storage");
                Field::Buckets
            }
            ObjectStoreEngine::S3 {
                endpoint: _,
                region: _,
                access_key: _,
                secret_key: _,
            } => {
                self.key(Field::ExternalStore, "engine");
                Field::ExternalBuckets
            }
        };
        self.when(!buckets.is_empty(), buckets_are, "buckets");
        for (name, Bucket { versioning }) in buckets {
            let bucket = self.path.key("buckets").key(name);
            self.below(bucket, |found| {
                found.when(*versioning, Field::BucketVersioning, "versioning");
            });
        }
    }

    fn frontend(&mut self, frontend: &Frontend) {
        let Frontend { calls: _ } = frontend;
        self.key(Field::Frontend, "type");
    }

    fn cache(&mut self, cache: &Cache) {
        let Cache {
            engine,
            version: _,
            storage,
        } = cache;
        let field = match engine {
            CacheEngine::Valkey => Field::Valkey,
            CacheEngine::Redis => Field::Redis,
        };
        self.key(field, "engine");
        self.key(Field::Version, "version");
        self.when(storage.is_some(), Field::Storage, "storage");
    }

    fn broker(&mut self, broker: &Broker) {
        let Broker { version: _, storage } = broker;
        self.key(Field::Broker, "type");
        self.key(Field::Version, "version");
        self.when(storage.is_some(), Field::Storage, "storage");
    }

    fn build(&mut self, build: &Build) {
        let Build {
            context: _,
            dockerfile: _,
            args: _,
        } = build;
        self.key(Field::Build, "build");
    }

    fn autoscale(&mut self, autoscale: &Autoscale) {
        let Autoscale {
            min: _,
            max: _,
            cpu_percent: _,
        } = autoscale;
        self.key(Field::Autoscale, "autoscale");
    }

    fn resources(&mut self, resources: &Resources) {
        let Resources {
            cpu_millis,
            memory,
            gpu,
        } = resources;
        self.when(cpu_millis.is_some(), Field::Cpu, "cpu");
        self.when(memory.is_some(), Field::Memory, "memory");
        self.when(gpu.is_some(), Field::Gpu, "gpu");
    }

    /// What the references in the text `key` need.
    fn template(&mut self, key: &str, Template(pieces): &Template) {
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Property {
                    component: _,
                    property: _,
                } => self.key(Field::References, key),
                Piece::SecretFile(_) => self.key(Field::SecretFiles, key),
                Piece::SecretValue(_) => self.key(Field::EnvSecrets, key),
            }
        }
    }

    fn expose(&mut self, expose: &Expose) {
        let Expose { port: _, to: _, public } = expose;
        self.key(Field::Expose, "expose");
        self.inside("expose", |found| found.when(*public, Field::Public, "public"));
    }

    fn healthcheck(&mut self, healthcheck: &Healthcheck) {
        let Healthcheck {
            probe,
            interval_us: _,
            timeout_us: _,
            retries: _,
            start_period_us: _,
        } = healthcheck;
        match probe {
            Probe::Command(_) => self.key(Field::Healthcheck, "healthcheck"),
            Probe::Http(_) => self.key(Field::HealthcheckHttp, "healthcheck"),
        }
    }

    fn volume(&mut self, volume: &Volume) {
        let Volume {
            source,
            path: _,
            read_only,
        } = volume;
        match source {
            VolumeSource::Named(_) => self.key(Field::Volumes, "name"),
            VolumeSource::Host(_) => self.key(Field::HostVolumes, "host"),
        }
        self.when(*read_only, Field::ReadOnlyVolumes, "read_only");
    }

    fn rollout(&mut self, rollout: &Rollout) {
        let Rollout { timeout_us: _ } = rollout;
        self.key(Field::RolloutTimeout, "timeout");
    }
}
