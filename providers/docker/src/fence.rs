//! Whether calls that change something may still be made: asked right before each of them.
//!
//! A process that was frozen and wakes goes on where it stood, in the middle of a step, while somebody else has the
//! stack by now. Never knows what a lock is; whoever made it does.

use std::fmt;
use std::io;
use std::sync::Arc;

use bollard::errors::Error;

/// Lets calls pass until it is closed.
#[derive(Clone, Default)]
pub(crate) struct Fence(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Fence {
    /// Lets calls pass always.
    pub(crate) const OPEN: Self = Self(None);

    /// Lets calls pass while `may_pass` says so.
    pub(crate) fn new(may_pass: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(may_pass)))
    }

    /// Fails once it is closed.
    pub(crate) fn pass(&self) -> Result<(), Error> {
        if self.0.as_ref().is_none_or(|may_pass| may_pass()) {
            return Ok(());
        }
        let lost = "the lock on this stack is lost, and somebody else may be at work";
        let err = io::Error::new(io::ErrorKind::ResourceBusy, lost);
        Err(Error::IOError { err })
    }
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fence")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use mlstack_provider::ErrorKind;

    use super::*;
    use crate::fault::refused;

    #[test]
    fn a_fence_is_asked_each_time_and_says_why_nothing_passes() {
        let left = Arc::new(AtomicU32::new(2));
        let fence = Fence::new(move || left.fetch_sub(1, Ordering::Relaxed) > 0);
        assert!(fence.pass().is_ok() && fence.pass().is_ok() && Fence::OPEN.pass().is_ok());
        let error = refused("cannot start", &fence.pass().unwrap_err());
        assert_eq!(error.kind, ErrorKind::Failed);
        insta::assert_snapshot!(
            error.cause.unwrap(),
            @"the lock on this stack is lost, and somebody else may be at work"
        );
    }
}
