use super::*;

/// The hashes are what Docker Compose 5.6.1 says to the same services; `tests/it/oracle.rs` of the root package
/// asks the real one, these keep the rules apart when it is not at hand.
#[test]
fn a_bare_service_hashes_what_compose_always_writes() {
    let service = Service {
        image: "busybox:1".into(),
        networks: BTreeMap::from([("default".to_owned(), None)]),
        ..Service::default()
    };
    let json = serde_json::to_string(&Hashed::from(&service)).expect("json");
    assert_eq!(
        json,
        r#"{"command":null,"entrypoint":null,"image":"busybox:1","networks":{"default":null}}"#
    );
    let unsaid = Service {
        networks: BTreeMap::new(),
        ..service.clone()
    };
    assert_eq!(service_hash(&service), service_hash(&unsaid));
}

#[test]
fn what_does_not_count_does_not_change_the_hash() {
    let plain = Service {
        image: "a".into(),
        deploy: Some(Deploy::default()),
        ..Service::default()
    };
    let mut other = plain.clone();
    other.deploy = Some(Deploy {
        replicas: Some(3),
        ..Deploy::default()
    });
    other.pull_policy = "never".into();
    other.extension.secrets.insert("db-password".into(), Some("00".into()));
    other.build = Some(Build {
        context: ".".into(),
        dockerfile: "Dockerfile".into(),
        args: BTreeMap::new(),
    });
    let on = Dependency {
        condition: Condition::Healthy,
        restart: false,
        required: true,
    };
    other.depends_on.insert("db".into(), on);
    assert_eq!(service_hash(&plain), service_hash(&other));
    let without = Service {
        deploy: None,
        ..plain.clone()
    };
    assert_ne!(service_hash(&plain), service_hash(&without), "an empty deploy counts");
}

#[test]
fn text_is_escaped_as_go_does() {
    assert_eq!(
        go_escaped("<a>&\u{2028}\u{2029}é"),
        "\\u003ca\\u003e\\u0026\\u2028\\u2029é"
    );
}

#[test]
fn a_rich_service_has_the_hash_that_compose_gives_it() {
    let service: Service = serde_json::from_value(serde_json::json!({
        "cap_drop": ["ALL"],
        "command": ["x", "<&>"],
        "deploy": {"replicas": 2, "resources": {
            "limits": {"cpus": 0.5, "memory": "268435456", "pids": 100},
            "reservations": {"devices": [{"capabilities": ["gpu"], "driver": "nvidia", "count": 1}]},
        }},
        "depends_on": {"b": {"condition": "service_started", "required": true}},
        "environment": {"A": "b$c"},
        "healthcheck": {"test": ["CMD", "x"], "timeout": "3s", "interval": "5s", "retries": 3, "start_period": "1m30s"},
        "image": "busybox:1",
        "init": false,
        "networks": {"back": {"aliases": ["z"]}, "front": null},
        "ports": [{"mode": "ingress", "host_ip": "127.0.0.1", "target": 80, "published": "8080", "protocol": "tcp"}],
        "read_only": true,
        "restart": "unless-stopped",
        "secrets": [{"source": "db-password", "target": "db-password"}],
        "security_opt": ["no-new-privileges:true"],
        "shm_size": "67108864",
        "stop_grace_period": "30s",
        "tmpfs": ["/tmp:noexec,nosuid,size=67108864"],
        "user": "65532:65532",
        "volumes": [{"type": "volume", "source": "d", "target": "/data"}],
    }))
    .expect("a service");
    assert_eq!(
        service_hash(&service),
        "f10d186b006c08ca2c17b4bbfc2dc4ad5b77f7893f4157db8f9f3a6f299dd0dd"
    );
    assert_eq!(
        serde_json::from_value::<Service>(serde_json::to_value(&service).expect("json")).expect("back"),
        service
    );
}

#[test]
fn networks_and_volumes_carry_what_compose_fills_in() {
    let network = Network {
        name: "t_back".into(),
        internal: true,
        ..Network::default()
    };
    let volume = Volume {
        name: "t_d".into(),
        ..Volume::default()
    };
    assert_eq!(
        network_hash(&network),
        "ec1743941206a18a82ad2ffc07e1d68e390df92b7f8cb1f4fff34c03324b2ce0"
    );
    assert_eq!(
        volume_hash(&volume),
        "bb4bc0017e29d458576e49c446c0475672021135da0aa70022734e35797e2130"
    );
}
