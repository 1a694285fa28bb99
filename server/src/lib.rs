//! The model server.

pub mod config;
pub mod ids;
pub mod json;
pub mod listen;
pub mod log;
pub mod metrics;
