//! The double against the recording, and against the real kubectl.

mod alike;
mod client;
mod gaps;
mod kubectl;
mod replay;
