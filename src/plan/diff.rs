//! What differs between two specs, attribute by attribute.
//!
//! Owns the paths: keys joined by dots, members of lists in brackets, keys that are not plain in quotes.
//! Absent, `null` and an empty object are the same, but among networks, where being named is what counts. Lists of plain
//! values are one attribute. Lists of objects are compared by what names their members (a variable by its name, a mount by
//! its path), place by place where nothing does or only their order differs. Never shows a secret, not even its digest; one wanted without a digest was not
//! looked at (offline) and counts as unchanged.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::Value;

/// Where a spec keeps the digests of the secrets it uses: `x-mlstack.secrets.NAME`.
pub const SECRETS: [&str; 2] = ["x-mlstack", "secrets"];

/// The key of the networks that something is on: one that is named there without more is one all the same.
const NETWORKS: &str = "networks";

/// What names the members of a list, the first that fits: as the merge keys of Kubernetes, and `target` of Compose.
const NAMES: [&str; 6] = ["name", "mountPath", "target", "containerPort", "port", "key"];

/// One attribute that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct AttributeChange {
    /// Where it is: `ports[8080].published`.
    pub path: String,
    /// The path without list positions, which is what a target's rules know: `ports.published`.
    pub attribute: String,
    /// Its live value; `None` when it is not set or secret.
    pub before: Option<Value>,
    /// Its wanted value; `None` when it is not set or secret.
    pub after: Option<Value>,
    /// Whether it stands for a secret, whose values are never shown.
    pub sensitive: bool,
}

/// Every attribute that differs between two specs, in the order of the keys.
pub fn diff(before: &Value, after: &Value) -> Vec<AttributeChange> {
    let mut found = Vec::new();
    walk(&mut Vec::new(), before, after, &mut found);
    found
}

/// One step into a spec.
enum Segment<'a> {
    Key(&'a str),
    Index(usize),
    Name(String),
}

fn walk<'a>(path: &mut Vec<Segment<'a>>, before: &'a Value, after: &'a Value, found: &mut Vec<AttributeChange>) {
    let element = matches!(path.last(), Some(Segment::Index(_) | Segment::Name(_)));
    match (before, after) {
        _ if before == after => {}
        (Value::Object(_), Value::Object(_)) => walk_object(path, before, after, found),
        (Value::Object(_), Value::Null) | (Value::Null, Value::Object(_)) if !element => {
            walk_object(path, before, after, found);
        }
        (Value::Array(a), Value::Array(b)) if a.iter().chain(b).any(Value::is_object) => {
            if walk_named(path, a, b, found) {
                return;
            }
            for index in 0..a.len().max(b.len()) {
                let (a, b) = (
                    a.get(index).unwrap_or(&Value::Null),
                    b.get(index).unwrap_or(&Value::Null),
                );
                path.push(Segment::Index(index));
                walk(path, a, b, found);
                path.pop();
            }
        }
        _ => found.push(leaf(path, before, after)),
    }
}

/// Compares the members of two lists by their names; `false` when they have none, or differ in their order alone.
fn walk_named<'a>(
    path: &mut Vec<Segment<'a>>,
    before: &'a [Value],
    after: &'a [Value],
    found: &mut Vec<AttributeChange>,
) -> bool {
    let sides = |key| Some((names(before, key)?, names(after, key)?));
    let Some((a, b)) = NAMES.iter().find_map(|key| sides(key)) else {
        return false;
    };
    let known = found.len();
    for name in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
        path.push(Segment::Name(name.clone()));
        walk(
            path,
            a.get(name).copied().unwrap_or(&Value::Null),
            b.get(name).copied().unwrap_or(&Value::Null),
            found,
        );
        path.pop();
    }
    found.len() > known
}

/// The members of a list by what `key` says of each; `None` when it does not tell all of them apart.
fn names<'a>(list: &'a [Value], key: &str) -> Option<BTreeMap<String, &'a Value>> {
    let name = |member: &Value| match member.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let named: Option<BTreeMap<String, &Value>> = list.iter().map(|member| Some((name(member)?, member))).collect();
    named.filter(|named| named.len() == list.len())
}

fn walk_object<'a>(path: &mut Vec<Segment<'a>>, before: &'a Value, after: &'a Value, found: &mut Vec<AttributeChange>) {
    for key in keys(before).chain(keys(after)).collect::<BTreeSet<_>>() {
        let named = |side: &Value| side.get(key).is_some();
        let joined = matches!(path.last(), Some(Segment::Key(NETWORKS))) && named(before) != named(after);
        path.push(Segment::Key(key));
        if joined && before[key].is_null() && after[key].is_null() {
            let on = |side: &Value| {
                if named(side) {
                    Value::from("connected")
                } else {
                    Value::Null
                }
            };
            found.push(leaf(path, &on(before), &on(after)));
        } else if !(is_secret(path) && after.get(key) == Some(&Value::Null)) {
            walk(path, &before[key], &after[key], found);
        }
        path.pop();
    }
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys().map(String::as_str))
}

fn leaf(path: &[Segment<'_>], before: &Value, after: &Value) -> AttributeChange {
    let sensitive = is_secret(path);
    let shown = |value: &Value| (!sensitive && !value.is_null()).then(|| value.clone());
    AttributeChange {
        path: join(path, true),
        attribute: join(path, false),
        before: shown(before),
        after: shown(after),
        sensitive,
    }
}

fn is_secret(path: &[Segment<'_>]) -> bool {
    matches!(path, [Segment::Key(a), Segment::Key(b), ..] if [*a, *b] == SECRETS)
}

fn join(path: &[Segment<'_>], positions: bool) -> String {
    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Key(key) => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(&plain_or_quoted(key));
            }
            Segment::Index(index) if positions => text.extend(["[", &index.to_string(), "]"]),
            Segment::Name(name) if positions => text.extend(["[", &plain_or_quoted(name), "]"]),
            Segment::Index(_) | Segment::Name(_) => {}
        }
    }
    text
}

fn plain_or_quoted(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        format!("{key:?}")
    }
}
