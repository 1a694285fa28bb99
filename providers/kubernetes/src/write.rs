//! The calls that change something. Only the engine has them.

use http::Method;
use mlstack_manifest::Kind;
use mlstack_provider::{ErrorKind, Fence, ProviderError, Value};
use serde_json::json;

use crate::cluster::{Answer, Ask, Cluster};
use crate::fault::Sort;
use crate::look::{apply, object_path};

/// What becomes of what an object made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// It goes later, by itself.
    Background,
    /// It goes first.
    Foreground,
    /// It stays.
    Orphan,
}

/// The write side of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Write {
    cluster: Cluster,
    fence: Fence,
}

impl Write {
    pub(crate) fn new(cluster: Cluster) -> Self {
        let fence = Fence::OPEN;
        Self { cluster, fence }
    }

    /// The same, asking before each call whether it may still be made.
    pub(crate) fn fenced(self, fence: Fence) -> Self {
        Self { fence, ..self }
    }

    /// Every call goes through here.
    async fn call(&self, action: &str, ask: &Ask) -> Result<Answer, ProviderError> {
        let closed = |error| ProviderError::new(ErrorKind::Failed, action).because(error);
        self.fence.pass().map_err(closed)?;
        self.cluster.call(action, ask).await
    }

    /// The cluster itself, for what is no call: a connection to a pod.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Applies an object as `manager`.
    pub(crate) async fn apply(
        &self,
        kind: &Kind,
        name: &str,
        manager: &str,
        body: Value,
        force: bool,
    ) -> Result<Answer, ProviderError> {
        let path = object_path(kind, self.cluster.namespace(), name);
        let ask = apply(&path, manager, body, force, false);
        self.call("cannot apply", &ask).await
    }

    /// Deletes just this object; one that is gone is fine. Everything stands in the body: with a body, the query counts
    /// for nothing.
    ///
    /// # Errors
    /// When another one took its place, or the server refuses.
    pub(crate) async fn delete(
        &self,
        kind: &Kind,
        name: &str,
        uid: &str,
        how: Propagation,
    ) -> Result<(), ProviderError> {
        self.delete_at(&object_path(kind, self.cluster.namespace(), name), uid, how)
            .await
    }

    /// Deletes just this pod.
    pub(crate) async fn delete_pod(&self, pod: &Value) -> Result<(), ProviderError> {
        let text = |key: &str| pod["metadata"][key].as_str().unwrap_or_default();
        let path = format!("/api/v1/namespaces/{}/pods/{}", self.cluster.namespace(), text("name"));
        self.delete_at(&path, text("uid"), Propagation::Background).await
    }

    async fn delete_at(&self, path: &str, uid: &str, how: Propagation) -> Result<(), ProviderError> {
        let body = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
            "propagationPolicy": format!("{how:?}"),
        });
        let answer = self.send(Method::DELETE, path, body).await?;
        let Some(refusal) = answer.refusal() else {
            return Ok(());
        };
        match refusal.sort() {
            Sort::Missing | Sort::NoNamespace => Ok(()),
            Sort::Stale => Err(ProviderError::new(ErrorKind::Stale, "stale:")
                .because("another one took its place since this was planned")
                .hint("plan again: mlstack plan")),
            _ => Err(refusal.error("cannot delete")),
        }
    }

    /// Makes, at the path of a list.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Answer, ProviderError> {
        self.send(Method::POST, path, body).await
    }

    /// Whether nothing can be made at the path of a list, because its namespace is not there or goes; makes nothing.
    pub(crate) async fn has_no_place(&self, path: &str, body: Value) -> Result<bool, ProviderError> {
        let answer = self.post(&format!("{path}?dryRun=All"), body).await?;
        let sort = answer.refusal().map(|refusal| refusal.sort());
        Ok(matches!(sort, Some(Sort::NoNamespace | Sort::Terminating)))
    }

    /// Replaces, at the path of an object; the body names the version it replaces.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Result<Answer, ProviderError> {
        self.send(Method::PUT, path, body).await
    }

    /// Deletes at a path, under conditions.
    pub(crate) async fn delete_if(&self, path: &str, conditions: Value) -> Result<Answer, ProviderError> {
        let body = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": conditions});
        self.send(Method::DELETE, path, body).await
    }

    /// Makes `fields` the managed fields of an object, if it is still the one that was read.
    pub(crate) async fn hand_over(&self, kind: &Kind, live: &Value, fields: Value) -> Result<(), ProviderError> {
        let metadata = &live["metadata"];
        let name = metadata["name"].as_str().unwrap_or_default();
        let patch = json!([
            {"op": "replace", "path": "/metadata/managedFields", "value": fields},
            {"op": "replace", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        ]);
        let ask = Ask {
            method: Method::PATCH,
            path: object_path(kind, self.cluster.namespace(), name),
            content: "application/json-patch+json",
            body: Some(patch),
        };
        self.call("cannot adopt", &ask).await?.good("cannot adopt").map(drop)
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> Result<Answer, ProviderError> {
        let action = match method {
            Method::DELETE => "cannot delete",
            _ => "cannot write",
        };
        let ask = Ask {
            method,
            path: path.to_owned(),
            content: "application/json",
            body: Some(body),
        };
        self.call(action, &ask).await
    }
}
