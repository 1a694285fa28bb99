//! What `status` shows of each pod.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use mlstack_manifest::{MANAGED_BY, MANAGER, kind, label_value};
use mlstack_provider::{CopyStatus, ErrorKind, ProviderError, Value};

use crate::canary::CANARY;
use crate::cause::{Evidence, causes};
use crate::health::{condition, is_terminating};
use crate::look::Look;
use crate::observe::text;

/// The labels of all that is of a stack.
fn of_stack(stack: &str) -> String {
    format!(
        "app.kubernetes.io/instance={},{MANAGED_BY}={MANAGER}",
        label_value(stack)
    )
}

/// The labels of all pods of a stack that serve.
pub(crate) fn selector(stack: &str) -> String {
    format!("{},!{CANARY}", of_stack(stack))
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
    let (pods, events, mut doors) = tokio::try_join!(pods(look, stack), look.warnings(), doors(look, stack))?;
    let told = pods.into_iter().map(|(component, copy, pod)| {
        // An address is the component's, so it is told once.
        let ports = doors.remove(&component).unwrap_or_default();
        CopyStatus {
            ports,
            ..one(component, copy, &pod, &events)
        }
    });
    Ok(told.collect())
}

/// The addresses at which components can be reached from outside, as far as the cluster tells them.
async fn doors(look: &Look, stack: &str) -> Result<BTreeMap<String, Vec<String>>, ProviderError> {
    let selector = &of_stack(stack);
    let kinds = ["service", "ingress", "httproute"].into_iter().filter_map(kind);
    let lists = kinds.map(|kind| async move {
        match look.list(kind, selector).await {
            // They are an extra: whoever may only see pods sees those.
            Err(error) if error.kind == ErrorKind::Denied => Ok((kind.short, Vec::new())),
            listed => listed.map(|all| (kind.short, all)),
        }
    });
    let mut doors: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (short, all) in try_join_all(lists).await? {
        for object in &all {
            let component = text(&object["metadata"]["labels"]["app.kubernetes.io/name"]).to_owned();
            doors.entry(component).or_default().extend(addresses(short, object));
        }
    }
    Ok(doors)
}

fn addresses(short: &str, object: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let given = list(&object["status"]["loadBalancer"]["ingress"]);
    let given = given
        .iter()
        .filter_map(|one| one["hostname"].as_str().or(one["ip"].as_str()));
    match short {
        "service" => {
            let ports = list(&object["spec"]["ports"]);
            let at = |host| ports.iter().map(move |port| format!("{host}:{}", port["port"]));
            given.flat_map(at).collect()
        }
        "ingress" => {
            let scheme = if object["spec"]["tls"].is_array() {
                "https"
            } else {
                "http"
            };
            let rules = list(&object["spec"]["rules"]);
            let hosts: Vec<&str> = rules.iter().filter_map(|rule| rule["host"].as_str()).collect();
            let hosts = if hosts.is_empty() { given.collect() } else { hosts };
            hosts.iter().map(|host| format!("{scheme}://{host}")).collect()
        }
        _ => {
            let hosts = list(&object["spec"]["hostnames"]);
            hosts
                .iter()
                .filter_map(|host| Some(format!("http://{}", host.as_str()?)))
                .collect()
        }
    }
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
