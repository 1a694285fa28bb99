//! The `spec` of kind `image`: an image that must be in the engine before a service can start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An image in the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageSpec {
    /// The name services use for it.
    pub reference: String,
    /// Where it comes from.
    pub source: ImageSource,
}

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ImageSource {
    /// A registry.
    Pull,
    /// Packed by mlstack itself and loaded into the engine.
    Bundle {
        /// `sha256:` and the digest of the image's config: what the engine calls its id.
        /// Absent where it is not known yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Built by the engine from a Dockerfile.
    Build {
        /// The folder sent to the engine, relative to the stack file.
        context: String,
        /// The Dockerfile, relative to the context.
        dockerfile: String,
        /// Build arguments.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        args: BTreeMap<String, String>,
        /// Digest over the context and all of the above; absent where the context was not read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    },
}
