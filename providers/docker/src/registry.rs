//! Image references, as the engine takes them apart.

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

#[cfg(test)]
mod tests;
