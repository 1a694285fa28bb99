//! HTTP to a port of a pod, through the API server: the way that `kubectl port-forward` takes.
//!
//! Needs no address of the pod, no Service and no route into the cluster. Owns the connection and what a lack of it is
//! called; never judges an answer.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request, Response, Version};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::api::Portforwarder;
use mlstack_provider::golden::{ANSWER_LIMIT, PATIENCE, Reply};
use mlstack_provider::{ErrorKind, ProviderError, Value};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster::Cluster;
use crate::fault::{Lost, Refusal, Sort};
use crate::patience::Try;

/// What fails when a port cannot be reached.
const ACTION: &str = "cannot ask the checks of";
/// How long a node may take to say that it cannot connect.
const REASON: Duration = Duration::from_millis(500);
/// By this our server knows that a request is no user's.
const CHECK: &str = "x-mlstack-check";
/// Where a server says how long it took itself.
const SERVER_TIMING: &str = "server-timing";

/// A port of a pod that can be asked one request after the other.
pub(crate) struct Line<'a> {
    cluster: &'a Cluster,
    pod: &'a str,
    port: u16,
    /// `None` after an answer that was the connection's last.
    tunnel: Mutex<Option<Tunnel>>,
}

impl<'a> Line<'a> {
    /// Opens it.
    ///
    /// # Errors
    /// When the API server refuses or is not reached. That nobody listens shows with the first request.
    pub(crate) async fn open(cluster: &'a Cluster, pod: &'a str, port: u16) -> Result<Self, ProviderError> {
        let tunnel = Tunnel::open(cluster, pod, port).await?;
        Ok(Self {
            cluster,
            pod,
            port,
            tunnel: Mutex::new(Some(tunnel)),
        })
    }

    /// Posts JSON, and gives the answer or why there is none.
    pub(crate) async fn post(&self, path: &str, body: &str) -> Result<Reply, String> {
        let mut tunnel = self.tunnel.lock().await;
        let asked = timeout(PATIENCE, self.once(&mut tunnel, path, body)).await;
        let asked = asked.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        if asked.is_err() {
            *tunnel = None;
        }
        asked
    }

    async fn once(&self, kept: &mut Option<Tunnel>, path: &str, body: &str) -> Result<Reply, String> {
        let mut tunnel = match Tunnel::still_open(kept.take()).await {
            Some(tunnel) => tunnel,
            None => Tunnel::open(self.cluster, self.pod, self.port)
                .await
                .map_err(|error| error.reason())?,
        };
        match tunnel.post(path, body).await {
            Ok((reply, goes_on)) => {
                *kept = goes_on.then_some(tunnel);
                Ok(reply)
            }
            Err(why) => Err(self.told().await.unwrap_or(why)),
        }
    }

    /// What the node says of the port: asked without a request on the way, which could be lost together with the answer.
    async fn told(&self) -> Option<String> {
        let mut tunnel = Tunnel::open(self.cluster, self.pod, self.port).await.ok()?;
        let told = timeout(REASON, &mut tunnel.trouble).await.ok()??;
        Some(match told.contains("connection refused") {
            true => format!("nobody listens on port {}", self.port),
            false => told.trim().to_owned(),
        })
    }
}

type Trouble = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

/// One connection.
struct Tunnel {
    sender: http1::SendRequest<Full<Bytes>>,
    port: u16,
    /// What the node says when it cannot connect.
    trouble: Trouble,
    forwarder: Portforwarder,
    http: JoinHandle<()>,
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.http.abort();
        self.forwarder.abort();
    }
}

impl Tunnel {
    async fn open(cluster: &Cluster, pod: &str, port: u16) -> Result<Self, ProviderError> {
        let mut forwarder = forwarder(cluster, pod, port).await?;
        let broken = || ProviderError::new(ErrorKind::Failed, ACTION).because("the connection to the pod ended");
        let (Some(stream), Some(trouble)) = (forwarder.take_stream(port), forwarder.take_error(port)) else {
            return Err(broken());
        };
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| broken())?;
        Ok(Self {
            sender,
            port,
            trouble: Box::pin(trouble),
            forwarder,
            http: tokio::spawn(async move {
                // Whoever asks is told by the answer.
                let _ = connection.await;
            }),
        })
    }

    /// The same, unless the other side closed it after an answer.
    async fn still_open(kept: Option<Self>) -> Option<Self> {
        let mut tunnel = kept?;
        tunnel.sender.ready().await.is_ok().then_some(tunnel)
    }

    /// The answer, and whether the connection takes another request.
    async fn post(&mut self, path: &str, body: &str) -> Result<(Reply, bool), String> {
        let request = Request::post(path)
            .header(HOST, format!("localhost:{}", self.port))
            .header(CONTENT_TYPE, "application/json")
            .header(CHECK, "golden")
            .body(Full::from(body.to_owned()))
            .map_err(|error| error.to_string())?;
        let sent = self.sender.send_request(request).await;
        read(sent.map_err(|error| error.to_string())?).await
    }
}

async fn read(response: Response<Incoming>) -> Result<(Reply, bool), String> {
    let (head, body) = response.into_parts();
    let limit = usize::try_from(ANSWER_LIMIT).unwrap_or(usize::MAX);
    let body = Limited::new(body, limit).collect().await;
    let bytes = body.map_err(|error| error.to_string())?.to_bytes();
    let closes = |value: &http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"close");
    let goes_on = head.version == Version::HTTP_11 && !head.headers.get(CONNECTION).is_some_and(closes);
    let reply = Reply {
        status: head.status.as_u16(),
        body: String::from_utf8_lossy(&bytes).into_owned(),
        micros: own_time(&head.headers),
    };
    Ok((reply, goes_on))
}

/// How long the server took by its own clock, in microseconds: `total` of its `server-timing`, or the sum of its parts.
/// The way through the API server is not in it.
fn own_time(headers: &HeaderMap) -> Option<u64> {
    let parts = headers.get(SERVER_TIMING)?.to_str().ok()?.split(',');
    let mut sum = None;
    for part in parts {
        let mut fields = part.split(';').map(str::trim);
        let name = fields.next()?;
        let Some(millis) = fields.find_map(|field| field.strip_prefix("dur=")?.parse::<f64>().ok()) else {
            continue;
        };
        let took = Duration::try_from_secs_f64(millis / 1e3).ok()?;
        if name == "total" {
            return u64::try_from(took.as_micros()).ok();
        }
        sum = Some(sum.unwrap_or(Duration::ZERO) + took);
    }
    u64::try_from(sum?.as_micros()).ok()
}

async fn forwarder(cluster: &Cluster, pod: &str, port: u16) -> Result<Portforwarder, ProviderError> {
    let pods: kube::Api<Pod> = kube::Api::namespaced(cluster.client().clone(), cluster.namespace());
    let pods = &pods;
    let opened = cluster.patience().repeat(|| async move {
        match pods.portforward(pod, &[port]).await {
            Ok(forwarder) => Ok(Try::Answer(Ok(forwarder))),
            Err(error) => answered(&error),
        }
    });
    match opened.await {
        Ok(opened) => opened,
        Err(lost) => Err(lost.error(ACTION, cluster.server())),
    }
}

/// A refusal, unless there was no answer at all.
fn answered<T>(error: &kube::Error) -> Result<Try<Result<T, ProviderError>>, Lost> {
    match error {
        kube::Error::Api(status) => {
            let body = serde_json::to_value(status).unwrap_or(Value::Null);
            let refusal = Refusal::of(status.code, &body);
            let passes = refusal.sort() == Sort::Passing;
            let refused = Err(refused(&refusal));
            Ok(if passes {
                Try::Later(refused, None)
            } else {
                Try::Answer(refused)
            })
        }
        kube::Error::UpgradeConnection(why) => Ok(Try::Answer(Err(ProviderError::new(ErrorKind::Failed, ACTION)
            .because(why.to_string())
            .hint("what lies between here and the API server must let WebSockets through")))),
        _ => Err(Lost::of(error)),
    }
}

fn refused(refusal: &Refusal) -> ProviderError {
    match refusal.sort() {
        Sort::Denied if refusal.status == 403 => ProviderError::new(ErrorKind::Denied, ACTION)
            .because(refusal.words())
            .hint("checks need the verbs get and create on pods/portforward: ask whoever runs the cluster for them"),
        _ => refusal.error(ACTION),
    }
}

#[cfg(test)]
mod tests;
