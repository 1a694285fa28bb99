//! Objects by their types: which paths they hold, how two differ, how they are merged. The rules are those of
//! structured merge; owns no object and no manager.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::fields::{Paths, keys_text, step_text};
use crate::schema::{Shape, Type, fields};

/// What differs between two objects.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    pub(crate) added: Paths,
    pub(crate) modified: Paths,
    pub(crate) removed: Paths,
}

/// What is wrong with a value by its type; empty when nothing is.
pub(crate) fn mistakes(of: &Type, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(of, value, "", &mut found);
    found.sort();
    found
}

fn check(of: &Type, value: &Value, at: &str, found: &mut Vec<String>) {
    let wrong = match (of, value) {
        (_, Value::Null) | (Type::Any, _) | (Type::Quantity, Value::String(_) | Value::Number(_)) => return,
        (Type::String | Type::Bytes, Value::String(_))
        | (Type::Number, Value::Number(_))
        | (Type::Boolean, Value::Bool(_)) => return,
        (Type::List(item, shape), Value::Array(items)) => return check_list(item, shape, items, at, found),
        (Type::Struct(..) | Type::Map(..), Value::Object(map)) => return check_map(of, map, at, found),
        (Type::Number, _) => format!("expected numeric (int or float), got {}", go_type(value)),
        (Type::Boolean, _) => format!("expected boolean, got {}", go(value)),
        (Type::List(..), _) => format!("expected list, got &{{{}}}", go(value)),
        (Type::Map(..) | Type::Struct(..), _) => format!("expected map, got &{{{}}}", go(value)),
        (Type::String | Type::Bytes | Type::Quantity, _) => {
            format!("expected string, got &value.valueUnstructured{{Value:{}}}", go(value))
        }
    };
    found.push(format!("{at}: {wrong}"));
}

fn check_list(item: &Type, shape: &Shape, items: &[Value], at: &str, found: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for (index, value) in items.iter().enumerate() {
        let Some(step) = step_of(shape, value) else {
            check(item, value, &format!("{at}[{index}]"), found);
            continue;
        };
        if !seen.insert(step.clone()) {
            let keys = step.strip_prefix("k:").map_or_else(|| step[2..].to_owned(), keys_text);
            found.push(format!("{at}: duplicate entries for key [{keys}]"));
        }
        check(item, value, &format!("{at}{}", step_text(&step)), found);
    }
}

fn check_map(of: &Type, map: &Map<String, Value>, at: &str, found: &mut Vec<String>) {
    for (name, value) in map {
        let at = format!("{at}.{name}");
        match of.field(name) {
            Some(field) => check(field, value, &at, found),
            None => found.push(format!("{at}: field not declared in schema")),
        }
    }
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "string",
        Value::Bool(_) => "bool",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
        Value::Number(n) if n.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::Null => "<nil>",
    }
}

/// As Go prints a value.
fn go(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(go).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            format!(
                "map[{}]",
                sorted
                    .iter()
                    .map(|(k, v)| format!("{k}:{}", go(v)))
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        }
        other => other.to_string(),
    }
}

/// The path step of a list's item; none in an atomic list.
fn step_of(shape: &Shape, item: &Value) -> Option<String> {
    match shape {
        Shape::Atomic => None,
        Shape::Set => Some(format!("v:{item}")),
        Shape::Keys(keys) => {
            let pairs: BTreeMap<_, _> = keys.iter().filter_map(|k| Some((k, key_value(item, k)?))).collect();
            Some(format!("k:{}", json!(pairs)))
        }
    }
}

fn key_value(item: &Value, key: &str) -> Option<Value> {
    match item.get(key) {
        Some(Value::Null) | None => (key == "protocol").then(|| json!("TCP")),
        found => found.cloned(),
    }
}

/// The paths that an applied configuration owns.
pub(crate) fn paths(of: &Type, value: &Value) -> Paths {
    let mut paths = Paths::default();
    match (of, value) {
        (Type::List(item, shape), Value::Array(items)) if !matches!(shape, Shape::Atomic) => {
            for value in items {
                let sub = paths
                    .under
                    .entry(step_of(shape, value).expect("not atomic"))
                    .or_default();
                *sub = sub.union(&self::paths(item, value));
                sub.here = true;
            }
        }
        (Type::Struct(_, false) | Type::Map(_, false), Value::Object(map)) => {
            for (name, value) in map {
                let Some(field) = of.field(name) else { continue };
                let sub = paths.under.entry(format!("f:{name}")).or_default();
                *sub = self::paths(field, value);
                sub.here |=
                    matches!(of, Type::Map(..)) || value.is_null() || value.as_object().is_some_and(Map::is_empty);
            }
        }
        (Type::List(_, shape), Value::Null) if !matches!(shape, Shape::Atomic) => {}
        (Type::Struct(_, false) | Type::Map(_, false), Value::Null) => {}
        _ => paths.here = true,
    }
    paths
}

/// How `new` differs from `old`.
pub(crate) fn difference(of: &Type, old: &Value, new: &Value) -> Difference {
    let mut found = Difference::default();
    compare(of, Some(old), Some(new), &mut Vec::new(), &mut found);
    found
}

type Sides<'a> = (Option<&'a Value>, Option<&'a Value>);

fn compare(of: &Type, old: Option<&Value>, new: Option<&Value>, at: &mut Vec<String>, found: &mut Difference) {
    let empty = |v: Option<&Value>| match v {
        Some(Value::Object(m)) => m.is_empty(),
        Some(Value::Array(a)) => a.is_empty(),
        Some(Value::Null) | None => true,
        _ => false,
    };
    let granular = match of {
        Type::Struct(_, false) | Type::Map(_, false) | Type::List(_, Shape::Set | Shape::Keys(_)) => {
            !(empty(old) && empty(new))
        }
        _ => false,
    };
    match (old, new) {
        (None, None) => return,
        (None, _) => found.added.insert(at),
        (_, None) => found.removed.insert(at),
        (Some(old), Some(new)) if !granular && old != new => found.modified.insert(at),
        _ => {}
    }
    if granular {
        for (step, (field, sides)) in children(of, old, new) {
            at.push(step);
            compare(field, sides.0, sides.1, at, found);
            at.pop();
        }
    }
}

fn children<'a>(
    of: &'a Type,
    old: Option<&'a Value>,
    new: Option<&'a Value>,
) -> BTreeMap<String, (&'a Type, Sides<'a>)> {
    let mut all: BTreeMap<String, (&Type, Sides)> = BTreeMap::new();
    for (side, value) in [(0, old), (1, new)] {
        for (step, field, child) in steps(of, value) {
            let entry = all.entry(step).or_insert((field, (None, None)));
            if side == 0 {
                entry.1.0 = Some(child);
            } else {
                entry.1.1 = Some(child);
            }
        }
    }
    all
}

fn steps<'a>(of: &'a Type, value: Option<&'a Value>) -> Vec<(String, &'a Type, &'a Value)> {
    match (of, value) {
        (Type::List(item, shape), Some(Value::Array(items))) => {
            let all: Vec<_> = items
                .iter()
                .filter_map(|v| Some((step_of(shape, v)?, &**item, v)))
                .collect();
            let once = |step: &str| all.iter().filter(|(s, ..)| s == step).count() == 1;
            all.iter().filter(|(step, ..)| once(step)).cloned().collect()
        }
        (_, Some(Value::Object(map))) => map
            .iter()
            .filter_map(|(name, v)| Some((format!("f:{name}"), of.field(name)?, v)))
            .collect(),
        _ => Vec::new(),
    }
}

/// `old` with `new` merged in.
pub(crate) fn merge(of: &Type, old: &Value, new: &Value) -> Value {
    match (of, old, new) {
        (Type::Struct(_, false) | Type::Map(_, false), Value::Object(old), Value::Object(new)) => {
            let mut merged = old.clone();
            for (name, value) in new {
                let value = match (of.field(name), old.get(name)) {
                    (Some(field), Some(before)) => merge(field, before, value),
                    _ => value.clone(),
                };
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Type::List(item, shape @ (Shape::Set | Shape::Keys(_))), Value::Array(old), Value::Array(new)) => {
            Value::Array(merge_lists(item, shape, old, new))
        }
        _ => new.clone(),
    }
}

fn merge_lists(item: &Type, shape: &Shape, old: &[Value], new: &[Value]) -> Vec<Value> {
    let steps = |list: &[Value]| {
        list.iter()
            .map(|v| step_of(shape, v).unwrap_or_default())
            .collect::<Vec<_>>()
    };
    let (left, right) = (steps(old), steps(new));
    let mut merged = Vec::new();
    let (mut l, mut r) = (0, 0);
    while l < left.len() || r < right.len() {
        if l < left.len() && !right.contains(&left[l]) {
            merged.push(old[l].clone());
            l += 1;
        } else if l < left.len() && right[..r].contains(&left[l]) {
            l += 1;
        } else if r < right.len() {
            let before = left.iter().position(|s| *s == right[r]);
            merged.push(before.map_or_else(|| new[r].clone(), |b| merge(item, &old[b], &new[r])));
            r += 1;
        }
    }
    merged
}

/// `value` without the paths of a set; none when nothing is left.
pub(crate) fn without(of: &Type, value: &Value, remove: &Paths) -> Value {
    match (of, value) {
        (Type::List(item, shape), Value::Array(items)) => Value::Array(
            items
                .iter()
                .filter_map(|v| match step_of(shape, v).and_then(|s| remove.under.get(&s)) {
                    Some(sub) if sub.here => None,
                    Some(sub) => Some(without(item, v, sub)),
                    None => Some(v.clone()),
                })
                .collect(),
        ),
        (_, Value::Object(map)) => Value::Object(
            map.iter()
                .filter_map(
                    |(name, v)| match (remove.under.get(&format!("f:{name}")), of.field(name)) {
                        (Some(sub), _) if sub.here => None,
                        (Some(sub), Some(field)) => Some((name.clone(), without(field, v, sub))),
                        _ => Some((name.clone(), v.clone())),
                    },
                )
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// The first field that its type does not have, as strict decoding names it.
pub(crate) fn unknown_fields(of: &Type, value: &Value, at: &str) -> Vec<String> {
    match (of, value) {
        (Type::Struct(name, _), Value::Object(map)) => map
            .iter()
            .flat_map(|(key, v)| {
                let at = if at.is_empty() {
                    key.clone()
                } else {
                    format!("{at}.{key}")
                };
                match fields(name).and_then(|f| f.get(key)) {
                    Some(field) => unknown_fields(field, v, &at),
                    None => vec![at],
                }
            })
            .collect(),
        (Type::List(item, _), Value::Array(items)) => items
            .iter()
            .enumerate()
            .flat_map(|(i, v)| unknown_fields(item, v, &format!("{at}[{i}]")))
            .collect(),
        _ => Vec::new(),
    }
}
