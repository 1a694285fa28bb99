//! Resources as files, for people and for other tools.
//!
//! Owns how text is written. Returns files and never touches a disk.

mod compose;
mod kubernetes;
pub mod yaml;

pub use compose::{FILE as COMPOSE_FILE, Input as ComposeInput, compose};
pub use kubernetes::{FILE as KUSTOMIZATION_FILE, GitOps, GitOpsTool, Input as KubernetesInput, kubernetes};

/// A file to be written below an output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedFile {
    /// Its path, relative and with `/`.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Its permissions, such as `0o644`.
    pub mode: u32,
}

impl RenderedFile {
    /// A text that everyone may read.
    pub fn text(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            bytes: text.into().into_bytes(),
            mode: 0o644,
        }
    }
}

#[cfg(test)]
mod tests;
