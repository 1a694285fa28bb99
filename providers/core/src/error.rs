//! What can go wrong between the engine and a target.

use crate::Address;

/// The sort of failure, from which the command line takes its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The target could not be reached.
    Unreachable,
    /// The target refused us: authentication or permission.
    Denied,
    /// The thing started but did not become ready.
    NotReady,
    /// A wait reached its limit.
    Timeout,
    /// What stands there belongs to somebody else.
    Foreign,
    /// The world moved between plan and apply.
    Stale,
    /// Anything else the target refused.
    Failed,
}

impl ErrorKind {
    /// The name in formats that programs read, in kebab-case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::NotReady => "not-ready",
            Self::Timeout => "timeout",
            Self::Foreign => "foreign",
            Self::Stale => "stale",
            Self::Failed => "failed",
        }
    }
}

/// A failed look or step: what was tried, on what, why it failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ProviderError {
    /// The sort of failure.
    pub kind: ErrorKind,
    /// What was tried, as a sentence fragment: `cannot create`. One that ends with a colon is said of the thing:
    /// `did not become ready:`.
    pub action: String,
    /// The thing it was tried on.
    pub address: Option<Address>,
    /// Why it failed, in the target's words.
    #[source]
    pub cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    /// What the user can do, one line each.
    pub hints: Vec<String>,
    /// Whether the version before serves, as if this step had never been tried.
    pub rolled_back: bool,
}

impl ProviderError {
    /// Why it failed, in one text: the cause, or what was tried where nothing says more.
    pub fn reason(&self) -> String {
        let cause = self.cause.as_ref();
        cause.map_or_else(|| self.action.clone(), ToString::to_string)
    }

    /// A failure of `kind` while trying `action`.
    pub fn new(kind: ErrorKind, action: impl Into<String>) -> Self {
        Self {
            kind,
            action: action.into(),
            address: None,
            cause: None,
            hints: Vec::new(),
            rolled_back: false,
        }
    }

    /// `cannot create service/web`, `service/web did not become ready`.
    fn sentence(&self) -> String {
        match (self.action.strip_suffix(':'), &self.address) {
            (Some(action), Some(address)) => format!("{address} {action}"),
            (Some(action), None) => action.to_owned(),
            (None, Some(address)) => format!("{} {address}", self.action),
            (None, None) => self.action.clone(),
        }
    }

    /// Names the thing it happened to.
    #[must_use]
    pub fn at(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }

    /// Names the thing of the step it happened in, unless it happened to another thing.
    #[must_use]
    pub fn within(mut self, address: &Address) -> Self {
        self.address.get_or_insert_with(|| address.clone());
        self
    }

    /// Adds the reason.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds one thing the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says that the version before serves.
    #[must_use]
    pub fn rolled_back(mut self) -> Self {
        self.rolled_back = true;
        self
    }
}
