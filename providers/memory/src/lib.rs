//! A target in memory: for tests and demos.
//!
//! Owns a small world with the laws a real target has: nothing is made twice, nothing is made before what it depends
//! on, nothing goes while something stands on it. Steps can be made to fail. Never touches anything outside itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use mlstack_provider::{
    Address, ErrorKind, Execute, Impact, Observed, Progress, Provider, ProviderError, Resource, Step,
};

mod world;

#[cfg(test)]
mod tests;

pub use world::World;

/// When in a step an injected failure happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Before the target did anything.
    Before,
    /// After the target did it: the answer is lost.
    After,
}

/// A target in memory.
#[derive(Debug, Default)]
pub struct Memory {
    world: Mutex<World>,
    faults: Mutex<BTreeMap<Address, Fault>>,
    steps: Mutex<Vec<String>>,
    concurrency: Option<usize>,
}

impl Memory {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// A world that holds `observed` already.
    pub fn holding(observed: impl IntoIterator<Item = Observed>) -> Self {
        let memory = Self::new();
        memory.world().extend(observed);
        memory
    }

    /// The same, running at most `steps` at once.
    #[must_use]
    pub fn at_once(mut self, steps: usize) -> Self {
        self.concurrency = Some(steps);
        self
    }

    /// Lets the next step on `address` fail.
    pub fn fail(&self, address: &Address, fault: Fault) {
        lock(&self.faults).insert(address.clone(), fault);
    }

    /// The world, to look at or to change behind the engine's back.
    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// The steps run so far, in the order they ended, such as `create service/api`; failed ones are not among them.
    pub fn steps(&self) -> Vec<String> {
        lock(&self.steps).clone()
    }

    fn carry_out(&self, step: &Step) -> Result<Option<Observed>, ProviderError> {
        let fault = lock(&self.faults).remove(step.address());
        let injected = |fault| {
            let cause = format!("injected failure ({fault:?})").to_lowercase();
            ProviderError::new(ErrorKind::Failed, "cannot change")
                .at(step.address())
                .because(cause)
        };
        if fault == Some(Fault::Before) {
            return Err(injected(Fault::Before));
        }
        let (verb, live) = self.world().change(step)?;
        lock(&self.steps).push(format!("{verb} {}", step.address()));
        match fault {
            Some(fault) => Err(injected(fault)),
            None => Ok(live),
        }
    }
}

/// A lock whose holder panicked is still whole: each change to it is one statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What changing `attribute` of a thing of `kind` costs in a [`Memory`].
///
/// Much like Docker: a network or a volume cannot change, and a service cannot stay while one of its networks or
/// volumes is made anew; images, ports and commands of a service need a new one, memory and the like do not.
pub fn impact(kind: &str, attribute: &str) -> Impact {
    const FIXED: [&str; 5] = ["image", "command", "ports", "depends_on.network", "depends_on.volume"];
    let within = |prefix: &str| {
        attribute
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match kind {
        "volume" => Impact::ReplaceLosesData,
        "network" => Impact::Replace,
        _ if FIXED.into_iter().any(within) => Impact::Replace,
        _ => Impact::InPlace,
    }
}

#[async_trait]
impl Provider for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        impact(kind, attribute)
    }

    async fn observe(&self, _stack: &str, _desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        Ok(self.world().things().cloned().collect())
    }
}

#[async_trait]
impl Execute for Memory {
    async fn run(&self, step: &Step, progress: Progress<'_>) -> Result<Option<Observed>, ProviderError> {
        progress("working");
        yield_once().await;
        self.carry_out(step)
    }

    fn concurrency(&self) -> usize {
        self.concurrency.unwrap_or(8)
    }
}

/// Lets other steps run in between, as a real target does.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
