//! The folder of a stack as a commit has it: the stack file, and those files that it names, put aside.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::commit::Commit;
use super::shelf::Shelf;
use super::tree::{Entry, Mode};
use super::{GitError, Id, Repository};
use crate::image::Parts;
use crate::project::Jail;
use crate::stack::lfs;

/// The most bytes of one file: as large as the largest model.
const LARGEST: u64 = 1 << 30;
/// The most bytes of all files together.
const LARGEST_ALL: u64 = 2 << 30;
/// The most files.
const MOST_FILES: usize = 50_000;
/// The most folders in folders.
const DEEPEST: usize = 64;
/// The most links that point at one another.
const MOST_LINKS: usize = 40;
/// The most bytes of what a link says.
const LONGEST_LINK: u64 = 4096;

/// The folder of a stack in a commit.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    repository: &'a Repository,
    /// The folder; `None` when the commit has none there.
    folder: Option<Id>,
}

/// What of it is put aside, by paths relative to the folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Files. One that is missing is left out.
    pub files: BTreeSet<String>,
    /// Folders, with all that is in them.
    pub folders: BTreeSet<String>,
}

impl Repository {
    /// What a commit has in `folder`, a folder of the working tree by its canonical path.
    ///
    /// # Errors
    /// When the commit cannot be read.
    pub fn snapshot(&self, commit: &Commit, folder: &Path) -> Result<Snapshot<'_>, GitError> {
        let below = folder.strip_prefix(self.top()).unwrap_or(Path::new(""));
        let mut at = Some(commit.tree);
        for part in below {
            let Some(id) = at else { break };
            let entry = self.entry(id, &part.to_string_lossy())?;
            at = entry.filter(|entry| entry.mode == Mode::Folder).map(|entry| entry.id);
        }
        Ok(Snapshot {
            repository: self,
            folder: at,
        })
    }
}

impl Snapshot<'_> {
    /// The text of a file of at most `most` bytes; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, GitError> {
        match self.find(path)? {
            Some(Found {
                entry:
                    Entry {
                        mode: Mode::File | Mode::Program,
                        id,
                        ..
                    },
                ..
            }) => self.repository.blob(id, most).map(Some),
            _ => Ok(None),
        }
    }

    /// Writes what is wanted into a new folder of `shelf` that only this user may enter: each thing where the commit has
    /// it, and the links that lead there. A file that git keeps a pointer to alone is taken from `beside`, the same
    /// folder in the working tree, where that has the very bytes.
    ///
    /// # Errors
    /// When something cannot be read or written, or there is too much of it.
    pub fn put_aside(&self, wanted: &Wanted, beside: &Jail, shelf: &Shelf) -> Result<TempDir, GitError> {
        let folder = shelf.folder().map_err(GitError::Write)?;
        let mut aside = Aside {
            repository: self.repository,
            root: folder.path().to_owned(),
            beside,
            shelf,
            files: 0,
            bytes: 0,
            links: BTreeMap::new(),
        };
        for path in &wanted.folders {
            if let Some(found) = self.find(path)? {
                aside.refuse_many(&found.entry, path)?;
                aside.links.extend(found.links);
                aside.entry(&found.entry, &found.at)?;
            }
        }
        for path in &wanted.files {
            if let Some(found) = self.find(path)?.filter(|found| found.entry.mode != Mode::Folder) {
                aside.links.extend(found.links);
                aside.entry(&found.entry, &found.at)?;
            }
        }
        aside.link()?;
        Ok(folder)
    }

    /// What a path leads to, links followed as far as they stay in the folder.
    fn find(&self, path: &str) -> Result<Option<Found>, GitError> {
        let parts = |path: &str| path.split('/').rev().map(str::to_owned).collect::<Vec<_>>();
        let mut folders: Vec<Entry> = self.folder.map(root).into_iter().collect();
        let (mut todo, mut links) = (parts(path), BTreeMap::new());
        let mut followed = 0;
        while let Some(part) = todo.pop() {
            let Some(folder) = folders.last() else {
                return Ok(None);
            };
            match &*part {
                "" | "." => continue,
                ".." => {
                    folders.pop();
                    continue;
                }
                _ => {}
            }
            let Some(entry) = self.repository.entry(folder.id, &part)? else {
                return Ok(None);
            };
            match entry.mode {
                Mode::Folder => folders.push(entry),
                Mode::File | Mode::Program => {
                    let at = place(&folders).join(&entry.name);
                    return Ok(todo.is_empty().then_some(Found { entry, at, links }));
                }
                Mode::Submodule => return Ok(None),
                Mode::Link => {
                    let target = self.repository.blob(entry.id, LONGEST_LINK)?;
                    followed += 1;
                    if target.starts_with(b"/") || followed > MOST_LINKS {
                        return Ok(None);
                    }
                    todo.extend(parts(&String::from_utf8_lossy(&target)));
                    links.insert(place(&folders).join(&entry.name), target);
                }
            }
        }
        let at = place(&folders);
        Ok(folders.pop().map(|entry| Found { entry, at, links }))
    }
}

/// What a path leads to.
struct Found {
    entry: Entry,
    /// Where the commit has it.
    at: PathBuf,
    /// The links on the way there, with what they say.
    links: BTreeMap<PathBuf, Vec<u8>>,
}

fn root(id: Id) -> Entry {
    let (name, mode) = (String::new(), Mode::Folder);
    Entry { name, mode, id }
}

/// The path of folders, each in the one before.
fn place(folders: &[Entry]) -> PathBuf {
    folders.iter().map(|folder| &folder.name).collect()
}

/// What is being put aside.
struct Aside<'a> {
    repository: &'a Repository,
    root: PathBuf,
    beside: &'a Jail,
    shelf: &'a Shelf,
    files: usize,
    bytes: u64,
    /// Links are made when all else is there: nothing is ever written through one.
    links: BTreeMap<PathBuf, Vec<u8>>,
}

impl Aside<'_> {
    /// Refuses a folder of more files than anybody reviews before the first of them is written: folders that hold one
    /// another many times over are small in git.
    fn refuse_many(&mut self, entry: &Entry, path: &str) -> Result<(), GitError> {
        self.files += match entry.mode {
            Mode::Folder => self.count(entry.id, 0, &mut BTreeMap::new())?,
            _ => 1,
        };
        match self.files > MOST_FILES {
            true => Err(GitError::TooMany {
                path: path.to_owned(),
                most: MOST_FILES,
            }),
            false => Ok(()),
        }
    }

    fn count(&self, folder: Id, depth: usize, known: &mut BTreeMap<Id, usize>) -> Result<usize, GitError> {
        if let Some(count) = known.get(&folder) {
            return Ok(*count);
        }
        if depth > DEEPEST {
            return Ok(MOST_FILES + 1);
        }
        let mut count: usize = 1;
        for entry in self.repository.folder(folder)? {
            count = count.saturating_add(match entry.mode {
                Mode::Folder => self.count(entry.id, depth + 1, known)?,
                _ => 1,
            });
        }
        known.insert(folder, count);
        Ok(count)
    }

    fn entry(&mut self, entry: &Entry, path: &Path) -> Result<(), GitError> {
        let to = self.root.join(path);
        match entry.mode {
            Mode::Folder => {
                self.folder(&to)?;
                let inside = self.repository.folder(entry.id)?;
                inside
                    .iter()
                    .try_for_each(|entry| self.entry(entry, &path.join(&entry.name)))
            }
            Mode::File | Mode::Program => self.file(entry, path, &to),
            Mode::Link => {
                let target = self.repository.blob(entry.id, LONGEST_LINK)?;
                self.links.insert(path.to_owned(), target);
                Ok(())
            }
            Mode::Submodule => self.folder(&to),
        }
    }

    /// Makes the links. One that no system would make is left out.
    fn link(&self) -> Result<(), GitError> {
        let possible = |target: &[u8]| !target.is_empty() && !target.contains(&0);
        for (path, target) in self.links.iter().filter(|(_, target)| possible(target)) {
            let to = self.root.join(path);
            to.parent().map_or(Ok(()), |parent| self.folder(parent))?;
            let _alive = self.shelf.alive();
            match symlink(OsStr::from_bytes(target), to) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(GitError::Write)?,
            }
        }
        Ok(())
    }

    fn folder(&self, path: &Path) -> Result<(), GitError> {
        let _alive = self.shelf.alive();
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(GitError::Write)
    }

    fn file(&mut self, entry: &Entry, path: &Path, to: &Path) -> Result<(), GitError> {
        to.parent().map_or(Ok(()), |parent| self.folder(parent))?;
        let left = LARGEST_ALL.saturating_sub(self.bytes).min(LARGEST);
        let bytes = self.repository.blob(entry.id, left)?;
        self.bytes += bytes.len() as u64;
        let mode = if entry.mode == Mode::Program { 0o700 } else { 0o600 };
        let _alive = self.shelf.alive();
        let made = OpenOptions::new().write(true).create_new(true).mode(mode).open(to);
        let mut file = match made {
            // Named twice: as a file, and with the folder it is in.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
            made => made.map_err(GitError::Write)?,
        };
        match lfs::pointer(&bytes).and_then(|pointer| self.pulled(&pointer, path)) {
            Some(mut pulled) => io::copy(&mut pulled, &mut file).map(drop),
            None => file.write_all(&bytes),
        }
        .map_err(GitError::Write)
    }

    /// The file of the working tree that a pointer is about, if it holds the very bytes.
    fn pulled(&self, pointer: &lfs::Pointer, path: &Path) -> Option<File> {
        let path = self.beside.file(path.to_str()?).ok()?;
        let alike = std::fs::metadata(&path).is_ok_and(|meta| meta.len() == pointer.bytes);
        let digest = alike
            .then(|| Parts::file(&path).and_then(|parts| parts.digest()).ok())
            .flatten()?;
        let is_it = digest.to_string() == format!("sha256:{}", pointer.sha256);
        is_it.then(|| File::open(&path).ok()).flatten()
    }
}

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
