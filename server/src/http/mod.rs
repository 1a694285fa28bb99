//! HTTP: from a request to an answer.
//!
//! Owns routing, limits, headers and the forms of answers. Never computes a prediction itself, and never answers one
//! before the model is ready.

mod body;
mod error;
mod oip;
mod predict;
mod reply;
mod route;

use std::sync::Arc;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use tokio::time::timeout;

pub use body::read as read_body;
pub use error::{Code, Refusal};
pub use reply::{bytes, json, text};

use crate::app::App;
use crate::assets;
use crate::ids::Id;
use crate::listen::{Answer, FromHere};
use crate::metrics::Protocol;
use route::Route;

/// Names a request in answers, logs and the prediction log; a client may choose it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Says that a request is a check of a rollout. From here alone it is believed, and kept out of the prediction log.
pub const CHECK: HeaderName = HeaderName::from_static("x-mlstack-check");

/// A request while it is worked on.
struct Asked {
    head: Parts,
    body: Incoming,
    id: HeaderValue,
    started: Instant,
}

impl Asked {
    /// Whether it is a check of a rollout, and no user's request.
    fn is_check(&self) -> bool {
        self.head.extensions.get::<FromHere>().is_some() && self.head.headers.contains_key(CHECK)
    }
}

/// Answers one request of the model server.
pub async fn handle(app: Arc<App>, request: Request<Incoming>) -> Answer {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let id = request_id(&head.headers);
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    let route = Route::of(&path);
    let protocol = route.map_or(Protocol::Other, Route::protocol);
    let asked = Asked {
        head,
        body,
        id: id.clone(),
        started,
    };
    let result = match timeout(app.limits.request, dispatch(&app, route, asked)).await {
        Ok(result) => result,
        Err(_) => Err(Refusal::new(Code::Timeout, "the request took too long")),
    };
    let mut answer = result.unwrap_or_else(|refusal| refused(&app, protocol, route, &refusal));
    answer.headers_mut().insert(REQUEST_ID, id);
    let (status, took) = (answer.status().as_u16(), started.elapsed());
    app.metrics.answered(protocol, status, took);
    tracing::debug!(%method, path, status, took_us = took.as_micros() as u64, "answered");
    answer
}

async fn dispatch(app: &Arc<App>, route: Option<Route<'_>>, asked: Asked) -> Result<Answer, Refusal> {
    let route =
        route.ok_or_else(|| Refusal::new(Code::NotFound, "there is no such page").hint("GET /docs lists the pages"))?;
    allowed(route, &asked.head.method)?;
    match route {
        Route::Predict => predict::native(app, asked).await,
        Route::V1Predict(model) => predict::v1(app, model, asked).await,
        Route::OipInfer(model, version) => oip::infer(app, model, version, asked).await,
        _ => page(app, route, &asked.head.headers),
    }
}

fn allowed(route: Route<'_>, method: &Method) -> Result<(), Refusal> {
    let wanted = route.method();
    if *method == wanted || (wanted == Method::GET && *method == Method::HEAD) {
        return Ok(());
    }
    Err(Refusal::new(
        Code::MethodNotAllowed,
        format!("this page answers to {wanted}"),
    ))
}

/// The pages that need no body.
fn page(app: &App, route: Route<'_>, headers: &HeaderMap) -> Result<Answer, Refusal> {
    match route {
        Route::Live => Ok(text("text/plain; charset=utf-8", "ok\n")),
        Route::Ready => Ok(ready(app)),
        Route::Metrics => Ok(text("text/plain; version=0.0.4; charset=utf-8", app.metrics.render())),
        Route::Signature => app
            .served()
            .map(|served| text("application/json", served.signature_json.clone())),
        Route::OpenApi if app.docs => app
            .served()
            .map(|served| text("application/json", served.openapi_json.clone())),
        Route::Docs if app.docs => assets::serve("docs/index.html", headers),
        Route::Asset(path) if app.docs || !path.starts_with("docs") => assets::serve(path, headers),
        Route::OpenApi | Route::Docs | Route::Asset(_) => Err(Refusal::new(Code::NotFound, "there is no such page")),
        Route::V1Status(model) => predict::v1_status(app, model),
        _ => oip::page(app, route),
    }
}

fn ready(app: &App) -> Answer {
    match app.ready() {
        Ok(_) => text("text/plain; charset=utf-8", "ready\n"),
        Err(refusal) => status(
            StatusCode::SERVICE_UNAVAILABLE,
            text("text/plain; charset=utf-8", format!("{}\n", refusal.message)),
        ),
    }
}

fn status(status: StatusCode, mut answer: Answer) -> Answer {
    *answer.status_mut() = status;
    answer
}

/// A refusal in the form that the protocol's clients read.
fn refused(app: &App, protocol: Protocol, route: Option<Route<'_>>, refusal: &Refusal) -> Answer {
    let status = refusal.code.status();
    if status == StatusCode::UNPROCESSABLE_ENTITY || refusal.code == Code::InvalidJson {
        app.metrics.refused(refusal.feature);
    }
    let body = match protocol {
        Protocol::Oip | Protocol::V1 => refusal.flat_json(),
        Protocol::Predict | Protocol::Other => refusal.native_json(),
    };
    let mut answer = bytes(status, "application/json", body);
    let headers = answer.headers_mut();
    match (refusal.code, route) {
        (Code::Busy | Code::NotReady, _) => headers.append(RETRY_AFTER, HeaderValue::from_static("1")),
        (Code::MethodNotAllowed, Some(route)) if route.method() == Method::POST => {
            headers.append(ALLOW, HeaderValue::from_static("POST"))
        }
        (Code::MethodNotAllowed, _) => headers.append(ALLOW, HeaderValue::from_static("GET, HEAD")),
        _ => false,
    };
    answer
}

/// The client's own id where it is short and plain, else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':');
    match headers.get(REQUEST_ID) {
        Some(id) if (1..=64).contains(&id.len()) && id.as_bytes().iter().all(plain) => id.clone(),
        _ => HeaderValue::from_str(&Id::new().to_string()).expect("a UUID is visible ASCII"),
    }
}

/// A body that says to be something else than JSON is refused; one that says nothing is not.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) else {
        return true;
    };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.ends_with("json") || kind == "application/x-www-form-urlencoded" || kind == "text/plain" || kind.is_empty()
}
