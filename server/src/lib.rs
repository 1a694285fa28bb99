//! The model server.

pub mod json;
