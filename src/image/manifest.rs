//! The image as OCI describes it: config, manifest, and the blobs they name.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use super::{Bundle, Digest, Layer, PORT, Parts, USER};

/// A named run of bytes of an image.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What sort of bytes.
    pub media_type: &'static str,
    /// Their digest.
    pub digest: Digest,
    /// The bytes.
    pub content: Parts,
}

/// An image, known by its content: nothing of it depends on when, where or by whom it was made.
#[derive(Clone, Debug)]
pub struct Image {
    /// The processor it is for, as OCI calls it: `amd64`.
    pub(super) architecture: &'static str,
    /// Layers from the lowest up.
    pub layers: Vec<Layer>,
    /// The configuration; its digest is what Docker calls the image's id.
    pub config: Blob,
    /// Arguments of the entry point.
    pub(super) command: Vec<String>,
    labels: Value,
}

/// An image as it is stored and sent: its layers compressed, its manifest written.
#[derive(Clone, Debug)]
pub struct Packed {
    /// The processor it is for, as OCI calls it: `amd64`.
    pub(super) architecture: &'static str,
    /// Layers from the lowest up.
    pub layers: Vec<Blob>,
    /// The configuration.
    pub config: Blob,
    /// The manifest; its digest is what registries and `name@sha256:…` mean.
    pub manifest: Blob,
}

/// When every image was created, so that time never changes a digest.
const CREATED: &str = "1970-01-01T00:00:00Z";

impl Image {
    pub(super) fn new(bundle: &Bundle, layers: Vec<Layer>) -> Self {
        let labels = labels(&bundle.title, &bundle.labels);
        Self {
            command: bundle.command.clone(),
            ..Self::of("amd64", server(&bundle.command, &labels), labels, layers)
        }
    }

    /// `layers` with the settings of their containers, for a processor as OCI calls it.
    pub(super) fn of(architecture: &'static str, settings: Value, labels: Value, layers: Vec<Layer>) -> Self {
        Self {
            config: Blob::of_json(
                "application/vnd.oci.image.config.v1+json",
                &config(architecture, settings, &layers),
            ),
            architecture,
            command: Vec::new(),
            layers,
            labels,
        }
    }

    /// What Docker calls the image: the digest of its configuration, the same for every compression.
    pub fn id(&self) -> &Digest {
        &self.config.digest
    }

    /// Compresses what is stored compressed and writes the manifest.
    ///
    /// # Errors
    /// When a file of the image cannot be read.
    pub fn pack(&self) -> io::Result<Packed> {
        let layers = self.layers.iter().map(Layer::store).collect::<io::Result<Vec<_>>>()?;
        Ok(Packed {
            architecture: self.architecture,
            manifest: Blob::of_json(MANIFEST, &manifest(&self.labels, &self.config, &layers)),
            config: self.config.clone(),
            layers,
        })
    }
}

impl Packed {
    /// Bytes to store or send: all blobs.
    pub fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.content.len()).sum()
    }

    /// Layers, config and manifest.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        self.layers.iter().chain([&self.config, &self.manifest])
    }
}

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

impl Blob {
    pub(super) fn new(media_type: &'static str, content: Parts) -> io::Result<Self> {
        let digest = content.digest()?;
        Ok(Self {
            media_type,
            digest,
            content,
        })
    }

    fn of_json(media_type: &'static str, value: &Value) -> Self {
        let bytes = value.to_string().into_bytes();
        Self {
            media_type,
            digest: Digest::of(&bytes),
            content: Parts::bytes(bytes),
        }
    }

    /// The OCI descriptor of these bytes.
    pub(super) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest.as_str(), "size": self.content.len()})
    }
}

fn config(architecture: &str, settings: Value, layers: &[Layer]) -> Value {
    let history: Vec<_> = layers
        .iter()
        .map(|layer| json!({"created": CREATED, "created_by": format!("mlstack image build: {}", layer.name)}))
        .collect();
    json!({
        "created": CREATED,
        "architecture": architecture,
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|l| l.diff_id.as_str()).collect::<Vec<_>>()},
        "history": history,
    })
}

/// How containers of the model server run.
fn server(command: &[String], labels: &Value) -> Value {
    const SECOND: u64 = 1_000_000_000;
    json!({
        "User": format!("{USER}:{USER}"),
        "ExposedPorts": {format!("{PORT}/tcp"): {}},
        "Entrypoint": ["/app/mlstack-server"],
        "Cmd": command,
        "WorkingDir": "/",
        "Labels": labels,
        "StopSignal": "SIGTERM",
        "Healthcheck": {
            "Test": ["CMD", "/app/mlstack-server", "healthcheck"],
            "Interval": 5 * SECOND, "Timeout": 3 * SECOND, "StartPeriod": 10 * SECOND, "Retries": 3,
        },
    })
}

/// `own`, and those that every image gets.
pub(super) fn labels(title: &str, own: &BTreeMap<String, String>) -> Value {
    let mut labels = own.clone();
    labels.insert("org.opencontainers.image.title".into(), title.to_owned());
    labels.insert(
        "org.opencontainers.image.version".into(),
        env!("CARGO_PKG_VERSION").into(),
    );
    json!(labels)
}

fn manifest(labels: &Value, config: &Blob, layers: &[Blob]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.descriptor(),
        "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        "annotations": labels,
    })
}
