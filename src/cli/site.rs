//! Where a stack runs: the engine or cluster that is meant, and the ways to look at it.
//!
//! The one place that knows which target is behind what. Reads the surroundings (`DOCKER_HOST`, `KUBECONFIG`) and what
//! was typed; opens no connection by itself.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mlstack_provider::{Impact, Keyed, Operate, Outage, Value};
use mlstack_provider_docker::{Connection, DockerReader, Host};
use mlstack_provider_kubernetes::{Access, Cluster, KubeReader, Policy};

use super::Context;
use super::args::Takeover;
use super::exit::Exit;
use super::failure::Failure;
use super::load::Loaded;
use crate::project::Vault;
use crate::stack::Stack;
use crate::target::{Target, kubernetes};

/// Where a stack runs.
#[derive(Clone)]
pub(super) enum Site {
    /// A Docker engine.
    Engine(Arc<Connection>),
    /// A namespace of a cluster.
    Cluster(Arc<Cluster>),
}

impl Site {
    /// Where the stack runs on `target`; nothing is opened yet.
    pub(super) async fn of(target: Target, stack: &Stack, context: &Context) -> Result<Self, Failure> {
        match target {
            Target::Compose => Ok(Self::Engine(connect()?)),
            Target::Kubernetes => cluster(stack, context).await.map(Arc::new).map(Self::Cluster),
        }
    }

    /// As people call it.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Engine(connection) => connection.host().to_string(),
            Self::Cluster(cluster) => match cluster.context() {
                Some(context) => format!("context {context}, namespace {}", cluster.namespace()),
                None => format!("{}, namespace {}", cluster.server(), cluster.namespace()),
            },
        }
    }

    /// The side that looks.
    pub(super) fn reader(&self) -> Box<dyn Operate> {
        self.looking(&Takeover::default(), None)
    }

    /// The same, reading back what secrets hold where the key of their digests is here.
    pub(super) fn reading_back(&self, loaded: &Loaded, takeover: &Takeover) -> Result<Box<dyn Operate>, Failure> {
        let digest = Vault::new(&loaded.file.root).digester();
        let digest =
            digest.map_err(|error| Failure::new(Exit::Error, format!("cannot read the stored secrets: {error}")))?;
        Ok(self.looking(takeover, digest.map(Keyed::new)))
    }

    fn looking(&self, takeover: &Takeover, keyed: Option<Keyed>) -> Box<dyn Operate> {
        match self {
            Self::Engine(connection) => {
                let reader = DockerReader::new(Arc::clone(connection));
                match keyed {
                    Some(keyed) => Box::new(reader.reading_back(keyed)),
                    None => Box::new(reader),
                }
            }
            Self::Cluster(cluster) => {
                let reader = KubeReader::new(cluster, policy(takeover));
                match keyed {
                    Some(keyed) => Box::new(reader.reading_back(keyed)),
                    None => Box::new(reader),
                }
            }
        }
    }
}

/// What changing an attribute costs on a target.
pub(super) fn impact(target: Target) -> fn(&str, &str) -> Impact {
    match target {
        Target::Compose => mlstack_provider_docker::impact,
        Target::Kubernetes => mlstack_provider_kubernetes::impact,
    }
}

/// What users notice of a change on a target.
pub(super) fn outage(target: Target) -> fn(&str, &Value, &[&str]) -> Outage {
    match target {
        Target::Compose => mlstack_provider_docker::outage,
        Target::Kubernetes => mlstack_provider_kubernetes::outage,
    }
}

/// What the user lets be taken over.
pub(super) fn policy(takeover: &Takeover) -> Policy {
    Policy {
        adopt: takeover.adopt,
        take_fields: takeover.force_conflicts,
    }
}

/// The engine that `DOCKER_HOST` names, or the local one.
pub(super) fn connect() -> Result<Arc<Connection>, Failure> {
    let host = std::env::var("DOCKER_HOST").ok();
    let certificates = std::env::var_os("DOCKER_CERT_PATH").map(PathBuf::from);
    let connection = Connection::new(Host::parse(host.as_deref(), certificates.as_deref())?);
    Ok(Arc::new(match patience()? {
        Some(limit) => connection.answering_within(limit),
        None => connection,
    }))
}

/// The cluster of the context that was typed, or of the current one, in the stack's namespace.
pub(super) async fn cluster(stack: &Stack, context: &Context) -> Result<Cluster, Failure> {
    let access = Access {
        kubeconfig: kubeconfig()?,
        context: context.global.context.clone(),
        namespace: Some(kubernetes::namespace(stack).to_owned()),
    };
    let cluster = Cluster::connect(&access).await?;
    Ok(match patience()? {
        Some(limit) => cluster.with_patience(limit),
        None => cluster,
    })
}

/// The files that `KUBECONFIG` names, as far as they are there; else `~/.kube/config`. None in a pod of the cluster.
fn kubeconfig() -> Result<Vec<PathBuf>, Failure> {
    let named = std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    let files = match &named {
        Some(value) => std::env::split_paths(value)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
        None => std::env::home_dir()
            .map(|home| vec![home.join(".kube/config")])
            .unwrap_or_default(),
    };
    let there: Vec<PathBuf> = files.iter().filter(|path| path.exists()).cloned().collect();
    match (there.is_empty(), named) {
        (true, Some(value)) => Err(no_kubeconfig(&value)),
        _ => Ok(there),
    }
}

fn no_kubeconfig(named: &OsStr) -> Failure {
    let text = format!("KUBECONFIG names no file that is there: {}", named.to_string_lossy());
    Failure::new(Exit::Error, text).hint("unset it to use ~/.kube/config")
}

/// `MLSTACK_ENGINE_TIMEOUT`: how long each answer of a target may take.
fn patience() -> Result<Option<Duration>, Failure> {
    let Ok(text) = std::env::var("MLSTACK_ENGINE_TIMEOUT") else {
        return Ok(None);
    };
    let micros = crate::stack::duration(&text).filter(|micros| *micros > 0);
    micros.map(|micros| Some(Duration::from_micros(micros))).ok_or_else(|| {
        Failure::new(Exit::Usage, format!("MLSTACK_ENGINE_TIMEOUT: `{text}` is no duration"))
            .hint("write it as 90s or 2m")
    })
}
