//! Folders of a commit: what is in one, and what a path leads to.

use std::collections::BTreeSet;

use super::object::{Sort, damaged};
use super::{GitError, Id, Repository};

/// The most bytes of one folder: some hundred thousand names.
const LARGEST: u64 = 32 << 20;

/// The sorts of entry of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Folder,
    File,
    Program,
    Link,
    /// A commit of another repository.
    Submodule,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) id: Id,
}

impl Repository {
    /// What is in a folder, in the order of the names.
    pub(super) fn folder(&self, id: Id) -> Result<Vec<Entry>, GitError> {
        let object = self.objects.get(id, LARGEST)?.ok_or_else(|| self.absent(id))?;
        if object.sort != Sort::Tree {
            return Err(damaged(id, "it is no folder"));
        }
        parse(&object.data).ok_or_else(|| damaged(id, "it is no folder that can be read"))
    }

    /// The entry of a name in a folder.
    pub(super) fn entry(&self, folder: Id, name: &str) -> Result<Option<Entry>, GitError> {
        let mut entries = self.folder(folder)?.into_iter();
        Ok(entries.find(|entry| entry.name == name))
    }

    /// The bytes of a file.
    pub(super) fn blob(&self, id: Id, most: u64) -> Result<Vec<u8>, GitError> {
        let object = self.objects.get(id, most)?.ok_or_else(|| self.absent(id))?;
        match object.sort {
            Sort::Blob => Ok(object.data),
            _ => Err(damaged(id, "it is no file")),
        }
    }
}

/// Entries of a mode, a space, a name, a zero byte and an id. A folder that git itself would not have made is none: one
/// name twice, or one that leads elsewhere.
fn parse(data: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut names = BTreeSet::new();
    let mut rest = data;
    while !rest.is_empty() {
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let mode = mode(&rest[..space])?;
        rest = &rest[space + 1..];
        let zero = rest.iter().position(|byte| *byte == 0)?;
        let name = &rest[..zero];
        let id = Id::of(rest.get(zero + 1..=zero + Id::BYTES)?)?;
        rest = &rest[zero + 1 + Id::BYTES..];
        if !is_name(name) || !names.insert(name) {
            return None;
        }
        // A name that is no UTF-8 can be named by no stack file; it is told apart from the others all the same.
        let name = String::from_utf8_lossy(name).into_owned();
        entries.push(Entry { name, mode, id });
    }
    Some(entries)
}

fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && !name.contains(&b'/') && name != b"." && name != b".." && !name.eq_ignore_ascii_case(b".git")
}

fn mode(octal: &[u8]) -> Option<Mode> {
    match octal {
        b"40000" | b"040000" => Some(Mode::Folder),
        b"100644" | b"100664" => Some(Mode::File),
        b"100755" => Some(Mode::Program),
        b"120000" => Some(Mode::Link),
        b"160000" => Some(Mode::Submodule),
        _ => None,
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
