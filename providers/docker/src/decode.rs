//! From what the engine says about a container back to a service's spec.
//!
//! Pure. What the image brings along is taken out again, so that only what the spec asked for remains.

use std::collections::BTreeMap;

use bollard::models::{
    ContainerConfig, ContainerInspectResponse, DeviceRequest, EndpointSettings, HealthConfig, HostConfig,
    HostConfigLogConfig, ImageConfig, Mount, MountPoint, MountType, RestartPolicy,
};
use mlstack_compose::{
    Bytes, Cpus, Deploy, Device, Duration, Healthcheck, Limits, Logging, Port, Reservations, Resources, Service,
    ServiceNetwork, parse_depends_on,
};

use crate::{labels, secrets, trouble};

/// The engine's default size of `/dev/shm`, in bytes.
const DEFAULT_SHM: i64 = 64 << 20;

/// Reads a container of `project` as a service with one copy. Labels of Compose and ours are left out.
pub(crate) fn service(project: &str, container: &ContainerInspectResponse, image: &ImageConfig) -> Service {
    let config = container.config.clone().unwrap_or_default();
    let host = container.host_config.clone().unwrap_or_default();
    Service {
        image: config.image.clone().unwrap_or_default(),
        command: own(config.cmd.clone(), image.cmd.as_ref()).filter(|command| !command.is_empty()),
        entrypoint: own(config.entrypoint.clone(), image.entrypoint.as_ref()).filter(|program| !program.is_empty()),
        environment: environment(&config, image),
        user: own(config.user.clone(), image.user.as_ref()).unwrap_or_default(),
        working_dir: own(config.working_dir.clone(), image.working_dir.as_ref()).unwrap_or_default(),
        stop_signal: own(config.stop_signal.clone(), image.stop_signal.as_ref()).unwrap_or_default(),
        stop_grace_period: config.stop_timeout.map(|seconds| Duration::seconds(unsigned(seconds))),
        healthcheck: healthcheck(config.healthcheck.as_ref(), image.healthcheck.as_ref()),
        labels: own_labels(&config, image),
        depends_on: label(&config, labels::DEPENDS_ON)
            .map(parse_depends_on)
            .unwrap_or_default(),
        networks: networks(project, container),
        ports: ports(&host),
        volumes: volumes(project, container, &host),
        tmpfs: tmpfs(&host),
        deploy: deploy(&host),
        restart: restart(host.restart_policy.as_ref()),
        cap_add: capabilities(host.cap_add),
        cap_drop: capabilities(host.cap_drop),
        security_opt: host.security_opt.unwrap_or_default(),
        read_only: host.readonly_rootfs.unwrap_or(false),
        init: host.init.filter(|init| *init),
        shm_size: host
            .shm_size
            .filter(|size| *size > 0 && *size != DEFAULT_SHM)
            .map(bytes),
        logging: host.log_config.and_then(logging),
        ..Service::default()
    }
}

/// A value, unless the image already says the same.
fn own<T: PartialEq>(value: Option<T>, image: Option<&T>) -> Option<T> {
    value.filter(|value| Some(value) != image)
}

fn label<'a>(config: &'a ContainerConfig, key: &str) -> Option<&'a str> {
    config.labels.as_ref()?.get(key).map(String::as_str)
}

fn environment(config: &ContainerConfig, image: &ImageConfig) -> BTreeMap<String, String> {
    let brought = image.env.as_deref().unwrap_or_default();
    let own = config.env.iter().flatten().filter(|entry| !brought.contains(entry));
    own.filter_map(|entry| entry.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn own_labels(config: &ContainerConfig, image: &ImageConfig) -> BTreeMap<String, String> {
    let brought = |key: &String, value: &String| {
        image
            .labels
            .as_ref()
            .is_some_and(|labels| labels.get(key) == Some(value))
    };
    let all = config.labels.iter().flatten();
    let own = all.filter(|(key, value)| !labels::is_reserved(key) && !brought(key, value));
    own.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn healthcheck(check: Option<&HealthConfig>, image: Option<&HealthConfig>) -> Option<Healthcheck> {
    let check = check.filter(|check| Some(*check) != image)?;
    let duration = |nanos: Option<i64>| {
        nanos
            .filter(|nanos| *nanos > 0)
            .map(|nanos| Duration(unsigned(nanos) / 1000))
    };
    Some(Healthcheck {
        test: check.test.clone().unwrap_or_default(),
        interval: duration(check.interval),
        timeout: duration(check.timeout),
        retries: check
            .retries
            .and_then(|retries| u32::try_from(retries).ok())
            .filter(|retries| *retries > 0),
        start_period: duration(check.start_period),
    })
}

/// The networks, by key.
fn networks(project: &str, container: &ContainerInspectResponse) -> BTreeMap<String, Option<ServiceNetwork>> {
    let networks = container
        .network_settings
        .as_ref()
        .and_then(|settings| settings.networks.as_ref());
    let one = |(name, endpoint): (&String, &EndpointSettings)| {
        let aliases = declared_aliases(container, endpoint);
        let key = key_of(project, name).unwrap_or_else(|| name.clone());
        (key, (!aliases.is_empty()).then_some(ServiceNetwork { aliases }))
    };
    networks.into_iter().flatten().map(one).collect()
}

/// The aliases, without those every container has: its names, its service, its short id, its host name.
fn declared_aliases(container: &ContainerInspectResponse, endpoint: &EndpointSettings) -> Vec<String> {
    let config = container.config.as_ref();
    let service = config
        .and_then(|config| label(config, labels::SERVICE))
        .unwrap_or_default();
    let host_name = config.and_then(|config| config.hostname.as_deref()).unwrap_or_default();
    let id = container.id.as_deref().unwrap_or_default();
    let every =
        |alias: &str| alias == service || alias == host_name || id.starts_with(alias) || is_name(container, alias);
    let declared = endpoint.aliases.iter().flatten().filter(|alias| !every(alias));
    declared.cloned().collect()
}

fn is_name(container: &ContainerInspectResponse, alias: &str) -> bool {
    let Some(config) = container.config.as_ref() else {
        return false;
    };
    let part = |key| label(config, key).unwrap_or_default();
    let name = container.name.as_deref().unwrap_or_default().trim_start_matches('/');
    alias == name
        || alias
            == format!(
                "{}-{}-{}",
                part(labels::PROJECT),
                part(labels::SERVICE),
                part(labels::NUMBER)
            )
}

fn ports(host: &HostConfig) -> Vec<Port> {
    let all = host.port_bindings.iter().flatten().flat_map(|(port, bindings)| {
        let (target, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        bindings.iter().flatten().map(move |binding| Port {
            mode: "ingress".to_owned(),
            host_ip: binding.host_ip.clone().unwrap_or_default(),
            target: target.parse().unwrap_or_default(),
            published: binding.host_port.clone().unwrap_or_default(),
            protocol: protocol.to_owned(),
        })
    });
    let mut ports: Vec<Port> = all.collect();
    ports.sort_by(|a, b| (a.target, &a.published).cmp(&(b.target, &b.published)));
    ports
}

/// Named volumes and binds, from what is really mounted; a container that never ran has only its wishes.
fn volumes(project: &str, container: &ContainerInspectResponse, host: &HostConfig) -> Vec<mlstack_compose::Mount> {
    let mounted = container
        .mounts
        .iter()
        .flatten()
        .filter_map(|point| mounted(project, point));
    let mut volumes: Vec<_> = mounted.filter(|mount| !is_secret(&mount.target)).collect();
    if container.mounts.is_none() {
        volumes = host
            .mounts
            .iter()
            .flatten()
            .filter_map(|mount| wished(project, mount))
            .collect();
    }
    volumes.sort_by(|a, b| a.target.cmp(&b.target));
    volumes
}

fn is_secret(target: &str) -> bool {
    target
        .strip_prefix(secrets::FOLDER)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn mounted(project: &str, point: &MountPoint) -> Option<mlstack_compose::Mount> {
    let target = point.destination.clone()?;
    let read_only = point.rw == Some(false);
    match point.typ.as_deref()? {
        "volume" => {
            let key = key_of(project, point.name.as_ref()?)?;
            Some(mlstack_compose::Mount::volume(key, target, read_only))
        }
        "bind" => Some(mlstack_compose::Mount::bind(point.source.clone()?, target, read_only)),
        _ => None,
    }
}

fn wished(project: &str, mount: &Mount) -> Option<mlstack_compose::Mount> {
    let (target, source) = (mount.target.clone()?, mount.source.clone()?);
    let read_only = mount.read_only == Some(true);
    match mount.typ? {
        MountType::VOLUME => Some(mlstack_compose::Mount::volume(
            key_of(project, &source)?,
            target,
            read_only,
        )),
        MountType::BIND => Some(mlstack_compose::Mount::bind(source, target, read_only)),
        _ => None,
    }
}

/// The key of a volume or network: its name without the project; `None` for a volume without a name of its own.
fn key_of(project: &str, name: &str) -> Option<String> {
    let anonymous = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let key = name
        .strip_prefix(project)
        .and_then(|rest| rest.strip_prefix('_'))
        .unwrap_or(name);
    (!anonymous).then(|| key.to_owned())
}

fn tmpfs(host: &HostConfig) -> Vec<String> {
    let entry = |(folder, options): (&String, &String)| match options.is_empty() {
        true => folder.clone(),
        false => format!("{folder}:{options}"),
    };
    let mut all: Vec<String> = host.tmpfs.iter().flatten().map(entry).collect();
    all.sort();
    all
}

fn deploy(host: &HostConfig) -> Option<Deploy> {
    let limits = Limits {
        cpus: host
            .nano_cpus
            .filter(|cpus| *cpus > 0)
            .map(|cpus| Cpus(unsigned(cpus) / 1_000_000)),
        memory: host.memory.filter(|memory| *memory > 0).map(bytes),
        pids: host
            .pids_limit
            .filter(|pids| *pids > 0)
            .and_then(|pids| pids.try_into().ok()),
    };
    let devices: Vec<Device> = host.device_requests.iter().flatten().map(device).collect();
    let deploy = Deploy {
        replicas: None,
        resources: Resources {
            limits: (limits != Limits::default()).then_some(limits),
            reservations: (!devices.is_empty()).then_some(Reservations { devices }),
        },
    };
    (deploy != Deploy::default()).then_some(deploy)
}

fn device(request: &DeviceRequest) -> Device {
    Device {
        capabilities: request.capabilities.iter().flatten().flatten().cloned().collect(),
        driver: request.driver.clone().unwrap_or_default(),
        count: request
            .count
            .and_then(|count| count.try_into().ok())
            .unwrap_or_default(),
    }
}

fn restart(policy: Option<&RestartPolicy>) -> String {
    let name = trouble::policy_name(policy);
    let count = policy
        .and_then(|policy| policy.maximum_retry_count)
        .filter(|count| *count > 0);
    match count {
        Some(count) => format!("{name}:{count}"),
        None => name,
    }
}

/// Newer engines put `CAP_` before each name; the spec does not.
fn capabilities(names: Option<Vec<String>>) -> Vec<String> {
    let short = |name: String| name.strip_prefix("CAP_").map_or(name.clone(), str::to_owned);
    names.into_iter().flatten().map(short).collect()
}

fn logging(config: HostConfigLogConfig) -> Option<Logging> {
    let logging = Logging {
        driver: config.typ?,
        options: config.config.into_iter().flatten().collect(),
    };
    (logging.driver != "json-file" || !logging.options.is_empty()).then_some(logging)
}

fn bytes(value: i64) -> Bytes {
    Bytes(unsigned(value))
}

fn unsigned(value: i64) -> u64 {
    value.try_into().unwrap_or(0)
}
