//! The side of the provider that writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use mlstack_provider::{Execute, Fence, Impact, Observed, Progress, Provider, ProviderError, Resource, Secret, Step};

use crate::cluster::Cluster;
use crate::delivery::{self, Delivery};
use crate::inventory::Inventory;
use crate::look::Look;
use crate::observe::Question;
use crate::policy::Policy;
use crate::reader::KubeReader;
use crate::step;
use crate::wait::Timing;
use crate::words::Place;
use crate::write::Write;

/// What the write side must know besides the steps.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The stack's name.
    pub stack: String,
    /// Secret values by name.
    pub secrets: BTreeMap<String, Secret>,
    /// What the user allows.
    pub policy: Policy,
    /// How long is waited for what.
    pub timing: Timing,
    /// What sends packed images to their registry; `None` where none needs to be sent.
    pub images: Option<Arc<dyn Delivery>>,
}

/// Looks at a cluster and changes it.
#[derive(Clone, Debug)]
pub struct KubeEngine {
    reader: KubeReader,
    write: Write,
    config: Arc<Config>,
    inventory: Arc<Inventory>,
}

impl KubeEngine {
    /// An engine over `cluster`; nothing is opened yet.
    pub fn new(cluster: &Cluster, config: Config) -> Self {
        Self {
            reader: KubeReader::new(cluster, config.policy),
            write: Write::new(cluster.clone()),
            config: Arc::new(config),
            inventory: Arc::default(),
        }
    }

    /// The same, asking before each call that changes something whether it may still be made.
    #[must_use]
    pub fn fenced(mut self, may_write: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.write = self.write.fenced(Fence::new(may_write));
        self
    }

    /// The side that only looks.
    pub fn reader(&self) -> &KubeReader {
        &self.reader
    }

    fn question(&self) -> Question<'_> {
        self.reader.question(&self.config.stack)
    }
}

#[async_trait]
impl Provider for KubeEngine {
    fn name(&self) -> &'static str {
        self.reader.name()
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        self.reader.impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        self.reader.observe(stack, desired).await
    }
}

#[async_trait]
impl Execute for KubeEngine {
    async fn run(&self, step: &Step, progress: Progress<'_>) -> Result<Option<Observed>, ProviderError> {
        let question = self.question();
        let site = Site {
            question,
            look: question.look,
            write: &self.write,
            config: &self.config,
            inventory: &self.inventory,
            place: question.place(),
            progress,
        };
        let named = |error: ProviderError| error.within(step.address());
        delivery::before(&site, step).await.map_err(named)?;
        step::run(&site, step).await.map_err(named)
    }

    /// Most of a step is waiting for pods; calls are held together by [`crate::cluster`].
    fn concurrency(&self) -> usize {
        32
    }

    /// The inventory, which named all that could be there, is made exact.
    async fn finish(&self) -> Result<(), ProviderError> {
        self.inventory.settle(&self.question(), &self.write).await
    }
}

/// All that a step works with.
pub(crate) struct Site<'a> {
    pub(crate) question: Question<'a>,
    pub(crate) look: &'a Look,
    pub(crate) write: &'a Write,
    pub(crate) config: &'a Config,
    pub(crate) inventory: &'a Inventory,
    pub(crate) place: Place,
    pub(crate) progress: Progress<'a>,
}

impl Site<'_> {
    /// A line about what goes on.
    pub(crate) fn tell(&self, text: &str) {
        (self.progress)(text);
    }
}
