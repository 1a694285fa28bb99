//! Carries out a plan: runs each step when all it waits for have succeeded, as many at once as the target likes.
//!
//! Owns [`Event`], [`Outcome`] and what a [`Journal`] is told. Takes no decision: what to do, why and in which order is in the plan. A failed
//! step skips only what waits for it, however far; everything else goes on. Never prints, never knows a stack file.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use mlstack_provider::{ErrorKind, Execute, Observed, ProviderError};

use crate::plan::{Node, Plan};

mod guard;
#[cfg(test)]
mod tests;

pub use guard::Guarded;

/// What happens while a plan is carried out.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step starts.
    Started {
        /// The step.
        node: &'a Node,
    },
    /// A running step says where it is.
    Progress {
        /// The step.
        node: &'a Node,
        /// Plain text of the target; may hold anything, so a view escapes it.
        message: &'a str,
    },
    /// A step succeeded.
    Done {
        /// The step.
        node: &'a Node,
        /// How long it took.
        took: Duration,
    },
    /// A step failed.
    Failed {
        /// The step.
        node: &'a Node,
        /// Why.
        error: &'a ProviderError,
        /// How long it took.
        took: Duration,
    },
    /// A step that ran when the user interrupted is left where it was: it did not end within [`GRACE`].
    Left {
        /// The step.
        node: &'a Node,
    },
    /// A step is not tried.
    Skipped {
        /// The step.
        node: &'a Node,
        /// The failed step it waits for, or the one that found the world moved; `None` when the user interrupted.
        because: Option<&'a Node>,
    },
}

/// Receives events as they happen.
pub type OnEvent<'a> = &'a (dyn Fn(Event<'_>) + Send + Sync);

/// What became of a plan: every node is in exactly one of the first three lists, by node id.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What succeeded, and what stands there now.
    pub done: BTreeMap<usize, Option<Observed>>,
    /// What failed, and why.
    pub failed: BTreeMap<usize, ProviderError>,
    /// What was not tried, or not tried to its end, and the failed node it waits for (`None`: interrupted).
    pub skipped: BTreeMap<usize, Option<usize>>,
    /// How long each of what succeeded took.
    pub took: BTreeMap<usize, Duration>,
}

impl Outcome {
    /// Whether everything was done.
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.skipped.is_empty()
    }

    /// Whether the user interrupted before everything had started.
    pub fn is_interrupted(&self) -> bool {
        self.skipped.values().any(Option::is_none)
    }
}

/// Writes down what is about to be done, and what came of it, where both outlive this process.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Called before a step touches the target.
    ///
    /// # Errors
    /// When it could not be written down, or when nobody may change the target any more (the lock is lost). The step
    /// does not start then and counts as failed.
    async fn begin(&self, node: &Node) -> Result<(), ProviderError>;

    /// Called after a step. What cannot be written now fails the next [`begin`](Self::begin).
    async fn end(&self, node: &Node, result: Result<Option<&Observed>, &ProviderError>);
}

/// Writes nothing down.
#[derive(Clone, Copy, Debug)]
pub struct Unwritten;

#[async_trait]
impl Journal for Unwritten {
    async fn begin(&self, _node: &Node) -> Result<(), ProviderError> {
        Ok(())
    }

    async fn end(&self, _node: &Node, _result: Result<Option<&Observed>, &ProviderError>) {}
}

/// How long what runs may go on once the user interrupts. Then it is left where it is: every step is such that planning
/// again finishes it, wherever it was cut off.
pub const GRACE: Duration = Duration::from_secs(2);

/// Carries out `plan`. When `cancel` resolves nothing new starts, and what runs has [`GRACE`] to end.
pub async fn apply(
    plan: &Plan,
    target: &dyn Execute,
    journal: &dyn Journal,
    on: OnEvent<'_>,
    cancel: impl Future<Output = ()>,
) -> Outcome {
    let mut run = Run::new(plan, on);
    let mut running = FuturesUnordered::new();
    let mut cancel = pin!(cancel);
    loop {
        while running.len() < target.concurrency().max(1) {
            let Some(node) = run.next() else { break };
            running.push(step(node, target, journal, on));
        }
        match select(running.next(), cancel.as_mut()).await {
            Either::Left((Some((node, took, result)), _)) => run.settle(node, took, result),
            Either::Left((None, _)) => return run.finish(),
            Either::Right(_) => break,
        }
    }
    let mut enough = pin!(tokio::time::sleep(GRACE));
    while let Either::Left((Some((node, took, result)), _)) = select(running.next(), enough.as_mut()).await {
        run.settle(node, took, result);
    }
    drop(running);
    run.finish()
}

type Finished<'a> = (&'a Node, Duration, Result<Option<Observed>, ProviderError>);

async fn step<'a>(node: &'a Node, target: &dyn Execute, journal: &dyn Journal, on: OnEvent<'_>) -> Finished<'a> {
    let begun = Instant::now();
    on(Event::Started { node });
    let result = match journal.begin(node).await {
        Ok(()) => run(node, target, journal, on).await,
        Err(error) => Err(error),
    };
    (node, begun.elapsed(), result)
}

async fn run(
    node: &Node,
    target: &dyn Execute,
    journal: &dyn Journal,
    on: OnEvent<'_>,
) -> Result<Option<Observed>, ProviderError> {
    let progress = |message: &str| on(Event::Progress { node, message });
    let result = target.run(&node.step, &progress).await;
    journal.end(node, result.as_ref().map(Option::as_ref)).await;
    result
}

/// Which nodes are ready, and what became of the others.
struct Run<'a> {
    plan: &'a Plan,
    on: OnEvent<'a>,
    /// How many nodes each still waits for, by place.
    waiting: Vec<usize>,
    followers: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
    started: BTreeSet<usize>,
    /// The first step that found the world moved: the plan is for another world, and nothing new starts.
    stale: Option<&'a Node>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, on: OnEvent<'a>) -> Self {
        let mut followers = vec![Vec::new(); plan.nodes.len()];
        for (place, node) in plan.nodes.iter().enumerate() {
            node.after.iter().for_each(|id| followers[id - 1].push(place));
        }
        let waiting: Vec<usize> = plan.nodes.iter().map(|node| node.after.len()).collect();
        let ready = (0..waiting.len()).filter(|&place| waiting[place] == 0).collect();
        let outcome = Outcome::default();
        Self {
            plan,
            on,
            waiting,
            followers,
            ready,
            started: BTreeSet::new(),
            stale: None,
            outcome,
        }
    }

    fn next(&mut self) -> Option<&'a Node> {
        if self.stale.is_some() {
            return None;
        }
        let node = &self.plan.nodes[self.ready.pop_first()?];
        self.started.insert(node.id);
        Some(node)
    }

    fn settle(&mut self, node: &'a Node, took: Duration, result: Result<Option<Observed>, ProviderError>) {
        match result {
            Ok(live) => {
                (self.on)(Event::Done { node, took });
                self.outcome.done.insert(node.id, live);
                self.outcome.took.insert(node.id, took);
                self.release(node);
            }
            Err(error) => {
                (self.on)(Event::Failed {
                    node,
                    took,
                    error: &error,
                });
                if error.kind == ErrorKind::Stale {
                    self.stale.get_or_insert(node);
                }
                self.outcome.failed.insert(node.id, error);
                self.skip_followers(node);
            }
        }
    }

    fn release(&mut self, node: &Node) {
        for &place in &self.followers[node.id - 1] {
            self.waiting[place] -= 1;
            if self.waiting[place] == 0 {
                self.ready.insert(place);
            }
        }
    }

    fn skip_followers(&mut self, failed: &'a Node) {
        let mut todo = self.followers[failed.id - 1].clone();
        while let Some(place) = todo.pop() {
            let node = &self.plan.nodes[place];
            if self.outcome.skipped.insert(node.id, Some(failed.id)).is_none() {
                (self.on)(Event::Skipped {
                    node,
                    because: Some(failed),
                });
                todo.extend(&self.followers[place]);
            }
        }
    }

    /// Whatever was never reached, or did not end, was interrupted.
    fn finish(mut self) -> Outcome {
        for node in &self.plan.nodes {
            let outcome = &mut self.outcome;
            let settled = outcome.done.contains_key(&node.id) || outcome.failed.contains_key(&node.id);
            if !settled && !outcome.skipped.contains_key(&node.id) {
                let because = self.stale;
                outcome.skipped.insert(node.id, because.map(|stale| stale.id));
                (self.on)(match self.started.contains(&node.id) {
                    true => Event::Left { node },
                    false => Event::Skipped { node, because },
                });
            }
        }
        self.outcome
    }
}
