//! Where files of a commit are put aside: folders of our own that go away with the run, also when a signal ends it.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

/// What the names of the folders begin with.
const PREFIX: &str = "mlstack-base-";
/// From when on a folder is one that a killed run left: no run takes so long.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// The folders that one run puts aside. Clones are the same shelf.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Arc<Mutex<Vec<PathBuf>>>);

impl Shelf {
    /// A new folder that only this user may enter, after old ones of runs that were killed are taken away.
    pub(super) fn folder(&self) -> io::Result<TempDir> {
        let mut folders = self.alive();
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(std::fs::Permissions::from_mode(0o700))
            .tempdir()?;
        folders.push(folder.path().to_owned());
        clear_old(folder.path());
        Ok(folder)
    }

    /// Held while something is written in a folder.
    pub(super) fn alive(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the folders away. Nothing is written any more from here on: who tries waits for ever.
    pub fn clear(&self) {
        let folders = self.alive();
        for folder in folders.iter() {
            let _gone = std::fs::remove_dir_all(folder);
        }
        std::mem::forget(folders);
    }
}

/// Takes away what killed runs of this user left beside `folder`; what cannot be taken away stays.
fn clear_old(folder: &Path) {
    let (Some(around), Ok(own)) = (folder.parent(), folder.symlink_metadata()) else {
        return;
    };
    let is_old = |path: &Path| {
        let meta = path.symlink_metadata().ok()?;
        let age = own.modified().ok()?.duration_since(meta.modified().ok()?).ok()?;
        Some(meta.is_dir() && meta.uid() == own.uid() && age > OLD)
    };
    let all = std::fs::read_dir(around).into_iter().flatten().flatten();
    let ours = all.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for path in ours.map(|entry| entry.path()) {
        if is_old(&path) == Some(true) {
            let _gone = std::fs::remove_dir_all(path);
        }
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
