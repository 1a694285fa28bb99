//! The pods of a component: one container, hardened, with the files it needs and nothing else that is writable.

use std::collections::BTreeSet;

use mlstack_provider::Value;
use serde_json::{Map, json};

use super::storage::{bytes, cores, script_name, script_of};
use super::{Lowering, image, labels, probes, scaling, secret_object, workload};
use crate::stack::{Component, Kind, VolumeSource};
use crate::target::bundled::{self, MIB, Part};
use crate::target::environment::{Delivery, Environment};
use crate::target::refs;

/// The user of all containers: nobody on any node, and above every user that a node has by default.
const USER: u32 = 65532;
/// Where scripts are mounted.
const SCRIPTS: &str = "/etc/mlstack";
/// Seconds that a server goes on answering after it was told to stop: until then, others may still be sent to it.
const DRAIN: u64 = 5;
/// Thousandths of a core that are set aside where the stack file says nothing.
const CPU: u64 = 100;

/// A pod, and what it stands on.
pub(super) struct Pod {
    pub(super) spec: Value,
    /// Secrets it needs, by the names of the stack file.
    pub(super) secrets: BTreeSet<String>,
    /// Claims it mounts.
    pub(super) claims: BTreeSet<String>,
}

impl Pod {
    pub(super) fn of(lowering: &Lowering<'_>, component: &Component, image: &str) -> Self {
        let mut environment = Environment::of(lowering.stack, component, Delivery::Value);
        let part = (!bundled::is_foreign(component)).then(|| bundled::part(component));
        adapt(&mut environment, component);
        let volumes = volumes(component, part.as_ref(), &environment.secrets);
        let container = container(component, part.as_ref(), image, &environment, &volumes);
        let claims = volumes.iter().filter_map(|volume| volume.claim.clone()).collect();
        let values = environment.values.into_values();
        Self {
            spec: spec(lowering, component, part.as_ref(), container, &volumes),
            secrets: environment.secrets.into_iter().chain(values).collect(),
            claims,
        }
    }
}

/// What bundled images must be told here and not elsewhere.
fn adapt(environment: &mut Environment, component: &Component) {
    if bundled::is_foreign(component) {
        return;
    }
    let told = match &component.kind {
        Kind::ModelServer(_) | Kind::Frontend(_) => Some(("MLSTACK_SHUTDOWN_DELAY", DRAIN.to_string())),
        // The root of a volume may hold `lost+found`, which PostgreSQL takes for data of somebody else.
        Kind::Database(_) => bundled::data(component)
            .filter(|(_, folder)| folder.ends_with("/data"))
            .map(|(_, folder)| ("PGDATA", format!("{folder}/pgdata"))),
        _ => None,
    };
    if let Some((key, value)) = told {
        environment.variables.entry(key.to_owned()).or_insert(value);
    }
}

/// A volume with the one place where it is mounted.
struct Volume {
    name: String,
    source: Value,
    path: String,
    read_only: bool,
    claim: Option<String>,
}

impl Volume {
    fn folder(name: &str, path: &str, size: u64) -> Self {
        Self {
            name: name.to_owned(),
            source: json!({"emptyDir": {"sizeLimit": bytes(size)}}),
            path: path.to_owned(),
            read_only: false,
            claim: None,
        }
    }

    fn claim(name: &str, claim: &str, path: &str, read_only: bool) -> Self {
        Self {
            name: name.to_owned(),
            source: json!({"persistentVolumeClaim": {"claimName": claim}}),
            path: path.to_owned(),
            read_only,
            claim: Some(claim.to_owned()),
        }
    }

    fn memory(size: u64) -> Self {
        Self {
            source: json!({"emptyDir": {"medium": "Memory", "sizeLimit": bytes(size)}}),
            ..Self::folder("shm", "/dev/shm", size)
        }
    }

    fn described(&self) -> Value {
        let mut volume = json!({"name": self.name});
        if let (Value::Object(volume), Value::Object(source)) = (&mut volume, &self.source) {
            volume.extend(source.clone());
        }
        volume
    }

    fn mounted(&self) -> Value {
        let mut mount = json!({"name": self.name, "mountPath": self.path});
        if self.read_only {
            mount["readOnly"] = true.into();
        }
        mount
    }
}

/// Everything that is mounted: scratch folders, shared memory, data, the script, secrets, the user's volumes. What the
/// user mounts takes the place of a scratch folder.
fn volumes(component: &Component, part: Option<&Part>, secrets: &BTreeSet<String>) -> Vec<Volume> {
    let scratch = if part.is_some() { 64 * MIB } else { 1024 * MIB };
    let mut all: Vec<Volume> = component
        .volumes
        .iter()
        .enumerate()
        .filter_map(|(index, volume)| match &volume.source {
            VolumeSource::Named(claim) => Some(Volume::claim(
                &format!("volume-{index}"),
                claim,
                &volume.path,
                volume.read_only,
            )),
            VolumeSource::Host(_) => None,
        })
        .collect();
    all.extend(bundled::data(component).map(|(claim, path)| Volume::claim("data", &claim, path, false)));
    all.extend(script_of(component).map(|script| script_volume(component, &script)));
    all.extend((!secrets.is_empty()).then(|| secret_volume(secrets)));
    all.extend(shared_memory(component, part).map(Volume::memory));
    for (index, folder) in part.iter().flat_map(|part| &part.scratch).enumerate() {
        let size = folder.private.unwrap_or(scratch);
        all.push(Volume::folder(&format!("scratch-{index}"), folder.path, size));
    }
    all.push(Volume::folder("tmp", "/tmp", scratch));
    first_of_each_path(all)
}

fn first_of_each_path(volumes: Vec<Volume>) -> Vec<Volume> {
    let mut seen = BTreeSet::new();
    let first = |volume: &Volume| seen.insert(volume.path.trim_end_matches('/').to_owned());
    volumes.into_iter().filter(first).collect()
}

/// Frameworks that use a device hand tensors between processes through shared memory; 64 MiB is not enough for them.
fn shared_memory(component: &Component, part: Option<&Part>) -> Option<u64> {
    let device = || component.resources.memory.map_or(1024 * MIB, |memory| memory / 2);
    part.and_then(|part| part.shm)
        .or_else(|| workload::has_gpu(component).then(device))
}

fn script_volume(component: &Component, script: &bundled::Script) -> Volume {
    Volume {
        name: "script".to_owned(),
        source: json!({"configMap": {"name": script_name(component, script), "defaultMode": 0o444}}),
        path: SCRIPTS.to_owned(),
        read_only: true,
        claim: None,
    }
}

/// All secret files in one folder, as on every target.
fn secret_volume(secrets: &BTreeSet<String>) -> Volume {
    let source =
        |name: &String| json!({"secret": {"name": secret_object(name), "items": [{"key": "value", "path": name}]}});
    let sources: Vec<Value> = secrets.iter().map(source).collect();
    Volume {
        name: "secrets".to_owned(),
        source: json!({"projected": {"defaultMode": 0o440, "sources": sources}}),
        path: "/run/secrets".to_owned(),
        read_only: true,
        claim: None,
    }
}

fn container(
    component: &Component,
    part: Option<&Part>,
    image: &str,
    environment: &Environment,
    volumes: &[Volume],
) -> Value {
    let mut container = Map::new();
    let mut set = |key: &str, value: Value| container.insert(key.to_owned(), value);
    set("name", component.name.as_str().into());
    set("image", image.into());
    set("imagePullPolicy", image::pull_policy(image).into());
    if let Some(script) = part.and_then(|part| part.script.as_ref()) {
        set(
            "command",
            json!(["/bin/sh", "-e", format!("{SCRIPTS}/{}", script.name)]),
        );
    }
    let arguments = component
        .command
        .as_ref()
        .or(part.and_then(|part| part.command.as_ref()));
    if let Some(arguments) = arguments {
        set("args", arguments.iter().map(|text| unexpanded(text)).collect());
    }
    let variables = variables(environment);
    if !variables.is_empty() {
        set("env", variables.into());
    }
    if let Some(port) = refs::port(component) {
        set("ports", ports(component, port).into());
    }
    set("resources", resources(component, part));
    for (key, probe) in probes::of(component) {
        set(&key, probe);
    }
    set(
        "securityContext",
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": true,
        }),
    );
    set("volumeMounts", volumes.iter().map(Volume::mounted).collect());
    Value::Object(container)
}

/// Kubernetes fills `$(NAME)` into commands and variables, and makes one dollar sign of two.
fn unexpanded(text: &str) -> String {
    match text.contains("$(") || text.contains("$$") {
        true => text.replace('$', "$$"),
        false => text.to_owned(),
    }
}

fn variables(environment: &Environment) -> Vec<Value> {
    let plain = |(name, value): (&String, &String)| (name.clone(), json!({"name": name, "value": unexpanded(value)}));
    let secret = |(name, secret): (&String, &String)| {
        let of = json!({"secretKeyRef": {"name": secret_object(secret), "key": "value"}});
        (name.clone(), json!({"name": name, "valueFrom": of}))
    };
    let plain = environment.variables.iter().map(plain);
    let all = plain.chain(environment.values.iter().map(secret));
    let sorted: std::collections::BTreeMap<String, Value> = all.collect();
    sorted.into_values().collect()
}

fn ports(component: &Component, port: u16) -> Vec<Value> {
    let second = component
        .expose
        .as_ref()
        .map(|expose| expose.to)
        .filter(|to| *to != port);
    [("main", Some(port)), ("exposed", second)]
        .into_iter()
        .filter_map(|(name, port)| Some(json!({"name": name, "containerPort": port?, "protocol": "TCP"})))
        .collect()
}

/// Memory is set aside whole, as it cannot be taken back; of the processor a share, where nobody said how much.
fn resources(component: &Component, part: Option<&Part>) -> Value {
    let asked = &component.resources;
    let memory = asked.memory.or(part.map(|part| part.memory));
    let cpu = asked.cpu_millis.or(part.map(|_| 1000));
    let mut limits = Map::new();
    let mut requests = Map::new();
    if let Some(cpu) = cpu {
        limits.insert("cpu".to_owned(), cores(cpu).into());
    }
    requests.insert("cpu".to_owned(), cores(asked.cpu_millis.unwrap_or(CPU)).into());
    if let Some(memory) = memory {
        limits.insert("memory".to_owned(), bytes(memory).into());
    }
    requests.insert("memory".to_owned(), bytes(memory.unwrap_or(128 * MIB)).into());
    if let Some(count) = asked.gpu.filter(|count| *count > 0) {
        limits.insert("nvidia.com/gpu".to_owned(), count.to_string().into());
    }
    match limits.is_empty() {
        true => json!({"requests": requests}),
        false => json!({"limits": limits, "requests": requests}),
    }
}

fn spec(
    lowering: &Lowering<'_>,
    component: &Component,
    part: Option<&Part>,
    container: Value,
    volumes: &[Volume],
) -> Value {
    let settings = &lowering.stack.kubernetes;
    let stop = part.map_or(30, |part| part.stop + DRAIN);
    let mut spec = json!({
        "serviceAccountName": component.name,
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": stop,
        "securityContext": security(component, part, settings.openshift),
        "containers": [container],
        "volumes": volumes.iter().map(Volume::described).collect::<Vec<_>>(),
    });
    if let Some(name) = &settings.pull_secret {
        spec["imagePullSecrets"] = json!([{"name": name}]);
    }
    if scaling::fewest(component) > 1 {
        let selector = labels(lowering.stack, component, None).selector();
        spec["topologySpreadConstraints"] = json!([{
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector},
        }]);
    }
    spec
}

/// Nobody in the pod is root. Files of volumes belong to a group of the user's, set once: walking a large volume at
/// every start takes minutes, and PostgreSQL refuses a folder that a group may write to.
fn security(component: &Component, part: Option<&Part>, openshift: bool) -> Value {
    let mut context = json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}});
    if !openshift {
        let user = user(part);
        context["runAsUser"] = user.into();
        context["runAsGroup"] = user.into();
        context["fsGroup"] = user.into();
        context["fsGroupChangePolicy"] = "OnRootMismatch".into();
    }
    if let Some(port) = refs::port(component).filter(|port| *port < 1024) {
        let name = "net.ipv4.ip_unprivileged_port_start";
        context["sysctls"] = json!([{"name": name, "value": port.to_string()}]);
    }
    context
}

/// The images run as any user; only PostgreSQL on Alpine must have one that its `/etc/passwd` knows.
fn user(part: Option<&Part>) -> u32 {
    part.map(|part| part.user)
        .filter(|user| *user == bundled::POSTGRES_ON_ALPINE)
        .unwrap_or(USER)
}
