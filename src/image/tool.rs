//! The image of mlstack itself: its executables and nothing else of a system, for those who run it in containers.

use std::collections::BTreeMap;
use std::io;

use serde_json::json;

use super::manifest::labels;
use super::{Entry, Image, Layer, Parts, USER, users};

/// Where certificates of authorities are looked for.
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";

/// What goes into the image of mlstack.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Static Linux executables, by name; `mlstack` is what containers run.
    pub executables: BTreeMap<String, Parts>,
    /// What they run on, as OCI calls it: `amd64`.
    pub architecture: &'static str,
    /// Certificates of authorities, in PEM; without them, no server can be trusted over TLS.
    pub certificates: Option<Parts>,
}

/// Packs mlstack into an image.
///
/// # Errors
/// When a file cannot be read.
pub fn assemble_tool(tool: &Tool) -> io::Result<Image> {
    let layers = vec![
        Layer::gzip("mlstack", executables(tool))?,
        Layer::gzip("system", system(tool))?,
    ];
    let labels = labels("mlstack", &BTreeMap::new());
    let settings = json!({
        "User": format!("{USER}:{USER}"),
        "Entrypoint": ["/usr/bin/mlstack"],
        "Env": ["PATH=/usr/bin", "HOME=/tmp"],
        "WorkingDir": "/work",
        "Labels": labels,
    });
    Ok(Image::of(tool.architecture, settings, labels, layers))
}

fn executables(tool: &Tool) -> Vec<Entry> {
    let folders = ["usr", "usr/bin"].map(|folder| Entry::dir(folder, 0o755));
    let files = tool
        .executables
        .iter()
        .map(|(name, parts)| Entry::file(format!("usr/bin/{name}"), 0o555, parts.clone()));
    folders.into_iter().chain(files).collect()
}

fn system(tool: &Tool) -> Vec<Entry> {
    let mut entries = users();
    if let Some(certificates) = &tool.certificates {
        entries.extend(["etc/ssl", "etc/ssl/certs"].map(|folder| Entry::dir(folder, 0o755)));
        entries.push(Entry::file(CERTIFICATES, 0o444, certificates.clone()));
    }
    entries.extend([Entry::dir("tmp", 0o1777), Entry::dir("work", 0o755)]);
    entries
}
