//! A pod of a new version that nobody reaches: it must come up and answer its golden requests before the version in
//! service is touched.
//!
//! It is made from the same template, with the same labels, so that network policies let it do what the version may do.
//! But its readiness gate is never opened: it never counts as ready, and no Service sends it a request. Its name comes
//! from the workload's alone, so that one which a killed run left is found; it belongs to the stack's inventory, so that
//! it goes with the stack; and it ends by itself after a while.

use mlstack_manifest::{Kind, Parent, fit};
use mlstack_provider::golden::Checks;
use mlstack_provider::{ErrorKind, Observed, ProviderError, Resource, Value};
use serde_json::json;

use crate::engine::Site;
use crate::fault::{Refusal, Sort};
use crate::look::Look;
use crate::observe::text;
use crate::step::gone;
use crate::wait::{self, NOT_READY, Wait};
use crate::{proof, words};

/// Marks a canary with its workload's name, and names the gate that is never opened.
pub(crate) const CANARY: &str = "mlstack.dev/canary";
/// Who makes them.
const MANAGER: &str = "mlstack-canary";
/// The longest name, so that what is made from it fits everywhere.
const NAME: usize = 52;
/// Seconds that it may take to stop: nobody waits for an answer of it.
const STOP: u64 = 5;
/// Seconds that it may run beyond the time it has to come up.
const LIFE: u64 = 600;

/// Pods, which are no member of a stack by themselves.
const POD: Kind = Kind {
    short: "pod",
    api_version: "v1",
    kind: "Pod",
    plural: "pods",
    namespaced: true,
    wave: 0,
    protected: false,
    immutable: &[],
    mutable: &[],
};

/// Whether a change brings a new version that can run beside the one in service. What must stop before its successor
/// starts, since only one can have what it needs, cannot.
pub(crate) fn fits(kind: &Kind, before: &Observed, after: &Resource) -> bool {
    let version = |spec: &Value| {
        let secrets = mlstack_manifest::extension(spec, "secrets").cloned();
        (spec["spec"]["template"].clone(), secrets)
    };
    kind.short == "deployment"
        && after.spec["spec"]["strategy"]["type"] != "Recreate"
        && after.spec["spec"]["replicas"] != 0
        && version(&before.spec) != version(&after.spec)
}

/// Whether one of a workload is left, by a run that was cut off.
///
/// # Errors
/// When the cluster does not answer.
pub(crate) async fn is_left(look: &Look, workload: &str) -> Result<bool, ProviderError> {
    Ok(find(look, workload).await?.is_some())
}

/// Tries a new version; whether it was proven. `false`: the cluster lets nobody make such a pod here.
///
/// # Errors
/// When it does not come up, or an answer is missing, wrong or late. The version in service was not touched then.
pub(crate) async fn try_out(
    site: &Site<'_>,
    kind: &'static Kind,
    resource: &Resource,
    checks: &Checks,
) -> Result<bool, ProviderError> {
    let workload = &resource.address.name;
    clear(site, workload).await?;
    site.inventory.cover(&site.question, site.write, kind).await?;
    site.tell("trying the new version beside the one in service");
    let limit = wait::limit(kind, &resource.spec, &resource.spec);
    let body = pod(site, kind, resource, limit.as_secs() + LIFE).await?;
    let name = name(workload);
    let answer = site.write.apply(&POD, &name, MANAGER, body, false).await?;
    if let Some(refusal) = answer.refusal().filter(is_rule) {
        site.tell(&format!("it cannot be tried first: {}", refusal.words()));
        return Ok(false);
    }
    answer.good("cannot try the new version of")?;
    let wait = Wait {
        look: site.look,
        kind: &POD,
        name: &name,
        action: NOT_READY,
        limit,
        timing: site.config.timing,
        progress: site.progress,
    };
    let proven = match wait.ready().await {
        Ok(_) => proof::of_pod(site, &name, checks).await,
        Err(error) => Err(error),
    };
    if let Err(error) = clear(site, workload).await {
        site.tell(&format!("{name} is left: {}", error.reason()));
    }
    let untouched = |error: ProviderError| {
        error
            .rolled_back()
            .hint("the version before it was not touched, and serves")
    };
    proven.map(|()| true).map_err(untouched)
}

/// Who runs the cluster does not want pods to be made so, or so many.
fn is_rule(refusal: &Refusal) -> bool {
    matches!(refusal.sort(), Sort::Denied | Sort::Forbidden)
}

/// Takes the canary of a workload away, if there is one.
///
/// # Errors
/// When it does not go.
pub(crate) async fn clear(site: &Site<'_>, workload: &str) -> Result<(), ProviderError> {
    let Some(pod) = find(site.look, workload).await? else {
        return Ok(());
    };
    site.write.delete_pod(&pod).await?;
    gone(site, &POD, &name(workload), text(&pod["metadata"]["uid"])).await
}

async fn find(look: &Look, workload: &str) -> Result<Option<Value>, ProviderError> {
    match look.object(&POD, &name(workload)).await {
        // Whoever may not look did not make one.
        Err(error) if error.kind == ErrorKind::Denied => Ok(None),
        found => Ok(found?.filter(|pod| !pod["metadata"]["labels"][CANARY].is_null())),
    }
}

fn name(workload: &str) -> String {
    fit(&format!("{workload}-canary"), NAME)
}

/// The pod of a workload's new version.
async fn pod(site: &Site<'_>, kind: &Kind, resource: &Resource, life: u64) -> Result<Value, ProviderError> {
    let live = site.look.object(kind, &resource.address.name).await?;
    let sent = words::sent(kind, resource, &site.place, live.as_ref());
    let owner = site.question.parent().await?;
    let mut pod = from_template(&sent["spec"]["template"], &resource.address.name, life);
    pod["metadata"]["name"] = name(&resource.address.name).into();
    pod["metadata"]["namespace"] = site.place.namespace.as_str().into();
    if let Some(owner) = owner {
        let name = Parent::of(&site.config.stack, &site.place.namespace).name;
        let uid = &owner["metadata"]["uid"];
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid}]);
    }
    Ok(pod)
}

fn from_template(template: &Value, workload: &str, life: u64) -> Value {
    let mut pod = template.clone();
    pod["apiVersion"] = POD.api_version.into();
    pod["kind"] = POD.kind.into();
    pod["metadata"]["labels"][CANARY] = workload.into();
    let spec = &mut pod["spec"];
    spec["readinessGates"] = json!([{"conditionType": CANARY}]);
    spec["activeDeadlineSeconds"] = life.into();
    spec["terminationGracePeriodSeconds"] = STOP.into();
    for container in spec["containers"].as_array_mut().into_iter().flatten() {
        // There is nobody to take leave of.
        if let Some(hooks) = container["lifecycle"].as_object_mut() {
            hooks.shift_remove("preStop");
        }
        if container["lifecycle"].as_object().is_none_or(serde_json::Map::is_empty)
            && let Some(container) = container.as_object_mut()
        {
            container.shift_remove("lifecycle");
        }
    }
    pod
}

#[cfg(test)]
mod tests;
