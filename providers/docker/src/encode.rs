//! From a service's spec to the engine's create call.
//!
//! Pure. Says what Compose would send for the same service, and no more.

use std::collections::BTreeMap;

use bollard::models::{
    ContainerCreateBody, DeviceRequest, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountType, MountVolumeOptions, NetworkingConfig, PortBinding, RestartPolicy, RestartPolicyNameEnum,
};
use mlstack_compose::{
    ContainerLabels, Duration, Healthcheck, MountKind, Origin, Port, Service, container_labels, container_name,
    depends_on_label, network_name, service_hash, volume_name,
};

use crate::{labels, secrets};

/// Between two health checks of a canary.
const CANARY_INTERVAL: Duration = Duration(500_000);
/// Between two health checks when nobody says: the engine's own default.
const ENGINE_INTERVAL: Duration = Duration(30_000_000);
/// How often a health check may fail in a row when nobody says: the engine's own default.
const ENGINE_RETRIES: u32 = 3;

/// What part a container plays for its copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It is the copy.
    Whole,
    /// It will be: on its networks nobody finds it yet.
    Unnamed,
    /// It will be: on no network yet, and so without its published ports, which the one before still has.
    Apart,
    /// It only shows that its version works: nobody finds it, it publishes nothing, and what it writes goes with it.
    Canary,
}

/// Whose container it is, beyond the service's spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Copy<'a> {
    pub(crate) project: &'a str,
    pub(crate) service: &'a str,
    /// From 1.
    pub(crate) number: u32,
    /// The engine's id of the image.
    pub(crate) image_id: &'a str,
    pub(crate) origin: &'a Origin,
    /// Labels of ours, see [`labels::ours`].
    pub(crate) ours: &'a BTreeMap<String, String>,
    pub(crate) part: Part,
}

impl Copy<'_> {
    /// Compose's name for it.
    pub(crate) fn name(&self) -> String {
        container_name(self.project, self.service, self.number)
    }
}

/// The create call of one copy. On its first network alone; [`endpoints`] has all.
pub(crate) fn create_body(service: &Service, copy: &Copy<'_>) -> ContainerCreateBody {
    let endpoints = endpoints(service, copy);
    let first = endpoints
        .iter()
        .next()
        .map(|(name, endpoint)| (name.clone(), endpoint.clone()));
    ContainerCreateBody {
        image: Some(service.image.clone()),
        cmd: service.command.clone(),
        entrypoint: service.entrypoint.clone(),
        env: Some(
            service
                .environment
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect(),
        ),
        user: text(&service.user),
        working_dir: text(&service.working_dir),
        stop_signal: text(&service.stop_signal),
        stop_timeout: service
            .stop_grace_period
            .map(|period| signed(period.0.div_ceil(1_000_000))),
        healthcheck: service.healthcheck.as_ref().map(|check| health(check, copy.part)),
        exposed_ports: Some(ports(service, copy).iter().map(container_port).collect()),
        labels: Some(all_labels(service, copy).into_iter().collect()),
        host_config: Some(HostConfig {
            network_mode: first.as_ref().map(|(name, _)| name.clone()),
            ..host(service, copy)
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(first.into_iter().collect()),
        }),
        ..Default::default()
    }
}

/// How a copy is on its networks, by their names in the engine; Compose's first network first.
pub(crate) fn endpoints(service: &Service, copy: &Copy<'_>) -> BTreeMap<String, EndpointSettings> {
    let default = BTreeMap::from([("default".to_owned(), None)]);
    let networks = if service.networks.is_empty() {
        &default
    } else {
        &service.networks
    };
    let one = |(key, network): (&String, &Option<mlstack_compose::ServiceNetwork>)| {
        let declared = network.iter().flat_map(|network| network.aliases.iter().cloned());
        let aliases = [copy.name(), copy.service.to_owned()]
            .into_iter()
            .chain(declared)
            .collect();
        let endpoint = EndpointSettings {
            aliases: Some(aliases).filter(|_| copy.part == Part::Whole),
            ..Default::default()
        };
        (network_name(copy.project, key), endpoint)
    };
    networks.iter().map(one).collect()
}

fn all_labels(service: &Service, copy: &Copy<'_>) -> BTreeMap<String, String> {
    let compose = ContainerLabels {
        project: copy.project.to_owned(),
        service: copy.service.to_owned(),
        number: copy.number,
        config_hash: service_hash(service),
        image_id: copy.image_id.to_owned(),
        depends_on: depends_on_label(&service.depends_on),
        oneoff: copy.part == Part::Canary,
    };
    let mut all = service.labels.clone();
    all.extend(container_labels(&compose, copy.origin));
    all.extend(copy.ours.clone());
    all
}

fn host(service: &Service, copy: &Copy<'_>) -> HostConfig {
    let limits = service.limits();
    HostConfig {
        cap_add: some(service.cap_add.clone()),
        cap_drop: some(service.cap_drop.clone()),
        security_opt: some(service.security_opt.clone()),
        readonly_rootfs: Some(service.read_only),
        init: service.init,
        tmpfs: Some(service.tmpfs.iter().map(|entry| tmpfs(entry)).collect()),
        shm_size: service.shm_size.map(|size| signed(size.0)),
        memory: limits.and_then(|limits| limits.memory).map(|memory| signed(memory.0)),
        nano_cpus: limits
            .and_then(|limits| limits.cpus)
            .map(|cpus| signed(cpus.0 * 1_000_000)),
        pids_limit: limits.and_then(|limits| limits.pids).map(i64::from),
        device_requests: some(devices(service)),
        mounts: some(mounts(service, copy)),
        port_bindings: Some(bindings(ports(service, copy)).into_iter().collect()),
        restart_policy: restart(&service.restart),
        log_config: service.logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: Some(logging.driver.clone()),
            config: Some(logging.options.clone().into_iter().collect()),
        }),
        ..Default::default()
    }
}

/// `/tmp:noexec,size=1` → `/tmp`, `noexec,size=1`.
fn tmpfs(entry: &str) -> (String, String) {
    let (folder, options) = entry.split_once(':').unwrap_or((entry, ""));
    (folder.to_owned(), options.to_owned())
}

fn mounts(service: &Service, copy: &Copy<'_>) -> Vec<Mount> {
    let secrets = (!service.secrets.is_empty()).then(|| secrets_mount(copy));
    let declared = service.volumes.iter().map(|mount| {
        let (typ, source) = match mount.kind {
            MountKind::Volume if copy.part == Part::Canary && !mount.read_only => (MountType::VOLUME, None),
            MountKind::Volume => (MountType::VOLUME, Some(volume_name(copy.project, &mount.source))),
            MountKind::Bind => (MountType::BIND, Some(mount.source.clone())),
        };
        Mount {
            typ: Some(typ),
            source,
            target: Some(mount.target.clone()),
            read_only: Some(mount.read_only),
            ..Default::default()
        }
    });
    declared.chain(secrets).collect()
}

/// A volume without a name: it goes with its container, and a label says whose it was.
fn secrets_mount(copy: &Copy<'_>) -> Mount {
    let label = (
        labels::SECRETS_OF.to_owned(),
        format!("{}/{}", copy.project, copy.service),
    );
    Mount {
        typ: Some(MountType::VOLUME),
        target: Some(secrets::FOLDER.to_owned()),
        volume_options: Some(MountVolumeOptions {
            no_copy: Some(true),
            labels: Some([label].into()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// What a container publishes: the copy has the ports.
fn ports<'a>(service: &'a Service, copy: &Copy<'_>) -> &'a [Port] {
    match copy.part {
        Part::Canary => &[],
        Part::Whole | Part::Unnamed | Part::Apart => &service.ports,
    }
}

/// `8080/tcp`.
fn container_port(port: &Port) -> String {
    format!("{}/{}", port.target, port.protocol)
}

fn bindings(ports: &[Port]) -> BTreeMap<String, Option<Vec<PortBinding>>> {
    let mut bindings: BTreeMap<String, Option<Vec<PortBinding>>> = BTreeMap::new();
    for port in ports {
        let binding = PortBinding {
            host_ip: Some(port.host_ip.clone()),
            host_port: Some(port.published.clone()),
        };
        bindings
            .entry(container_port(port))
            .or_default()
            .get_or_insert_default()
            .push(binding);
    }
    bindings
}

fn restart(policy: &str) -> Option<RestartPolicy> {
    let (name, count) = policy.split_once(':').unwrap_or((policy, "0"));
    let name = match name {
        "always" => RestartPolicyNameEnum::ALWAYS,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        "no" => RestartPolicyNameEnum::NO,
        _ => return None,
    };
    Some(RestartPolicy {
        name: Some(name),
        maximum_retry_count: count.parse().ok(),
    })
}

fn devices(service: &Service) -> Vec<DeviceRequest> {
    let reservations = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.resources.reservations.as_ref());
    let devices = reservations.iter().flat_map(|reservations| &reservations.devices);
    let one = |device: &mlstack_compose::Device| DeviceRequest {
        driver: text(&device.driver),
        count: Some(i64::from(device.count)),
        capabilities: Some(vec![device.capabilities.clone()]),
        ..Default::default()
    };
    devices.map(one).collect()
}

fn health(check: &Healthcheck, part: Part) -> HealthConfig {
    let nanos = |duration: Option<Duration>| duration.map(|duration| signed(duration.0 * 1000));
    let (interval, retries) = match part {
        Part::Canary => often(check),
        Part::Whole | Part::Unnamed | Part::Apart => (check.interval, check.retries),
    };
    HealthConfig {
        test: Some(check.test.clone()),
        interval: nanos(interval),
        timeout: nanos(check.timeout),
        retries: retries.map(i64::from),
        start_period: nanos(check.start_period),
        start_interval: None,
    }
}

/// A canary is asked often, and may fail for as long as the check allows: the engine asks for the first time after one
/// interval, and nobody is served meanwhile.
fn often(check: &Healthcheck) -> (Option<Duration>, Option<u32>) {
    let interval = check.interval.unwrap_or(ENGINE_INTERVAL);
    if interval <= CANARY_INTERVAL {
        return (check.interval, check.retries);
    }
    let retries = u64::from(check.retries.unwrap_or(ENGINE_RETRIES)) * interval.0.div_ceil(CANARY_INTERVAL.0);
    (Some(CANARY_INTERVAL), Some(retries.try_into().unwrap_or(u32::MAX)))
}

fn text(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn signed(value: u64) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
