//! The folder of a stack: finds the stack file, reads what it names, and nothing outside it.
//!
//! Owns every read of the user's files: the stack file, models, secrets. Never prints, never talks to a target.

pub mod context;
mod find;
pub mod git;
pub mod images;
mod jail;
pub mod secrets;
pub mod server;
pub mod sops;

pub use find::{FindError, NAME, StackFile, find};
pub use jail::{Jail, JailError};
pub use secrets::{Secrets, Vault};
