//! The build context of a component: the files below its folder as a tar whose bytes depend on them alone.

use std::io;
use std::os::unix::fs::PermissionsExt;
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
    /// A link that the builder would resolve elsewhere.
    #[error("{path} is neither a file nor a folder")]
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

/// The digest of a context together with how it is built.
///
/// # Errors
/// When something in it cannot be read.
pub fn digest(jail: &Jail, build: &Build) -> Result<Digest, ContextError> {
    digest_without(jail, build, &[])
}

/// The same, but without what is called so at the top of the context.
///
/// # Errors
/// As [`digest`].
pub fn digest_without(jail: &Jail, build: &Build, without: &[&str]) -> Result<Digest, ContextError> {
    let tar = packed(jail, build, without)?
        .digest()
        .map_err(|source| ContextError::Read {
            path: build.context.clone(),
            source,
        })?;
    Ok(Digest::of(
        format!("{tar}\n{}\n{:?}", build.dockerfile, build.args).as_bytes(),
    ))
}

/// The context as a tar: sorted, owner 0, time 0, without what `.dockerignore` names.
///
/// # Errors
/// When something in it cannot be read.
pub fn archive(jail: &Jail, build: &Build) -> Result<Parts, ContextError> {
    packed(jail, build, &[])
}

fn packed(jail: &Jail, build: &Build, without: &[&str]) -> Result<Parts, ContextError> {
    let fail = |source| ContextError::Jail {
        context: build.context.clone(),
        source,
    };
    let root = jail.folder(&build.context).map_err(fail)?;
    jail.file(&format!("{}/{}", build.context, build.dockerfile))
        .map_err(fail)?;
    let mut entries = Vec::new();
    Walk {
        ignored: ignored(jail, &root, build)?,
        root: &root,
        without,
        entries: &mut entries,
    }
    .folder(&root)?;
    tar(&entries).map_err(|source| read(&root, source))
}

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
        let rooted = format!("{not}/{}", pattern.trim_start_matches("./").trim_start_matches('/'));
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
    without: &'a [&'a str],
    entries: &'a mut Vec<Entry>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path) -> Result<(), ContextError> {
        let list = std::fs::read_dir(folder).map_err(|source| read(folder, source))?;
        let mut paths = list
            .map(|entry| entry.map(|e| e.path()))
            .collect::<io::Result<Vec<PathBuf>>>()
            .map_err(|source| read(folder, source))?;
        paths.retain(|path| !self.without.iter().any(|name| *path == self.root.join(name)));
        paths.sort();
        paths.into_iter().try_for_each(|path| self.entry(&path))
    }

    fn entry(&mut self, path: &Path) -> Result<(), ContextError> {
        let meta = std::fs::symlink_metadata(path).map_err(|source| read(path, source))?;
        let name = path
            .strip_prefix(self.root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
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
        if !meta.is_file() {
            let path = path.display().to_string();
            return Err(ContextError::Special { path });
        }
        let executable = meta.permissions().mode() & 0o111 != 0;
        let content = Parts::file(path).map_err(|source| read(path, source))?;
        self.entries
            .push(Entry::file(name, if executable { 0o755 } else { 0o644 }, content));
        Ok(())
    }

    fn below_ignored(&self, path: &Path) -> bool {
        let own = self.ignored.matched(path, false);
        own.is_none() && self.ignored.matched_path_or_any_parents(path, false).is_ignore()
    }
}

fn read(path: &Path, source: io::Error) -> ContextError {
    let path = path.display().to_string();
    ContextError::Read { path, source }
}

#[cfg(test)]
#[path = "context_tests.rs"]
mod tests;
