//! The double against the recording, and against the real kubectl.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "gaps and what was not run are said aloud")]

mod alike;
mod client;
mod forward;
mod gaps;
mod kubectl;
mod replay;
