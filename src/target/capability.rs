//! The table of capabilities: what each target makes of every field of the stack language.
//!
//! Owns the levels and the search for the fields that a stack uses. A field of the model without an entry
//! does not compile. Never lowers anything.

/// How well a target carries a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As the stack file says.
    Full,
    /// Not quite as the stack file says.
    Degraded {
        /// What becomes of it.
        how: &'static str,
        /// Whether the component must allow it, with a reason.
        needs_allowance: bool,
    },
    /// Not at all.
    Unsupported {
        /// What the target lacks.
        why: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
}
