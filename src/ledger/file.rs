//! The ledger's file and the lock, below `.mlstack/`.
//!
//! The file is replaced whole: a temporary file, flushed to disk, renamed. The lock is an advisory lock on a file of
//! its own, which ends with its process however that dies; the text in it only says who holds it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{FormatError, Ledger, from_text, to_text};

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else is at work.
    #[error("another mlstack is at work on this stack{}", .0.as_ref().map(|held| format!(": {held}")).unwrap_or_default())]
    LockHeld(Option<Held>),
    /// The text is not a ledger this version reads.
    #[error("cannot use {}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: FormatError,
    },
    /// The disk refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        cause: io::Error,
    },
}

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its process.
    pub pid: u32,
    /// What it does: `apply`.
    pub command: String,
    /// Since when (RFC 3339).
    pub since: String,
}

impl std::fmt::Display for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "`mlstack {}`, process {}, since {}",
            self.command.escape_debug(),
            self.pid,
            self.since.escape_debug()
        )
    }
}

/// The right to change a stack, until it is dropped.
#[derive(Debug)]
#[must_use = "the lock is free again as soon as this is dropped"]
pub struct Lock {
    _file: File,
}

/// The folder `.mlstack` beside a stack file.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder below `root`, the stack file's own. Touches nothing.
    pub fn below(root: &Path) -> Self {
        Self {
            path: root.join(".mlstack"),
        }
    }

    fn ledger(&self) -> PathBuf {
        self.path.join("ledger.json")
    }

    /// Takes the lock or fails at once; makes the folder (0700) where it is missing.
    ///
    /// # Errors
    /// [`LedgerError::LockHeld`] when somebody else has it.
    pub fn lock(&self, command: &str) -> Result<Lock, LedgerError> {
        let folder = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
        folder.map_err(failed("make", &self.path))?;
        let path = self.path.join("lock");
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = options.map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => sign(&mut file, command).map_err(failed("write", &path))?,
            Err(TryLockError::WouldBlock) => return Err(LedgerError::LockHeld(holder(&mut file))),
            Err(TryLockError::Error(cause)) => return Err(failed("lock", &path)(cause)),
        }
        Ok(Lock { _file: file })
    }

    /// The ledger; a new one where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not of a version this one knows.
    pub fn load(&self) -> Result<Ledger, LedgerError> {
        let path = self.ledger();
        match fs::read_to_string(&path) {
            Ok(text) => from_text(&text).map_err(|cause| LedgerError::Format { path, cause }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                new_id().map(Ledger::new).map_err(failed("start", &path))
            }
            Err(cause) => Err(failed("read", &path)(cause)),
        }
    }

    /// Writes the ledger, whole or not at all; the lock shows that nobody else does.
    ///
    /// # Errors
    /// When the disk refuses; the old ledger stands then.
    pub fn save(&self, ledger: &mut Ledger, _lock: &Lock) -> Result<(), LedgerError> {
        let path = self.ledger();
        let next = Ledger {
            serial: ledger.serial + 1,
            ..ledger.clone()
        };
        self.replace(&path, &to_text(&next)).map_err(failed("write", &path))?;
        *ledger = next;
        Ok(())
    }

    fn replace(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(&self.path)?;
        temporary.write_all(text.as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(path)?;
        File::open(&self.path)?.sync_all()
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |cause| LedgerError::Io { action, path, cause }
}

/// Writes into the lock file who holds it.
fn sign(file: &mut File, command: &str) -> io::Result<()> {
    let held = Held {
        pid: std::process::id(),
        command: command.to_owned(),
        since: now(),
    };
    file.set_len(0)?;
    file.rewind()?;
    serde_json::to_writer(&mut *file, &held)?;
    file.flush()
}

fn holder(file: &mut File) -> Option<Held> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// A random id in the form of a UUID of version 4.
///
/// # Errors
/// When the system has no random bytes.
pub fn new_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok([&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-"))
}

/// The time, in seconds: `2026-11-23T07:45:14Z`.
pub fn now() -> String {
    rfc3339(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    )
}

/// Days to year, month and day after Howard Hinnant's `civil_from_days`, for days since 1970.
pub(super) fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let (day, month) = (
        day_of_year - (153 * shifted + 2) / 5 + 1,
        if shifted < 10 { shifted + 3 } else { shifted - 9 },
    );
    let year = era * 400 + year + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}
