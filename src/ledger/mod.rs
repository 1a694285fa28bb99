//! What live objects cannot remember: who ran what and how it ended, the last good revisions, plans already used.
//!
//! | file | owns |
//! |---|---|
//! | `format` | the ledger's text, and what older versions wrote |
//! | `journal` | the lines that are written before and after each step |
//! | `session` | one run's hold on both: locked, mended, written down |
//! | `store` | the contract of what a ledger is kept in; `local` the folder, `namespace` a cluster's, `s3` and `postgres` elsewhere |
//! | `aws` | the profile that an object store's key comes from |
//! | `tls` | how a database is reached, and whether its certificate is right |
//! | `lock`, `holder` | the right to change a stack, and who has it |
//!
//! Holds no secret, and losing it is never dangerous: what exists and who owns it is read from the target. Never
//! knows a plan.

use std::collections::{BTreeMap, BTreeSet};

use mlstack_provider::{Address, Resource};
use serde::{Deserialize, Serialize};

#[cfg(feature = "s3")]
mod aws;
mod clock;
mod format;
mod holder;
pub mod journal;
mod local;
mod location;
mod lock;
mod namespace;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "s3")]
mod s3;
mod session;
mod store;
#[cfg(feature = "postgres")]
mod tls;

#[cfg(test)]
mod tests;

pub use clock::{new_id, now};
pub use format::{FormatError, from_text, to_text};
pub use holder::{Holder, Process};
pub use local::Folder;
pub use location::{LEASE, Location};
pub use lock::{Guard, Lease, Leased, Lock};
pub use namespace::Namespace;
pub use session::{Ended, Session, look};
pub use store::{LedgerError, Store, Version};

/// How many runs are kept.
pub const MOST_RUNS: usize = 50;
/// How many good revisions a place keeps.
pub const MOST_REVISIONS: usize = 5;
/// How many used plans are kept; one that is older is still refused by the world it was made for.
const MOST_PLANS: usize = 1000;

/// The memory of one stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// Made once with the ledger; tells two ledgers of one stack apart.
    pub lineage: String,
    /// Counts the writes.
    pub serial: u64,
    /// Sealed plans that were applied, by id, and when (RFC 3339).
    pub used_plans: BTreeMap<String, String>,
    /// The last [`MOST_RUNS`] runs, oldest first.
    pub runs: Vec<Run>,
    /// What is known of each place, by [`place`].
    pub places: BTreeMap<String, Place>,
}

/// One run that changed something, or tried to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Names this one run.
    pub id: String,
    /// Where it ran: [`place`].
    pub place: String,
    /// What was typed: `apply`, `up`, `destroy`, `rollback`.
    pub command: String,
    /// Who typed it; `None` where an older mlstack did not say.
    pub who: Option<Who>,
    /// When it began (RFC 3339).
    pub begun: String,
    /// When it ended (RFC 3339); `None` for a run that was cut off.
    pub ended: Option<String>,
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
    /// How it ended.
    pub ending: Ending,
    /// The good revision it left running, if it did.
    pub revision: Option<u64>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything was done.
    Done,
    /// A step failed.
    Failed,
    /// Somebody interrupted it, or its time was up.
    Interrupted,
    /// Its process died: a kill, a crash, a power cut.
    CutOff,
}

/// Who changes a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Who {
    /// `ann@build-7`.
    pub user: String,
    /// The page of the CI run it happened in, if one.
    pub run_url: Option<String>,
}

/// What is known of one environment on one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The last [`MOST_REVISIONS`] good revisions, oldest first.
    pub revisions: Vec<Revision>,
    /// What holds data here; it stays protected when the stack file no longer names it.
    pub protected: BTreeSet<Address>,
    /// How long the last change of each thing took, in seconds, by its address.
    #[serde(default)]
    pub took: BTreeMap<String, u32>,
}

/// A stack as it once ran well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Counts up from 1 at each place.
    pub number: u64,
    /// When it was reached (RFC 3339).
    pub at: String,
    /// The digest of the stack file it came from.
    pub stack_digest: String,
    /// What was wanted, without a single secret and without places in the stack file.
    pub resources: Vec<Resource>,
}

/// Names a place: `prod/compose`, or `compose` without an environment.
pub fn place(environment: Option<&str>, target: &str) -> String {
    environment.map_or_else(|| target.to_owned(), |environment| format!("{environment}/{target}"))
}

impl Ledger {
    /// An empty ledger.
    pub fn new(lineage: impl Into<String>) -> Self {
        Self {
            lineage: lineage.into(),
            serial: 0,
            used_plans: BTreeMap::new(),
            runs: Vec::new(),
            places: BTreeMap::new(),
        }
    }

    /// When this sealed plan was applied, if it was.
    pub fn used(&self, plan_id: &str) -> Option<&str> {
        self.used_plans.get(plan_id).map(String::as_str)
    }

    /// Marks a sealed plan as used; to be saved before its first step.
    pub fn mark_used(&mut self, plan_id: &str, at: &str) {
        self.used_plans.insert(plan_id.to_owned(), at.to_owned());
        while self.used_plans.len() > MOST_PLANS {
            let oldest = self.used_plans.iter().min_by_key(|(_, at)| at.as_str());
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                return;
            };
            self.used_plans.remove(&oldest);
        }
    }

    /// Remembers a run, in place of what was known of it.
    pub fn record(&mut self, run: Run) {
        self.runs.retain(|known| known.id != run.id);
        self.runs.push(run);
        keep_last(&mut self.runs, MOST_RUNS);
    }

    /// The good revisions of a [`place`], oldest first; the last is what should run there now.
    pub fn revisions(&self, place: &str) -> &[Revision] {
        self.places.get(place).map_or(&[], |place| &place.revisions)
    }

    /// The revision to go back to: the one named; else the last good one that does not run now.
    pub fn back(&self, place: &str, number: Option<u64>) -> Option<&Revision> {
        let mut newest_first = self.revisions(place).iter().rev();
        if let Some(number) = number {
            return newest_first.find(|revision| revision.number == number);
        }
        let last = self.runs.iter().rfind(|run| run.place == place);
        let runs_well = last.is_none_or(|run| run.ending == Ending::Done);
        newest_first.nth(usize::from(runs_well))
    }

    /// What held data at a place when it was last seen; losing it with leave is the only way out of here.
    pub fn protected(&self, place: &str) -> BTreeSet<Address> {
        self.places
            .get(place)
            .map(|place| place.protected.clone())
            .unwrap_or_default()
    }

    /// What stands at a place as far as is known: the last good revision, unless a later run took it down or did not
    /// end well. What is missing then went with that run, and nobody else took it.
    pub fn standing(&self, place: &str) -> &[Resource] {
        let Some(last) = self.revisions(place).last() else {
            return &[];
        };
        let run = self.runs.iter().rfind(|run| run.place == place);
        let left = run.is_some_and(|run| run.revision.is_none() && run.begun >= last.at);
        if left { &[] } else { &last.resources }
    }

    /// Remembers that `resources` run well at a place; gives the number of that revision. What ran well there before
    /// and did not change is the same revision.
    pub fn revise(&mut self, place: &str, at: &str, stack_digest: &str, resources: &[Resource]) -> u64 {
        let resources = without_source(resources);
        let revisions = &mut self.places.entry(place.to_owned()).or_default().revisions;
        let number = match revisions.last() {
            Some(last) if last.resources == resources => return last.number,
            last => last.map_or(1, |last| last.number + 1),
        };
        revisions.push(Revision {
            number,
            at: at.to_owned(),
            stack_digest: stack_digest.to_owned(),
            resources,
        });
        keep_last(revisions, MOST_REVISIONS);
        number
    }

    /// Remembers what holds data at a place.
    pub fn protect(&mut self, place: &str, holds_data: impl IntoIterator<Item = Address>) {
        let place = self.places.entry(place.to_owned()).or_default();
        place.protected.extend(holds_data);
    }

    /// How long the last change of each thing took at a place, in seconds, by its address.
    pub fn took(&self, place: &str) -> BTreeMap<String, u32> {
        self.places
            .get(place)
            .map(|place| place.took.clone())
            .unwrap_or_default()
    }

    /// Remembers how long a change took, in seconds; `None` for what is there no more.
    pub fn time(&mut self, place: &str, address: &Address, took: Option<u32>) {
        let times = &mut self.places.entry(place.to_owned()).or_default().took;
        match took {
            Some(seconds) => drop(times.insert(address.to_string(), seconds)),
            None => drop(times.remove(&address.to_string())),
        }
    }

    /// Forgets data that was lost with leave.
    pub fn unprotect(&mut self, place: &str, lost: &Address) {
        if let Some(place) = self.places.get_mut(place) {
            place.protected.remove(lost);
        }
    }
}

/// A line of the stack file says nothing once the file has changed.
fn without_source(resources: &[Resource]) -> Vec<Resource> {
    let bare = |resource: &Resource| Resource {
        source: None,
        ..resource.clone()
    };
    resources.iter().map(bare).collect()
}

fn keep_last<T>(list: &mut Vec<T>, most: usize) {
    let over = list.len().saturating_sub(most);
    list.drain(..over);
}
