//! The types of the API objects, read from `recorded/schema.json`. Owns what a field may hold and how lists are merged;
//! never sees an object.
//!
//! A type is written short: `string`, `[T]` an atomic list, `[T|name]` a list keyed by `name`, `{T}` a set, `<T>` a map,
//! `Name` a struct; `!` behind a map or a struct makes it atomic.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::kinds::Kind;

/// What a field holds.
#[derive(Debug)]
pub(crate) enum Type {
    Any,
    String,
    Bytes,
    Number,
    Boolean,
    /// A quantity: a string or a number, written canonically by the server.
    Quantity,
    List(Box<Self>, Shape),
    Map(Box<Self>, Atomic),
    Struct(String, Atomic),
}

/// Whether a value has one owner as a whole.
pub(crate) type Atomic = bool;

/// How two lists are merged.
#[derive(Debug)]
pub(crate) enum Shape {
    Atomic,
    Set,
    Keys(Vec<String>),
}

/// Fields of a struct.
pub(crate) type Fields = BTreeMap<String, Type>;

struct Schema {
    kinds: BTreeMap<String, Type>,
    structs: BTreeMap<String, Fields>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(load);

fn load() -> Schema {
    let text: Value =
        serde_json::from_str(include_str!("../recorded/schema.json")).expect("the schema in the repository is JSON");
    let texts = |v: &Value| -> BTreeMap<String, Type> {
        v.as_object()
            .into_iter()
            .flatten()
            .map(|(k, t)| (k.clone(), parse(t.as_str().unwrap_or("any"))))
            .collect()
    };
    let structs = text["types"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, fields)| (name.clone(), texts(fields)))
        .collect();
    Schema {
        kinds: texts(&text["kinds"]),
        structs,
    }
}

fn parse(text: &str) -> Type {
    let (text, atomic) = text.strip_suffix('!').map_or((text, false), |t| (t, true));
    match text {
        "any" | "intorstring" => return Type::Any,
        "string" => return Type::String,
        "bytes" => return Type::Bytes,
        "integer" | "number" => return Type::Number,
        "boolean" => return Type::Boolean,
        "quantity" => return Type::Quantity,
        _ => {}
    }
    let inner = |open, close| text.strip_prefix(open).and_then(|t: &str| t.strip_suffix(close));
    if let Some(item) = inner('<', '>') {
        return Type::Map(Box::new(parse(item)), atomic);
    }
    if let Some(item) = inner('{', '}') {
        return Type::List(Box::new(parse(item)), Shape::Set);
    }
    match inner('[', ']').map(|t| t.rsplit_once('|').filter(|(_, keys)| !keys.contains(']')).ok_or(t)) {
        Some(Ok((item, keys))) => Type::List(
            Box::new(parse(item)),
            Shape::Keys(keys.split(',').map(str::to_owned).collect()),
        ),
        Some(Err(item)) => Type::List(Box::new(parse(item)), Shape::Atomic),
        None => Type::Struct(text.into(), atomic),
    }
}

/// The type of a kind's objects.
pub(crate) fn of(kind: &Kind) -> &'static Type {
    named(&kind.api_version(), kind.kind)
}

/// The type of a kind by its names, for subresources as well.
pub(crate) fn named(api_version: &str, kind: &str) -> &'static Type {
    SCHEMA.kinds.get(&format!("{api_version} {kind}")).unwrap_or(&Type::Any)
}

/// The fields of the struct called `name`.
pub(crate) fn fields(name: &str) -> Option<&'static Fields> {
    SCHEMA.structs.get(name)
}

impl Type {
    /// The type of field `name` of a struct or a map.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Struct(of, _) => fields(of)?.get(name),
            Self::Map(item, _) => Some(item),
            _ => None,
        }
    }
}
