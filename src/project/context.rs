//! The build context of a component: the files below its folder as a tar whose bytes depend on them alone.
//!
//! As Docker's own client sends it. A link goes in as a link, with what it says: nothing is ever read through it, neither
//! here nor by the engine, which looks for it inside of the context. Sizes are known before the first file is opened.

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::{Jail, JailError};
use crate::image::{Digest, Entry, Parts, tar};
use crate::stack::Build;

/// Why a build context cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The folder or the Dockerfile cannot be used.
    #[error("the build context `{context}` cannot be used")]
    Jail {
        /// The folder as the stack file names it.
        context: String,
        /// Why.
        #[source]
        source: JailError,
    },
    /// Something in it cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A pipe, a socket, a device.
    #[error("{path} is neither a file nor a folder nor a link")]
    Special {
        /// The file.
        path: String,
    },
    /// A line of `.dockerignore` means nothing.
    #[error(".dockerignore of `{context}`")]
    Ignore {
        /// The folder as the stack file names it.
        context: String,
        /// Why.
        #[source]
        source: ignore::Error,
    },
}

/// Bytes of a context from which on it is worth a word: more than anybody sends on purpose, seldom a mistake below.
pub const LARGE: u64 = 1 << 30;
/// Files of a context from which on it is worth a word.
pub const MANY: usize = 50_000;

/// A build context: what is in it is known, and not read yet.
#[derive(Clone, Debug)]
pub struct BuildContext {
    /// Sorted, owner 0, time 0, without what `.dockerignore` names.
    pub tar: Parts,
    /// Bytes of all files together.
    pub bytes: u64,
    /// How many files and links there are.
    pub files: usize,
    /// The file that takes most, by its path in the context, with its bytes.
    pub largest: Option<(String, u64)>,
    /// How it is built.
    build: Build,
}

impl BuildContext {
    /// The context of `build`, without what is called one of `without` at its top. What mlstack keeps beside the stack
    /// file is never in it: there are secrets in it.
    ///
    /// # Errors
    /// When something in it cannot be packed.
    pub fn of(jail: &Jail, build: &Build, without: &[&str]) -> Result<Self, ContextError> {
        let fail = |source| ContextError::Jail {
            context: build.context.clone(),
            source,
        };
        let root = jail.folder(&build.context).map_err(fail)?;
        let dockerfile = format!("{}/{}", build.context, build.dockerfile);
        let dockerfile = jail.file(&dockerfile).map_err(fail)?;
        let own = jail.folder(OWN).ok();
        let left_out: Vec<PathBuf> = without.iter().map(|name| root.join(name)).chain(own).collect();
        let mut walk = Walk {
            ignored: ignored(jail, &root, build)?,
            root: &root,
            dockerfile: (root.join(&build.dockerfile), dockerfile),
            left_out,
            entries: Vec::new(),
        };
        walk.folder(&root)?;
        let sizes = walk.entries.iter().filter_map(|entry| match entry.content() {
            Some(content) => Some((entry.path(), content.len())),
            None => entry.target().map(|_| (entry.path(), 0)),
        });
        let largest = sizes.clone().rev().max_by_key(|(_, bytes)| *bytes);
        Ok(Self {
            bytes: sizes.clone().map(|(_, bytes)| bytes).sum(),
            files: sizes.count(),
            largest: largest.map(|(path, bytes)| (path.to_owned(), bytes)),
            tar: tar(&walk.entries).map_err(|source| read(&root, source))?,
            build: build.clone(),
        })
    }

    /// The digest of all of it, together with how it is built. Reads every file.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn digest(&self) -> Result<Digest, ContextError> {
        let tar = self.tar.digest().map_err(|source| ContextError::Read {
            path: self.build.context.clone(),
            source,
        })?;
        let Build { dockerfile, args, .. } = &self.build;
        Ok(Digest::of(format!("{tar}\n{dockerfile}\n{args:?}").as_bytes()))
    }

    /// Whether it is so large that somebody should be told.
    pub fn is_large(&self) -> bool {
        self.bytes > LARGE || self.files > MANY
    }
}

/// What mlstack keeps beside the stack file.
const OWN: &str = ".mlstack";

/// The most bytes of a `.dockerignore`.
const LARGEST_IGNORE: u64 = 1 << 20;

/// Docker matches from the context's root, git at every depth: a slash in front makes them agree.
fn ignored(jail: &Jail, root: &Path, build: &Build) -> Result<Gitignore, ContextError> {
    let mut builder = GitignoreBuilder::new(root);
    let name = format!("{}/.dockerignore", build.context);
    let text = match jail.read(&name, LARGEST_IGNORE) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(JailError::Missing(_)) => String::new(),
        Err(source) => {
            let context = build.context.clone();
            return Err(ContextError::Jail { context, source });
        }
    };
    for line in text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let (not, pattern) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest));
        // To Docker `data/` is anything called so, not only a folder.
        let pattern = pattern.trim_start_matches("./").trim_matches('/');
        let rooted = format!("{not}/{pattern}");
        builder.add_line(None, &rooted).map_err(|source| ContextError::Ignore {
            context: build.context.clone(),
            source,
        })?;
    }
    builder
        .add_line(None, &format!("!/{}", build.dockerfile))
        .and_then(|b| b.build())
        .map_err(|source| ContextError::Ignore {
            context: build.context.clone(),
            source,
        })
}

struct Walk<'a> {
    ignored: Gitignore,
    root: &'a Path,
    /// Where the Dockerfile is in the context, and where it is in truth.
    dockerfile: (PathBuf, PathBuf),
    left_out: Vec<PathBuf>,
    entries: Vec<Entry>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), ContextError> {
        let list = std::fs::read_dir(folder).map_err(|source| read(folder, source))?;
        let mut paths = list
            .map(|entry| entry.map(|e| e.path()))
            .collect::<io::Result<Vec<PathBuf>>>()
            .map_err(|source| read(folder, source))?;
        paths.retain(|path| !self.left_out.contains(path));
        paths.sort();
        paths.into_iter().try_for_each(|path| self.entry(&path))
    }

    fn entry(&mut self, path: &Path) -> Result<(), ContextError> {
        let meta = std::fs::symlink_metadata(path).map_err(|source| read(path, source))?;
        let name = path.strip_prefix(self.root).unwrap_or(path);
        let name = name.to_string_lossy().into_owned();
        let ignored = self.ignored.matched(path, meta.is_dir()).is_ignore();
        if meta.is_dir() {
            // An ignored folder is still walked: `!` may bring back something in it.
            if !ignored {
                self.entries.push(Entry::dir(name, 0o755));
            }
            return self.folder(path);
        }
        if ignored || self.below_ignored(path) {
            return Ok(());
        }
        let entry = match (meta.is_symlink(), meta.is_file()) {
            // The builder must find it, wherever it is; the jail has seen that it is a file of the project.
            (true, _) if *path == self.dockerfile.0 => file(name, &self.dockerfile.1)?,
            (true, _) => {
                let target = std::fs::read_link(path).map_err(|source| read(path, source))?;
                Entry::link(name, target.as_os_str().as_bytes())
            }
            (_, true) => file(name, path)?,
            _ => {
                let path = path.display().to_string();
                return Err(ContextError::Special { path });
            }
        };
        self.entries.push(entry);
        Ok(())
    }

    fn below_ignored(&self, path: &Path) -> bool {
        let own = self.ignored.matched(path, false);
        own.is_none() && self.ignored.matched_path_or_any_parents(path, false).is_ignore()
    }
}

fn file(name: String, path: &Path) -> Result<Entry, ContextError> {
    let meta = std::fs::metadata(path).map_err(|source| read(path, source))?;
    let content = Parts::file(path).map_err(|source| read(path, source))?;
    let executable = meta.permissions().mode() & 0o111 != 0;
    Ok(Entry::file(name, if executable { 0o755 } else { 0o644 }, content))
}

fn read(path: &Path, source: io::Error) -> ContextError {
    let path = path.display().to_string();
    ContextError::Read { path, source }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
