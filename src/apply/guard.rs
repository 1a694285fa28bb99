//! Looks at each thing again just before its step: a world that moved since it was planned stops the run.
//!
//! Owns the comparison. What this run itself did is no surprise; that something does not work now, or is gone that
//! shall go, is no reason to stop. Decides nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mlstack_provider::{
    Address, ErrorKind, Execute, Impact, Observed, Progress, Provider, ProviderError, Resource, Step,
};

use crate::plan::{AttributeChange, Plan, diff};

/// A target whose things are looked at again before they are touched.
pub struct Guarded<'a> {
    inner: &'a dyn Execute,
    /// Looks as was looked when planning.
    look: &'a dyn Provider,
    stack: &'a str,
    /// What was compared with when planning: some of what is seen depends on it.
    desired: &'a [Resource],
    /// What has two steps, one down and one up: the second one compares with what the first one left.
    twice: BTreeSet<&'a Address>,
    known: Mutex<Known>,
}

impl<'a> Guarded<'a> {
    /// Guards `inner` for `plan`, which was made from `observed`, which `look` saw beside `desired`.
    pub fn new(
        inner: &'a dyn Execute,
        look: &'a dyn Provider,
        (stack, desired): (&'a str, &'a [Resource]),
        (plan, observed): (&'a Plan, &[Observed]),
    ) -> Self {
        Self {
            twice: twice(plan),
            inner,
            look,
            stack,
            desired,
            known: Mutex::new(Known {
                seen: by_address(observed.to_vec()),
                done: BTreeSet::new(),
            }),
        }
    }

    async fn now(&self, address: &Address) -> Result<Option<Observed>, ProviderError> {
        self.look.observe_one(self.stack, self.desired, address).await
    }

    fn check(&self, step: &Step, now: Option<&Observed>) -> Result<(), ProviderError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let address = step.address();
        match known.moved(step, now) {
            None => Ok(()),
            Some(how) => Err(ProviderError::new(ErrorKind::Stale, "is stale:")
                .at(address)
                .because(format!("{how} since this was planned"))
                .hint("plan again: mlstack plan")),
        }
    }

    /// What this step did is known from now on.
    async fn learn(&self, address: &Address) -> Result<(), ProviderError> {
        let now = match self.twice.contains(address) {
            true => self.now(address).await?,
            false => None, // nobody asks again
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.seen.remove(address);
        known.seen.extend(now.map(|live| (address.clone(), live)));
        known.done.insert(address.clone());
        Ok(())
    }
}

/// The world as it was planned for, with what this run did to it.
struct Known {
    seen: BTreeMap<Address, Observed>,
    done: BTreeSet<Address>,
}

impl Known {
    /// How the thing of a step moved.
    fn moved(&self, step: &Step, is: Option<&Observed>) -> Option<String> {
        match (self.seen.get(step.address()), is) {
            (None, None) => None,
            (None, Some(is)) => match step {
                Step::Create { resource } if diff(&is.spec, &resource.spec).is_empty() => None,
                _ => Some("it appeared".to_owned()),
            },
            (Some(_), None) => (!matches!(step, Step::Delete { .. })).then(|| "it went away".to_owned()),
            (Some(was), Some(is)) => self.differs(was, is),
        }
    }

    fn differs(&self, was: &Observed, is: &Observed) -> Option<String> {
        if was.id != is.id {
            return Some("another one took its place".to_owned());
        }
        if was.protected != is.protected {
            return Some("its protection changed".to_owned());
        }
        let all = diff(&was.spec, &is.spec);
        let first = all.iter().find(|change| !self.is_ours(change, was))?;
        let secret = if first.sensitive { " (a secret)" } else { "" };
        Some(format!("{}{secret} changed", first.path))
    }

    /// Whether an attribute differs because of what this run did to something that the thing stands on: `image` of a
    /// service, once the name of its image stands for another one.
    fn is_ours(&self, change: &AttributeChange, was: &Observed) -> bool {
        let done = was.depends_on.iter().filter(|on| self.done.contains(on));
        done.into_iter().any(|on| on.kind == change.attribute)
    }
}

/// The addresses that more than one step of a plan is about.
fn twice(plan: &Plan) -> BTreeSet<&Address> {
    let mut once = BTreeSet::new();
    let steps = plan.nodes.iter().map(|node| node.step.address());
    steps.filter(|address| !once.insert(*address)).collect()
}

fn by_address(all: Vec<Observed>) -> BTreeMap<Address, Observed> {
    all.into_iter().map(|one| (one.address.clone(), one)).collect()
}

#[async_trait]
impl Provider for Guarded<'_> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        self.inner.impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        self.inner.observe(stack, desired).await
    }
}

#[async_trait]
impl Execute for Guarded<'_> {
    async fn run(&self, step: &Step, progress: Progress<'_>) -> Result<Option<Observed>, ProviderError> {
        self.check(step, self.now(step.address()).await?.as_ref())?;
        let live = self.inner.run(step, progress).await?;
        self.learn(step.address()).await?;
        Ok(live)
    }

    async fn finish(&self) -> Result<(), ProviderError> {
        self.inner.finish().await
    }

    fn concurrency(&self) -> usize {
        self.inner.concurrency()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
