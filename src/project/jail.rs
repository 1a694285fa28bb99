//! Reads that stay below the stack file's folder, whatever the stack file says.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// A folder that nothing read through it can leave.
#[derive(Clone, Debug)]
pub struct Jail {
    root: PathBuf,
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// Nothing has that name.
    #[error("there is no file `{0}`")]
    Missing(String),
    /// It lies, or leads, outside.
    #[error("`{0}` leads outside the stack file's folder")]
    Outside(String),
    /// A folder, a pipe, a device.
    #[error("`{0}` is no regular file")]
    NotAFile(String),
    /// More than the caller wants.
    #[error("`{path}` has {bytes} bytes, more than {most}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        most: u64,
    },
    /// The system refuses.
    #[error("cannot read `{path}`")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl Jail {
    /// A jail around `root`, which must be a canonical path.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The real path of a regular file below the root, symbolic links followed and found to stay inside.
    ///
    /// # Errors
    /// When it is missing, outside, or no regular file. Nothing is opened.
    pub fn file(&self, relative: &str) -> Result<PathBuf, JailError> {
        let path = self.resolve(relative)?;
        if path.is_file() {
            Ok(path)
        } else {
            Err(JailError::NotAFile(relative.to_owned()))
        }
    }

    /// The real path of a folder below the root.
    ///
    /// # Errors
    /// When it is missing, outside, or no folder.
    pub fn folder(&self, relative: &str) -> Result<PathBuf, JailError> {
        let path = self.resolve(relative)?;
        if path.is_dir() {
            Ok(path)
        } else {
            Err(JailError::NotAFile(relative.to_owned()))
        }
    }

    /// The bytes of a file below the root.
    ///
    /// # Errors
    /// As [`Jail::file`], and when it has more than `most` bytes or cannot be read.
    pub fn read(&self, relative: &str, most: u64) -> Result<Vec<u8>, JailError> {
        let path = self.file(relative)?;
        let unreadable = |source| JailError::Unreadable {
            path: relative.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        if bytes > most {
            let path = relative.to_owned();
            return Err(JailError::TooLarge { path, bytes, most });
        }
        let mut content = Vec::new();
        file.take(most).read_to_end(&mut content).map_err(unreadable)?;
        Ok(content)
    }

    /// Where `relative` leads in truth: a path below the root, `None` when nothing is there (or may be looked at).
    ///
    /// # Errors
    /// The path outside that it leads to. Nothing is opened.
    pub fn real(&self, relative: &str) -> Result<Option<String>, String> {
        let path = self.root.join(relative);
        // What does not exist yet will be made where the nearest folder above it leads.
        for above in path.ancestors().take_while(|above| *above != self.root) {
            let shown = |path: &Path| path.to_string_lossy().into_owned();
            match (above.canonicalize(), above.read_link()) {
                (Ok(real), _) => {
                    let rest = path.strip_prefix(above).unwrap_or(Path::new(""));
                    let inside = real.strip_prefix(&self.root).map_err(|_| shown(&real))?;
                    return Ok(Some(shown(&inside.join(rest))));
                }
                (Err(_), Ok(nowhere)) => return Err(shown(&nowhere)),
                (Err(_), Err(_)) => {}
            }
        }
        Ok(None)
    }

    fn resolve(&self, relative: &str) -> Result<PathBuf, JailError> {
        let outside = || JailError::Outside(relative.to_owned());
        let path = Path::new(relative);
        let plain = path
            .components()
            .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
        if !plain || relative.contains('\0') {
            return Err(outside());
        }
        let real = self
            .root
            .join(path)
            .canonicalize()
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => JailError::Missing(relative.to_owned()),
                _ => JailError::Unreadable {
                    path: relative.to_owned(),
                    source,
                },
            })?;
        if real.starts_with(&self.root) {
            Ok(real)
        } else {
            Err(outside())
        }
    }
}
