//! GET of one object and of lists: selectors, pages, and the short form with metadata only. Changes nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::kinds::Kind;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::select::Selection;
use crate::store::{Key, World};

/// One object.
pub(crate) fn get(world: &World, key: &Key, request: &Request) -> Result<Value, Refusal> {
    let object = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    Ok(if metadata_only(request) {
        partial(&object, true)
    } else {
        object
    })
}

fn metadata_only(request: &Request) -> bool {
    request
        .header("accept")
        .split(',')
        .next()
        .is_some_and(|first| first.contains("as=PartialObjectMetadata"))
}

fn partial(object: &Value, named: bool) -> Value {
    match named {
        true => {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
        }
        false => json!({"metadata": object["metadata"]}),
    }
}

/// A list of a kind.
pub(crate) fn list(world: &World, kind: &'static Kind, namespace: &str, request: &Request) -> Result<Value, Refusal> {
    let wanted = Selection::read(kind, request)?;
    let (version, start) = continued(request.query("continue"))?;
    let all: Vec<_> = world.list(kind, namespace).filter(|(_, o)| wanted.matches(o)).collect();
    let rest: Vec<_> = all
        .into_iter()
        .filter(|(k, _)| start.as_ref().is_none_or(|s| (&k.namespace, &k.name) >= (&s.0, &s.1)))
        .collect();
    let limit = request
        .query("limit")
        .parse::<usize>()
        .ok()
        .filter(|l| *l > 0)
        .unwrap_or(usize::MAX);
    let version = version.unwrap_or(world.version);
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if let Some((next, _)) = rest.get(limit) {
        metadata["continue"] = token(version, next).into();
        if wanted.is_empty() {
            metadata["remainingItemCount"] = (rest.len() - limit).into();
        }
    }
    let page = rest.into_iter().take(limit);
    if metadata_only(request) {
        let items: Vec<_> = page.map(|(_, o)| partial(o, true)).collect();
        return Ok(
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items}),
        );
    }
    let items: Vec<_> = page.map(|(_, o)| unnamed(o)).collect();
    Ok(
        json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items}),
    )
}

/// Items of a list do not say their kind.
fn unnamed(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("kind");
        map.shift_remove("apiVersion");
    }
    object
}

fn token(version: u64, next: &Key) -> String {
    URL_SAFE_NO_PAD
        .encode(json!({"v": "meta.k8s.io/v1", "rv": version, "start": [next.namespace, next.name]}).to_string())
}

/// Tokens are cut without padding, and their last bits are not looked at.
const LENIENT: base64::engine::GeneralPurposeConfig = base64::engine::GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_encode_padding(false)
    .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent);

type Start = Option<(String, String)>;

fn continued(token: &str) -> Result<(Option<u64>, Start), Refusal> {
    if token.is_empty() {
        return Ok((None, None));
    }
    let bad = |why: String| Refusal::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let engine = base64::engine::GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
    let bytes = engine.decode(token).map_err(|e| bad(e.to_string()))?;
    let first = bytes.first().copied().map_or(' ', char::from);
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|_| bad(format!("invalid character '{first}' looking for beginning of value")))?;
    let part = |i: usize| value["start"][i].as_str().unwrap_or_default().to_owned();
    Ok((value["rv"].as_u64(), Some((part(0), part(1)))))
}
