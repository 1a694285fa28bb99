//! Faults on the way: what a test does to the n-th call. Owns the plan; `http` carries it out.

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call is done, and its answer is kept back until `Double::release`.
    HoldAfter,
    /// The call waits until `Double::release`, and is done then.
    HoldBefore,
    /// The connection is closed before the call is done.
    ResetBefore,
    /// The call is done, and the connection is closed without an answer.
    ResetAfter,
    /// The call is not done, and answered with this status; 429 and 503 carry `Retry-After: 1`.
    Status(u16),
}

/// Which calls a fault is for.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) fault: Fault,
    /// Calls of this kind to let pass first.
    pub(crate) after: usize,
    /// How many calls it strikes.
    pub(crate) times: usize,
    /// Text that the method and path must hold, as in `PATCH /apis/apps`.
    pub(crate) wanted: String,
    pub(crate) writes_only: bool,
    /// Not for dry runs.
    pub(crate) in_earnest: bool,
}

impl Planned {
    /// Whether the fault strikes this call; counts it.
    pub(crate) fn strikes(&mut self, call: &str, is_write: bool) -> bool {
        if !call.contains(&self.wanted) || self.writes_only && !is_write || self.times == 0 {
            return false;
        }
        if self.in_earnest && call.contains("dryRun=All") {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        self.times -= 1;
        true
    }
}
