//! A language server for stack files: what an editor asks about a text and a place in it, answered.
//!
//! ```text
//! bytes ─wire─▶ message ─inbox─▶ session ─▶ buffer ─stack::parse─▶ diagnose, fix
//!                                     └─sketch─▶ spot, names ─▶ hover, complete, … ─▶ message ─wire─▶ bytes
//! ```
//!
//! Owns the protocol and every answer. Pure: never touches stdio, a file or a clock; what lies beside a stack file is
//! looked at by the caller, through [`Beside`]. Speaks the Language Server Protocol 3.17, with positions in UTF-16.

mod ask;
mod buffer;
mod complete;
mod diagnose;
mod fix;
mod hover;
mod inbox;
mod names;
mod protocol;
mod session;
mod sketch;
mod spot;
mod symbols;
mod text;
mod uri;
pub mod wire;

pub use inbox::Inbox;
pub use session::{Beside, Session};

#[cfg(test)]
mod tests;
