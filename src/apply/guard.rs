//! Looks at each thing again just before its step: a world that moved since it was planned stops the run.
//!
//! Owns the comparison. What this run itself did is no surprise; that something does not work now, or is gone that
//! shall go, is no reason to stop. Decides nothing else.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mlstack_provider::{
    Address, ErrorKind, Execute, Impact, Observed, Progress, Provider, ProviderError, Resource, Step,
};

use crate::plan::diff;

/// A target whose things are looked at again before they are touched.
pub struct Guarded<'a> {
    inner: &'a dyn Execute,
    /// Looks as was looked when planning.
    look: &'a dyn Provider,
    stack: &'a str,
    /// What was compared with when planning: some of what is seen depends on it.
    desired: &'a [Resource],
    seen: Mutex<BTreeMap<Address, Observed>>,
}

impl<'a> Guarded<'a> {
    /// Guards `inner` for a plan that was made from `observed`, which `look` saw beside `desired`.
    pub fn new(
        inner: &'a dyn Execute,
        look: &'a dyn Provider,
        (stack, desired): (&'a str, &'a [Resource]),
        observed: &[Observed],
    ) -> Self {
        Self {
            inner,
            look,
            stack,
            desired,
            seen: Mutex::new(by_address(observed.to_vec())),
        }
    }

    async fn world(&self) -> Result<BTreeMap<Address, Observed>, ProviderError> {
        self.look.observe(self.stack, self.desired).await.map(by_address)
    }

    fn check(&self, step: &Step, now: &BTreeMap<Address, Observed>) -> Result<(), ProviderError> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let address = step.address();
        match moved(step, seen.get(address), now.get(address)) {
            None => Ok(()),
            Some(how) => Err(ProviderError::new(ErrorKind::Stale, "stale:")
                .at(address)
                .because(format!("{how} since this was planned"))
                .hint("plan again: mlstack plan")),
        }
    }

    /// What this step did is known from now on; so is what it did to those that stand on its thing, where nobody else
    /// had touched them before.
    async fn learn(&self, step: &Step, before: &BTreeMap<Address, Observed>) -> Result<(), ProviderError> {
        let address = step.address();
        let after = self.world().await?;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let untouched = |other: &Observed| seen.get(&other.address) == before.get(&other.address);
        let stands_on_it = |other: &&Observed| other.depends_on.contains(address) && untouched(other);
        let known: Vec<Observed> = after
            .values()
            .filter(|other| other.address == *address || stands_on_it(other))
            .cloned()
            .collect();
        seen.remove(address);
        seen.extend(by_address(known));
        Ok(())
    }
}

fn by_address(all: Vec<Observed>) -> BTreeMap<Address, Observed> {
    all.into_iter().map(|one| (one.address.clone(), one)).collect()
}

/// How a thing moved since it was seen.
fn moved(step: &Step, was: Option<&Observed>, is: Option<&Observed>) -> Option<String> {
    match (was, is) {
        (None, None) => None,
        (None, Some(is)) => match step {
            Step::Create { resource } if diff(&is.spec, &resource.spec).is_empty() => None,
            _ => Some("it appeared".to_owned()),
        },
        (Some(_), None) => (!matches!(step, Step::Delete { .. })).then(|| "it went away".to_owned()),
        (Some(was), Some(is)) if was.id != is.id => Some("another one took its place".to_owned()),
        (Some(was), Some(is)) if was.protected != is.protected => Some("its protection changed".to_owned()),
        (Some(was), Some(is)) => diff(&was.spec, &is.spec).first().map(|first| match first.sensitive {
            true => format!("{} (a secret) changed", first.path),
            false => format!("{} changed", first.path),
        }),
    }
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
        let before = self.world().await?;
        self.check(step, &before)?;
        let live = self.inner.run(step, progress).await?;
        self.learn(step, &before).await?;
        Ok(live)
    }

    fn concurrency(&self) -> usize {
        self.inner.concurrency()
    }
}

#[cfg(test)]
#[path = "guard_tests.rs"]
mod tests;
