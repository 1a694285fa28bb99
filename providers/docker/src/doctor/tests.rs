use bollard::models::{ContainerSummary, PortSummary, SystemInfo, SystemVersion};

use super::{describe, free, listens, name, publishes};
use crate::connect::Host;

#[test]
fn the_description_holds_what_the_engine_says() {
    let version = SystemVersion {
        version: Some("20.10.24".into()),
        api_version: Some("1.41".into()),
        ..Default::default()
    };
    let info = SystemInfo {
        driver: Some("overlay2".into()),
        docker_root_dir: Some("/nonexistent".into()),
        mem_total: Some(1 << 30),
        ncpu: Some(2),
        os_type: Some("windows".into()),
        warnings: Some(vec!["WARNING: No swap limit support".into()]),
        ..Default::default()
    };
    let host = Host::parse(None, None).expect("default");
    insta::assert_debug_snapshot!(describe(&host, version, info, Vec::new()), @r#"
    Doctor {
        host: "unix:///var/run/docker.sock",
        version: "20.10.24",
        api: "1.41",
        storage_driver: "overlay2",
        root: "/nonexistent",
        free_disk: None,
        memory: 1073741824,
        cpus: 2,
        running: 0,
        taken: [],
        warnings: [
            "WARNING: No swap limit support",
            "the engine runs Windows containers; stacks need Linux ones",
        ],
    }
    "#);
}

#[test]
fn room_is_known_for_folders_that_exist() {
    assert!(free("/").is_some_and(|bytes| bytes > 0));
    assert_eq!(free("/nonexistent"), None);
}

#[test]
fn a_taken_port_is_seen() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    assert!(listens(port));
    drop(listener);
    assert!(!listens(port));
}

#[test]
fn the_container_behind_a_port_is_named() {
    let container = ContainerSummary {
        names: Some(vec!["/web-1".into()]),
        ports: Some(vec![PortSummary {
            private_port: 80,
            public_port: Some(3000),
            ..Default::default()
        }]),
        ..Default::default()
    };
    assert!(publishes(&container, 3000) && !publishes(&container, 80));
    assert_eq!(name(&container), "web-1");
}
