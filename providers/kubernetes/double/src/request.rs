//! One request as the server reads it: path, query, headers, body. Owns their parsing; decides nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// The path without its query.
    pub(crate) path: String,
    /// The path with its query, as it came.
    pub(crate) target: String,
    pub(crate) query: BTreeMap<String, String>,
    /// By lower-case names.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str, headers: BTreeMap<String, String>, body: Bytes) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pair = |p: &str| {
            let (k, v) = p.split_once('=').unwrap_or((p, ""));
            (decode(k), decode(v))
        };
        let query = query.split('&').filter(|p| !p.is_empty()).map(pair).collect();
        Self {
            method: method.into(),
            path: decode(path),
            target: target.into(),
            query,
            headers,
            body,
        }
    }

    /// A parameter of the query; empty when there is none.
    pub(crate) fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    /// A header; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The media type of the body.
    pub(crate) fn content_type(&self) -> &str {
        self.header("content-type").split(';').next().unwrap_or_default().trim()
    }

    /// Whether the request would change something.
    pub(crate) fn is_write(&self) -> bool {
        self.method != "GET" && self.method != "HEAD"
    }

    /// The body as JSON or YAML.
    ///
    /// # Errors
    /// What the reader says.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).or_else(|_| {
            let text = String::from_utf8_lossy(&self.body);
            serde_saphyr::from_str_with_options(&text, serde_saphyr::Options::default()).map_err(|e| e.to_string())
        })
    }
}

/// Percent signs and plus signs undone.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail
            .get(..2)
            .and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            (other, _) => {
                bytes.push(*other);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the server answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) warnings: Vec<String>,
    pub(crate) body: Body,
}

/// The forms of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    Json(Value),
    Text(String, &'static str),
    /// A stream of events.
    Watch(crate::watch::Watch),
    /// A stream of a pod's log.
    Log(crate::logs::Follow),
    /// A port of a pod, once the connection is a WebSocket.
    Forward(crate::forward::Forward),
}

impl Reply {
    pub(crate) fn json(code: u16, body: Value) -> Self {
        Self {
            code,
            warnings: Vec::new(),
            body: Body::Json(body),
        }
    }

    pub(crate) fn text(code: u16, text: &str) -> Self {
        Self {
            code,
            warnings: Vec::new(),
            body: Body::Text(text.into(), "text/plain; charset=utf-8"),
        }
    }

    pub(crate) fn warned(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}
