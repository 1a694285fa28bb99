//! Looks at and changes a Docker engine, through its Engine API alone.
//!
//! Owns the mapping between the compose specs of [`mlstack_compose`] and what the engine holds, with Compose's own
//! names and labels, so that `docker compose` goes on working on what is made here. The read side is
//! [`DockerReader`], the write side [`DockerEngine`]. Never reads a stack file or the environment, never decides what to change.

mod ask;
mod connect;
mod decode;
mod doctor;
mod drift;
mod encode;
mod engine;
mod fault;
mod labels;
mod lock;
mod login;
mod logs;
mod look;
mod observe;
mod patience;
mod reader;
mod registry;
mod secrets;
mod status;
mod step;
mod transfer;
mod trouble;
mod wait;
mod write;

pub use connect::{Connection, Host};
pub use doctor::{Doctor, TakenPort};
pub use engine::{Config, DockerEngine};
pub use lock::{EngineLock, HeldLock, Taken, lock_name};
pub use login::{HelperError, Login, stored_login};
pub use reader::{DockerReader, impact, outage};
pub use transfer::{Archive, ImageSource};
