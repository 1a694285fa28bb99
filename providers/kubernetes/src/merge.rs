//! A live object in the words of the spec that it is compared with.
//!
//! The server fills in defaults and writes quantities its own way, so text cannot be compared with what lives. What can
//! be is what the server would make of the spec, `expected`, with what it has, `seen`: where they agree the spec's own
//! words stand, where they differ what is seen stands. So what is left between the result and the spec is just what an
//! apply would change. Pure.

use std::collections::BTreeSet;

use mlstack_provider::Value;
use serde_json::Map;

use crate::owners::Segment;

/// What makes items of a list the same one, the first that both have.
const KEYS: [&str; 7] = [
    "name",
    "mountPath",
    "containerPort",
    "port",
    "devicePath",
    "topologyKey",
    "type",
];

/// Whether a difference at a path counts; one that does not leaves the spec's own words.
pub(crate) type Counts<'a> = &'a mut dyn FnMut(&[Segment], &Value, &Value) -> bool;

/// `base` where `seen` is as `expected`, else what is seen. Absent and null are one.
pub(crate) fn merge(base: &Value, expected: &Value, seen: &Value, counts: Counts<'_>) -> Value {
    walk(&mut Vec::new(), base, expected, seen, counts)
}

fn walk(path: &mut Vec<Segment>, base: &Value, expected: &Value, seen: &Value, counts: Counts<'_>) -> Value {
    if expected == seen {
        return base.clone();
    }
    let none = Map::new();
    match (expected, seen) {
        (Value::Object(e), Value::Object(s)) if base.is_object() => objects(path, base, e, s, counts),
        (Value::Object(e), Value::Object(s)) => filled(objects(path, base, e, s, counts), base),
        // Field by field, as each may count or not.
        (Value::Object(e), Value::Null) if base.is_object() && is_field(path) => {
            filled(objects(path, base, e, &none, counts), &Value::Null)
        }
        (Value::Null, Value::Object(s)) if !s.is_empty() && is_field(path) => {
            filled(objects(path, base, &none, s, counts), base)
        }
        (Value::Array(e), Value::Array(s)) if e.iter().chain(s).all(Value::is_object) => {
            lists(path, base, e, s, counts)
        }
        _ => match counts(path, expected, seen) {
            true => seen.clone(),
            false => base.clone(),
        },
    }
}

fn is_field(path: &[Segment]) -> bool {
    matches!(path.last(), Some(Segment::Key(_)))
}

/// An object in which nothing is left is none.
fn filled(object: Value, otherwise: &Value) -> Value {
    match object {
        Value::Object(rest) if rest.is_empty() => otherwise.clone(),
        rest => rest,
    }
}

fn objects(
    path: &mut Vec<Segment>,
    base: &Value,
    expected: &Map<String, Value>,
    seen: &Map<String, Value>,
    counts: Counts<'_>,
) -> Value {
    let mut result = base.as_object().cloned().unwrap_or_default();
    let keys: BTreeSet<String> = expected.keys().chain(seen.keys()).cloned().collect();
    for key in keys {
        let of = |map: &Map<String, Value>| map.get(&key).cloned().unwrap_or(Value::Null);
        let (expected, seen, base) = (of(expected), of(seen), of(&result));
        path.push(Segment::Key(key.clone()));
        let merged = walk(path, &base, &expected, &seen, counts);
        path.pop();
        match merged {
            Value::Null => drop(result.shift_remove(&key)),
            merged => drop(result.insert(key, merged)),
        }
    }
    Value::Object(result)
}

/// Items as they are seen, each in the words of its own in the spec. They stand in the spec's order unless the order is
/// what differs. What others added and an apply leaves alone is no part of the spec.
fn lists(path: &mut Vec<Segment>, base: &Value, expected: &[Value], seen: &[Value], counts: Counts<'_>) -> Value {
    let base: &[Value] = base.as_array().map_or(&[], Vec::as_slice);
    let reordered = order(expected, seen) != order(seen, expected);
    let mut placed = Vec::new();
    for (index, item) in seen.iter().enumerate() {
        let expected = pair(expected, item, index, seen.len()).map_or(&Value::Null, |(_, expected)| expected);
        let own = pair(base, item, index, seen.len());
        path.push(Segment::Item(item.clone()));
        let words = own.map_or(&Value::Null, |(_, words)| words);
        let merged = walk(path, words, expected, item, counts);
        path.pop();
        let at = own.map_or(usize::MAX, |(at, _)| at);
        placed.push((if reordered { 0 } else { at }, merged));
    }
    for (index, lacking) in expected.iter().enumerate() {
        if pair(seen, lacking, index, expected.len()).is_none() {
            path.push(Segment::Item(lacking.clone()));
            let counted = counts(path, lacking, &Value::Null);
            path.pop();
            if let (false, Some((at, words))) = (counted, pair(base, lacking, index, expected.len())) {
                placed.push((at, words.clone()));
            }
        }
    }
    placed.sort_by_key(|(at, _)| *at);
    placed
        .into_iter()
        .map(|(_, item)| item)
        .filter(|item| !item.is_null())
        .collect()
}

/// The items of `list` that are in `other` too, as their keys tell them.
fn order<'a>(list: &'a [Value], other: &[Value]) -> Vec<Option<&'a Value>> {
    let shared = list
        .iter()
        .enumerate()
        .filter(|(index, item)| pair(other, item, *index, list.len()).is_some());
    shared.map(|(_, item)| key(item).map(|key| &item[key])).collect()
}

fn key(item: &Value) -> Option<&'static str> {
    KEYS.into_iter().find(|key| !item[*key].is_null())
}

/// The item that is the same one as `item`: by its key, or by its place where items have none and are as many.
fn pair<'a>(items: &'a [Value], item: &Value, index: usize, count: usize) -> Option<(usize, &'a Value)> {
    match key(item) {
        Some(key) => {
            let same = |other: &Value| other[key] == item[key] && protocol(other) == protocol(item);
            items.iter().enumerate().find(|(_, other)| same(other))
        }
        None => items
            .get(index)
            .filter(|_| items.len() == count)
            .map(|item| (index, item)),
    }
}

fn protocol(item: &Value) -> &str {
    item["protocol"].as_str().unwrap_or("TCP")
}

#[cfg(test)]
mod tests;
