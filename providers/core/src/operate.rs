//! What people ask of a running stack besides a plan: what runs, what it prints, whether it has come up.

use async_trait::async_trait;

use crate::{Finding, LogLines, LogsRequest, Observed, Progress, Provider, ProviderError, Resource, Secret};

/// One copy of a component, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyStatus {
    /// The component.
    pub component: String,
    /// Which of its copies, from 1.
    pub copy: u32,
    /// The container's or pod's name.
    pub name: String,
    /// The container's id or the pod's uid.
    pub id: String,
    /// The image's reference.
    pub image: String,
    /// The target's own word: `running`, `exited`, `pending`, ….
    pub state: String,
    /// `healthy`, `unhealthy`, `starting`; `None` where nobody asks.
    pub health: Option<String>,
    /// Since when it is so, as RFC 3339 in UTC.
    pub since: Option<String>,
    /// The exit code, once it ended.
    pub exit_code: Option<i64>,
    /// Where it can be reached: published ports, such as `127.0.0.1:3000->8080/tcp`; of a cluster, on a component's first
    /// copy, addresses outside, such as `203.0.113.7:1883` or `http://web.example.com`.
    pub ports: Vec<String>,
    /// The node of a cluster that it runs on.
    pub node: Option<String>,
    /// How often it began anew by itself.
    pub restarts: u64,
    /// Why it does not work; `None` when it does.
    pub problem: Option<String>,
}

/// Looks beyond a plan at what runs. Holds no call that could change it.
#[async_trait]
pub trait Operate: Provider {
    /// Every copy of every component, by component and number.
    ///
    /// # Errors
    /// When the target does not answer.
    async fn status(&self, stack: &str) -> Result<Vec<CopyStatus>, ProviderError>;

    /// What the containers wrote: by time when they end, as they come when they are followed.
    ///
    /// # Errors
    /// When the target does not answer.
    async fn logs(&self, stack: &str, request: &LogsRequest) -> Result<LogLines, ProviderError>;

    /// Waits for what is wanted and still starts, though there is nothing else to do about it.
    ///
    /// # Errors
    /// When something fails or is too slow, or the target does not answer.
    async fn started(&self, stack: &str, desired: &[Resource], progress: Progress<'_>) -> Result<(), ProviderError>;

    /// The value of a secret that is in use, read back from where it was delivered to; `None` when there is none.
    ///
    /// # Errors
    /// When the target does not answer.
    async fn secret(&self, stack: &str, observed: &[Observed], name: &str) -> Result<Option<Secret>, ProviderError>;

    /// Reads every secret that was delivered, so that [`crate::redact`] knows it: what a container prints is what it was
    /// given, whatever is set here by now.
    ///
    /// # Errors
    /// When the target does not answer.
    async fn learn_secrets(&self, stack: &str) -> Result<(), ProviderError>;

    /// What the last [`Provider::observe`] found beside the things themselves.
    fn findings(&self) -> Vec<Finding> {
        Vec::new()
    }
}
