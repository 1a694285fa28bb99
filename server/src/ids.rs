//! Identities of requests and logged predictions: UUIDs of version 7 (RFC 9562), which sort by time.
//!
//! Owns the randomness they need. Never used for a secret: the bits come from a counter behind one random seed.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A UUID of version 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u128);

impl Id {
    /// A new one, for the present millisecond.
    pub fn new() -> Self {
        let millis = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_millis());
        let random = u128::from(bits()) << 64 | u128::from(bits());
        Self(layout(millis, random))
    }
}

impl Default for Id {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self(v), low) = (self, self.0 & 0xFFFF_FFFF_FFFF);
        let (time, middle, version, variant) = (v >> 96, v >> 80 & 0xFFFF, v >> 64 & 0xFFFF, v >> 48 & 0xFFFF);
        write!(f, "{time:08x}-{middle:04x}-{version:04x}-{variant:04x}-{low:012x}")
    }
}

/// 48 bits of time, version 7, 12 random bits, variant 2, 62 random bits.
fn layout(millis: u128, random: u128) -> u128 {
    let high = millis << 16 | 0x7000 | (random >> 64 & 0x0FFF);
    high << 64 | 0x8000_0000_0000_0000 | (random & 0x3FFF_FFFF_FFFF_FFFF)
}

/// The finalizer of splitmix64 over a counter that starts at a random place.
fn bits() -> u64 {
    static COUNTER: OnceLock<AtomicU64> = OnceLock::new();
    let counter = COUNTER.get_or_init(|| AtomicU64::new(seed()));
    let mut z = counter.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Falls back to the clock where the system has no randomness to give.
fn seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(1, |d| u64::from(d.subsec_nanos()) << 32 | d.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_layout_is_that_of_the_rfc() {
        // RFC 9562, appendix A.6
        let id = Id(layout(0x017F_22E2_79B0, 0x0CC3_u128 << 64 | 0x18C4_DC0C_0C07_398F));
        assert_eq!(id.to_string(), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }

    #[test]
    fn ids_differ_and_sort_by_time() {
        let ids: Vec<Id> = (0..10_000).map(|_| Id::new()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(ids.windows(2).all(|w| w[0].0 >> 80 <= w[1].0 >> 80));
    }
}
