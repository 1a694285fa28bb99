//! The HTTP server on loopback: reads requests, writes answers and streams, and carries out faults. Decides nothing
//! about objects.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::api;
use crate::fault::Fault;
use crate::forward::{self, Forward};
use crate::logs::Follow;
use crate::refusal::Refusal;
use crate::request::{Body, Reply, Request};
use crate::watch::Watch;
use crate::{Call, Shared};

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// How often streams look for news.
const LOOK: Duration = Duration::from_millis(4);

/// Serves until the listener's task is aborted.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| handle(Arc::clone(&shared), request));
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a fault closes the connection")
    }
}

impl std::error::Error for Cut {}

async fn handle(shared: Arc<Shared>, mut request: hyper::Request<Incoming>) -> Result<Answer, Cut> {
    let upgrade = hyper::upgrade::on(&mut request);
    let request = read(request).await;
    let call = format!("{} {}", request.method, request.target);
    let fault = shared.strike(&call, request.is_write());
    match fault {
        Some(Fault::ResetBefore) => {
            shared.log(&request, 0);
            return Err(Cut);
        }
        Some(Fault::Status(code)) => {
            shared.log(&request, code);
            return Ok(refused(code));
        }
        Some(Fault::HoldBefore) => shared.hold().await,
        _ => {}
    }
    let reply = shared.with(|world| api::answer(world, &request));
    shared.log(&request, reply.code);
    match fault {
        Some(Fault::ResetAfter) => return Err(Cut),
        Some(Fault::HoldAfter) => shared.hold().await,
        _ => {}
    }
    Ok(respond(&shared, reply, upgrade))
}

async fn read(request: hyper::Request<Incoming>) -> Request {
    let headers: BTreeMap<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let (method, target) = (
        request.method().to_string(),
        request.uri().path_and_query().map_or("/", |p| p.as_str()).to_owned(),
    );
    let body = Limited::new(request.into_body(), api::LARGEST * 2).collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_else(|_| Bytes::from(vec![0; api::LARGEST + 1]));
    Request::new(&method, &target, headers, body)
}

/// The answer of a server that does not do a call.
fn refused(code: u16) -> Answer {
    let reason = match code {
        429 => "TooManyRequests",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "InternalError",
    };
    let refusal = Refusal::new(code, reason, "the double was told to refuse this call");
    let mut answer = json_answer(code, &refusal.body);
    if matches!(code, 429 | 503) {
        answer
            .headers_mut()
            .insert("retry-after", "1".parse().expect("a digit is a header's value"));
    }
    answer
}

fn respond(shared: &Arc<Shared>, reply: Reply, upgrade: OnUpgrade) -> Answer {
    let mut answer = match reply.body {
        Body::Json(value) => json_answer(reply.code, &value),
        Body::Text(text, media) => text_answer(reply.code, text, media),
        Body::Watch(watch) => stream(watch_lines(Arc::clone(shared), watch), "application/json"),
        Body::Log(log) => stream(log_lines(Arc::clone(shared), log), "text/plain"),
        Body::Forward(forward) => forwarding(forward, upgrade),
    };
    for warning in reply.warnings {
        let text = warning.replace('\\', "\\\\").replace('"', "\\\"");
        if let Ok(value) = format!("299 - \"{text}\"").parse() {
            answer.headers_mut().append("warning", value);
        }
    }
    answer
}

/// The last answer of HTTP on a connection that is a WebSocket from then on.
fn forwarding(forward: Forward, upgrade: OnUpgrade) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()).boxed());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-accept", &forward.accept),
        ("sec-websocket-protocol", forward::PROTOCOL),
    ];
    for (name, value) in headers {
        let value = value.parse().expect("words and base64 are a header's value");
        answer.headers_mut().insert(name, value);
    }
    tokio::spawn(forward.carry(upgrade));
    answer
}

fn json_answer(code: u16, value: &Value) -> Answer {
    text_answer(code, value.to_string(), "application/json")
}

fn text_answer(code: u16, text: String, media: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)).boxed());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer.headers_mut().insert(
        "content-type",
        media.parse().expect("media types are written in this crate"),
    );
    answer
}

fn stream(lines: impl futures_util::Stream<Item = Bytes> + Send + Sync + 'static, media: &'static str) -> Answer {
    let frames = lines.map(|line| Ok::<_, Infallible>(Frame::data(line)));
    let mut answer = Response::new(http_body_util::BodyExt::boxed(StreamBody::new(frames)));
    answer.headers_mut().insert(
        "content-type",
        media.parse().expect("media types are written in this crate"),
    );
    answer
}

fn watch_lines(shared: Arc<Shared>, watch: Watch) -> impl futures_util::Stream<Item = Bytes> + Send + Sync {
    futures_util::stream::unfold((shared, watch), |(shared, mut watch)| async move {
        loop {
            let (events, now) = shared.with(|world| (watch.events(world), world.now));
            if !events.is_empty() {
                let text: String = events.iter().map(|e| format!("{e}\n")).collect();
                return Some((Bytes::from(text), (shared, watch)));
            }
            if now >= watch.until {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

fn log_lines(shared: Arc<Shared>, log: Follow) -> impl futures_util::Stream<Item = Bytes> + Send + Sync {
    futures_util::stream::unfold((shared, log), |(shared, mut log)| async move {
        loop {
            let more = shared.with(|world| log.more(world))?;
            if !more.is_empty() {
                return Some((Bytes::from(more), (shared, log)));
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

/// A call that is held; one whose client went away is not any more.
struct Held<'a>(&'a tokio::sync::watch::Sender<usize>);

impl<'a> Held<'a> {
    fn one_more(count: &'a tokio::sync::watch::Sender<usize>) -> Self {
        count.send_modify(|n| *n += 1);
        Self(count)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

impl Shared {
    fn strike(&self, call: &str, is_write: bool) -> Option<Fault> {
        let mut faults = self.faults.lock().expect("no test panics while it holds the faults");
        faults
            .iter_mut()
            .find_map(|f| f.strikes(call, is_write).then_some(f.fault))
    }

    async fn hold(&self) {
        let mut released = self.released.subscribe();
        let _held = Held::one_more(&self.held);
        let _ = released.changed().await;
    }

    fn log(&self, request: &Request, status: u16) {
        let body = request
            .json()
            .ok()
            .filter(|_| !request.body.is_empty())
            .unwrap_or(json!(null));
        let call = Call {
            method: request.method.clone(),
            path: request.target.clone(),
            content_type: request.content_type().into(),
            body,
            status,
        };
        self.calls
            .lock()
            .expect("no test panics while it holds the calls")
            .push(call);
    }
}
