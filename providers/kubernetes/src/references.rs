//! What the pods of a stack name and nobody has: found before an apply, as the server does not look.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mlstack_manifest::{kind, pod_spec};
use mlstack_provider::{Address, Finding, Level, ProviderError, Resource, Value};

use crate::observe::{AT_ONCE, Question, World};

/// Something a pod names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) address: Address,
    /// Whether pods wait for it, or only a pull may fail.
    pub(crate) needed: bool,
}

/// One finding for each thing that is named by a workload, not wanted and not there.
pub(crate) async fn missing(
    question: &Question<'_>,
    world: &World,
    desired: &[Resource],
) -> Result<Vec<Finding>, ProviderError> {
    let wanted: BTreeSet<&Address> = desired.iter().map(|resource| &resource.address).collect();
    let mut asked: BTreeMap<Named, Vec<&Address>> = BTreeMap::new();
    for resource in desired {
        for named in pod_spec(&resource.spec).map(named).unwrap_or_default() {
            if !wanted.contains(&named.address) && !world.ours.contains_key(&named.address) {
                asked.entry(named).or_default().push(&resource.address);
            }
        }
    }
    let each = asked.into_iter().map(|(named, by)| async move {
        let there = match kind(&named.address.kind) {
            Some(kind) if world.has_namespace => question.look.exists(kind, &named.address.name).await?,
            _ => false,
        };
        let findings = by.into_iter().filter(|_| !there).map(|by| finding(by, &named, world));
        Ok::<_, ProviderError>(findings.collect::<Vec<_>>())
    });
    let found: Vec<Vec<Finding>> = stream::iter(each.collect::<Vec<_>>())
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

fn finding(by: &Address, named: &Named, world: &World) -> Finding {
    let what = &named.address;
    let level = if named.needed { Level::Refusal } else { Level::Warning };
    Finding::new(by, level, format!("it names {what}, which is not there")).hint(match named.needed {
        true => format!("make it, or leave it out: kubectl get {} {}", what.kind, what.name),
        false => pull_secret(&what.name, world),
    })
}

/// How to make the Secret that images are pulled with. No password stands in the command, where others could read it.
fn pull_secret(name: &str, world: &World) -> String {
    let namespace = &world.place.namespace;
    let create = format!(
        "kubectl create secret docker-registry {name} --namespace {namespace} \
         --from-file=.dockerconfigjson=$HOME/.docker/config.json"
    );
    match world.has_namespace {
        true => format!("make it of what docker login stored: {create}"),
        false => format!(
            "make it before the first apply, of what docker login stored: \
             kubectl create namespace {namespace} && {create}; then plan with --adopt"
        ),
    }
}

/// All that the `spec` of a pod names and that must be there.
pub(crate) fn named(pod: &Value) -> Vec<Named> {
    let mut all = Vec::new();
    if let Some(account) = pod["serviceAccountName"].as_str().filter(|name| *name != "default") {
        all.push(needed("serviceaccount", account));
    }
    for secret in list(&pod["imagePullSecrets"]) {
        let name = secret["name"].as_str().map(|name| Named {
            needed: false,
            ..needed("secret", name)
        });
        all.extend(name);
    }
    for volume in list(&pod["volumes"]) {
        all.extend(of_source(volume));
        for source in list(&volume["projected"]["sources"]) {
            all.extend(of_source(source));
        }
    }
    for container in list(&pod["initContainers"]).iter().chain(list(&pod["containers"])) {
        for source in list(&container["envFrom"]) {
            all.extend(reference("configmap", &source["configMapRef"], "name"));
            all.extend(reference("secret", &source["secretRef"], "name"));
        }
        for variable in list(&container["env"]) {
            let from = &variable["valueFrom"];
            all.extend(reference("configmap", &from["configMapKeyRef"], "name"));
            all.extend(reference("secret", &from["secretKeyRef"], "name"));
        }
    }
    all.sort();
    all.dedup();
    all
}

fn of_source(source: &Value) -> impl Iterator<Item = Named> {
    let secret = if source["secret"]["secretName"].is_null() {
        "name"
    } else {
        "secretName"
    };
    [
        reference("configmap", &source["configMap"], "name"),
        reference("secret", &source["secret"], secret),
        reference("pvc", &source["persistentVolumeClaim"], "claimName"),
    ]
    .into_iter()
    .flatten()
}

fn reference(kind: &str, at: &Value, key: &str) -> Option<Named> {
    (at["optional"] != true)
        .then(|| at[key].as_str().map(|name| needed(kind, name)))
        .flatten()
}

fn needed(kind: &str, name: &str) -> Named {
    Named {
        address: Address::new(kind, name),
        needed: true,
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests;
