//! Whether a cluster can run a stack: its version, the namespace, what we may do there, what is there to stand on.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mlstack_manifest::Kind;
use mlstack_provider::{ErrorKind, ProviderError, Value};

use crate::look::Look;
use crate::observe::{AT_ONCE, text};

/// What a cluster says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doctor {
    /// Of the API server: `v1.33.1`.
    pub version: String,
    /// Whether the namespace is there.
    pub has_namespace: bool,
    /// What we may not do there and must, by the plural of the kind: `deployments` → `create`, `patch`.
    pub denied: BTreeMap<&'static str, Vec<&'static str>>,
    /// The class of volumes that name none, if there is one; `None` where we may not look.
    pub default_storage: Option<Option<String>>,
    /// The classes of Ingresses; `None` where we may not look.
    pub ingress_classes: Option<Vec<String>>,
}

/// What an apply does with the objects of a kind.
const VERBS: [&str; 5] = ["create", "delete", "get", "list", "patch"];
/// The same of kinds that are of the whole cluster: the namespace is known by its name.
const OF_CLUSTER: [&str; 4] = ["create", "delete", "get", "patch"];

/// Asks the cluster about a stack that is made of `kinds`.
pub(crate) async fn examine(look: &Look, kinds: &[&'static Kind]) -> Result<Doctor, ProviderError> {
    let (version, has_namespace, denied, storage, ingress) = tokio::try_join!(
        look.version(),
        look.has_namespace(look.namespace()),
        denied(look, kinds),
        classes(look, "/apis/storage.k8s.io/v1/storageclasses"),
        classes(look, "/apis/networking.k8s.io/v1/ingressclasses"),
    )?;
    Ok(Doctor {
        version,
        has_namespace,
        denied,
        default_storage: storage.map(|all| all.iter().find(|class| is_default(class)).map(name)),
        ingress_classes: ingress.map(|all| all.iter().map(name).collect()),
    })
}

async fn denied(
    look: &Look,
    kinds: &[&'static Kind],
) -> Result<BTreeMap<&'static str, Vec<&'static str>>, ProviderError> {
    let verbs = |kind: &Kind| match kind.namespaced {
        true => VERBS.as_slice(),
        false => OF_CLUSTER.as_slice(),
    };
    let asked = kinds
        .iter()
        .flat_map(|kind| verbs(kind).iter().map(|verb| (*verb, *kind)));
    let answers = asked.map(|(verb, kind)| async move {
        let may = look.may(verb, kind).await?;
        Ok::<_, ProviderError>((!may).then_some((kind.plural, verb)))
    });
    let answers: Vec<Option<_>> = stream::iter(answers.collect::<Vec<_>>())
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    let mut denied: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (plural, verb) in answers.into_iter().flatten() {
        denied.entry(plural).or_default().push(verb);
    }
    Ok(denied)
}

/// Classes of the whole cluster, which not everybody may list.
async fn classes(look: &Look, path: &str) -> Result<Option<Vec<Value>>, ProviderError> {
    match look.pages("classes", path, "").await {
        Err(error) if error.kind == ErrorKind::Denied => Ok(None),
        listed => listed.map(Some),
    }
}

fn name(class: &Value) -> String {
    text(&class["metadata"]["name"]).to_owned()
}

fn is_default(class: &Value) -> bool {
    class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
}
