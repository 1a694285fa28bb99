//! Looks at and changes a Docker engine, through its Engine API alone.
//!
//! Owns the mapping between the compose specs of [`mlstack_compose`] and what the engine holds, with Compose's own
//! names and labels, so that `docker compose` goes on working on what is made here. The read side is
//! [`DockerReader`], the write side [`DockerEngine`]. Never reads a stack file or the environment, never decides what to change.

mod connect;
mod fault;
mod look;

pub use connect::{Connection, Host};
