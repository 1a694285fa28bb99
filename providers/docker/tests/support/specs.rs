//! Random services, as varied as the specs mlstack emits.

use std::collections::BTreeMap;

use mlstack_compose::{
    Bytes, Condition, Cpus, Dependency, Deploy, Duration, Extension, Healthcheck, Limits, Logging, Mount, Port,
    Resources, Service, ServiceNetwork,
};
use proptest::prelude::*;

/// Words that need no quotes anywhere.
fn word() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,6}"
}

/// Texts that go wrong easily.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        word(),
        "[ -~]{0,12}",
        Just("a=b$c".to_owned()),
        Just("naïve ✓".to_owned())
    ]
}

fn healthcheck() -> impl Strategy<Value = Healthcheck> {
    let test = prop_oneof![
        Just(vec!["CMD".to_owned(), "true".to_owned()]),
        Just(vec!["CMD-SHELL".to_owned(), "exit 0".to_owned()])
    ];
    let time = || prop::option::of((1..90_u64).prop_map(Duration::seconds));
    (test, time(), time(), prop::option::of(1..9_u32), time()).prop_map(
        |(test, interval, timeout, retries, start_period)| Healthcheck {
            test,
            timeout,
            interval,
            retries,
            start_period,
        },
    )
}

fn deploy() -> impl Strategy<Value = Deploy> {
    let memory = prop::option::of((8..256_u64).prop_map(|mebibytes| Bytes(mebibytes << 20)));
    let cpus = prop::option::of((10..2000_u64).prop_map(Cpus));
    let limits =
        (memory, cpus, prop::option::of(8..200_u32)).prop_map(|(memory, cpus, pids)| Limits { cpus, memory, pids });
    (prop::option::of(1..3_u32), prop::option::of(limits)).prop_map(|(replicas, limits)| Deploy {
        replicas,
        resources: Resources {
            limits,
            reservations: None,
        },
    })
}

fn networks() -> impl Strategy<Value = BTreeMap<String, Option<ServiceNetwork>>> {
    let network = prop::option::of(prop::collection::vec("alias-[a-z]{1,4}", 0..3).prop_map(|mut aliases| {
        aliases.sort();
        aliases.dedup();
        ServiceNetwork { aliases }
    }));
    prop::collection::btree_map(
        prop::sample::select(vec!["default".to_owned(), "back".to_owned()]),
        network,
        0..3,
    )
}

fn mounts() -> impl Strategy<Value = Vec<Mount>> {
    let named = any::<bool>().prop_map(|read_only| Mount::volume("data", "/data", read_only));
    let short = Just(Mount::volume("m", "/models", true));
    let host = any::<bool>().prop_map(|read_only| Mount::bind("/usr/share", "/share", read_only));
    (prop::option::of(named), prop::option::of(short), prop::option::of(host))
        .prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect())
}

fn map(values: impl Strategy<Value = String>) -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[A-Z][A-Z0-9_]{0,6}", values, 0..4)
}

fn sometimes<T: Clone + std::fmt::Debug + Default>(value: T) -> impl Strategy<Value = T> {
    prop_oneof![Just(T::default()), Just(value)]
}

/// Services that run `image`. Ports are published on a port of the engine's choice.
pub(crate) fn service(image: &'static str) -> impl Strategy<Value = Service> {
    let who = (
        sometimes("10001:10001".to_owned()),
        any::<bool>(),
        prop::option::of(any::<bool>()),
        sometimes("/tmp".to_owned()),
    );
    let what = (
        prop::option::of(Just(vec!["sleep".to_owned(), "600".to_owned()])),
        map(text()),
        map(text()),
        prop::option::of(healthcheck()),
    );
    let limits = (
        sometimes(vec!["ALL".to_owned()]),
        sometimes(vec!["CHOWN".to_owned(), "NET_BIND_SERVICE".to_owned()]),
        sometimes(vec!["no-new-privileges:true".to_owned()]),
        prop::option::of(deploy()),
        prop::option::of((1..64_u64).prop_map(|mebibytes| Bytes(mebibytes << 20))),
    );
    let wiring = (
        networks(),
        mounts(),
        sometimes(vec![
            "/scratch:noexec,nosuid,size=1048576".to_owned(),
            "/tmp".to_owned(),
        ]),
    );
    let life = (
        prop::sample::select(vec!["", "no", "always", "unless-stopped", "on-failure", "on-failure:3"]),
        sometimes("SIGINT".to_owned()),
        prop::option::of((1..20_u64).prop_map(Duration::seconds)),
        prop::option::of(Just(Logging {
            driver: "json-file".to_owned(),
            options: [("max-size".to_owned(), "1m".to_owned())].into(),
        })),
        any::<bool>(),
        any::<bool>(),
    );
    (who, what, limits, wiring, life).prop_map(move |(who, what, limits, wiring, life)| {
        let dependency = Dependency {
            condition: Condition::Healthy,
            restart: false,
            required: true,
        };
        let port = Port {
            published: String::new(),
            ..Port::tcp("127.0.0.1", 0, 8080)
        };
        Service {
            image: image.to_owned(),
            user: who.0,
            read_only: who.1,
            init: who.2,
            working_dir: who.3,
            command: what.0,
            environment: what.1,
            labels: what.2,
            healthcheck: what.3,
            cap_drop: limits.0,
            cap_add: limits.1,
            security_opt: limits.2,
            deploy: limits.3,
            shm_size: limits.4,
            networks: wiring.0,
            volumes: wiring.1,
            tmpfs: wiring.2,
            restart: life.0.to_owned(),
            stop_signal: life.1,
            stop_grace_period: life.2,
            logging: life.3,
            ports: if life.4 { vec![port] } else { Vec::new() },
            depends_on: if life.5 {
                [("db".to_owned(), dependency)].into()
            } else {
                BTreeMap::new()
            },
            extension: Extension {
                ready_within: life.5.then_some(Duration::seconds(30)),
                ..Extension::default()
            },
            ..Service::default()
        }
    })
}
