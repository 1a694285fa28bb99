//! The way to a cluster: which server, as whom, in which namespace; and one call over it.
//!
//! Owns the client. Reads kubeconfig files that it is told of; runs the login programs that they name. Never knows what
//! is asked: that is [`crate::look`] and [`crate::write`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig};
use mlstack_provider::{ErrorKind, ProviderError, Value};
use tokio::sync::Semaphore;

use crate::fault::{Lost, Refusal, Sort};
use crate::patience::{Patience, Try};

/// Which cluster, as whom, and where in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Kubeconfig files that exist, the first to say something wins. None: this process runs in the cluster.
    pub kubeconfig: Vec<PathBuf>,
    /// The context; the current one when `None`.
    pub context: Option<String>,
    /// The namespace; the context's when `None`.
    pub namespace: Option<String>,
}

/// A cluster that can be called.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    config: kube::Config,
    server: String,
    context: Option<String>,
    namespace: String,
    patience: Patience,
    /// Who may ask at the same time: all clones of this one together.
    turns: Arc<Semaphore>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({}, {})", self.server, self.namespace)
    }
}

/// What failed when no cluster can be told.
const UNUSABLE: &str = "cannot tell which cluster to use";
/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How many calls may be open at once, those that follow a log apart.
const CALLS: usize = 16;

impl Cluster {
    /// Gets ready to call; opens no connection yet.
    ///
    /// # Errors
    /// When a kubeconfig is wrong or lacks the context.
    pub async fn connect(access: &Access) -> Result<Self, ProviderError> {
        let (config, context) = match access.kubeconfig.as_slice() {
            [] => (in_cluster()?, None),
            files => from_files(files, access.context.as_deref()).await?,
        };
        let cluster = Self::of(config, access.namespace.as_deref())?;
        Ok(Self { context, ..cluster })
    }

    /// A cluster that answers at `url` without asking who calls, such as a `kubectl proxy`.
    ///
    /// # Errors
    /// When `url` is none.
    pub fn plain(url: &str, namespace: &str) -> Result<Self, ProviderError> {
        let url = url.parse().map_err(|error: http::uri::InvalidUri| unusable(error))?;
        Self::of(kube::Config::new(url), Some(namespace))
    }

    fn of(mut config: kube::Config, namespace: Option<&str>) -> Result<Self, ProviderError> {
        config.connect_timeout = Some(CONNECT);
        config.default_retry = false;
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = namespace.map_or_else(|| config.default_namespace.clone(), ToOwned::to_owned);
        Ok(Self {
            client: kube::Client::try_from(config.clone()).map_err(unusable)?,
            config,
            server,
            context: None,
            namespace,
            patience: Patience::default(),
            turns: turns(),
        })
    }

    /// The same, giving up on each call after `limit`.
    #[must_use]
    pub fn with_patience(mut self, limit: Duration) -> Self {
        self.patience = Patience::of(limit);
        self
    }

    /// The same cluster by a connection of its own. A client is served by the runtime it was made in, so what runs in
    /// a thread of its own makes its own there.
    ///
    /// # Errors
    /// When the way to it cannot be used any more.
    pub fn apart(&self) -> Result<Self, ProviderError> {
        let client = kube::Client::try_from(self.config.clone()).map_err(unusable)?;
        Ok(Self {
            client,
            turns: turns(),
            ..self.clone()
        })
    }

    /// The same cluster, another namespace.
    #[must_use]
    pub fn in_namespace(mut self, namespace: &str) -> Self {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// Where it answers.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The name of the kubeconfig's context; `None` in a pod of the cluster.
    pub fn context(&self) -> Option<&str> {
        self.context.as_deref()
    }

    /// Where in it we work.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub(crate) fn client(&self) -> &kube::Client {
        &self.client
    }

    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// Asks and gives the answer, whatever it is.
    pub(crate) async fn call(&self, action: &str, ask: &Ask) -> Result<Answer, ProviderError> {
        let answer = self.patience.repeat(|| self.once(ask)).await;
        answer.map_err(|lost| lost.error(action, &self.server))
    }

    async fn once(&self, ask: &Ask) -> Result<Try<Answer>, Lost> {
        let _turn = self.turns.acquire().await; // closed never
        let response = self
            .client
            .send(ask.request())
            .await
            .map_err(|error| Lost::of(&error))?;
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| Lost::of(&error))?.to_bytes();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let answer = Answer {
            status: head.status.as_u16(),
            body: serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned())),
            warnings: head
                .headers
                .get_all("warning")
                .iter()
                .filter_map(|value| warning(value.to_str().ok()?))
                .collect(),
            date: header("date").map(ToOwned::to_owned),
        };
        Ok(match answer.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::Passing) => {
                let asked = header("retry-after").and_then(|seconds| seconds.parse().ok());
                Try::Later(answer, asked.map(Duration::from_secs))
            }
            _ => Try::Answer(answer),
        })
    }
}

fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CALLS))
}

fn in_cluster() -> Result<kube::Config, ProviderError> {
    kube::Config::incluster().map_err(|error| match error {
        InClusterError::ReadEnvironmentVariable(_) => ProviderError::new(ErrorKind::Unreachable, UNUSABLE)
            .because("there is no kubeconfig, and this is no pod of a cluster")
            .hint("set KUBECONFIG, or write ~/.kube/config: your cloud's command line does it"),
        other => unusable(other),
    })
}

/// The way that the files tell, and the context's name.
async fn from_files(files: &[PathBuf], context: Option<&str>) -> Result<(kube::Config, Option<String>), ProviderError> {
    let mut merged = Kubeconfig::default();
    for file in files {
        let named = |error| unusable(error).hint(format!("mend {}", file.display()));
        let next = Kubeconfig::read_from(file).map_err(named)?;
        merged = merged.merge(next).map_err(named)?;
    }
    let name = context
        .map(ToOwned::to_owned)
        .or_else(|| merged.current_context.clone());
    let options = KubeConfigOptions {
        context: context.map(ToOwned::to_owned),
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(merged, &options).await;
    let config =
        config.map_err(|error| unusable(error).hint("see which contexts there are: kubectl config get-contexts"))?;
    Ok((config, name))
}

fn unusable(error: impl std::error::Error + Send + Sync + 'static) -> ProviderError {
    ProviderError::new(ErrorKind::Unreachable, UNUSABLE).because(error)
}

/// `299 - "text"` with its quotes undone.
fn warning(header: &str) -> Option<String> {
    let quoted = header.split_once('"')?.1;
    let quoted = quoted.rsplit_once('"').map_or(quoted, |(text, _)| text);
    Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    /// The path with its query.
    pub(crate) path: String,
    pub(crate) content: &'static str,
    pub(crate) body: Option<Value>,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            content: "application/json",
            body: None,
        }
    }

    fn request(&self) -> Request<Body> {
        let body = self.body.as_ref().map(Value::to_string);
        let request = Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header("accept", "application/json");
        let request = match &body {
            Some(_) => request.header("content-type", self.content),
            None => request,
        };
        request
            .body(body.map_or_else(Body::empty, |text| Body::from(text.into_bytes())))
            .expect("paths are built from encoded parts")
    }
}

/// What the server says.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON; a string where the server answers with plain text.
    pub(crate) body: Value,
    /// Of the headers `Warning`.
    pub(crate) warnings: Vec<String>,
    /// The server's clock.
    pub(crate) date: Option<String>,
}

impl Answer {
    /// Why it is no success; `None` when it is one.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        (!(200..300).contains(&self.status)).then(|| Refusal::of(self.status, &self.body))
    }

    /// The object, or the refusal as an error.
    pub(crate) fn good(self, action: &str) -> Result<Value, ProviderError> {
        match self.refusal() {
            None => Ok(self.body),
            Some(refusal) => Err(refusal.error(action)),
        }
    }

    /// The object; `None` when there is none.
    pub(crate) fn found(self, action: &str) -> Result<Option<Value>, ProviderError> {
        match self.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::Missing | Sort::NoNamespace | Sort::NoKind) => Ok(None),
            _ => self.good(action).map(Some),
        }
    }
}

#[cfg(test)]
mod tests;
