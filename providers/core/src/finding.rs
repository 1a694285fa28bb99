//! What a look found beside the things themselves.

use std::fmt;

use crate::{Address, ErrorKind, ProviderError};

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Good to know: who changed what.
    Note,
    /// The server warns, or something lacks that may come.
    Warning,
    /// Somebody else owns what we want otherwise: an apply stops here unless it is told to take it over.
    Conflict,
    /// The server refuses, or a rollout could not succeed: an apply must not begin.
    Refusal,
}

impl Level {
    /// The name in formats that programs read.
    pub fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Conflict => "conflict",
            Self::Refusal => "refusal",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub address: Address,
    /// How much it weighs.
    pub level: Level,
    /// What was found, without a secret.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The sort of failure it would be.
    pub kind: ErrorKind,
}

impl Finding {
    /// One without a hint.
    pub fn new(address: &Address, level: Level, text: impl Into<String>) -> Self {
        Self {
            address: address.clone(),
            level,
            text: text.into(),
            hint: None,
            kind: ErrorKind::Failed,
        }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failed check as a finding.
    pub fn refusal(address: &Address, error: ProviderError) -> Self {
        let text = error.reason();
        Self {
            hint: error.hints.into_iter().next(),
            kind: error.kind,
            ..Self::new(address, Level::Refusal, text)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.text)
    }
}
