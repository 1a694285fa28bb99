//! Looks at and changes a Kubernetes cluster, through its API server alone.
//!
//! Owns what is between the objects of a stack ([`mlstack_manifest`]) and a server: server-side apply, what the server
//! says would change, who owns which field, the inventory of the stack, and why a rollout does not get on. The read side
//! is [`KubeReader`], the write side [`KubeEngine`]. Never reads a stack file, never decides what to change.

mod canary;
mod cause;
mod cluster;
mod delivery;
mod doctor;
mod engine;
mod examine;
mod fault;
mod fields;
mod finding;
mod forward;
mod health;
mod inventory;
mod lock;
mod logs;
mod look;
mod merge;
mod observe;
mod owners;
mod patience;
mod policy;
mod proof;
mod reader;
mod references;
mod secrets;
mod shelf;
mod status;
mod step;
mod wait;
mod words;
mod write;

pub use cluster::{Access, Cluster};
pub use delivery::Delivery;
pub use doctor::Doctor;
pub use engine::{Config, KubeEngine};
pub use lock::{ClusterLock, HeldLock, Taken, lock_name};
pub use observe::Seen;
pub use policy::Policy;
pub use reader::{KubeReader, impact, outage};
pub use shelf::{Item, Put, Shelf};
pub use wait::Timing;
