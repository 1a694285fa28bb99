//! An image as one tar or one folder.
//!
//! The tar is an OCI layout that also carries Docker's `manifest.json` pointing at the same blobs, so that one
//! file serves Docker 20.10 (which cannot load a pure OCI layout), newer engines, podman, skopeo and containerd.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::layer::{Entry, tar};
use super::{Packed, Parts};

impl Packed {
    /// The image as a tar, named `reference` (`name:tag`) for whoever loads it.
    ///
    /// # Errors
    /// When a file of the image cannot be read.
    pub fn archive(&self, reference: &str) -> io::Result<Parts> {
        let mut entries = vec![Entry::dir("blobs", 0o755), Entry::dir("blobs/sha256", 0o755)];
        entries.extend(
            self.files(reference)
                .into_iter()
                .map(|(path, content)| Entry::file(path, 0o644, content)),
        );
        tar(&entries)
    }

    /// Writes the image as an OCI layout below `folder`, which must be empty or not there.
    ///
    /// # Errors
    /// When the folder holds something, or a file cannot be read or written.
    pub fn write_layout(&self, reference: &str, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder.join("blobs/sha256"))?;
        for (path, content) in self.files(reference) {
            if path != "manifest.json" {
                let mut file = std::fs::File::create(folder.join(path))?;
                io::copy(&mut content.reader(), &mut file)?;
            }
        }
        Ok(())
    }

    /// Every file of the layout by path, sorted.
    fn files(&self, reference: &str) -> BTreeMap<String, Parts> {
        let json = |value: Value| Parts::bytes(value.to_string().into_bytes());
        let mut files: BTreeMap<_, _> = self
            .blobs()
            .map(|blob| (format!("blobs/sha256/{}", blob.digest.hex()), blob.content.clone()))
            .collect();
        files.insert("index.json".into(), json(self.index(reference)));
        files.insert("manifest.json".into(), json(self.docker_manifest(reference)));
        files.insert("oci-layout".into(), json(json!({"imageLayoutVersion": "1.0.0"})));
        files
    }

    fn index(&self, reference: &str) -> Value {
        let mut descriptor = self.manifest.descriptor();
        let tag = reference.rsplit_once(':').map_or("latest", |(_, tag)| tag);
        descriptor["annotations"] = json!({
            "io.containerd.image.name": reference,
            "org.opencontainers.image.ref.name": tag,
        });
        descriptor["platform"] = json!({"architecture": self.architecture, "os": "linux"});
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [descriptor],
        })
    }

    fn docker_manifest(&self, reference: &str) -> Value {
        let blob = |hex: &str| format!("blobs/sha256/{hex}");
        json!([{
            "Config": blob(self.config.digest.hex()),
            "RepoTags": [reference],
            "Layers": self.layers.iter().map(|b| blob(b.digest.hex())).collect::<Vec<_>>(),
        }])
    }
}
