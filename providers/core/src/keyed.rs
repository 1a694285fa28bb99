//! Tells whether a secret that was delivered still holds what it should, without keeping its value.

use std::fmt;
use std::sync::Arc;

/// The keyed digest of a secret's content, by the secret's name and what it holds: the same that was recorded when it
/// was delivered.
#[derive(Clone)]
pub struct Keyed(Arc<Digest>);

type Digest = dyn Fn(&str, &[u8]) -> String + Send + Sync;

impl Keyed {
    /// Wraps the digest.
    pub fn new(digest: impl Fn(&str, &[u8]) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(digest))
    }

    /// The digest of `content`, which is what the secret `name` holds.
    pub fn digest(&self, name: &str, content: &[u8]) -> String {
        (self.0)(name, content)
    }
}

impl fmt::Debug for Keyed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyed(•••)")
    }
}
