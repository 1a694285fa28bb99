//! One component as a service.

use std::collections::BTreeMap;

use mlstack_compose::{
    Bytes, Condition, Cpus, Dependency, Deploy, Device, Duration, Extension, Limits, Mount, Port, Reservations,
    Resources, Service, ServiceSecret,
};
use mlstack_provider::{Address, Resource};

use super::{
    BACK, FRONT, Lowering, foreign, image_address, network_address, ours, parts, service_address, spec, volume_address,
};
use crate::stack::{Component, Expose, VolumeSource};
use crate::target::environment::{Delivery, Environment};
use crate::target::{bundled, checks, refs};

/// No program in the container can gain rights that it did not start with.
pub(super) const NO_NEW_PRIVILEGES: &str = "no-new-privileges:true";
/// Processes and threads of one container.
pub(super) const PIDS: u32 = 512;
/// The address of ports that only this machine may reach.
const THIS_MACHINE: &str = "127.0.0.1";

/// The resource of a component that runs here.
pub(super) fn service(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let (image, _) = lowering.images.get(component);
    let service = container(lowering, component);
    let networks = service.networks.keys().map(|key| network_address(key));
    let volumes = service.volumes.iter().filter(|mount| mount.bind.is_none());
    let volumes = volumes.map(|mount| volume_address(&mount.source));
    let used = service.depends_on.keys().map(|name| service_address(name));
    let depends_on: Vec<Address> = [image_address(image)]
        .into_iter()
        .chain(networks)
        .chain(volumes)
        .chain(used)
        .collect();
    Resource {
        address: service_address(&component.name),
        spec: spec(&service),
        depends_on,
        source: lowering.source(&component.path),
        protected: false,
    }
}

fn container(lowering: &Lowering<'_>, component: &Component) -> Service {
    let own = match bundled::is_foreign(component) {
        true => foreign::service(component),
        false => ours::service(component),
    };
    let Environment { variables, secrets, .. } = Environment::of(lowering.stack, component, Delivery::File);
    let digests = lowering.inputs.secrets;
    Service {
        image: lowering.images.get(component).1.reference.clone(),
        environment: variables,
        secrets: secrets.iter().map(|name| ServiceSecret::named(name)).collect(),
        networks: networks(lowering, component),
        ports: component.expose.iter().map(port).collect(),
        volumes: mounts(lowering, component),
        depends_on: dependencies(lowering, component),
        restart: "unless-stopped".to_owned(),
        extension: Extension {
            secrets: secrets
                .into_iter()
                .map(|name| (name.clone(), digests.get(&name).cloned()))
                .collect(),
            ready_within: Some(Duration(component.rollout.timeout_us)),
            image_id: lowering.images.id(component).map(str::to_owned),
            checks: checks::of(component),
        },
        ..own
    }
}

fn networks(
    lowering: &Lowering<'_>,
    component: &Component,
) -> BTreeMap<String, Option<mlstack_compose::ServiceNetwork>> {
    let front = parts::faces_out(lowering, component).then_some(FRONT);
    [BACK]
        .into_iter()
        .chain(front)
        .map(|key| (key.to_owned(), None))
        .collect()
}

fn port(expose: &Expose) -> Port {
    let address = if expose.public { "" } else { THIS_MACHINE };
    Port::tcp(address, expose.port, expose.to)
}

/// Sorted by where they are mounted.
fn mounts(lowering: &Lowering<'_>, component: &Component) -> Vec<Mount> {
    let own = bundled::data(component).map(|(key, folder)| Mount::volume(key, folder, false));
    let declared = component.volumes.iter().map(|volume| match &volume.source {
        VolumeSource::Named(key) => Mount::volume(key, &volume.path, volume.read_only),
        VolumeSource::Host(path) => Mount::bind(below(lowering.inputs.root, path), &volume.path, volume.read_only),
    });
    let mut mounts: Vec<Mount> = own.into_iter().chain(declared).collect();
    mounts.sort_by(|a, b| a.target.cmp(&b.target));
    mounts
}

/// `path`, from `root` where it is relative, without `.` and `..` in it: what Compose itself makes of it.
pub(crate) fn below(root: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{root}/{path}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn dependencies(lowering: &Lowering<'_>, component: &Component) -> BTreeMap<String, Dependency> {
    let used = component.uses.iter().filter_map(|name| lowering.component(name));
    let running = used.filter(|used| !refs::is_external(used));
    let one = |used: &Component| {
        let dependency = Dependency {
            condition: if tells_health(used) {
                Condition::Healthy
            } else {
                Condition::Started
            },
            restart: false,
            required: true,
        };
        (used.name.clone(), dependency)
    };
    running.map(one).collect()
}

fn tells_health(component: &Component) -> bool {
    !bundled::is_foreign(component) || component.healthcheck.is_some()
}

/// The number of copies and what each may use; the stack file's word, else the default given here.
pub(super) fn limits(component: &Component, cpu_millis: Option<u64>, memory: Option<u64>, pids: u32) -> Deploy {
    let asked = &component.resources;
    let gpu = asked.gpu.filter(|count| *count > 0).map(|count| Reservations {
        devices: vec![Device {
            capabilities: vec!["gpu".to_owned()],
            driver: "nvidia".to_owned(),
            count,
        }],
    });
    Deploy {
        replicas: Some(component.replicas).filter(|replicas| *replicas != 1),
        resources: Resources {
            limits: Some(Limits {
                cpus: asked.cpu_millis.or(cpu_millis).map(Cpus),
                memory: asked.memory.or(memory).map(Bytes),
                pids: Some(pids),
            }),
            reservations: gpu,
        },
    }
}
