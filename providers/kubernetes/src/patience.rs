//! How long a call may take, and when it is made again.
//!
//! Every call we make can be made twice: an apply says the whole, a delete names a uid, a change of a lock names the
//! version it read. So it is repeated when its answer was lost on the way or the server asked for patience, for as long
//! as the server says or with growing random pauses. All tries share one limit. Never repeats what was refused.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::fault::Lost;

/// How long one call may take, all its tries together.
const CALL: Duration = Duration::from_secs(45);
/// How long one try may take: a connection that went dead is given up, and another one is opened.
const TRY: Duration = Duration::from_secs(15);
/// How often a call is made at most.
const TRIES: u32 = 6;
/// The longest pause before the second try; doubles with each.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest pause that a server may ask for.
const ASKED: Duration = Duration::from_secs(20);

/// The limit of one call, all its tries together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(CALL)
    }
}

/// What one try came to.
pub(crate) enum Try<T> {
    /// An answer, good or bad.
    Answer(T),
    /// An answer that asks to come again, after a time if it says so.
    Later(T, Option<Duration>),
}

impl Patience {
    pub(crate) fn of(limit: Duration) -> Self {
        Self(limit)
    }

    pub(crate) fn limit(self) -> Duration {
        self.0
    }

    /// Makes a call until it has an answer; the last answer of a server that only puts off is given as it is.
    pub(crate) async fn repeat<T, F>(self, call: impl Fn() -> F) -> Result<T, Lost>
    where
        F: Future<Output = Result<Try<T>, Lost>>,
    {
        let end = Instant::now() + self.0;
        for attempt in 1.. {
            let left = end.saturating_duration_since(Instant::now());
            let tried = match timeout(left.min(TRY.min(self.0)), call()).await {
                Ok(tried) => tried,
                Err(_) => Err(Lost::Slow(self.0)),
            };
            let rest = pause(attempt, chance());
            let (asked, outcome) = match tried {
                Ok(Try::Answer(answer)) => return Ok(answer),
                Ok(Try::Later(answer, asked)) => (asked.unwrap_or(rest).min(ASKED), Ok(answer)),
                Err(lost) if lost.is_passing() => (rest, Err(lost)),
                Err(lost) => return Err(lost),
            };
            if attempt >= TRIES || Instant::now() + asked >= end {
                return outcome;
            }
            tokio::time::sleep(asked).await;
        }
        Err(Lost::Slow(self.0))
    }
}

/// How long to wait after try number `attempt`: up to the double of the one before, as `chance` (0 to 1) has it.
fn pause(attempt: u32, chance: f64) -> Duration {
    PAUSE.mul_f64(f64::from(1_u32 << attempt.min(6)) * (0.25 + 0.75 * chance) / 2.0)
}

/// A number between 0 and 1. Needs to be different between runs, not unforeseeable.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
