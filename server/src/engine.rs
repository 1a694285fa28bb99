//! From a model file and what lies beside it to a model that is served.

use std::path::{Path, PathBuf};

use crate::config::Told;
use crate::model::Served;

/// A model file, read and named.
#[derive(Debug)]
pub struct Source {
    /// in URLs and labels
    pub name: String,
    /// of this file
    pub version: String,
    path: PathBuf,
    bytes: Vec<u8>,
}

/// Why a model is not served.
#[derive(Debug, thiserror::Error)]
pub enum LoadFailure {
    /// The file cannot be read.
    #[error("cannot read the model {path}")]
    Read {
        /// the model file
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// The file is no model that can be served.
    #[error("the model {path} cannot be served: {reason}")]
    Model {
        /// the model file
        path: PathBuf,
        /// why, with a help where there is one
        reason: String,
    },
    /// It does not answer what it should.
    #[error("the golden sample did not pass: {0}")]
    Golden(String),
}

impl Source {
    /// Reads the file that the settings name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(told: &Told) -> Result<Self, LoadFailure> {
        let path = told.model();
        let bytes = std::fs::read(&path).map_err(|source| LoadFailure::Read {
            path: path.clone(),
            source,
        })?;
        let name = told.model_name.clone().unwrap_or_else(|| stem(&path));
        let version = told.model_version.clone().unwrap_or_else(|| digest(&bytes));
        Ok(Self {
            name,
            version,
            path,
            bytes,
        })
    }

    /// Loads the model and runs its golden sample.
    ///
    /// # Errors
    /// When it cannot be served.
    pub fn load(&self) -> Result<Served, LoadFailure> {
        let reason = format!("{} bytes", self.bytes.len());
        Err(LoadFailure::Model {
            path: self.path.clone(),
            reason,
        })
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}

/// The first twelve digits of the SHA-256.
fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .take(6)
        .map(|b| format!("{b:02x}"))
        .collect()
}
