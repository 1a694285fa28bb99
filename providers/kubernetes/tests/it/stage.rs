//! A server, a stack on it, and somebody else who has his hands in it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use kube::client::Body;
use mlstack_kube_double::Double;
use mlstack_provider::{Address, Execute as _, Finding, Observed, ProviderError, Resource, Secret, Step, Value};
use mlstack_provider_kubernetes::{Cluster, Config, Delivery, KubeEngine, Policy, Seen, Timing};
use serde_json::json;

pub(crate) const STACK: &str = "demo";

pub(crate) struct Stage {
    pub(crate) double: Double,
    pub(crate) cluster: Cluster,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let double = Double::start().await;
        let cluster = connect(&double, "").await;
        Self { double, cluster }
    }

    /// From now on we are somebody who may do what `rules` say, in the stack's namespace.
    pub(crate) async fn become_user(&mut self, rules: &Value) {
        let base = "/apis/rbac.authorization.k8s.io/v1/namespaces/demo";
        let group = "rbac.authorization.k8s.io";
        let role =
            json!({"apiVersion": format!("{group}/v1"), "kind": "Role", "metadata": {"name": "ours"}, "rules": rules});
        let binding = json!({"apiVersion": format!("{group}/v1"), "kind": "RoleBinding", "metadata": {"name": "ours"},
            "subjects": [{"kind": "User", "name": "dev", "apiGroup": group}],
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "ours"}});
        for (list, body) in [("roles", role), ("rolebindings", binding)] {
            self.send("POST", &format!("{base}/{list}"), "application/json", &body)
                .await;
        }
        self.cluster = connect(&self.double, "    as: dev\n").await;
    }

    pub(crate) fn engine(&self) -> KubeEngine {
        self.engine_with(Policy::default())
    }

    pub(crate) fn engine_with(&self, policy: Policy) -> KubeEngine {
        self.engine_of(policy, None)
    }

    /// One that sends images to their registry first.
    pub(crate) fn engine_delivering(&self, images: Arc<dyn Delivery>) -> KubeEngine {
        self.engine_of(Policy::default(), Some(images))
    }

    fn engine_of(&self, policy: Policy, images: Option<Arc<dyn Delivery>>) -> KubeEngine {
        let secrets = [("token", "hunter2-hunter2")];
        let config = Config {
            stack: STACK.to_owned(),
            secrets: secrets
                .map(|(name, value)| (name.to_owned(), Secret::new(value)))
                .into(),
            policy,
            timing: Timing {
                pace: Duration::from_millis(40),
                settle: Duration::from_millis(200),
                grace: Duration::from_secs(1),
            },
            images,
        };
        KubeEngine::new(&self.cluster, config)
    }

    pub(crate) async fn examine(&self, desired: &[Resource]) -> Seen {
        self.engine().reader().examine(STACK, desired).await.expect("a look")
    }

    /// Makes everything, in the order given.
    pub(crate) async fn make(&self, desired: &[Resource]) {
        let engine = self.engine();
        for resource in desired {
            let step = Step::Create {
                resource: resource.clone(),
            };
            run(&engine, &step)
                .await
                .unwrap_or_else(|error| panic!("{}", told(&error)));
        }
        engine.finish().await.expect("an inventory");
    }

    /// Somebody else changes something.
    pub(crate) async fn edit(&self, manager: &str, path: &str, patch: &Value) -> Value {
        self.send(
            "PATCH",
            &format!("{path}?fieldManager={manager}"),
            "application/merge-patch+json",
            patch,
        )
        .await
    }

    pub(crate) async fn send(&self, method: &str, path: &str, content: &str, body: &Value) -> Value {
        let config = kube::Config::new(self.double.url().parse().expect("a URL"));
        let client = kube::Client::try_from(config).expect("a client");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", content)
            .header("authorization", format!("Bearer {}", self.double.token()))
            .body(Body::from(body.to_string().into_bytes()))
            .expect("a request");
        let answer = client.send(request).await.expect("an answer");
        let status = answer.status();
        let bytes = http_body_util::BodyExt::collect(answer.into_body())
            .await
            .expect("a body")
            .to_bytes();
        assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).expect("JSON")
    }
}

/// As the admin, with `more` about the user.
async fn connect(double: &Double, more: &str) -> Cluster {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("config");
    let config = double
        .kubeconfig()
        .replace("contexts:\n", &format!("{more}contexts:\n"));
    std::fs::write(&file, config).expect("written");
    let access = mlstack_provider_kubernetes::Access {
        kubeconfig: vec![file],
        context: None,
        namespace: Some(STACK.to_owned()),
    };
    Cluster::connect(&access)
        .await
        .expect("a cluster")
        .with_patience(Duration::from_secs(10))
}

pub(crate) async fn run(engine: &KubeEngine, step: &Step) -> Result<Option<Observed>, ProviderError> {
    engine.run(step, &|_| {}).await
}

/// An error with all it says.
pub(crate) fn told(error: &ProviderError) -> String {
    let mut lines = vec![format!("{} {error}", error.kind.name())];
    let mut cause = error.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
    while let Some(why) = cause {
        lines.push(why.to_string());
        cause = why.source();
    }
    lines.extend(error.hints.iter().map(|hint| format!("help: {hint}")));
    lines.extend(error.rolled_back.then(|| "rolled back".to_owned()));
    lines.join("\n  ")
}

pub(crate) fn findings(found: &[Finding]) -> String {
    let lines = found.iter().map(|found| format!("{} {found}", found.level.name()));
    lines.collect::<Vec<_>>().join("\n")
}

/// What is not as wanted.
pub(crate) fn changed(seen: &Seen, desired: &[Resource]) -> Vec<String> {
    let live: BTreeMap<&Address, &Observed> = seen.observed.iter().map(|one| (&one.address, one)).collect();
    let mut all = Vec::new();
    for resource in desired {
        match live.get(&resource.address) {
            None => all.push(format!("{} is not there", resource.address)),
            Some(one) if one.spec != resource.spec => {
                all.push(format!(
                    "{}\n  is {}\n  not {}",
                    resource.address, one.spec, resource.spec
                ));
            }
            Some(one) => all.extend(
                one.problem
                    .as_ref()
                    .map(|problem| format!("{}: {problem}", one.address)),
            ),
        }
    }
    let wanted = |address: &Address| desired.iter().any(|resource| resource.address == *address);
    all.extend(
        seen.observed
            .iter()
            .filter(|one| !wanted(&one.address))
            .map(|one| format!("{} is left", one.address)),
    );
    all
}

pub(crate) fn find<'a>(seen: &'a Seen, address: &Address) -> &'a Observed {
    seen.observed
        .iter()
        .find(|one| one.address == *address)
        .expect("it is there")
}
