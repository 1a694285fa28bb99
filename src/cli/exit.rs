//! The exit codes that scripts rely on.

use std::process::ExitCode;

/// How a run of mlstack ended; the numbers are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Something failed.
    Error = 1,
    /// There are changes; only with `--detailed-exitcode`.
    Changes = 2,
    /// The stack file is invalid.
    Invalid = 3,
    /// Authentication or permission.
    Denied = 4,
    /// A policy or a target's capability forbids it.
    Policy = 5,
    /// Somebody else holds the lock.
    Locked = 6,
    /// The plan is stale.
    Stale = 7,
    /// The rollout failed, and the version before serves.
    RolledBack = 8,
    /// A wait reached its limit.
    Timeout = 9,
    /// The rollout failed and was not rolled back.
    RolloutFailed = 10,
    /// The command line is wrong.
    Usage = 64,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What each code means, for the manual.
pub(super) const MEANINGS: &[(Exit, &str)] = &[
    (Exit::Done, "done, or nothing to do"),
    (Exit::Error, "something failed"),
    (Exit::Changes, "there are changes (`plan --detailed-exitcode`)"),
    (Exit::Invalid, "the stack file is invalid"),
    (Exit::Denied, "authentication or permission"),
    (
        Exit::Policy,
        "a policy or a target's capability forbids it, or data would be lost that nobody named",
    ),
    (Exit::Locked, "somebody else holds the lock"),
    (Exit::Stale, "the plan is stale"),
    (Exit::RolledBack, "the rollout failed, and the version before serves"),
    (Exit::Timeout, "a wait reached its limit"),
    (Exit::RolloutFailed, "the rollout failed and was not rolled back"),
    (Exit::Usage, "the command line is wrong"),
    (Exit::Interrupted, "interrupted"),
];
