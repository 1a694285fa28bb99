//! Delivers secret values as files below `/run/secrets`: a tar archive put into a volume of the container before it starts.
//!
//! Values pass through here in memory only; they reach neither labels, environment, arguments nor disk of this machine.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use mlstack_provider::Secret;

/// Where the files appear in a container.
pub(crate) const FOLDER: &str = "/run/secrets";

/// What stands on a label for a file that is not there any more.
pub(crate) const GONE: &str = "gone";

/// Who may read the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) uid: u64,
    pub(crate) gid: u64,
}

impl Owner {
    /// Reads `uid`, `uid:gid`, or names looked up in the image's own `/etc/passwd` and `/etc/group`.
    /// Empty means root. `None` when a name is in neither.
    pub(crate) fn parse(user: &str, passwd: &str, group: &str) -> Option<Self> {
        let (user, wanted_group) = match user.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (user, None),
        };
        let entry = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.len() > 3 && (fields[0] == user || fields[2] == user));
        let uid = match user {
            "" => 0,
            _ => user.parse().ok().or_else(|| entry.as_ref()?[2].parse().ok())?,
        };
        let gid = match wanted_group {
            Some(name) => name.parse().ok().or_else(|| group_id(name, group))?,
            None => entry.and_then(|fields| fields[3].parse().ok()).unwrap_or(0),
        };
        Some(Self { uid, gid })
    }
}

fn group_id(name: &str, group: &str) -> Option<u64> {
    let mut lines = group.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.len() > 2 && fields[0] == name)?[2]
        .parse()
        .ok()
}

/// Packs files, readable by `owner` alone.
pub(crate) fn pack<'a>(owner: Owner, files: impl IntoIterator<Item = (&'a str, &'a Secret)>) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, value) in files {
        let mut header = tar::Header::new_ustar();
        header.set_uid(owner.uid);
        header.set_gid(owner.gid);
        header.set_mode(0o400);
        header.set_size(value.expose().len() as u64);
        archive.append_data(&mut header, name, value.expose())?;
    }
    archive.into_inner()
}

/// Every file of an archive that the engine sent; what cannot be read is left out.
pub(crate) fn unpack(archive: &[u8]) -> Vec<Secret> {
    let mut archive = tar::Archive::new(archive);
    let Ok(entries) = archive.entries() else {
        return Vec::new();
    };
    let content = |mut entry: tar::Entry<'_, &[u8]>| {
        let mut value = Vec::new();
        entry.read_to_end(&mut value).ok()?;
        (!value.is_empty()).then(|| Secret::new(value))
    };
    entries.filter_map(Result::ok).filter_map(content).collect()
}

/// The text of the one file in an archive that the engine sent; empty when it holds none.
pub(crate) fn unpack_text(archive: &[u8]) -> String {
    let mut text = String::new();
    let mut archive = tar::Archive::new(archive);
    if let Ok(mut entries) = archive.entries()
        && let Some(Ok(mut entry)) = entries.next()
    {
        // A file that is no text counts as empty.
        let _ = entry.read_to_string(&mut text);
    }
    text
}

/// What the files of a folder hold, by name, from the archive the engine sent of it; folders in it are left out.
///
/// # Errors
/// When it is no archive.
pub(crate) fn unpack_folder(archive: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = entry.path()?.into_owned();
        let inside: std::path::PathBuf = path.components().skip(1).collect();
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(inside.to_string_lossy().into_owned(), content);
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
