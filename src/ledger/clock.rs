//! Times and ids, as they are written down.

use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A random id in the form of a UUID of version 4.
///
/// # Errors
/// When the system has no random bytes.
pub fn new_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// The time, in seconds: `2026-11-23T07:45:14Z`.
pub fn now() -> String {
    rfc3339(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    )
}

/// Seconds since 1970 as a moment in UTC.
pub(super) fn rfc3339(seconds: u64) -> String {
    let moment = i64::try_from(seconds).map(Timestamp::from_second);
    moment
        .map_or(Timestamp::MAX, |moment| moment.unwrap_or(Timestamp::MAX))
        .to_string()
}
