//! The bundled parts of a stack: what runs for each, and what its image needs, on whichever target.
//!
//! Owns commands, probes, users, sizes and folders. How they are written down is each target's own.

use super::refs;
use crate::stack::{Broker, Bucket, Cache, CacheEngine, Component, Database, Kind, ObjectStore, ObjectStoreEngine};

/// 2²⁰ bytes.
pub(super) const MIB: u64 = 1 << 20;

/// The user of PostgreSQL's image on Alpine, where no other can start it.
pub(super) const POSTGRES_ON_ALPINE: u32 = 70;

/// What distinguishes one sort of bundled part from another.
pub(super) struct Part {
    /// The image's own user, and its group.
    pub(super) user: u32,
    /// Bytes of memory when the stack file says none.
    pub(super) memory: u64,
    /// Folders beside `/tmp` that it writes to and that hold nothing to keep.
    pub(super) scratch: Vec<Scratch>,
    /// What a shell runs instead of the image's entry point.
    pub(super) script: Option<Script>,
    /// What replaces the image's arguments, or those of the script.
    pub(super) command: Option<Vec<String>>,
    /// How it is asked whether it works.
    pub(super) test: Test,
    /// Seconds during which failed probes do not count.
    pub(super) start: u64,
    /// Seconds it may take to stop.
    pub(super) stop: u64,
    /// Bytes of shared memory.
    pub(super) shm: Option<u64>,
    /// Whether its first process starts others and must have an init.
    pub(super) init: bool,
}

/// A program for the image's shell.
pub(super) struct Script {
    /// What it is called.
    pub(super) name: &'static str,
    /// What it says; it must end at the first command that fails.
    pub(super) text: &'static str,
}

/// A folder without anything to keep.
pub(super) struct Scratch {
    /// Where it is.
    pub(super) path: &'static str,
    /// For its user alone, with the most bytes it may hold; else for everybody.
    pub(super) private: Option<u64>,
}

/// A command that ends with 0 where all is well.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// Run as it stands.
    Exec(Vec<String>),
    /// Run by a shell.
    Shell(String),
    /// That of the bundled server; it also answers `/readyz` and `/livez`.
    Server(Vec<String>),
}

/// What a bundled component is.
pub(super) fn part(component: &Component) -> Part {
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
        user: 65532,
        memory,
        scratch: Vec::new(),
        script: None,
        command: None,
        test: Test::Server(["/app/mlstack-server", "healthcheck"].map(str::to_owned).to_vec()),
        start: 30,
        stop: 30,
        shm: None,
        init: false,
    }
}

fn postgres(database: &Database) -> Part {
    // While the database is made, a server listens on the socket only: ask by TCP, or it looks ready too early.
    let test = run(&["pg_isready", "-h", "127.0.0.1", "-U", refs::USER, "-d", refs::DATABASE]);
    Part {
        user: if database.version.contains("alpine") {
            POSTGRES_ON_ALPINE
        } else {
            999
        },
        memory: 512 * MIB,
        scratch: vec![Scratch {
            path: "/var/run/postgresql",
            private: None,
        }],
        script: None,
        command: None,
        test,
        start: 60,
        stop: 60,
        shm: Some(128 * MIB),
        init: false,
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
const SEAWEEDFS: &str = include_str!("../../templates/seaweedfs.sh");

fn seaweedfs(store: &ObjectStore) -> Part {
    let bucket = |(name, Bucket { versioning }): (&String, &Bucket)| match versioning {
        true => format!("{name}=versioned"),
        false => format!("{name}=plain"),
    };
    Part {
        user: 1000,
        memory: 1024 * MIB,
        scratch: Vec::new(),
        script: Some(Script {
            name: "seaweedfs",
            text: SEAWEEDFS,
        }),
        command: Some(store.buckets.iter().map(bucket).collect()),
        test: shell("test -e /tmp/ready && wget -q -O /dev/null http://127.0.0.1:8333/healthz"),
        start: 60,
        stop: 30,
        shm: None,
        init: true,
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
        user: 999,
        memory: default,
        scratch: private(kept, "/data"),
        script: None,
        command: Some(command.map(str::to_owned).collect()),
        test: shell(&format!("{name}-cli ping | grep -q PONG")),
        start: 10,
        stop: 30,
        shm: None,
        init: false,
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
    let mut scratch = private(kept, "/mosquitto/data");
    scratch.extend(private(false, "/mosquitto/log"));
    Part {
        user: 1883,
        memory: 128 * MIB,
        scratch,
        script: None,
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
        init: false,
    }
}

/// A folder for where an image would otherwise make a volume that nobody named.
fn private(kept: bool, path: &'static str) -> Vec<Scratch> {
    let folder = || Scratch {
        path,
        private: Some(64 * MIB),
    };
    (!kept).then(folder).into_iter().collect()
}

/// What a component's image is pulled as; `None` for one that is packed or built.
pub(super) fn pulled(component: &Component) -> Option<String> {
    if component.build.is_some() {
        return None;
    }
    if let Some(image) = &component.image {
        return Some(image.clone());
    }
    Some(match &component.kind {
        Kind::Database(database) => format!("postgres:{}", database.version),
        Kind::Cache(cache) => match cache.engine {
            CacheEngine::Valkey => format!("valkey/valkey:{}", cache.version),
            CacheEngine::Redis => format!("redis:{}", cache.version),
        },
        Kind::Broker(broker) => format!("eclipse-mosquitto:{}", broker.version),
        Kind::ObjectStore(store) => match &store.engine {
            ObjectStoreEngine::Seaweedfs { version, .. } => format!("chrislusf/seaweedfs:{version}"),
            ObjectStoreEngine::S3 { .. } => return None,
        },
        Kind::ModelServer(_) | Kind::Frontend(_) | Kind::Service => return None,
    })
}

/// Whether a component runs an image of the user's own choice.
pub(super) fn is_foreign(component: &Component) -> bool {
    component.image.is_some() || component.build.is_some()
}

/// The key of the volume that holds a component's own data; `None` when it keeps none.
fn data_key(component: &Component) -> Option<String> {
    let keeps = match &component.kind {
        Kind::Database(_) => true,
        Kind::ObjectStore(store) => matches!(store.engine, ObjectStoreEngine::Seaweedfs { .. }),
        Kind::Cache(cache) => cache.storage.is_some(),
        Kind::Broker(broker) => broker.storage.is_some(),
        Kind::ModelServer(_) | Kind::Frontend(_) | Kind::Service => false,
    };
    keeps.then(|| format!("{}-data", component.name))
}

/// The name of the volume with a component's data, and where it is mounted.
pub(super) fn data(component: &Component) -> Option<(String, &'static str)> {
    let folder = match &component.kind {
        Kind::Database(database) => postgres_data(database),
        Kind::Broker(_) => "/mosquitto/data",
        _ => "/data",
    };
    Some((data_key(component)?, folder))
}

fn run(command: &[&str]) -> Test {
    Test::Exec(command.iter().map(|&word| word.to_owned()).collect())
}

fn shell(command: &str) -> Test {
    Test::Shell(command.to_owned())
}
