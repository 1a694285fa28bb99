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
    if let (Some(Value::Array(before)), Some(Value::Array(after))) = (&change.before, &change.after)
        && let Some(members) = members(before, after)
    {
        return shorten(&format!("{} {members}", escape(name(&change.path))), room);
    }
    let (before, after) = (
        value(change, change.before.as_ref()),
        value(change, change.after.as_ref()),
    );
    let path = shorten(&escape(name(&change.path)), (room / 2).max(8));
    let left = room.saturating_sub(width(&path) + 4);
    // A short side leaves its room to the long one.
    let before_room = (left / 2).max(left.saturating_sub(width(&after))).max(6);
    let before = shorten(&before, before_room);
    let after = shorten(&after, left.saturating_sub(width(&before)).max(6));
    format!("{path} {before} → {after}")
}

/// An attribute as people call it: `memory`, not `deploy.resources.limits.memory`.
fn name(path: &str) -> &str {
    let nested = ["deploy.resources.limits.", "deploy."];
    nested.iter().find_map(|outer| path.strip_prefix(outer)).unwrap_or(path)
}

/// What came and went: `+ NET_ADMIN - CHOWN`; `None` when only the order changed.
fn members(before: &[Value], after: &[Value]) -> Option<String> {
    let missing = |from: &[Value], all: &[Value], sign: &str| {
        let lost = all
            .iter()
            .filter(|v| !from.contains(v))
            .map(|v| format!("{sign} {}", plain(v)));
        lost.collect::<Vec<_>>()
    };
    let parts = [missing(before, after, "+"), missing(after, before, "-")].concat();
    (!parts.is_empty() && before.len() <= after.len() + parts.len()).then(|| parts.join(" "))
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
