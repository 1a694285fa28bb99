//! `mlstack-server frontend`: the page, and a narrow way from it to a model server.
//!
//! Owns what may be asked of the model server: four paths and nothing else. Never holds a model.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::uri::{Authority, PathAndQuery, Scheme, Uri};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::cli::Failure;
use crate::config::{Limits, Told};
use crate::http::{self, Code, REQUEST_ID, Refusal};
use crate::listen::{self, Answer};
use crate::{assets, page};

/// Most bytes of an answer that are passed on.
const ANSWER_LIMIT: usize = 16 << 20;
/// What of an answer the page may see.
const PASSED_BACK: [&str; 5] = [
    "content-type",
    "retry-after",
    "server-timing",
    "x-model-version",
    "x-request-id",
];

struct Front {
    client: Client<HttpConnector, Full<Bytes>>,
    upstream: Authority,
    limits: Limits,
    index: Bytes,
}

/// Serves the page until `stop`.
///
/// # Errors
/// When there is no model server to ask, or the address is taken.
pub async fn run(told: Told, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let address = told.address();
    let listener = TcpListener::bind(address)
        .await
        .map_err(|e| format!("cannot listen on {address}: {e}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    run_on(listener, told, stop).await
}

/// The same on a socket that listens already.
///
/// # Errors
/// When there is no model server to ask.
pub async fn run_on(listener: TcpListener, told: Told, stop: impl Future<Output = ()>) -> Result<(), Failure> {
    let text = told
        .upstream
        .as_deref()
        .ok_or("no model server to ask: give --upstream http://HOST:PORT")?;
    let front = Arc::new(Front {
        client: client(),
        upstream: authority(text).ok_or_else(|| format!("--upstream must be http://HOST:PORT, and is not: {text}"))?,
        limits: told.limits(),
        index: page::index("api/"),
    });
    let handle = move |request| answer(Arc::clone(&front), request);
    let (_, cut) = listen::serve(listener, told.limits(), handle, stop).await;
    tracing::info!(connections_cut = cut, "stopped");
    Ok(())
}

/// Connections are dropped before the model server drops them, which it does after thirty seconds.
fn client() -> Client<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(Duration::from_secs(5)));
    connector.set_nodelay(true);
    let timer = hyper_util::rt::TokioTimer::new();
    Client::builder(TokioExecutor::new())
        .pool_timer(timer)
        .pool_idle_timeout(Duration::from_secs(10))
        .build(connector)
}

/// The host and port of `http://HOST:PORT`; nothing may follow but a slash.
fn authority(url: &str) -> Option<Authority> {
    let uri: Uri = url.parse().ok()?;
    let plain = uri.scheme() == Some(&Scheme::HTTP) && matches!(uri.path(), "" | "/") && uri.query().is_none();
    uri.into_parts().authority.filter(|_| plain)
}

async fn answer(front: Arc<Front>, request: Request<Incoming>) -> Answer {
    let begun = Instant::now();
    let id = http::request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut answer = match timeout(front.limits.request, front.dispatch(request, &id)).await {
        Ok(done) => done.unwrap_or_else(|refusal| refuse(&refusal)),
        Err(_) => refuse(&Refusal::new(Code::Timeout, "the request took too long")),
    };
    answer.headers_mut().insert(REQUEST_ID, id);
    let status = answer.status().as_u16();
    tracing::debug!(%method, path, status, took_us = begun.elapsed().as_micros() as u64, "answered");
    answer
}

fn refuse(refusal: &Refusal) -> Answer {
    http::bytes(refusal.code.status(), "application/json", refusal.native_json())
}

impl Front {
    async fn dispatch(&self, request: Request<Incoming>, id: &HeaderValue) -> Result<Answer, Refusal> {
        let path = request.uri().path();
        match (request.method(), path) {
            (&Method::GET | &Method::HEAD, "/livez" | "/healthz" | "/readyz") => {
                Ok(http::text("text/plain; charset=utf-8", "ok\n"))
            }
            (&Method::GET | &Method::HEAD, "/") => page::answer(&self.index),
            (&Method::GET | &Method::HEAD, path) if path.starts_with("/page/") => {
                assets::serve(&path[1..], request.headers())
            }
            (&Method::POST, "/api/predict")
            | (&Method::GET, "/api/signature.json" | "/api/openapi.json" | "/api/readyz") => {
                self.pass(request, id).await
            }
            (_, "/api/predict" | "/api/signature.json" | "/api/openapi.json" | "/api/readyz" | "/") => Err(
                Refusal::new(Code::MethodNotAllowed, "this page does not answer to that method"),
            ),
            _ => Err(Refusal::new(Code::NotFound, "there is no such page")),
        }
    }

    /// Sends a request on with nothing of its own but path, body and id, so that no header of a browser, hop by hop
    /// or other, gets further.
    async fn pass(&self, request: Request<Incoming>, id: &HeaderValue) -> Result<Answer, Refusal> {
        let (head, body) = request.into_parts();
        let asked = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let path = asked.strip_prefix("/api").unwrap_or(asked);
        let uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.upstream.clone())
            .path_and_query(path);
        let uri = uri
            .build()
            .map_err(|_| Refusal::new(Code::NotFound, "there is no such page"))?;
        let body = http::read_body(body, self.limits.body).await?;
        let mut on = Request::new(Full::new(body));
        *on.method_mut() = head.method;
        *on.uri_mut() = uri;
        let host = HeaderValue::from_str(self.upstream.as_str()).expect("an authority is visible ASCII");
        on.headers_mut().extend([
            (HOST, host),
            (REQUEST_ID, id.clone()),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        if on.method() == Method::POST {
            on.headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        self.send(on).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Refusal> {
        let away = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, upstream = %self.upstream, "the model server does not answer");
            Refusal::new(Code::UpstreamAway, "the model server does not answer")
        };
        let again = request.clone();
        let asked = self.client.request(request).await;
        let (head, body) = match asked {
            // Asking twice does no harm, and while the model server is replaced another one answers.
            Err(error) if is_lost(&error) => self.client.request(again).await,
            asked => asked,
        }
        .map_err(|e| away(&e))?
        .into_parts();
        let body = Limited::new(body, ANSWER_LIMIT)
            .collect()
            .await
            .map_err(|e| away(&e))?
            .to_bytes();
        let mut answer = http::bytes(head.status, "application/json", body);
        for (name, value) in PASSED_BACK
            .iter()
            .filter_map(|name| Some((name, head.headers.get(*name)?)))
        {
            answer
                .headers_mut()
                .insert(HeaderName::from_static(name), value.clone());
        }
        Ok(answer)
    }
}

/// Whether a connection ended before there was an answer.
fn is_lost(error: &hyper_util::client::legacy::Error) -> bool {
    let first = std::error::Error::source(error);
    let mut causes = std::iter::successors(first, |cause| cause.source());
    error.is_connect()
        || causes.any(|cause| match cause.downcast_ref::<hyper::Error>() {
            Some(cause) => cause.is_incomplete_message() || cause.is_canceled() || cause.is_closed(),
            None => cause.is::<std::io::Error>(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;

    #[test]
    fn only_a_host_may_be_asked() {
        assert_eq!(authority("http://predictor:8080").unwrap(), "predictor:8080");
        assert_eq!(authority("http://predictor").unwrap(), "predictor");
        assert_eq!(authority("http://[::1]:8080/").unwrap(), "[::1]:8080");
        for wrong in [
            "predictor:8080",
            "https://predictor",
            "http://predictor/x",
            "http://predictor/?a",
            "",
            "http://",
        ] {
            assert_eq!(authority(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_bad_gateway_is_told_in_json() {
        let answer = refuse(&Refusal::new(Code::UpstreamAway, "away"));
        assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/json");
    }
}
