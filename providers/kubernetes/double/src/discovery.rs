//! Discovery: the recorded documents, read from `recorded/discovery.json.gz`. Owns no table of its own.

use std::io::Read;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::request::{Reply, Request};

static DOCUMENTS: LazyLock<Value> = LazyLock::new(|| {
    let mut text = String::new();
    let bytes: &[u8] = include_bytes!("../recorded/discovery.json.gz");
    flate2::read::GzDecoder::new(bytes)
        .read_to_string(&mut text)
        .expect("the recorded discovery in the repository is gzip");
    serde_json::from_str(&text).expect("the recorded discovery in the repository is JSON")
});

/// The answer to a request for discovery; none for any other.
pub(crate) fn answer(request: &Request) -> Option<Reply> {
    let path = request.path.trim_end_matches('/');
    if matches!(path, "/readyz" | "/livez" | "/healthz") {
        return Some(Reply::text(200, "ok"));
    }
    let aggregated = request
        .header("accept")
        .split(',')
        .next()
        .is_some_and(|first| first.contains("g=apidiscovery.k8s.io;v=v2"));
    let documents = if aggregated {
        &DOCUMENTS["aggregated"]
    } else {
        &DOCUMENTS["legacy"]
    };
    let document = documents.get(path).or_else(|| DOCUMENTS["legacy"].get(path))?;
    if !aggregated {
        return Some(Reply::json(200, document.clone()));
    }
    let mut reply = Reply::json(200, json!(null));
    reply.body = crate::request::Body::Text(
        document.to_string(),
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
    );
    Some(reply)
}
