//! A git repository as a place to read from: commits, trees and blobs, read in this process.
//!
//! Owns every read below `.git`. Never starts a program, opens a connection, or does what the repository's configuration
//! says: two words of it are looked at, how objects and references are kept. What it reads is a stranger's: every size
//! is limited before memory is taken, every object must have the digest that it is named by, every count has a bound.

mod blame;
mod commit;
mod error;
mod object;
mod pack;
mod refs;
mod shelf;
mod snapshot;
mod tree;

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use blame::{Line, MAX_COMMITS};
pub use commit::Commit;
pub use error::GitError;
pub use shelf::Shelf;
pub use snapshot::{Snapshot, Wanted};

use object::Objects;

/// The name of an object: the SHA-1 of what it holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id([u8; Self::BYTES]);

impl Id {
    /// Bytes of an id.
    const BYTES: usize = 20;

    /// Reads 40 hex digits.
    fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 2 * Self::BYTES {
            return None;
        }
        let mut id = [0; Self::BYTES];
        for (byte, pair) in id.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(id))
    }

    fn of(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| digit.try_into().ok())
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A repository with a working tree.
#[derive(Debug)]
pub struct Repository {
    /// The top folder of the working tree.
    top: PathBuf,
    /// What is this working tree's own: `HEAD`.
    own: PathBuf,
    /// What all working trees share: objects, branches.
    common: PathBuf,
    objects: Objects,
    /// Commits whose parents are left out of this clone.
    cut: Vec<Id>,
    /// Whether another repository holds this one as a part.
    submodule: bool,
}

/// The most bytes of a small file of git's own.
const SMALL: u64 = 64 << 10;
/// The most bytes of a list of git's own: `packed-refs`, `shallow`, `config`.
const LIST: u64 = 64 << 20;

impl Repository {
    /// The repository that `folder`, which must be a canonical path, is in.
    ///
    /// # Errors
    /// When there is none, or it is kept in a way that this version does not read.
    pub fn discover(folder: &Path) -> Result<Self, GitError> {
        let top = folder.ancestors().find(|above| above.join(".git").exists());
        let top = top.ok_or_else(|| GitError::NoRepository(folder.display().to_string()))?;
        let own = own_folder(&top.join(".git"))?;
        let common = match small(&own.join("commondir"))? {
            Some(path) => own.join(path.trim()),
            None => own.clone(),
        };
        refuse_foreign(&common)?;
        let cut = text(&common.join("shallow"), LIST)?.unwrap_or_default();
        Ok(Self {
            objects: Objects::open(&common.join("objects"))?,
            cut: cut.lines().filter_map(Id::parse).collect(),
            top: top.to_owned(),
            submodule: own == common && own != top.join(".git"),
            own,
            common,
        })
    }

    /// The top folder of the working tree.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Whether history is cut off in this clone.
    pub fn is_shallow(&self) -> bool {
        !self.cut.is_empty()
    }

    fn absent(&self, id: Id) -> GitError {
        let (id, shallow) = (id.to_string(), self.is_shallow());
        GitError::Absent { id, shallow }
    }
}

/// `.git` is a folder, or a file that says where the folder is: in a working tree beside the first, in a submodule.
fn own_folder(git: &Path) -> Result<PathBuf, GitError> {
    if git.is_dir() {
        return Ok(git.to_owned());
    }
    let said = small(git)?.unwrap_or_default();
    let path = said.strip_prefix("gitdir:").map(str::trim);
    let folder = path.zip(git.parent()).map(|(path, beside)| beside.join(path));
    let path = git.display().to_string();
    match folder.filter(|folder| !folder.as_os_str().as_encoded_bytes().contains(&0)) {
        Some(folder) if folder.is_dir() => Ok(folder),
        Some(folder) => Err(GitError::Elsewhere {
            path,
            folder: folder.display().to_string(),
        }),
        None => Err(GitError::BadFile {
            path,
            why: "it names no folder",
        }),
    }
}

/// Refuses what would be misread: other digests, other ways to keep references.
fn refuse_foreign(common: &Path) -> Result<(), GitError> {
    let config = text(&common.join("config"), LIST)?.unwrap_or_default();
    let mut within = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            within = line.to_ascii_lowercase().starts_with("[extensions]");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| within) else {
            continue;
        };
        match (&*key.trim().to_ascii_lowercase(), &*value.trim().to_ascii_lowercase()) {
            ("objectformat", "sha1") | ("refstorage", "files") => {}
            ("objectformat", _) => return Err(GitError::Foreign("objects by other digests than SHA-1")),
            ("refstorage", _) => return Err(GitError::Foreign("references in tables (reftable)")),
            _ => {}
        }
    }
    Ok(())
}

fn small(path: &Path) -> Result<Option<String>, GitError> {
    text(path, SMALL)
}

/// A file of git's own; `None` when there is none.
fn text(path: &Path, most: u64) -> Result<Option<String>, GitError> {
    let failed = |source| GitError::Read {
        path: path.display().to_string(),
        source,
    };
    // A pipe would be waited for: nothing but files is opened.
    if !path.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most {
        let (what, bytes) = (path.display().to_string(), bytes.len() as u64);
        return Err(GitError::TooLarge { what, bytes, most });
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

#[cfg(test)]
mod tests;
