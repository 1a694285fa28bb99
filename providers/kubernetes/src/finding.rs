//! What a look at the cluster found beside the objects themselves.

use std::fmt;

use mlstack_provider::{Address, ErrorKind, ProviderError};

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
    pub(crate) fn new(address: &Address, level: Level, text: impl Into<String>) -> Self {
        Self {
            address: address.clone(),
            level,
            text: text.into(),
            hint: None,
            kind: ErrorKind::Failed,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A failed check as a finding.
    pub(crate) fn refusal(address: &Address, error: ProviderError) -> Self {
        let text = reason(&error);
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

/// Why something failed, in one text.
pub(crate) fn reason(error: &ProviderError) -> String {
    let cause = error.cause.as_ref();
    cause.map_or_else(|| error.action.clone(), ToString::to_string)
}

/// The refusals among `findings` as one error; `None` when there are none.
pub(crate) fn refused(findings: &[Finding]) -> Option<ProviderError> {
    let refusals: Vec<&Finding> = findings.iter().filter(|found| found.level == Level::Refusal).collect();
    let first = refusals.first()?;
    let rest = refusals.iter().skip(1).map(|found| format!("\n{found}"));
    let text: String = std::iter::once(first.text.clone()).chain(rest).collect();
    let error = ProviderError::new(first.kind, "the cluster would refuse")
        .at(&first.address)
        .because(text);
    Some(
        refusals
            .iter()
            .filter_map(|found| found.hint.clone())
            .take(3)
            .fold(error, ProviderError::hint),
    )
}
