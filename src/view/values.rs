//! One attribute before and after, as short as its column asks.

use mlstack_provider::Value;

use super::{escape, width};
use crate::plan::{AttributeChange, SECRETS};

/// The last word of the paths whose numbers are bytes.
const BYTES: [&str; 6] = ["memory", "mem_limit", "mem_reservation", "shm_size", "size", "storage"];

/// `memory 256Mi → 512Mi` in at most `room` columns, as far as possible.
pub(super) fn attribute(change: &AttributeChange, room: usize) -> String {
    if change.sensitive {
        let secret = change.path.strip_prefix(&SECRETS.join(".")).unwrap_or(&change.path);
        return shorten(
            &format!("secret {} (secret changed)", escape(secret.trim_start_matches('.'))),
            room,
        );
    }
    let path = shorten(&escape(&name(&change.path)), (room / 2).max(8));
    let (before, after) = match (&change.before, &change.after) {
        (Some(Value::Array(before)), Some(Value::Array(after))) => match members(before, after) {
            Members::Swapped { out, came } => (out, came),
            Members::Others(told) => return shorten(&format!("{path} {told}"), room),
            Members::Moved => (
                value(change, change.before.as_ref()),
                value(change, change.after.as_ref()),
            ),
        },
        (before, after) => (value(change, before.as_ref()), value(change, after.as_ref())),
    };
    let left = room.saturating_sub(width(&path) + 4);
    let (before, after) = match width(&before) + width(&after) > left {
        true => focus(&before, &after, left),
        false => (before, after),
    };
    // A short side leaves its room to the long one.
    let before_room = (left / 2).max(left.saturating_sub(width(&after))).max(6);
    let before = shorten(&before, before_room);
    let after = shorten(&after, left.saturating_sub(width(&before)).max(6));
    format!("{path} {before} → {after}")
}

/// An attribute as people call it: `memory`, not `deploy.resources.limits.memory`, and `env.ROUND`, not
/// `spec.template.spec.containers[api].env[ROUND].value`.
fn name(path: &str) -> String {
    let nested = ["deploy.resources.limits.", "deploy.", "spec.template.spec.", "spec."];
    let inner = nested.iter().find_map(|outer| path.strip_prefix(outer)).unwrap_or(path);
    let container = inner.strip_prefix("containers[").and_then(|rest| rest.split_once("]."));
    let inner = container.map_or(inner, |(_, inner)| inner);
    let inner = inner.strip_prefix("resources.").unwrap_or(inner);
    let variable = inner.strip_prefix("env[").and_then(|rest| rest.strip_suffix("].value"));
    variable.map_or_else(|| inner.to_owned(), |name| format!("env.{name}"))
}

/// How the members of a list differ.
enum Members {
    /// One gave way to another.
    Swapped { out: String, came: String },
    /// Several came or went: `+ NET_ADMIN - CHOWN`.
    Others(String),
    /// Only their order or number changed.
    Moved,
}

fn members(before: &[Value], after: &[Value]) -> Members {
    let missing = |from: &[Value], all: &[Value]| -> Vec<String> {
        all.iter().filter(|value| !from.contains(value)).map(plain).collect()
    };
    let (came, out) = (missing(before, after), missing(after, before));
    match (&*came, &*out) {
        ([], []) => Members::Moved,
        ([came], [out]) if before.len() == after.len() => Members::Swapped {
            out: out.clone(),
            came: came.clone(),
        },
        _ if before.len() > after.len() + came.len() + out.len() => Members::Moved,
        _ => {
            let signed = came.iter().map(|text| format!("+ {text}"));
            let told: Vec<String> = signed.chain(out.iter().map(|text| format!("- {text}"))).collect();
            Members::Others(told.join(" "))
        }
    }
}

/// The most characters kept around the part of two long texts that differs.
const AROUND: usize = 8;

/// Two texts with what they share left out at either end, as far as `room` asks: `…sleep 600 & w…`, `…sleep 601 & w…`.
fn focus(before: &str, after: &str, room: usize) -> (String, String) {
    let (a, b): (Vec<char>, Vec<char>) = (before.chars().collect(), after.chars().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&char, &char)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut a.iter().zip(&b));
    let tail = same(&mut a[head..].iter().rev().zip(b[head..].iter().rev()));
    let both = |around| (cut(&a, (head, tail), around), cut(&b, (head, tail), around));
    let fits = |(a, b): &(String, String)| width(a) + width(b) <= room;
    (1..=AROUND).rev().map(both).find(fits).unwrap_or_else(|| both(0))
}

/// `text` without the ends it shares, but for `around` characters of each.
fn cut(text: &[char], (head, tail): (usize, usize), around: usize) -> String {
    let (from, to) = (head.saturating_sub(around), text.len() - tail.saturating_sub(around));
    let dots = |cut: bool| if cut { "…" } else { "" };
    let middle: String = text[from..to].iter().collect();
    format!("{}{middle}{}", dots(from > 0), dots(to < text.len()))
}

fn value(change: &AttributeChange, value: Option<&Value>) -> String {
    let last = change.attribute.rsplit('.').next().unwrap_or_default();
    match value {
        None => "none".to_owned(),
        Some(value) if BYTES.contains(&last) => bytes(value).unwrap_or_else(|| plain(value)),
        Some(value) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => escape(text),
        other => escape(&other.to_string()),
    }
}

/// A number of bytes in the largest unit that fits it whole.
fn bytes(value: &Value) -> Option<String> {
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    let units = [(40, "Ti"), (30, "Gi"), (20, "Mi"), (10, "Ki")];
    let unit = units
        .into_iter()
        .find(|(bits, _)| number > 0 && number.trailing_zeros() >= *bits);
    Some(unit.map_or_else(
        || number.to_string(),
        |(bits, unit)| format!("{}{unit}", number >> bits),
    ))
}

/// At most `room` columns, with the middle left out: the ends tell most (`registry…:1.2`).
pub(super) fn shorten(text: &str, room: usize) -> String {
    let length = width(text);
    if length <= room {
        return text.to_owned();
    }
    let tail = room.saturating_sub(1) / 2;
    let head = room.saturating_sub(1) - tail;
    let start: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    format!("{start}…{end}")
}
