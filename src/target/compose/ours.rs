//! Containers of bundled parts: no root, nothing writable but what holds data, no capability, limits on all.

use mlstack_compose::{Bytes, Duration, Healthcheck, Service};

use super::parts;
use super::service::{NO_NEW_PRIVILEGES, PIDS, limits};
use crate::stack::{Broker, Bucket, Cache, CacheEngine, Component, Database, Kind, ObjectStore};
use crate::target::refs;

const MIB: u64 = 1 << 20;

/// What distinguishes one sort of bundled part from another.
struct Part {
    /// `uid:gid`, that of the image's own user.
    user: &'static str,
    /// Bytes of memory when the stack file says none.
    memory: u64,
    /// Folders in memory beside `/tmp`, with their options.
    tmpfs: Vec<String>,
    entrypoint: Option<Vec<String>>,
    command: Option<Vec<String>>,
    test: Vec<String>,
    /// Seconds during which failed probes do not count.
    start: u64,
    /// Seconds it may take to stop.
    stop: u64,
    shm: Option<Bytes>,
    init: Option<bool>,
}

/// The container of a bundled component.
pub(super) fn service(component: &Component) -> Service {
    let part = part(component);
    let mut tmpfs = part.tmpfs;
    tmpfs.push(format!("/tmp:noexec,nosuid,size={}", 64 * MIB));
    tmpfs.sort();
    Service {
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec![NO_NEW_PRIVILEGES.to_owned()],
        read_only: true,
        user: part.user.to_owned(),
        tmpfs,
        entrypoint: part.entrypoint,
        command: component.command.clone().or(part.command),
        deploy: Some(limits(component, Some(1000), Some(part.memory), PIDS)),
        healthcheck: Some(Healthcheck {
            test: part.test,
            timeout: Some(Duration::seconds(5)),
            interval: Some(Duration::seconds(5)),
            retries: Some(3),
            start_period: Some(Duration::seconds(part.start)),
        }),
        shm_size: part.shm,
        stop_grace_period: Some(Duration::seconds(part.stop)),
        init: part.init,
        ..Service::default()
    }
}

fn part(component: &Component) -> Part {
    match &component.kind {
        Kind::ModelServer(_) => server(1024 * MIB),
        Kind::Frontend(_) | Kind::Service => server(128 * MIB),
        Kind::Database(database) => postgres(database),
        Kind::ObjectStore(store) => seaweedfs(store),
        Kind::Cache(cache) => cache_server(component, cache),
        Kind::Broker(broker) => mosquitto(broker),
    }
}

/// The bundled server, as model server or as frontend: its image says which.
fn server(memory: u64) -> Part {
    Part {
        user: "65532:65532",
        memory,
        tmpfs: Vec::new(),
        entrypoint: None,
        command: None,
        test: run(&["/app/mlstack-server", "healthcheck"]),
        start: 30,
        stop: 30,
        shm: None,
        init: None,
    }
}

fn postgres(database: &Database) -> Part {
    // While the database is made, a server listens on the socket only: ask by TCP, or it looks ready too early.
    let test = run(&["pg_isready", "-h", "127.0.0.1", "-U", refs::USER, "-d", refs::DATABASE]);
    Part {
        user: if database.version.contains("alpine") {
            "70:70"
        } else {
            "999:999"
        },
        memory: 512 * MIB,
        tmpfs: vec!["/var/run/postgresql:noexec,nosuid".to_owned()],
        entrypoint: None,
        command: None,
        test,
        start: 60,
        stop: 60,
        shm: Some(Bytes(128 * MIB)),
        init: None,
    }
}

/// Where PostgreSQL's volume is mounted; from version 18 on the image keeps one folder a version below it.
fn postgres_data(database: &Database) -> &'static str {
    let digits = database
        .version
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .unwrap_or_default();
    match digits.parse::<u32>() {
        Ok(major) if major >= 18 => "/var/lib/postgresql",
        _ => "/var/lib/postgresql/data",
    }
}

/// The script that starts SeaweedFS with only its S3 port in reach, and makes the buckets.
const SEAWEEDFS: &str = include_str!("../../../templates/seaweedfs.sh");

fn seaweedfs(store: &ObjectStore) -> Part {
    let bucket = |(name, Bucket { versioning }): (&String, &Bucket)| match versioning {
        true => format!("{name}=versioned"),
        false => format!("{name}=plain"),
    };
    let script = [SEAWEEDFS.to_owned(), "seaweedfs".to_owned()];
    Part {
        user: "1000:1000",
        memory: 1024 * MIB,
        tmpfs: Vec::new(),
        entrypoint: Some(["/bin/sh", "-ec"].map(str::to_owned).to_vec()),
        command: Some(script.into_iter().chain(store.buckets.iter().map(bucket)).collect()),
        test: shell("test -e /tmp/ready && wget -q -O /dev/null http://127.0.0.1:8333/healthz"),
        start: 60,
        stop: 30,
        shm: None,
        init: Some(true),
    }
}

fn cache_server(component: &Component, cache: &Cache) -> Part {
    let name = match cache.engine {
        CacheEngine::Valkey => "valkey",
        CacheEngine::Redis => "redis",
    };
    let default = 256 * MIB;
    let memory = component.resources.memory.unwrap_or(default);
    let kept = cache.storage.is_some();
    let (save, append, full) = match kept {
        true => ("60 1", "yes", "noeviction"),
        false => ("", "no", "allkeys-lru"),
    };
    let limit = (memory / 4 * 3).to_string();
    let options = [
        "--save",
        save,
        "--appendonly",
        append,
        "--maxmemory",
        &limit,
        "--maxmemory-policy",
        full,
    ];
    let program = format!("{name}-server");
    let command = [program.as_str()]
        .into_iter()
        .chain(options)
        .chain(["--protected-mode", "no"]);
    Part {
        user: "999:999",
        memory: default,
        tmpfs: scratch(kept, "/data", "999"),
        entrypoint: None,
        command: Some(command.map(str::to_owned).collect()),
        test: shell(&format!("{name}-cli ping | grep -q PONG")),
        start: 10,
        stop: 30,
        shm: None,
        init: None,
    }
}

/// The image has a configuration that listens for all, but none that also keeps what it has.
const MOSQUITTO: &str = "printf '%s\\n' 'listener 1883' 'allow_anonymous true' 'persistence true' \
                         'persistence_location /mosquitto/data/' > /tmp/mosquitto.conf && \
                         exec /usr/sbin/mosquitto -c /tmp/mosquitto.conf";

fn mosquitto(broker: &Broker) -> Part {
    let kept = broker.storage.is_some();
    let command = match kept {
        true => ["/bin/sh", "-c", MOSQUITTO],
        false => ["/usr/sbin/mosquitto", "-c", "/mosquitto-no-auth.conf"],
    };
    let mut tmpfs = scratch(kept, "/mosquitto/data", "1883");
    tmpfs.extend(scratch(false, "/mosquitto/log", "1883"));
    Part {
        user: "1883:1883",
        memory: 128 * MIB,
        tmpfs,
        entrypoint: None,
        command: Some(command.map(str::to_owned).to_vec()),
        test: run(&[
            "mosquitto_pub",
            "-h",
            "127.0.0.1",
            "-q",
            "1",
            "-t",
            "mlstack/health",
            "-m",
            "1",
        ]),
        start: 10,
        stop: 10,
        shm: None,
        init: None,
    }
}

/// A folder in memory where an image would otherwise make a volume that nobody named.
fn scratch(kept: bool, folder: &str, user: &str) -> Vec<String> {
    let entry = || {
        format!(
            "{folder}:noexec,nosuid,uid={user},gid={user},mode=0700,size={}",
            64 * MIB
        )
    };
    (!kept).then(entry).into_iter().collect()
}

/// The key of the volume with a component's data, and where it is mounted.
pub(super) fn data(component: &Component) -> Option<(String, &'static str)> {
    let folder = match &component.kind {
        Kind::Database(database) => postgres_data(database),
        Kind::Broker(_) => "/mosquitto/data",
        _ => "/data",
    };
    Some((parts::data_key(component)?, folder))
}

fn run(command: &[&str]) -> Vec<String> {
    ["CMD"].iter().chain(command).map(|&word| word.to_owned()).collect()
}

fn shell(command: &str) -> Vec<String> {
    vec!["CMD-SHELL".to_owned(), command.to_owned()]
}
