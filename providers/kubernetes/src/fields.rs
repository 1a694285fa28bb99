//! Paths into objects, as the server writes them and as people read them. Pure.

use mlstack_provider::Value;

use crate::owners::Segment;

/// The most characters of a value that are shown.
const SHOWN: usize = 60;

/// What is at a path as the server writes it: `spec.template.spec.containers[name="server"].image`. Keys may hold dots.
pub(crate) fn at<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.trim_start_matches('.');
    if path.is_empty() {
        return Some(object);
    }
    if let Some(rest) = path.strip_prefix('[') {
        let (inside, rest) = rest.split_once(']')?;
        return at(item(object, inside)?, rest);
    }
    let starts = |key: &&String| {
        let rest = path.strip_prefix(key.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let key = object.as_object()?.keys().filter(starts).max_by_key(|key| key.len())?;
    at(&object[key], &path[key.len()..])
}

/// `0`, `name="server"`, `containerPort=80,protocol="TCP"`, or `="a value"`.
fn item<'a>(list: &'a Value, inside: &str) -> Option<&'a Value> {
    let items = list.as_array()?;
    if let Ok(index) = inside.parse::<usize>() {
        return items.get(index);
    }
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_else(|_| text.into());
    items.iter().find(|item| {
        inside.split(',').all(|pair| match pair.split_once('=') {
            Some(("", value)) => **item == parsed(value),
            Some((key, value)) => item[key] == parsed(value),
            None => false,
        })
    })
}

/// Whether a spec says something at a path.
pub(crate) fn has(spec: &Value, path: &[Segment]) -> bool {
    let step = |at: &'_ Value, segment: &Segment| match segment {
        Segment::Key(key) => at.get(key).cloned(),
        Segment::Item(item) => at.as_array()?.iter().find(|other| same(other, item)).cloned(),
    };
    let mut here = spec.clone();
    for segment in path {
        match step(&here, segment) {
            Some(next) => here = next,
            None => return false,
        }
    }
    true
}

fn same(a: &Value, b: &Value) -> bool {
    match (a["name"].as_str(), b["name"].as_str()) {
        (Some(a), Some(b)) => a == b,
        _ => {
            a == b
                || ["mountPath", "containerPort", "port"]
                    .iter()
                    .any(|key| !a[*key].is_null() && a[*key] == b[*key])
        }
    }
}

/// A path for people.
pub(crate) fn join(path: &[Segment]) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) if text.is_empty() => text.push_str(key),
            Segment::Key(key) => text.extend([".", key]),
            Segment::Item(item) => match item["name"].as_str() {
                Some(name) => text.extend(["[", name, "]"]),
                None => text.push_str("[…]"),
            },
        }
    }
    text
}

/// A value for people.
pub(crate) fn short(value: &Value) -> String {
    if value.is_null() {
        return "nothing".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests;
