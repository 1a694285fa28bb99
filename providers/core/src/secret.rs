//! A value nobody may print: passwords, keys, tokens.
//!
//! Never implements `Display` or `Serialize`, so that a secret cannot reach a plan, a label or a log by accident. Where
//! a container prints one, [`redact`](crate::redact) hides it.

use std::fmt;

use crate::redact;

/// A secret value. Its `Debug` form is `•••`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Wraps a value and makes it known to [`redact`](crate::redact), which takes it out of all that is printed.
    pub fn new(value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        redact::remember(&value);
        Self(value)
    }

    /// The value itself, for the one place that delivers it.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "••• Some(•••)");
        assert_eq!(secret.expose(), b"hunter2");
    }
}
