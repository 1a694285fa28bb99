//! The table of capabilities: what each target makes of every field of the stack language.
//!
//! Owns the levels, the fields and their entries. A field of the model without an entry does not compile:
//! [`find`] takes every struct of the model apart by name, and every target matches every [`Field`]. Never
//! lowers anything.

use super::Target;

mod check;
mod find;
mod page;

pub use check::{allowable, check, is_violation};
pub use find::{Use, uses};
pub use page::page;

/// How well a target carries a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As the stack file says.
    Full,
    /// Not quite as the stack file says.
    Degraded {
        /// What becomes of it.
        how: &'static str,
        /// Whether the component must allow it, with a reason.
        needs_allowance: bool,
    },
    /// Not at all.
    Unsupported {
        /// What the target lacks.
        why: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
}

macro_rules! fields {
    ($($field:ident $name:literal $place:literal;)*) => {
        /// A field of the stack language, or one of its values where targets tell values apart.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Field {
            $(#[doc = $place] $field,)*
        }

        impl Field {
            /// Every field, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$field),*];

            /// The capability that a target needs for it: what `allow_degraded` names.
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            /// Where it stands in a stack file.
            pub fn place(self) -> &'static str {
                match self { $(Self::$field => $place,)* }
            }
        }
    };
}

fields! {
    Name "name" "name";
    Kubernetes "kubernetes" "environments.*.kubernetes";
    SecretsFromEnv "secrets-from-env" "secrets.*.env";
    SecretsFromFile "secrets-from-file" "secrets.*.file";
    SecretsFromSops "secrets-from-sops" "secrets.*.sops";
    GeneratedSecrets "generated-secrets" "secrets.*.generate";

    ModelServer "model-server" "type: model-server";
    Model "model" "model, a file beside the stack file";
    ModelS3 "model-s3" "model: s3://…";
    ModelDigest "model-digest" "model.sha256";
    Rest "rest" "protocols: [rest]";
    Grpc "grpc" "protocols: [grpc]";
    Websocket "websocket" "protocols: [websocket]";
    Mqtt "mqtt" "protocols: [mqtt]";
    LogPredictions "log-predictions" "log_predictions";
    Checks "checks" "checks";
    ChecksP95 "checks-p95" "checks[].p95";

    Database "database" "type: database";
    ObjectStore "object-store" "type: object-store, engine: seaweedfs";
    ExternalStore "external-store" "type: object-store, engine: s3";
    Buckets "buckets" "buckets";
    BucketVersioning "bucket-versioning" "buckets.*.versioning";
    ExternalBuckets "external-buckets" "buckets of engine: s3";
    Frontend "frontend" "type: frontend";
    Valkey "valkey" "type: cache, engine: valkey";
    Redis "redis" "type: cache, engine: redis";
    Broker "broker" "type: broker";
    Service "service" "type: service";
    Version "version" "version";
    Storage "storage" "storage";

    Image "image" "image";
    Build "build" "build";
    Command "command" "command";
    Port "port" "port";
    Replicas "replicas" "replicas";
    Autoscale "autoscale" "autoscale";
    Cpu "cpu" "resources.cpu";
    Memory "memory" "resources.memory";
    Gpu "gpu" "resources.gpu";
    Env "env" "env";
    References "references" "${component.property}";
    SecretFiles "secret-files" "${secrets.*.file}";
    EnvSecrets "env-secrets" "${secrets.*}";
    Uses "uses" "uses";
    Expose "expose" "expose";
    Public "public" "expose.public";
    Healthcheck "healthcheck" "healthcheck.command";
    HealthcheckHttp "healthcheck-http" "healthcheck.http";
    Volumes "volumes" "volumes[].name";
    HostVolumes "host-volumes" "volumes[].host";
    ReadOnlyVolumes "read-only-volumes" "volumes[].read_only";
    RolloutTimeout "rollout-timeout" "rollout.timeout";
    Protect "protect" "protect";
}

impl Field {
    /// The field of a capability's name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// How well `target` carries it.
    pub fn on(self, target: Target) -> Level {
        match target {
            Target::Compose => compose(self),
            Target::Kubernetes => kubernetes(self),
        }
    }

    /// Whether a component must allow `target` to carry it less than fully.
    pub fn needs_allowance(self, target: Target) -> bool {
        matches!(
            self.on(target),
            Level::Degraded {
                needs_allowance: true,
                ..
            }
        )
    }
}

const fn degraded(how: &'static str) -> Level {
    Level::Degraded {
        how,
        needs_allowance: false,
    }
}

// What is the same on every target.
const LEFT_AS_IT_IS: Level = degraded("expected to be there; a store outside the stack is left as it is");
const FILES_ONLY: Level = Level::Unsupported {
    why: "this version reads models from files only",
    instead: "copy the file beside the stack file: `model: model.onnx`",
};
const HTTP_ONLY: Level = Level::Unsupported {
    why: "the bundled server of this version answers HTTP only",
    instead: "`protocols: [rest]`, or a server of your own with `image`",
};

/// The column of Docker Compose.
#[rustfmt::skip]
fn compose(field: Field) -> Level {
    use Field as F;
    match field {
        F::Name | F::SecretsFromEnv | F::SecretsFromFile | F::SecretsFromSops | F::GeneratedSecrets
        | F::ModelServer | F::Model | F::ModelDigest | F::Rest | F::LogPredictions
        | F::Database | F::ObjectStore | F::ExternalStore | F::Buckets | F::BucketVersioning
        | F::Frontend | F::Valkey | F::Redis | F::Broker | F::Service | F::Version
        | F::Image | F::Build | F::Command | F::Port | F::Replicas | F::Cpu | F::Memory | F::Gpu
        | F::Env | F::References | F::SecretFiles | F::Uses | F::Expose | F::Public
        | F::Healthcheck | F::Volumes | F::ReadOnlyVolumes
        | F::RolloutTimeout | F::Protect | F::Checks | F::ChecksP95 => Level::Full,

        F::Kubernetes => degraded("not used: it is about clusters"),
        F::Storage => degraded("Docker's local volumes have no quota; the size is not enforced"),
        F::HostVolumes => degraded("a path of the machine that the engine runs on; a remote engine does not see your files"),
        F::HealthcheckHttp => degraded("asked inside the container with wget, curl or python3, one of which the image must have"),
        F::ExternalBuckets => LEFT_AS_IT_IS,
        F::EnvSecrets => Level::Degraded {
            how: "the value arrives as a file; `KEY_FILE` holds its path",
            needs_allowance: true,
        },

        F::Autoscale => Level::Unsupported {
            why: "there is no autoscaler",
            instead: "say how many copies: `replicas: 2`",
        },
        F::ModelS3 => FILES_ONLY,
        F::Grpc | F::Websocket | F::Mqtt => HTTP_ONLY,
    }
}

/// The column of Kubernetes.
#[rustfmt::skip]
fn kubernetes(field: Field) -> Level {
    use Field as F;
    match field {
        F::Name | F::Kubernetes | F::SecretsFromEnv | F::SecretsFromFile | F::SecretsFromSops | F::GeneratedSecrets
        | F::ModelServer | F::Model | F::ModelDigest | F::Rest | F::LogPredictions
        | F::Database | F::ObjectStore | F::ExternalStore | F::Buckets | F::BucketVersioning
        | F::Frontend | F::Valkey | F::Redis | F::Broker | F::Service | F::Version | F::Storage
        | F::Command | F::Port | F::Replicas | F::Autoscale | F::Cpu | F::Memory | F::Gpu
        | F::Env | F::References | F::SecretFiles | F::EnvSecrets | F::Uses
        | F::Healthcheck | F::HealthcheckHttp | F::ReadOnlyVolumes
        | F::RolloutTimeout | F::Protect | F::Checks | F::ChecksP95 => Level::Full,

        F::Image => degraded("runs as user 65532, never as root, and writes to /tmp and its volumes only"),
        F::Expose => degraded("inside the cluster only; `kubectl port-forward` brings it to this machine"),
        F::Public => degraded("HTTP by an Ingress at its own ports, the rest by a load balancer"),
        F::Volumes => degraded("claims are ReadWriteOnce: all copies that mount one run on one node"),
        F::ExternalBuckets => LEFT_AS_IT_IS,

        F::Build => Level::Unsupported {
            why: "a cluster builds no images",
            instead: "build and push it yourself, then `image: registry.example.com/team/app:1`",
        },
        F::HostVolumes => Level::Unsupported {
            why: "a cluster has no folder of this machine, and Pod Security forbids those of its own",
            instead: "a named volume, or an image with the files in it",
        },
        F::ModelS3 => FILES_ONLY,
        F::Grpc | F::Websocket | F::Mqtt => HTTP_ONLY,
    }
}

#[cfg(test)]
mod tests;
