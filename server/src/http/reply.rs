//! Answers, whole in memory.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use crate::listen::Answer;

/// An answer of `status` with a body of type `kind`.
pub fn bytes(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// A good answer of type `kind`.
pub fn text(kind: &'static str, body: impl Into<Bytes>) -> Answer {
    bytes(StatusCode::OK, kind, body)
}

/// A good answer in JSON.
pub fn json(value: &serde_json::Value) -> Answer {
    text("application/json", value.to_string())
}
