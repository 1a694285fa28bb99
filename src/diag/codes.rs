//! Every diagnostic code there is, with the text that `mlstack explain` prints.

use super::Severity;

/// A kind of diagnostic.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    /// The name after `mlstack::`, in kebab-case.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The constant summary: one line, no user's names, no period.
    pub summary: &'static str,
    /// Markdown: why it matters, an example that fails, and how to mend it.
    pub explanation: &'static str,
}
