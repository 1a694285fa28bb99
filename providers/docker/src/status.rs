//! What `status` shows of each container.

use std::collections::BTreeMap;

use bollard::models::{HealthStatusEnum, PortBinding};

use mlstack_provider::CopyStatus;

use crate::observe::Found;
use crate::trouble;

/// The status of every copy.
pub(crate) fn of(services: BTreeMap<String, Vec<Found>>) -> Vec<CopyStatus> {
    let each = services
        .into_iter()
        .flat_map(|(component, copies)| copies.into_iter().map(move |found| one(&component, found)));
    each.collect()
}

fn one(component: &str, found: Found) -> CopyStatus {
    let container = found.inspected;
    let problem = trouble::problem(&container);
    let health = Some(trouble::health(&container)).filter(|health| *health != HealthStatusEnum::NONE);
    let state = container.state.unwrap_or_default();
    let running = state.running == Some(true);
    let since = if running { state.started_at } else { state.finished_at };
    let ports = container.network_settings.and_then(|settings| settings.ports);
    CopyStatus {
        component: component.to_owned(),
        copy: found.number,
        name: found.name,
        id: found.id,
        image: container.config.and_then(|config| config.image).unwrap_or_default(),
        state: state.status.map(|status| status.to_string()).unwrap_or_default(),
        health: health.map(|health| health.to_string()),
        since: since.filter(|time| !time.starts_with("0001-")),
        exit_code: state.exit_code.filter(|_| !running),
        ports: published(ports.into_iter().flatten()),
        node: None,
        restarts: container
            .restart_count
            .and_then(|count| u64::try_from(count).ok())
            .unwrap_or_default(),
        problem,
    }
}

fn published(ports: impl Iterator<Item = (String, Option<Vec<PortBinding>>)>) -> Vec<String> {
    let one = |port: &str, binding: &PortBinding| {
        let host = binding.host_ip.as_deref().unwrap_or_default();
        format!("{host}:{}->{port}", binding.host_port.as_deref().unwrap_or_default())
    };
    let mut all: Vec<String> = Vec::new();
    for (port, bindings) in ports {
        all.extend(bindings.iter().flatten().map(|binding| one(&port, binding)));
    }
    all.sort();
    all
}

#[cfg(test)]
mod tests;
