//! Numbers the way Compose writes them: bytes as text, cores as a 32-bit float. Durations are the contract's own.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// A number of bytes; written as text, `"536870912"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// Thousandths of a core; written as cores, `0.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpus(pub u64);

impl Cpus {
    /// The number of cores as Compose holds it: the nearest 32-bit float, in its shortest decimal form.
    fn cores(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "Compose itself keeps cores as a 32-bit float")]
        let single = (self.0 as f64 / 1000.0) as f32;
        single.to_string().parse().unwrap_or_default()
    }
}

impl Serialize for Cpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(1000) {
            return serializer.serialize_u64(self.0 / 1000);
        }
        serializer.serialize_f64(self.cores())
    }
}

impl<'de> Deserialize<'de> for Cpus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let cores = f64::deserialize(deserializer)?;
        if !(0.0..1e9).contains(&cores) {
            return Err(D::Error::custom("cpus must be a number of cores"));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in range, as just checked"
        )]
        Ok(Self((cores * 1000.0).round() as u64))
    }
}

#[cfg(test)]
mod tests;
