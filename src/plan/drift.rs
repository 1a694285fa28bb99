//! What changed behind mlstack's back: what a thing was made as, beside what it is now.
//!
//! Owns [`Drift`]. What was intended is the difference of what was made and what is wanted, and the planner's business;
//! drift is the difference of what was made and what is live. Both come from the live things themselves, so that no
//! ledger is needed; only that something was removed altogether may need one to tell. Pure.

use std::collections::BTreeSet;
use std::fmt;

use mlstack_provider::{Address, Observed, Resource, Source, Value};

use super::{Action, AttributeChange, Change, IMAGE, Plan, Reason, diff};

/// One thing that is not as mlstack made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Drift {
    /// The thing.
    pub address: Address,
    /// How it drifted.
    pub sort: Sort,
    /// Why it does not work now, in the target's words.
    pub problem: Option<String>,
    /// What differs, as it was made → as it is.
    pub attributes: Vec<AttributeChange>,
    /// What it was made as; `None` when it appeared.
    pub before: Option<Value>,
    /// What it is now; `None` when it was removed.
    pub after: Option<Value>,
    /// The line of the stack file that asks for it.
    pub source: Option<Source>,
}

/// How something drifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// It is another than it was made as.
    Changed,
    /// It is as it was made but does not work.
    Broken,
    /// It is gone.
    Removed,
    /// It carries the stack's name, but mlstack did not make it and nothing asks for it.
    Appeared,
}

impl Sort {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Changed, Self::Broken, Self::Removed, Self::Appeared];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Broken => "broken",
            Self::Removed => "removed",
            Self::Appeared => "appeared",
        }
    }

    /// What to do about it.
    pub fn fix(self) -> &'static str {
        match self {
            Self::Changed => "`mlstack apply` puts it back; to keep it, write it into the stack file first",
            Self::Broken => "`mlstack apply` brings it back to work",
            Self::Removed => "`mlstack apply` makes it again",
            Self::Appeared => "`mlstack apply` removes it, unless it holds data",
        }
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Changed => "changed",
            Self::Broken => "does not work",
            Self::Removed => "removed",
            Self::Appeared => "not made by mlstack",
        })
    }
}

/// Everything that drifted, sorted by address; empty where nothing is wanted.
///
/// `known` is what ran well last, as far as anybody remembers.
pub fn drift(desired: &[Resource], observed: &[Observed], known: &[Resource]) -> Vec<Drift> {
    if desired.is_empty() {
        return Vec::new();
    }
    let wanted = |address: &Address| desired.iter().find(|resource| resource.address == *address);
    let live = observed.iter().filter_map(|live| of_live(live, wanted(&live.address)));
    let there: BTreeSet<&Address> = observed.iter().map(|live| &live.address).collect();
    let gone = desired.iter().filter(|resource| !there.contains(&resource.address));
    let gone = gone
        .filter(|resource| was_there(resource, observed, known))
        .map(removed);
    let mut all: Vec<Drift> = live.chain(gone).collect();
    all.sort_by(|a, b| a.address.cmp(&b.address));
    all
}

fn of_live(live: &Observed, wanted: Option<&Resource>) -> Option<Drift> {
    let attributes = live
        .recorded
        .as_ref()
        .map(|made| diff(made, &live.spec))
        .unwrap_or_default();
    let sort = match (attributes.is_empty(), &live.problem, &live.recorded, wanted) {
        (_, _, None, None) => Sort::Appeared,
        (false, ..) => Sort::Changed,
        (true, Some(_), ..) => Sort::Broken,
        (true, None, ..) => return None,
    };
    Some(Drift {
        address: live.address.clone(),
        sort,
        problem: live.problem.clone(),
        attributes,
        before: live.recorded.clone(),
        after: Some(live.spec.clone()),
        source: wanted.and_then(|resource| resource.source.clone()),
    })
}

/// Whether something that is wanted and missing was there before: somebody remembers it as it is wanted, or something
/// live was made to stand on it. The new version of an image is another image, so for images only memory counts.
fn was_there(resource: &Resource, observed: &[Observed], known: &[Resource]) -> bool {
    let remembered = known
        .iter()
        .any(|known| known.address == resource.address && diff(&known.spec, &resource.spec).is_empty());
    let stood_on = || observed.iter().any(|live| live.depends_on.contains(&resource.address));
    remembered || (resource.address.kind != IMAGE && stood_on())
}

fn removed(resource: &Resource) -> Drift {
    Drift {
        address: resource.address.clone(),
        sort: Sort::Removed,
        problem: None,
        attributes: Vec::new(),
        before: Some(resource.spec.clone()),
        after: None,
        source: resource.source.clone(),
    }
}

impl Plan {
    /// The changes that the stack file or its secrets ask for, apart from those that only put drift right.
    pub fn intended(&self) -> impl Iterator<Item = &Change> {
        let came_or_went = |drift: &&Drift| matches!(drift.sort, Sort::Removed | Sort::Appeared);
        let drifted: BTreeSet<&Address> = self
            .drift
            .iter()
            .filter(came_or_went)
            .map(|drift| &drift.address)
            .collect();
        let asked = move |change: &&Change| {
            let idle = matches!(change.action, Action::NoOp | Action::Keep);
            let put_right = matches!(
                change.reason,
                Reason::Drifted { .. } | Reason::NotWorking { .. } | Reason::DependencyReplaced { .. }
            );
            !idle && !put_right && !drifted.contains(&change.address)
        };
        self.changes.iter().filter(asked)
    }
}
