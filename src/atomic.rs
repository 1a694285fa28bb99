//! Files that are there whole or not at all, for this user only.
//!
//! A temporary file beside it, flushed to disk, renamed over it, and the folder flushed: whenever the process or the
//! machine dies, the old content stands or the new one does. Never reads a file, never knows what is in one.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// How far a file has come; a test that kills its process at each names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// The temporary file has its content.
    Written,
    /// It is on the disk.
    Flushed,
    /// It has its name.
    Renamed,
    /// Its name is on the disk.
    Kept,
}

/// Creates a folder, and those above it that are missing, for this user only.
///
/// # Errors
/// When the system refuses.
pub fn folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Writes a file (mode 0600) in place of what was there.
///
/// # Errors
/// When the system refuses; what was there stands then.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_watched(path, bytes, &mut |_| {})
}

/// As [`replace`], and says how far it came.
///
/// # Errors
/// As [`replace`].
pub fn replace_watched(path: &Path, bytes: &[u8], at: &mut dyn FnMut(Point)) -> io::Result<()> {
    let folder = parent(path);
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    file.write_all(bytes)?;
    at(Point::Written);
    file.as_file().sync_all()?;
    at(Point::Flushed);
    file.persist(path).map_err(|error| error.error)?;
    at(Point::Renamed);
    flush_folder(folder)?;
    at(Point::Kept);
    Ok(())
}

/// Makes the names in the folder of `path` outlive the machine.
///
/// # Errors
/// When the system refuses.
pub fn flush_names(path: &Path) -> io::Result<()> {
    flush_folder(parent(path))
}

/// How the name of a file begins that is not whole yet; one that is left over was cut off and can be removed.
pub const TEMPORARY: &str = ".unfinished-";

fn parent(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn flush_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_private() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("sub/file");
        folder(parent(&path)).unwrap();
        let mut points = Vec::new();
        replace(&path, b"old").unwrap();
        replace_watched(&path, b"new", &mut |point| points.push(point)).unwrap();
        assert_eq!(points, [Point::Written, Point::Flushed, Point::Renamed, Point::Kept]);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(parent(&path))), (0o600, 0o700));
        assert_eq!(
            std::fs::read_dir(parent(&path)).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old() {
        let root = tempfile::tempdir().unwrap();
        assert!(replace(&root.path().join("missing/file"), b"new").is_err());
        assert_eq!(parent(Path::new("file")), Path::new("."));
    }
}
