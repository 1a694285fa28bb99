//! The stack file: one text in, one [`Stack`] or a list of diagnostics out.
//!
//! Owns the user's model, its defaults and its checks. Pure: files beside the stack file are read by the
//! caller and handed in. Never knows a provider, a plan or a target's resources.

pub mod model;

pub use model::*;
