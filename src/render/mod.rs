//! Resources as files, for people and for other tools.
//!
//! Owns how text is written. Returns text and never touches a file.

pub mod yaml;
