//! Says what is in an image file: a tar or an OCI layout, ours or anybody's.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use serde_json::Value;

/// What an image holds, read back from its bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The digest of the manifest.
    pub manifest: String,
    /// The digest of the configuration: Docker's image id.
    pub id: String,
    /// The name it was given, if any.
    pub reference: Option<String>,
    /// Media type, digest and bytes of each layer, lowest first.
    pub layers: Vec<(String, String, u64)>,
    /// The configuration: user, entry point, labels.
    pub config: Value,
}

/// Why a file or folder is no image.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{path} is no OCI image: {why}")]
    NotAnImage {
        /// The file.
        path: String,
        /// What is missing.
        why: String,
    },
}

/// Small blobs only are kept in memory while reading; layers are passed over.
const LARGEST_JSON: u64 = 4 << 20;

/// Reads a tar or a layout folder.
///
/// # Errors
/// When it cannot be read or is no image.
pub fn inspect(path: &Path) -> Result<Summary, InspectError> {
    let read = |source| InspectError::Read {
        path: path.display().to_string(),
        source,
    };
    let files = if path.is_dir() { folder(path) } else { tarball(path) }.map_err(read)?;
    summarize(&files).map_err(|why| InspectError::NotAnImage {
        path: path.display().to_string(),
        why,
    })
}

type Files = BTreeMap<String, Vec<u8>>;

fn tarball(path: &Path) -> io::Result<Files> {
    let mut archive = tar::Archive::new(std::fs::File::open(path)?);
    let mut files = Files::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.size() <= LARGEST_JSON {
            let name = entry.path()?.to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

fn folder(path: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for folder in ["", "blobs/sha256"] {
        let Ok(list) = std::fs::read_dir(path.join(folder)) else {
            continue;
        };
        for entry in list {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_file() && meta.len() <= LARGEST_JSON {
                let name = Path::new(folder).join(entry.file_name());
                files.insert(name.to_string_lossy().into_owned(), std::fs::read(entry.path())?);
            }
        }
    }
    Ok(files)
}

fn summarize(files: &Files) -> Result<Summary, String> {
    let index = json(files, "index.json")?;
    let entry = &index["manifests"][0];
    let digest = text(entry, "digest").ok_or("index.json names no manifest")?;
    let manifest = json(files, &blob_path(&digest))?;
    let id = text(&manifest["config"], "digest").ok_or("the manifest names no config")?;
    let config = json(files, &blob_path(&id))?;
    let layers = manifest["layers"].as_array().into_iter().flatten().map(layer).collect();
    Ok(Summary {
        manifest: digest,
        id,
        reference: text(&entry["annotations"], "io.containerd.image.name"),
        layers,
        config: config["config"].clone(),
    })
}

impl super::Packed {
    /// What [`inspect`] would say of this image, written as `reference`.
    pub fn summary(&self, reference: &str) -> Summary {
        let config = self
            .config
            .content
            .to_vec()
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        let layers = self
            .layers
            .iter()
            .map(|b| (b.media_type.to_owned(), b.digest.to_string(), b.content.len()));
        Summary {
            manifest: self.manifest.digest.to_string(),
            id: self.config.digest.to_string(),
            reference: Some(reference.to_owned()),
            layers: layers.collect(),
            config: config.map(|config| config["config"].clone()).unwrap_or_default(),
        }
    }
}

fn layer(descriptor: &Value) -> (String, String, u64) {
    let field = |name| text(descriptor, name).unwrap_or_default();
    (
        field("mediaType"),
        field("digest"),
        descriptor["size"].as_u64().unwrap_or(0),
    )
}

fn blob_path(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn json(files: &Files, name: &str) -> Result<Value, String> {
    let bytes = files.get(name).ok_or_else(|| format!("{name} is missing"))?;
    serde_json::from_slice(bytes).map_err(|e| format!("{name}: {e}"))
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}
