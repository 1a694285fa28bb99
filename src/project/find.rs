//! Where the stack file is.

use std::path::{Path, PathBuf};

/// The name looked for.
pub const NAME: &str = "mlstack.yaml";

/// A stack file, read.
#[derive(Clone, Debug)]
pub struct StackFile {
    /// Its path.
    pub path: PathBuf,
    /// Its path as a person would type it here.
    pub shown: String,
    /// The folder it stands in: everything it names lies below.
    pub root: PathBuf,
    /// What it says.
    pub text: String,
}

/// Why there is no stack file.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// None here or above.
    #[error("there is no {NAME} in {here} or in a folder above it")]
    Nowhere {
        /// Where the search began.
        here: String,
    },
    /// The folder that was named has none.
    #[error("the folder {folder} has no {NAME}")]
    NotIn {
        /// As it was typed.
        folder: String,
    },
    /// What is called so is a folder.
    #[error("{path} is a folder, and no stack file")]
    Folder {
        /// The folder.
        path: String,
    },
    /// The one that was named cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not text.
    #[error("{path} is not UTF-8 text: byte {at} cannot be read")]
    NoText {
        /// The file.
        path: String,
        /// The first byte that is wrong, from 0.
        at: usize,
    },
    /// It is a link to a file elsewhere, whose text would be shown with the first mistake in it.
    #[error("{path} is a link that leads outside its folder")]
    Outside {
        /// The link.
        path: String,
    },
    /// It is larger than any stack file.
    #[error("{path} has {bytes} bytes; a stack file has at most {LARGEST}")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size.
        bytes: u64,
    },
}

/// The most bytes a stack file may have.
pub(super) const LARGEST: u64 = 1 << 20;

/// Finds and reads the stack file: the one named (a file, or a folder that holds one), else the nearest upwards,
/// as far as the root of the repository.
///
/// # Errors
/// When there is none or it cannot be read.
pub fn find(named: Option<&Path>, here: &Path) -> Result<StackFile, FindError> {
    let path = match named {
        Some(path) if here.join(path).is_dir() => within(path, here)?,
        Some(path) => path.to_owned(),
        None => nearest(here)?,
    };
    read(&path, here)
}

/// The stack file in a folder that was named.
fn within(folder: &Path, here: &Path) -> Result<PathBuf, FindError> {
    let path = folder.join(NAME);
    let named = || folder.display().to_string();
    match std::fs::symlink_metadata(here.join(&path)) {
        Ok(_) => Ok(path),
        Err(_) if folder.ends_with(NAME) => Err(FindError::Folder { path: named() }),
        Err(_) => Err(FindError::NotIn { folder: named() }),
    }
}

fn nearest(here: &Path) -> Result<PathBuf, FindError> {
    let mut folder_of_that_name = None;
    for (up, folder) in here.ancestors().enumerate() {
        let mut path: PathBuf = std::iter::repeat_n("..", up).collect();
        path.push(NAME);
        let full = folder.join(NAME);
        if full.is_file() {
            return Ok(path);
        }
        if full.is_dir() && folder_of_that_name.is_none() {
            folder_of_that_name = Some(path.display().to_string());
        }
        if folder.join(".git").exists() {
            break;
        }
    }
    Err(match folder_of_that_name {
        Some(path) => FindError::Folder { path },
        None => FindError::Nowhere {
            here: here.display().to_string(),
        },
    })
}

fn read(path: &Path, here: &Path) -> Result<StackFile, FindError> {
    let shown = path.display().to_string();
    let full = here.join(path);
    let unreadable = |source| FindError::Unreadable {
        path: shown.clone(),
        source,
    };
    let meta = std::fs::metadata(&full).map_err(unreadable)?;
    if !meta.is_file() {
        return Err(unreadable(std::io::Error::other("not a regular file")));
    }
    if meta.len() > LARGEST {
        let (path, bytes) = (shown, meta.len());
        return Err(FindError::TooLarge { path, bytes });
    }
    let folder = full.parent().unwrap_or(here);
    let root = folder.canonicalize().map_err(unreadable)?;
    if !full.canonicalize().map_err(unreadable)?.starts_with(&root) {
        return Err(FindError::Outside { path: shown });
    }
    let bytes = std::fs::read(&full).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| FindError::NoText {
        path: shown.clone(),
        at: error.utf8_error().valid_up_to(),
    })?;
    Ok(StackFile {
        path: full,
        shown,
        root,
        text,
    })
}
