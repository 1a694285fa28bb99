//! The ledger in the folder `.mlstack` beside the stack file.
//!
//! The lock is an advisory lock on a file of its own, which ends with its process however that dies; the text in it
//! only says who holds it. The journal is a file that is flushed after every line.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use sha2::{Digest, Sha256};

use super::lock::Guard;
use super::{Holder, LedgerError, Lock, Store, Version};
use crate::atomic::{self, Point};

/// The folder `.mlstack` beside a stack file.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    at: fn(Point),
}

/// The lock file, locked; closing it frees the lock.
struct Locked {
    _file: File,
}

impl Guard for Locked {
    fn is_lost(&self) -> bool {
        false
    }
}

impl Folder {
    /// The folder below `root`, the stack file's own. Touches nothing.
    pub fn below(root: &Path) -> Self {
        Self::new(root.join(".mlstack"))
    }

    /// Any folder. Touches nothing.
    pub fn new(path: PathBuf) -> Self {
        Self { path, at: |_| {} }
    }

    /// Says at each write how far it has come.
    #[must_use]
    pub fn watched(self, at: fn(Point)) -> Self {
        Self { at, ..self }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn text(&self, name: &str) -> Result<Option<String>, LedgerError> {
        let path = self.file(name);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(failed("read", &path)(cause)),
        }
    }

    fn make(&self) -> Result<(), LedgerError> {
        atomic::folder(&self.path).map_err(failed("make", &self.path))
    }

    /// What was cut off while it was written is of no use to anybody; called with the lock in hand.
    fn sweep(&self) {
        let unfinished = |name: &str| name.starts_with(atomic::TEMPORARY);
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(unfinished) {
                let _gone = fs::remove_file(entry.path());
            }
        }
    }

    fn try_lock(&self, holder: &Holder) -> Result<File, LedgerError> {
        let path = self.file("lock");
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = options.map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => sign(&mut file, holder).map_err(failed("write", &path))?,
            Err(TryLockError::WouldBlock) => return Err(LedgerError::Held(signed(&mut file).map(Box::new))),
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &path)(cause)),
        }
        Ok(file)
    }
}

#[async_trait]
impl Store for Folder {
    fn shown(&self) -> String {
        self.path.display().to_string()
    }

    async fn read(&self) -> Result<Option<(String, Version)>, LedgerError> {
        let text = self.text("ledger.json")?;
        Ok(text.map(|text| {
            let version = version(&text);
            (text, version)
        }))
    }

    async fn write(&self, text: &str, over: Option<&Version>) -> Result<Version, LedgerError> {
        self.make()?;
        let path = self.file("ledger.json");
        let found = self.text("ledger.json")?.as_deref().map(version);
        if found.as_ref() == Some(&version(text)) {
            return Ok(version(text));
        }
        if found.as_ref() != over {
            return Err(LedgerError::Overtaken { place: self.shown() });
        }
        let mut at = self.at;
        atomic::replace_watched(&path, text.as_bytes(), &mut at).map_err(failed("write", &path))?;
        Ok(version(text))
    }

    async fn lock(&self, holder: &Holder) -> Result<Lock, LedgerError> {
        self.make()?;
        let file = self.try_lock(holder)?;
        self.sweep();
        Ok(Lock::new(holder.clone(), Locked { _file: file }))
    }

    async fn holder(&self) -> Result<Option<Holder>, LedgerError> {
        let path = self.file("lock");
        let mut file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failed("open", &path)(cause)),
        };
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(signed(&mut file)),
            Err(TryLockError::Error(cause)) => Err(failed("lock", &path)(cause)),
        }
    }

    /// The lock of a process that is gone is free already, so what is held here is always in use.
    async fn unlock(&self, id: &str) -> Result<(), LedgerError> {
        match self.holder().await? {
            None => Ok(()),
            Some(holder) if holder.id == id => Err(LedgerError::Alive(Box::new(holder))),
            Some(holder) => Err(LedgerError::OtherId {
                asked: id.to_owned(),
                found: holder.id,
            }),
        }
    }

    async fn journal(&self) -> Result<String, LedgerError> {
        Ok(self.text("journal")?.unwrap_or_default())
    }

    async fn append(&self, line: &str) -> Result<(), LedgerError> {
        let path = self.file("journal");
        let is_new = !path.exists();
        let append = || {
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
            file.write_all(line.as_bytes())?;
            (self.at)(Point::Written);
            file.sync_data()?;
            (self.at)(Point::Flushed);
            if is_new { atomic::flush_names(&path) } else { Ok(()) }
        };
        append().map_err(failed("write", &path))
    }

    async fn clear(&self) -> Result<(), LedgerError> {
        let path = self.file("journal");
        match fs::remove_file(&path) {
            Ok(()) => atomic::flush_names(&path).map_err(failed("remove", &path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(failed("remove", &path)(cause)),
        }
    }
}

fn version(text: &str) -> Version {
    let digest = Sha256::digest(text.as_bytes());
    Version(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |cause| LedgerError::Io { action, path, cause }
}

/// Writes into the lock file who holds it.
fn sign(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, holder)?;
    file.flush()
}

/// Who signed the lock's file. Whoever has just taken it signs within a moment, so that moment is waited for.
fn signed(file: &mut File) -> Option<Holder> {
    for _ in 0..50 {
        if let Some(holder) = signature(file) {
            return Some(holder);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    None
}

fn signature(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(64 << 10).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
#[path = "local_tests.rs"]
mod tests;
