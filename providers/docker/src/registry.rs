//! Image references and the credentials that Docker's own configuration keeps for their registries.
//!
//! Knows the `auths` of `config.json` only; never runs a credential helper.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bollard::auth::DockerCredentials;
use mlstack_provider::Secret;
use serde::Deserialize;

/// The key under which Docker keeps the credentials of Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";

/// An image reference, split as the engine's pull wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reference<'a> {
    /// Registry and repository: `registry:5000/a/b`.
    pub(crate) name: &'a str,
    /// A tag, or `sha256:…`; `latest` when the reference has neither.
    pub(crate) version: &'a str,
}

impl<'a> Reference<'a> {
    /// Splits a reference. A digest wins over a tag.
    pub(crate) fn parse(reference: &'a str) -> Self {
        let (tagged, digest) = match reference.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest)),
            None => (reference, None),
        };
        let (name, tag) = match tagged.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, tag),
            _ => (tagged, "latest"),
        };
        Self {
            name,
            version: digest.unwrap_or(tag),
        }
    }

    /// The registry's host and port; `None` for Docker Hub.
    pub(crate) fn registry(&self) -> Option<&'a str> {
        let (first, _) = self.name.split_once('/')?;
        let is_host = first.contains(['.', ':']) || first == "localhost";
        (is_host && first != "docker.io").then_some(first)
    }
}

/// What `config.json` holds of interest.
#[derive(Debug, Default, Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    auth: Option<String>,
    identitytoken: Option<String>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("•••")
    }
}

/// The credentials for `reference` in the `config.json` at `path`; `None` when there are none or the file cannot be read.
pub(crate) async fn credentials(path: Option<&Path>, reference: &Reference<'_>) -> Option<DockerCredentials> {
    let text = tokio::fs::read(path?).await.ok()?;
    pick(&serde_json::from_slice(&text).ok()?, reference.registry())
}

fn pick(config: &DockerConfig, registry: Option<&str>) -> Option<DockerCredentials> {
    let host = registry.unwrap_or(HUB);
    let (key, auth) = config.auths.iter().find(|(key, _)| same_registry(key, host))?;
    let decoded = BASE64_STANDARD.decode(auth.auth.as_ref()?).ok()?;
    let pair = String::from_utf8(decoded).ok()?;
    let (user, password) = pair.trim_end_matches('\0').split_once(':')?;
    // The engine's answer may repeat what it was sent: once made known, neither is ever printed.
    drop([Some(password), auth.identitytoken.as_deref()].map(|secret| secret.map(Secret::new)));
    Some(DockerCredentials {
        username: Some(user.to_owned()),
        password: Some(password.to_owned()),
        identitytoken: auth.identitytoken.clone(),
        serveraddress: Some(key.clone()),
        ..Default::default()
    })
}

fn same_registry(key: &str, host: &str) -> bool {
    let bare = |text: &str| {
        let text = text.trim_start_matches("https://").trim_start_matches("http://");
        text.split('/').next().unwrap_or_default().to_owned()
    };
    bare(key) == bare(host)
}

#[cfg(test)]
mod tests;
