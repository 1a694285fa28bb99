//! What `status` shows of each pod.

use std::collections::BTreeMap;

use mlstack_manifest::{MANAGED_BY, MANAGER, label_value};
use mlstack_provider::{CopyStatus, ProviderError, Value};

use crate::canary::CANARY;
use crate::cause::{Evidence, causes};
use crate::health::{condition, is_terminating};
use crate::look::Look;
use crate::observe::text;

/// The labels of all pods of a stack that serve.
pub(crate) fn selector(stack: &str) -> String {
    format!(
        "app.kubernetes.io/instance={},{MANAGED_BY}={MANAGER},!{CANARY}",
        label_value(stack)
    )
}

/// All pods of a stack by component and number, with the component and the number.
pub(crate) async fn pods(look: &Look, stack: &str) -> Result<Vec<(String, u32, Value)>, ProviderError> {
    let mut by_component: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for pod in look.pods(&selector(stack)).await? {
        let component = text(&pod["metadata"]["labels"]["app.kubernetes.io/name"]).to_owned();
        by_component.entry(component).or_default().push(pod);
    }
    let mut all = Vec::new();
    for (component, mut pods) in by_component {
        pods.sort_by_key(|pod| {
            (
                text(&pod["metadata"]["creationTimestamp"]).to_owned(),
                text(&pod["metadata"]["name"]).to_owned(),
            )
        });
        all.extend((1..).zip(pods).map(|(copy, pod)| (component.clone(), copy, pod)));
    }
    Ok(all)
}

/// The status of every pod.
pub(crate) async fn of(look: &Look, stack: &str) -> Result<Vec<CopyStatus>, ProviderError> {
    let pods = pods(look, stack).await?;
    let events = look.warnings().await?;
    Ok(pods
        .into_iter()
        .map(|(component, copy, pod)| one(component, copy, &pod, &events))
        .collect())
}

fn one(component: String, copy: u32, pod: &Value, events: &[Value]) -> CopyStatus {
    let (status, first) = (&pod["status"], &pod["status"]["containerStatuses"][0]);
    let running = status["phase"] == "Running";
    let ready = condition(pod, "Ready", "True").is_some();
    let state = match is_terminating(pod) {
        true => "terminating".to_owned(),
        false => text(&status["phase"]).to_lowercase(),
    };
    let evidence = Evidence {
        object: &Value::Null,
        pods: std::slice::from_ref(pod),
        events,
    };
    let troubles = if ready { Vec::new() } else { causes(&evidence) };
    let restarts = status["containerStatuses"].as_array().into_iter().flatten();
    CopyStatus {
        component,
        copy,
        name: text(&pod["metadata"]["name"]).to_owned(),
        id: text(&pod["metadata"]["uid"]).to_owned(),
        image: text(&pod["spec"]["containers"][0]["image"]).to_owned(),
        state,
        health: running.then(|| if ready { "healthy" } else { "unhealthy" }.to_owned()),
        since: first["state"]["running"]["startedAt"].as_str().map(ToOwned::to_owned),
        exit_code: first["state"]["terminated"]["exitCode"].as_i64(),
        ports: Vec::new(),
        node: pod["spec"]["nodeName"].as_str().map(ToOwned::to_owned),
        restarts: restarts.filter_map(|status| status["restartCount"].as_u64()).sum(),
        problem: troubles.first().map(|cause| cause.sentence()),
    }
}

#[cfg(test)]
mod tests;
