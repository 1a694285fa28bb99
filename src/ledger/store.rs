//! The contract of everything a ledger can be kept in.
//!
//! A store keeps two texts a stack, the ledger and the journal, and one lock. It never looks into the texts: what
//! they say is [`super::Session`]'s business. `tests/it/stores.rs` holds every store to this contract.

use std::io;
use std::path::PathBuf;

use async_trait::async_trait;

use super::{FormatError, Holder, Lock};

/// Names what was read, so that nobody overwrites what he has not seen. Means something to its own store only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(pub(super) String);

/// Keeps the ledger of one stack.
#[async_trait]
pub trait Store: Send + Sync {
    /// Where it keeps it, for people; without credentials.
    fn shown(&self) -> String;

    /// The ledger's text; `None` where there is none. Makes nothing.
    ///
    /// # Errors
    /// When nobody answers or refuses.
    async fn read(&self) -> Result<Option<(String, Version)>, LedgerError>;

    /// Writes the ledger's text, whole or not at all, over the version that was read (`None`: where there was none).
    /// A write whose answer was lost but that happened has succeeded.
    ///
    /// # Errors
    /// [`LedgerError::Overtaken`] when somebody else wrote since.
    async fn write(&self, text: &str, over: Option<&Version>) -> Result<Version, LedgerError>;

    /// Takes the lock or fails at once. Takes over one whose time is up or whose process is gone for certain; one
    /// that carries our own id is ours already (the answer was lost).
    ///
    /// # Errors
    /// [`LedgerError::Held`] when somebody else has it.
    async fn lock(&self, holder: &Holder) -> Result<Lock, LedgerError>;

    /// Who holds the lock now. Makes nothing.
    ///
    /// # Errors
    /// When nobody answers.
    async fn holder(&self) -> Result<Option<Holder>, LedgerError>;

    /// Frees the lock of a holder that is no more; `id` is that hold's. Nothing to do where nobody has it.
    ///
    /// # Errors
    /// [`LedgerError::OtherId`] when another hold has it, [`LedgerError::Alive`] when its holder is at work.
    async fn unlock(&self, id: &str) -> Result<(), LedgerError>;

    /// The journal's text; empty where there is none.
    ///
    /// # Errors
    /// When nobody answers.
    async fn journal(&self) -> Result<String, LedgerError>;

    /// Adds a line to the journal; it is safe when this returns.
    ///
    /// # Errors
    /// When it could not be made safe.
    async fn append(&self, line: &str) -> Result<(), LedgerError>;

    /// Empties the journal.
    ///
    /// # Errors
    /// When nobody answers.
    async fn clear(&self) -> Result<(), LedgerError>;
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else is at work.
    #[error("another mlstack is at work on this stack{}", .0.as_ref().map(|held| format!(": {held}")).unwrap_or_default())]
    Held(Option<Box<Holder>>),
    /// Our lock may be somebody else's by now.
    #[error("the lock on this stack is lost")]
    Lost,
    /// Somebody else wrote the ledger.
    #[error("somebody else wrote the ledger in {place} meanwhile")]
    Overtaken {
        /// Where.
        place: String,
    },
    /// The lock to be freed is another.
    #[error("the lock is not {asked}, it is {found}")]
    OtherId {
        /// What was asked for.
        asked: String,
        /// What is held.
        found: String,
    },
    /// The lock to be freed is in use.
    #[error("its holder is at work: {0}")]
    Alive(Box<Holder>),
    /// The text is not a ledger this version reads.
    #[error("cannot use {place}")]
    Format {
        /// Where it is kept.
        place: String,
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
    /// A store elsewhere did not answer, or refused.
    #[error("cannot {action} {place}")]
    Remote {
        /// What was tried.
        action: &'static str,
        /// On what.
        place: String,
        /// Why it failed.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It cannot be a store, or not now.
    #[error("{0}")]
    Refused(String),
}
