//! How long a call may take, and when it is made again.
//!
//! A call is repeated only when its answer was lost on the way or the engine asked for patience, and only when it can be:
//! because making it twice is making it once, or because a look showed that the engine did not do it. Pauses grow and
//! are random (full jitter). All tries share one limit. Never repeats what the engine refused.

use std::future::Future;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::time::Duration;

use bollard::errors::Error;
use mlstack_provider::ProviderError;

use crate::fault::{io_kind, refused, slow, status};

/// How long one call may take when nobody says otherwise.
const CALL: Duration = Duration::from_secs(60);
/// How often a call is made at most.
const TRIES: u32 = 5;
/// The longest pause before the second try; doubles with each.
const PAUSE: Duration = Duration::from_millis(200);

/// The limit of one call, all its tries together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(CALL)
    }
}

impl Patience {
    pub(crate) fn of(limit: Duration) -> Self {
        Self(limit)
    }

    /// The limit of one usual call.
    pub(crate) fn call(self) -> Duration {
        self.0
    }

    /// The limit of a call that itself waits for `wait`.
    pub(crate) fn and(self, wait: Duration) -> Self {
        Self(self.0 / 2 + wait)
    }

    /// How long a stream may stand still.
    pub(crate) fn stall(self) -> Duration {
        self.0 * 5
    }

    /// Makes a call that may be made twice.
    pub(crate) async fn repeat<T, F>(self, action: &str, call: impl Fn() -> F) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        self.look_first(action, call, || std::future::ready(None)).await
    }

    /// Makes a call that must not be made twice: before each new try, `done` looks whether the engine did it, and with
    /// what result.
    pub(crate) async fn look_first<T, F, L>(
        self,
        action: &str,
        call: impl Fn() -> F,
        done: impl Fn() -> L,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, Error>>,
        L: Future<Output = Option<T>>,
    {
        let tries = async {
            for attempt in 1..TRIES {
                match call().await {
                    Err(error) if is_passing(&error) => {}
                    answer => return answer,
                }
                tokio::time::sleep(pause(attempt, chance())).await;
                if let Some(result) = done().await {
                    return Ok(result);
                }
            }
            call().await
        };
        match tokio::time::timeout(self.0, tries).await {
            Ok(answer) => answer.map_err(|error| refused(action, &error)),
            Err(_) => Err(slow(action, self.0)),
        }
    }

    /// Looks something up; `None` when the engine says there is no such thing.
    pub(crate) async fn find<T, F>(self, action: &str, call: impl Fn() -> F) -> Result<Option<T>, ProviderError>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let looked = self.repeat(action, || async {
            match call().await {
                Err(error) if status(&error) == Some(404) => Ok(None),
                other => other.map(Some),
            }
        });
        looked.await
    }

    /// Runs a transfer again from its beginning while its stream breaks off.
    pub(crate) async fn transfer<E, F>(self, is_broken: impl Fn(&E) -> bool, run: impl Fn() -> F) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        for attempt in 1..TRIES {
            match run().await {
                Err(error) if is_broken(&error) => {}
                ended => return ended,
            }
            tokio::time::sleep(pause(attempt, chance())).await;
        }
        run().await
    }
}

/// Whether the next try may go better: the wire broke, or somebody on the way asks for patience.
pub(crate) fn is_passing(error: &Error) -> bool {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, NotFound, TimedOut, UnexpectedEof,
    };
    match status(error) {
        Some(status) => matches!(status, 429 | 502 | 503 | 504),
        None => matches!(
            io_kind(error),
            Some(
                BrokenPipe
                    | ConnectionAborted
                    | ConnectionRefused
                    | ConnectionReset
                    | NotFound
                    | TimedOut
                    | UnexpectedEof
            )
        ),
    }
}

/// How long to wait after try number `attempt`: up to the double of the one before, as `chance` (0 to 1) has it.
fn pause(attempt: u32, chance: f64) -> Duration {
    (PAUSE * 2_u32.saturating_pow(attempt - 1)).mul_f64(chance)
}

/// A number from 0 to 1, another one each time.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
