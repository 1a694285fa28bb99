//! The calls that change nothing: reading, and asking what an apply would do.
//!
//! Holds the cluster privately and offers these alone: whoever has only a [`Look`] cannot write.

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http::Method;
use http_body_util::BodyExt as _;
use mlstack_manifest::{Kind, MANAGER};
use mlstack_provider::{ErrorKind, ProviderError, Value};
use serde_json::json;

use crate::cluster::{Answer, Ask, Cluster};
use crate::fault::{Lost, Sort};

/// How many objects one page of a list holds.
const PAGE: u32 = 500;

/// A view of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Look(Cluster);

impl Look {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self(cluster)
    }

    pub(crate) fn namespace(&self) -> &str {
        self.0.namespace()
    }

    /// An object by name.
    pub(crate) async fn object(&self, kind: &Kind, name: &str) -> Result<Option<Value>, ProviderError> {
        let action = format!("cannot read {}/{name}", kind.short);
        let path = object_path(kind, self.0.namespace(), name);
        self.0.call(&action, &Ask::get(path)).await?.found(&action)
    }

    /// The same with the server's clock.
    pub(crate) async fn with_clock(&self, path: &str) -> Result<(Option<Value>, Option<String>), ProviderError> {
        let answer = self.0.call("cannot read the lock", &Ask::get(path)).await?;
        let date = answer.date.clone();
        Ok((answer.found("cannot read the lock")?, date))
    }

    /// Everything of a kind with these labels; empty where the server knows no such kind.
    pub(crate) async fn list(&self, kind: &Kind, selector: &str) -> Result<Vec<Value>, ProviderError> {
        let query = format!("labelSelector={}", encoded(selector));
        let path = list_path(kind, self.0.namespace());
        let mut all = self.pages(kind.plural, &path, &query).await?;
        for object in &mut all {
            // In a list the server says it once for all.
            object["apiVersion"] = kind.api_version.into();
            object["kind"] = kind.kind.into();
        }
        Ok(all)
    }

    /// Everything of a sort that has no place among our kinds: `/api/v1/…/pods`.
    pub(crate) async fn pages(&self, what: &str, path: &str, query: &str) -> Result<Vec<Value>, ProviderError> {
        let action = format!("cannot list {what}");
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let ask = Ask::get(format!("{path}?limit={PAGE}&{query}{after}"));
            let answer = self.0.call(&action, &ask).await?;
            if answer.refusal().is_some_and(|refusal| refusal.status == 410) && !after.is_empty() {
                // The list grew old between two pages.
                (all, after) = (Vec::new(), String::new());
                continue;
            }
            let Some(mut page) = answer.found(&action)? else {
                return Ok(all);
            };
            if let Some(items) = page["items"].as_array_mut() {
                all.append(items);
            }
            match page["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => after = format!("&continue={}", encoded(token)),
                _ => return Ok(all),
            }
        }
    }

    /// Pods with these labels.
    pub(crate) async fn pods(&self, selector: &str) -> Result<Vec<Value>, ProviderError> {
        let path = format!("/api/v1/namespaces/{}/pods", self.0.namespace());
        self.pages("pods", &path, &format!("labelSelector={}", encoded(selector)))
            .await
    }

    /// Replica sets with these labels.
    pub(crate) async fn replica_sets(&self, selector: &str) -> Result<Vec<Value>, ProviderError> {
        let path = format!("/apis/apps/v1/namespaces/{}/replicasets", self.0.namespace());
        self.pages("replicasets", &path, &format!("labelSelector={}", encoded(selector)))
            .await
    }

    /// What went wrong lately, as the cluster tells it. That we may not see it is no failure.
    pub(crate) async fn warnings(&self) -> Result<Vec<Value>, ProviderError> {
        let path = format!("/api/v1/namespaces/{}/events", self.0.namespace());
        match self.pages("events", &path, "fieldSelector=type%3DWarning").await {
            Err(error) if error.kind == ErrorKind::Denied => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// What an apply would make of the object `body` named `name`; stores nothing.
    pub(crate) async fn dry_run(
        &self,
        kind: &Kind,
        name: &str,
        body: &Value,
        force: bool,
    ) -> Result<Answer, ProviderError> {
        self.dry_run_in(kind, self.0.namespace(), name, body, force).await
    }

    /// The same in any namespace.
    pub(crate) async fn dry_run_in(
        &self,
        kind: &Kind,
        namespace: &str,
        name: &str,
        body: &Value,
        force: bool,
    ) -> Result<Answer, ProviderError> {
        let path = object_path(kind, namespace, name);
        let ask = apply(&path, MANAGER, body.clone(), force, true);
        self.0.call("cannot check", &ask).await
    }

    /// Whether there is an object that a workload names, of a sort that may not be among our kinds' own.
    pub(crate) async fn exists(&self, kind: &Kind, name: &str) -> Result<bool, ProviderError> {
        match self.object(kind, name).await {
            // Whoever may not look cannot say that it is missing.
            Err(error) if error.kind == ErrorKind::Denied => Ok(true),
            found => Ok(found?.is_some()),
        }
    }

    /// The last lines of a container; empty when there are none to be had.
    pub(crate) async fn last_lines(&self, pod: &str, container: &str, lines: u32, previous: bool) -> String {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{pod}/log?container={container}&tailLines={lines}&previous={previous}",
            self.0.namespace()
        );
        match self.0.call("cannot read the log", &Ask::get(path)).await {
            Ok(answer) if answer.status == 200 => match answer.body {
                Value::String(text) => text.trim_end().to_owned(),
                // A log of one line that happens to be JSON.
                other => other.to_string(),
            },
            _ => String::new(),
        }
    }

    /// What a container writes, in pieces as they come.
    pub(crate) async fn log(
        &self,
        pod: &str,
        query: &str,
    ) -> Result<impl Stream<Item = Result<Bytes, ProviderError>> + use<>, ProviderError> {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}/log?{query}", self.0.namespace());
        let request = http::Request::get(path)
            .body(kube::client::Body::empty())
            .expect("paths are built from encoded parts");
        let server = self.0.server().to_owned();
        let lost = move |error: kube::Error| Lost::of(&error).error("cannot read logs", &server);
        let opened = tokio::time::timeout(self.0.patience().limit(), self.0.client().send(request)).await;
        let response = opened
            .map_err(|_| Lost::Slow(self.0.patience().limit()).error("cannot read logs", self.0.server()))?
            .map_err(&lost)?;
        if !response.status().is_success() {
            let status = response.status().as_u16();
            let text = response.into_body().collect().await.map_err(&lost)?.to_bytes();
            let body = serde_json::from_slice(&text).unwrap_or(Value::Null);
            return Err(crate::fault::Refusal::of(status, &body).error("cannot read logs"));
        }
        Ok(response.into_body().into_data_stream().map_err(lost))
    }

    /// The server's version.
    pub(crate) async fn version(&self) -> Result<String, ProviderError> {
        let action = "cannot ask for the version";
        let answer = self.0.call(action, &Ask::get("/version")).await?.good(action)?;
        Ok(answer["gitVersion"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Whether we may do something with the objects of a kind here. The question is sent as an object, but kept nowhere.
    pub(crate) async fn may(&self, verb: &str, kind: &Kind) -> Result<bool, ProviderError> {
        let action = format!("cannot ask who may {verb} {}", kind.plural);
        let namespace = if kind.namespaced { self.0.namespace() } else { "" };
        let attributes = json!({"verb": verb, "group": kind.group(), "resource": kind.plural, "namespace": namespace});
        let ask = Ask {
            method: Method::POST,
            path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".to_owned(),
            content: "application/json",
            body: Some(json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            })),
        };
        let answer = self.0.call(&action, &ask).await?.good(&action)?;
        Ok(answer["status"]["allowed"] == true)
    }

    /// Whether a namespace is there; `true` where we may not look.
    pub(crate) async fn has_namespace(&self, name: &str) -> Result<bool, ProviderError> {
        let action = format!("cannot read namespace/{name}");
        let answer = self
            .0
            .call(&action, &Ask::get(format!("/api/v1/namespaces/{name}")))
            .await?;
        match answer.refusal().map(|refusal| refusal.sort()) {
            Some(Sort::Denied) => Ok(true),
            _ => Ok(answer.found(&action)?.is_some()),
        }
    }
}

/// A server-side apply.
pub(crate) fn apply(path: &str, manager: &str, body: Value, force: bool, dry: bool) -> Ask {
    let (force, dry) = (
        if force { "&force=true" } else { "" },
        if dry { "&dryRun=All" } else { "" },
    );
    Ask {
        method: Method::PATCH,
        path: format!("{path}?fieldManager={manager}&fieldValidation=Strict{force}{dry}"),
        content: "application/apply-patch+yaml",
        body: Some(body),
    }
}

/// Where objects of a kind are.
pub(crate) fn list_path(kind: &Kind, namespace: &str) -> String {
    let root = match kind.group() {
        "" => "/api".to_owned(),
        group => format!("/apis/{group}"),
    };
    match kind.namespaced {
        true => format!("{root}/{}/namespaces/{namespace}/{}", kind.version(), kind.plural),
        false => format!("{root}/{}/{}", kind.version(), kind.plural),
    }
}

/// Where an object is.
pub(crate) fn object_path(kind: &Kind, namespace: &str, name: &str) -> String {
    format!("{}/{name}", list_path(kind, namespace))
}

/// A text as a part of a query.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| match plain(byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests;
