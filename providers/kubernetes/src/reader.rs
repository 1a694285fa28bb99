//! The side of the provider that looks.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mlstack_manifest::kind;
use mlstack_provider::{
    Address, CopyStatus, Finding, Impact, Keyed, LogLines, LogsRequest, Observed, Operate, Outage, Progress, Provider,
    ProviderError, Resource, Secret, Value,
};

use crate::cluster::Cluster;
use crate::doctor::{self, Doctor};
use crate::finding::refused;
use crate::look::Look;
use crate::observe::{Question, Seen};
use crate::policy::Policy;
use crate::wait::started;
use crate::{logs, secrets, status};

/// Looks at a cluster; has no call that could change it.
#[derive(Clone, Debug)]
pub struct KubeReader {
    look: Look,
    policy: Policy,
    keyed: Option<Keyed>,
    last: Arc<Mutex<Vec<Finding>>>,
}

impl KubeReader {
    /// A reader over `cluster`; nothing is opened yet.
    pub fn new(cluster: &Cluster, policy: Policy) -> Self {
        Self {
            look: Look::new(cluster.clone()),
            policy,
            keyed: None,
            last: Arc::default(),
        }
    }

    /// The same, reading back what secrets hold now: whoever changed one in the cluster is found out.
    #[must_use]
    pub fn reading_back(mut self, keyed: Keyed) -> Self {
        self.keyed = Some(keyed);
        self
    }

    /// Looks at everything, with all that there is to say about it; refusals are findings here, no errors.
    ///
    /// # Errors
    /// When the cluster does not answer or denies.
    pub async fn examine(&self, stack: &str, desired: &[Resource]) -> Result<Seen, ProviderError> {
        let seen = self.question(stack).everything(desired).await?;
        seen.findings
            .clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(seen)
    }

    /// How the cluster is, for a stack that is made of these kinds.
    ///
    /// # Errors
    /// When the cluster does not answer or lets nobody in.
    pub async fn doctor(&self, kinds: &BTreeSet<&str>) -> Result<Doctor, ProviderError> {
        let kinds: Vec<_> = kinds.iter().filter_map(|short| kind(short)).collect();
        doctor::examine(&self.look, &kinds).await
    }

    pub(crate) fn question<'a>(&'a self, stack: &'a str) -> Question<'a> {
        Question {
            look: &self.look,
            stack,
            policy: self.policy,
            keyed: self.keyed.as_ref(),
        }
    }
}

#[async_trait]
impl Provider for KubeReader {
    fn name(&self) -> &'static str {
        "k8s"
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        let seen = self.examine(stack, desired).await?;
        match refused(&seen.findings) {
            Some(error) => Err(error),
            None => Ok(seen.observed),
        }
    }

    async fn observe_one(
        &self,
        stack: &str,
        desired: &[Resource],
        address: &Address,
    ) -> Result<Option<Observed>, ProviderError> {
        let question = self.question(stack);
        match desired.iter().find(|resource| resource.address == *address) {
            Some(resource) => question.one(resource).await,
            None => question.left(address).await,
        }
    }
}

#[async_trait]
impl Operate for KubeReader {
    async fn status(&self, stack: &str) -> Result<Vec<CopyStatus>, ProviderError> {
        status::of(&self.look, stack).await
    }

    async fn logs(&self, stack: &str, request: &LogsRequest) -> Result<LogLines, ProviderError> {
        logs::open(&self.look, stack, request).await
    }

    async fn started(&self, _stack: &str, desired: &[Resource], progress: Progress<'_>) -> Result<(), ProviderError> {
        for resource in desired {
            let up = started(&self.look, resource, progress).await;
            up.map_err(|error| error.at(&resource.address))?;
        }
        Ok(())
    }

    async fn secret(&self, _stack: &str, observed: &[Observed], name: &str) -> Result<Option<Secret>, ProviderError> {
        secrets::recover(&self.look, observed, name).await
    }

    async fn learn_secrets(&self, stack: &str) -> Result<(), ProviderError> {
        secrets::learn(&self.look, &self.question(stack).place()).await
    }

    fn findings(&self) -> Vec<Finding> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What changing an attribute costs: what the server lets nobody change is made anew. A stateful set's data is in claims
/// that survive it.
pub fn impact(short: &str, attribute: &str) -> Impact {
    let Some(kind) = kind(short) else {
        return Impact::Replace;
    };
    match attribute.strip_prefix("depends_on.") {
        Some("pvc") if crate::health::has_pods(short) => Impact::Replace,
        Some("namespace") => Impact::Replace,
        Some(_) => Impact::InPlace,
        None if !kind.is_immutable(attribute) => Impact::InPlace,
        None if kind.protected => Impact::ReplaceLosesData,
        None => Impact::Replace,
    }
}

/// What users notice of a change: pods are replaced when their template changes, and a Service that is made anew has
/// another address.
pub fn outage(short: &str, wanted: &Value, changed: &[&str]) -> Outage {
    let new_pods = changed.iter().any(|attribute| attribute.starts_with("spec.template"));
    let spec = &wanted["spec"];
    match short {
        "service"
            if changed
                .iter()
                .any(|attribute| impact(short, attribute) != Impact::InPlace) =>
        {
            Outage::Stop
        }
        "deployment" if new_pods && spec["strategy"]["type"] == "Recreate" => Outage::Stop,
        "deployment" if new_pods => Outage::Rolling,
        "statefulset" if new_pods && spec["replicas"].as_u64().unwrap_or(1) > 1 => Outage::Rolling,
        "statefulset" if new_pods => Outage::Stop,
        _ => Outage::None,
    }
}

#[cfg(test)]
mod tests;
