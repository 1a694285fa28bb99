//! The real Docker Compose as judge of what is rendered: it accepts every file, and gives every service the hash
//! that mlstack gives it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use mlstack::render::{ComposeInput, compose};
use mlstack_compose::{
    Bytes, Condition, Cpus, Dependency, Deploy, Device, Duration, Healthcheck, Limits, Logging, Mount, NETWORK,
    Network, Port, Reservations, Resources, SERVICE, Service, ServiceNetwork, ServiceSecret, VOLUME, Volume,
    network_name, service_hash, volume_name,
};
use mlstack_provider::{Address, Resource};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// As many files as the judge is asked about.
const FILES: usize = 200;
const PROJECT: &str = "oracle";
const NETWORKS: [&str; 3] = ["back", "front", "side"];
const VOLUMES: [&str; 4] = ["d", "data", "m", "models"];
const SECRETS: [&str; 3] = ["db-password", "key", "token"];

/// Texts that YAML, JSON, Go or Compose could mistake for something else.
fn text() -> impl Strategy<Value = String> {
    let nasty = [
        "no",
        "on",
        "y",
        "~",
        "null",
        "0755",
        "08",
        "1_000",
        "12:30",
        "1e3",
        ".5",
        "2001-01-01",
        "",
        " ",
        "a: b",
        "- a",
        "#x",
        "*a",
        "&a",
        "!t",
        "%x",
        "@x",
        "`x`",
        "$HOME",
        "${HOME}",
        "$$",
        "${a:-b}",
        "a$",
        "<a>&\"'",
        "a\nb",
        "a\n",
        "\\n",
        "é ☃ 🦀",
        "\u{2028}",
        "\t",
        "{{x}}",
        "[a]",
        "{a}",
        "a,b",
        "=",
        "<<",
        "|",
        ">",
        "?",
        "-",
        "\u{7f}",
        "\u{85}",
        "\u{feff}x",
    ];
    prop_oneof![
        select(nasty.to_vec()).prop_map(str::to_owned),
        "[ -~]{1,20}",
        "\\PC{1,12}"
    ]
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 1..4)
}

fn map() -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[A-Z][A-Z0-9_]{0,8}", text(), 0..4)
}

fn some(list: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    subsequence(list.to_vec(), 0..=list.len()).prop_map(|list| list.into_iter().map(str::to_owned).collect())
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (1..4_000_u64).prop_map(Duration::seconds),
        (1..100_000_u64).prop_map(|millis| Duration(millis * 1000))
    ]
}

fn deploy() -> impl Strategy<Value = Deploy> {
    let limits = (of(1..64_000_u64), of(1..u64::MAX / 2), of(1..100_000_u32)).prop_map(|(cpus, memory, pids)| Limits {
        cpus: cpus.map(Cpus),
        memory: memory.map(Bytes),
        pids,
    });
    let devices = (1..8_u32).prop_map(|count| Device {
        capabilities: vec!["gpu".into()],
        driver: "nvidia".into(),
        count,
    });
    let reservations = vec(devices, 1..2).prop_map(|devices| Reservations { devices });
    (of(0..5_u32), of(limits), of(reservations)).prop_map(|(replicas, limits, reservations)| Deploy {
        replicas,
        resources: Resources {
            limits: limits.filter(|limits| *limits != Limits::default()),
            reservations,
        },
    })
}

fn healthcheck() -> impl Strategy<Value = Healthcheck> {
    let times = (of(duration()), of(duration()), of(1..20_u32), of(duration()));
    (select(vec!["CMD", "CMD-SHELL"]), texts(), times).prop_map(|(word, command, times)| Healthcheck {
        test: [word.to_owned()].into_iter().chain(command).collect(),
        timeout: times.0,
        interval: times.1,
        retries: times.2,
        start_period: times.3,
    })
}

fn mounts() -> impl Strategy<Value = Vec<Mount>> {
    let volume =
        (select(VOLUMES.to_vec()), any::<bool>()).prop_map(|(key, read_only)| Mount::volume(key, "", read_only));
    let bind = ("/[a-z]{1,8}", any::<bool>()).prop_map(|(path, read_only)| Mount::bind(path, "", read_only));
    vec(prop_oneof![volume, bind], 0..4).prop_map(|mut mounts| {
        for (number, mount) in mounts.iter_mut().enumerate() {
            mount.target = format!("/mnt/{number}");
        }
        mounts
    })
}

fn ports() -> impl Strategy<Value = Vec<Port>> {
    let one = (1..u16::MAX, any::<bool>());
    btree_map(1024..u16::MAX, one, 0..3).prop_map(|ports| {
        let port = |(published, (target, public))| Port::tcp(if public { "" } else { "127.0.0.1" }, published, target);
        ports.into_iter().map(port).collect()
    })
}

fn networks() -> impl Strategy<Value = BTreeMap<String, Option<ServiceNetwork>>> {
    let aliases = vec("[a-z]{1,8}", 1..3).prop_map(|aliases| ServiceNetwork { aliases });
    btree_map(select(NETWORKS.to_vec()).prop_map(str::to_owned), of(aliases), 0..3)
}

fn logging() -> impl Strategy<Value = Logging> {
    btree_map(
        select(vec!["max-size", "max-file"]).prop_map(str::to_owned),
        text(),
        0..2,
    )
    .prop_map(|options| Logging {
        driver: "json-file".into(),
        options,
    })
}

fn service() -> impl Strategy<Value = Service> {
    let process = (
        of(texts()),
        of(texts()),
        map(),
        text(),
        of(any::<bool>()),
        of(duration()),
    );
    let rights = (
        some(&["CHOWN", "SETUID"]),
        some(&["ALL"]),
        some(&["no-new-privileges:true"]),
        any::<bool>(),
        some(&["/run", "/tmp:noexec,size=1"]),
    );
    let around = (
        networks(),
        ports(),
        mounts(),
        btree_set(select(SECRETS.to_vec()), 0..3),
        of(logging()),
        map(),
    );
    let rest = (
        of(deploy()),
        of(healthcheck()),
        of(1..1_u64 << 40),
        select(vec!["", "always", "no", "unless-stopped", "on-failure"]),
        select(vec!["", "SIGINT"]),
        select(vec!["", "never", "missing"]),
        select(vec!["", "/srv", "/a b"]),
    );
    (process, rights, around, rest).prop_map(|(process, rights, around, rest)| Service {
        image: "localhost/oracle/image:1".into(),
        command: process.0,
        entrypoint: process.1,
        environment: process.2,
        user: process.3,
        init: process.4,
        stop_grace_period: process.5,
        cap_add: rights.0,
        cap_drop: rights.1,
        security_opt: rights.2,
        read_only: rights.3,
        tmpfs: rights.4,
        networks: around.0,
        ports: around.1,
        volumes: around.2,
        secrets: around.3.into_iter().map(ServiceSecret::named).collect(),
        logging: around.4,
        labels: around.5,
        deploy: rest.0,
        healthcheck: rest.1,
        shm_size: rest.2.map(Bytes),
        restart: rest.3.into(),
        stop_signal: rest.4.into(),
        pull_policy: rest.5.into(),
        working_dir: rest.6.into(),
        ..Service::default()
    })
}

/// A few services; each depends on some of those before it.
fn services() -> impl Strategy<Value = Vec<Service>> {
    vec((service(), any::<[bool; 3]>()), 1..4).prop_map(|services| {
        let depend = |(number, (mut service, on)): (usize, (Service, [bool; 3]))| {
            let dependency = Dependency {
                condition: Condition::Started,
                restart: on[0],
                required: true,
            };
            let before = (0..number).filter(|before| on[*before % 3]);
            service.depends_on = before
                .map(|before| (format!("s{before}"), dependency.clone()))
                .collect();
            service
        };
        services.into_iter().enumerate().map(depend).collect()
    })
}

fn resource(kind: &str, name: &str, spec: &impl serde::Serialize) -> Resource {
    Resource {
        address: Address::new(kind, name),
        spec: serde_json::to_value(spec).unwrap(),
        depends_on: Vec::new(),
        source: None,
        protected: false,
    }
}

fn resources(services: &[Service]) -> Vec<Resource> {
    let networks = NETWORKS.map(|key| {
        let name = network_name(PROJECT, key);
        resource(
            NETWORK,
            key,
            &Network {
                name,
                ..Network::default()
            },
        )
    });
    let volumes = VOLUMES.map(|key| {
        let name = volume_name(PROJECT, key);
        resource(
            VOLUME,
            key,
            &Volume {
                name,
                ..Volume::default()
            },
        )
    });
    let services = services
        .iter()
        .enumerate()
        .map(|(number, service)| resource(SERVICE, &format!("s{number}"), service));
    networks.into_iter().chain(volumes).chain(services).collect()
}

fn write(folder: &Path, resources: &[Resource]) -> PathBuf {
    let input = ComposeInput {
        stack: PROJECT,
        source: "mlstack.yaml",
        source_digest: "00",
        root: "/srv",
        secrets: "./secrets",
        image_files: &BTreeMap::new(),
    };
    let file = folder.join("compose.yaml");
    std::fs::write(&file, &compose(resources, &input)[0].bytes).unwrap();
    file
}

/// The real Docker Compose: `MLSTACK_TEST_COMPOSE`, or `docker-compose` in the search path.
#[expect(clippy::print_stderr, reason = "a check that did not run says so")]
fn judge() -> Option<PathBuf> {
    let named = std::env::var_os("MLSTACK_TEST_COMPOSE").map(PathBuf::from);
    let search = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::split_paths(&search).map(|folder| folder.join("docker-compose"));
    let judge = named.into_iter().chain(paths).find(|path| path.is_file());
    let required = std::env::var_os("MLSTACK_TEST_REQUIRE").is_some_and(|value| value == "1");
    if judge.is_none() {
        assert!(!required, "no docker-compose, and MLSTACK_TEST_REQUIRE is 1");
        eprintln!("NOT RUN: no docker-compose here; `tests/run --prepare` installs it");
    }
    judge
}

/// What Compose says about a file: the hash of each service.
fn hashes(judge: &Path, file: &Path) -> BTreeMap<String, String> {
    let output = Command::new(judge)
        .arg("-f")
        .arg(file)
        .args(["config", "--hash", "*"])
        .output()
        .unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let pair = |line: &str| {
        line.split_once(' ')
            .map(|(name, hash)| (name.to_owned(), hash.to_owned()))
    };
    lines.lines().filter_map(pair).collect()
}

fn agree(judge: &Path, services: &[Service]) {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), &resources(services));
    let said = hashes(judge, &file);
    assert_eq!(said.len(), services.len());
    for (number, service) in services.iter().enumerate() {
        let name = format!("s{number}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(said[&name], service_hash(service), "{name} of\n{text}");
    }
}

#[test]
fn compose_accepts_every_file_and_hashes_as_we_do() {
    let Some(judge) = judge() else { return };
    let mut runner = TestRunner::deterministic();
    let files: Vec<Vec<Service>> = (0..FILES)
        .map(|_| services().new_tree(&mut runner).unwrap().current())
        .collect();
    std::thread::scope(|scope| {
        for part in files.chunks(FILES.div_ceil(4)) {
            let judge = &judge;
            scope.spawn(move || part.iter().for_each(|services| agree(judge, services)));
        }
    });
}
