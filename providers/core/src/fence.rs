//! Whether calls that change something may still be made: asked right before each of them.
//!
//! A process that was frozen and wakes goes on where it stood, in the middle of a step, while somebody else has the
//! stack by now. Never knows what a lock is; whoever made it does.

use std::fmt;
use std::io;
use std::sync::Arc;

/// Lets calls pass until it is closed.
#[derive(Clone, Default)]
pub struct Fence(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Fence {
    /// Lets calls pass always.
    pub const OPEN: Self = Self(None);

    /// Lets calls pass while `may_pass` says so.
    pub fn new(may_pass: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(may_pass)))
    }

    /// Asks whether one more call may be made.
    ///
    /// # Errors
    /// Once it is closed.
    pub fn pass(&self) -> io::Result<()> {
        if self.0.as_ref().is_none_or(|may_pass| may_pass()) {
            return Ok(());
        }
        let lost = "the lock on this stack is lost, and somebody else may be at work";
        Err(io::Error::new(io::ErrorKind::ResourceBusy, lost))
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

    use super::*;

    #[test]
    fn a_fence_is_asked_each_time_and_says_why_nothing_passes() {
        let left = Arc::new(AtomicU32::new(2));
        let fence = Fence::new(move || left.fetch_sub(1, Ordering::Relaxed) > 0);
        assert!(fence.pass().is_ok() && fence.pass().is_ok() && Fence::OPEN.pass().is_ok());
        assert_eq!(
            fence.pass().unwrap_err().to_string(),
            "the lock on this stack is lost, and somebody else may be at work"
        );
    }
}
