//! The contract between the engine and the places it can run a stack on.
//!
//! Owns the words both sides speak: [`Address`], [`Resource`], [`Observed`], [`Step`], [`Impact`],
//! and the two traits [`Provider`] (looks, can never write) and [`Execute`] (writes).
//! Never knows a stack file, a plan or a command line; does no I/O itself.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
pub use serde_json::Value;

mod duration;
mod error;
mod fence;
mod finding;
pub mod golden;
mod keyed;
mod logs;
mod operate;
pub mod redact;
mod secret;

pub use duration::{Duration, NotADuration};
pub use error::{ErrorKind, ProviderError};
pub use fence::Fence;
pub use finding::{Finding, Level};
pub use keyed::Keyed;
pub use logs::{LogLine, LogLines, LogsRequest, by_time};
pub use operate::{CopyStatus, Operate};
pub use secret::Secret;

/// The identity of one thing in a target, such as `service/predictor`.
///
/// Ordered by kind, then name, so that a sorted set reads well.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// What sort of thing it is: `service`, `network`, `volume`, `image`.
    pub kind: String,
    /// Its name within the stack and the kind.
    pub name: String,
}

impl Address {
    /// Builds an address from its two parts.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// One thing a target should hold, as data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its identity.
    pub address: Address,
    /// What it should be: a JSON object in the kind's normal form, without a single secret.
    pub spec: Value,
    /// What must exist (and, for services, be ready) before it.
    pub depends_on: Vec<Address>,
    /// Where the stack file asks for it; `None` when nothing in the file names it directly.
    pub source: Option<Source>,
    /// Whether it holds data that cannot be made again.
    pub protected: bool,
}

/// A place in the stack file; one-based.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The path as the user would type it, such as `mlstack.yaml`.
    pub file: String,
    /// One-based line.
    pub line: usize,
    /// One-based column, in characters.
    pub column: usize,
}

impl fmt::Display for Source {
    /// `mlstack.yaml:7`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One thing a target holds now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Its identity, read from the labels set when it was created.
    pub address: Address,
    /// The target's own handle on this very object (a container id, a uid): changes when it is replaced.
    pub id: String,
    /// What it is now, in the same normal form as [`Resource::spec`].
    pub spec: Value,
    /// What it was made as, read from the mark set when it was created, in the same normal form; where it differs
    /// from `spec`, somebody changed it since. `None` when nothing is recorded: another tool made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// What it depends on, as recorded in the object itself.
    pub depends_on: Vec<Address>,
    /// Whether it holds data that cannot be made again (by kind, or marked so when created).
    pub protected: bool,
    /// Why it does not work now although its spec may be right (`exited (1)`, `paused`); `None` when healthy or starting.
    pub problem: Option<String>,
}

/// What changing one attribute in place costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// The target changes it while it runs.
    InPlace,
    /// The thing must be made anew; what it stores survives.
    Replace,
    /// The thing must be made anew and what it stores is gone.
    ReplaceLosesData,
}

/// What users notice while one thing is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outage {
    /// Nothing.
    None,
    /// Copies take turns, or the new version serves before the old one goes.
    Rolling,
    /// The old one hands over to a new one that is proven: about a second.
    Moment,
    /// It stops, and is not there until the new one has come up.
    Stop,
}

/// One change to one thing: all a provider needs to carry it out, decided when planning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Step {
    /// Make it.
    Create {
        /// What to make.
        resource: Resource,
    },
    /// Change it where it stands.
    Update {
        /// What stands there.
        before: Observed,
        /// What it should become.
        after: Resource,
    },
    /// Take the old one away and make the new one, keeping its name.
    Replace {
        /// What stands there.
        before: Observed,
        /// What takes its place.
        after: Resource,
    },
    /// Bring one that is right but does not run back to work.
    Repair {
        /// What stands there.
        before: Observed,
        /// What it should be.
        after: Resource,
    },
    /// Take it away.
    Delete {
        /// What stands there.
        before: Observed,
    },
}

impl Step {
    /// What stands there before it; `None` when it makes something.
    pub fn before(&self) -> Option<&Observed> {
        match self {
            Self::Create { .. } => None,
            Self::Update { before, .. }
            | Self::Replace { before, .. }
            | Self::Repair { before, .. }
            | Self::Delete { before } => Some(before),
        }
    }

    /// What should stand there after it; `None` when it takes something away.
    pub fn after(&self) -> Option<&Resource> {
        match self {
            Self::Create { resource: after }
            | Self::Update { after, .. }
            | Self::Replace { after, .. }
            | Self::Repair { after, .. } => Some(after),
            Self::Delete { .. } => None,
        }
    }

    /// The thing this step is about.
    pub fn address(&self) -> &Address {
        match self {
            Self::Create { resource } => &resource.address,
            Self::Update { after, .. } | Self::Replace { after, .. } | Self::Repair { after, .. } => &after.address,
            Self::Delete { before } => &before.address,
        }
    }
}

/// Looks at a target. Holds no call that could change it, so that planning cannot write.
#[async_trait]
pub trait Provider: Send + Sync {
    /// The target's name as typed after `--target`.
    fn name(&self) -> &'static str;

    /// What changing `attribute` of a thing of `kind` costs. Pure.
    ///
    /// `attribute` is a dotted path into the spec without list positions (`ports.published`); keys that are not
    /// plain are quoted (`labels."a.b"`). The path `depends_on.KIND` asks another question: whether the thing can
    /// stay while something of `KIND` that it stands on is made anew (`InPlace`), or must be taken away before and
    /// made anew after (`Replace`: a container while its network is replaced).
    fn impact(&self, kind: &str, attribute: &str) -> Impact;

    /// Reads everything the stack owns, whole, before planning.
    ///
    /// `desired` names what the caller is about to compare with; a provider may use it to look up
    /// shared things it does not own (a pulled image). The answer is sorted by address.
    ///
    /// # Errors
    /// When the target does not answer or refuses.
    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError>;

    /// Reads one thing as [`Self::observe`] would; `None` when it is not there. A target with many things answers
    /// this without looking at the others.
    ///
    /// # Errors
    /// When the target does not answer or refuses.
    async fn observe_one(
        &self,
        stack: &str,
        desired: &[Resource],
        address: &Address,
    ) -> Result<Option<Observed>, ProviderError> {
        let all = self.observe(stack, desired).await?;
        Ok(all.into_iter().find(|one| one.address == *address))
    }
}

/// Receives what happens inside one step (`pulling 34 %`, `waiting for health`), as plain text.
pub type Progress<'a> = &'a (dyn Fn(&str) + Send + Sync);

/// Changes a target, one step at a time. Apart from [`Provider`], so that what plans holds no mutating call.
#[async_trait]
pub trait Execute: Provider {
    /// Carries out one step, waits until the thing is ready, and says what stands there now.
    ///
    /// # Errors
    /// When the step failed; the target is left so that observing and planning again finishes the work.
    async fn run(&self, step: &Step, progress: Progress<'_>) -> Result<Option<Observed>, ProviderError>;

    /// Ends a run that had something to do: what was written wide before the first step is made exact.
    ///
    /// # Errors
    /// When the target does not answer; the next run does it then.
    async fn finish(&self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// How many steps may run at once.
    fn concurrency(&self) -> usize {
        8
    }
}
