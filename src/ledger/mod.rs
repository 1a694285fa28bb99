//! What live objects cannot remember: which sealed plans were used, and how the last apply ended.
//!
//! Owns [`Ledger`] (the model), its wire form (`format`) and its file with the lock (`file`). Holds no secret, and
//! losing it is never dangerous: what exists and who owns it is read from the target. Never knows a plan.

use std::collections::BTreeMap;

mod file;
mod format;

#[cfg(test)]
mod tests;

pub use file::{Folder, Held, LedgerError, Lock, new_id, now};
pub use format::{FormatError, from_text, to_text};

/// The memory of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Made once with the ledger; tells two ledgers of one stack apart.
    pub lineage: String,
    /// Counts the writes.
    pub serial: u64,
    /// Sealed plans that were applied, by id, and when (RFC 3339).
    pub used_plans: BTreeMap<String, String>,
    /// The last apply, by place (`prod/compose`).
    pub applies: BTreeMap<String, Applied>,
}

/// How an apply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// When it ended (RFC 3339).
    pub at: String,
    /// The version that did it.
    pub mlstack_version: String,
    /// The digest of the stack file.
    pub stack_digest: String,
    /// The sealed plan it carried out, if one.
    pub plan_id: Option<String>,
    /// Steps that succeeded.
    pub done: usize,
    /// Steps that failed.
    pub failed: usize,
    /// Steps that were not tried.
    pub skipped: usize,
}

impl Ledger {
    /// An empty ledger.
    pub fn new(lineage: impl Into<String>) -> Self {
        Self {
            lineage: lineage.into(),
            serial: 0,
            used_plans: BTreeMap::new(),
            applies: BTreeMap::new(),
        }
    }

    /// When this sealed plan was applied, if it was.
    pub fn used(&self, plan_id: &str) -> Option<&str> {
        self.used_plans.get(plan_id).map(String::as_str)
    }

    /// Marks a sealed plan as used; to be saved before its first step.
    pub fn mark_used(&mut self, plan_id: &str, at: &str) {
        self.used_plans.insert(plan_id.to_owned(), at.to_owned());
    }

    /// Remembers how an apply ended.
    pub fn record(&mut self, environment: Option<&str>, target: &str, applied: Applied) {
        let place = environment.map_or_else(|| target.to_owned(), |environment| format!("{environment}/{target}"));
        self.applies.insert(place, applied);
    }
}
