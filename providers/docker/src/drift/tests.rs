use std::collections::BTreeMap;

use bollard::models::{ContainerInspectResponse, ImageConfig, ImageInspect};
use mlstack_compose::{Origin, Service};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{as_value, merge, observed};
use crate::decode;
use crate::encode::{Copy, Part, create_body, endpoints};

#[path = "../../tests/support/specs.rs"]
mod specs;

/// A container that Docker Compose 5.6.1 made on an engine 20.10, from the file in the test below.
fn composed() -> ContainerInspectResponse {
    serde_json::from_str(include_str!("../../tests/recorded/composed-container.json")).expect("recorded inspection")
}

fn image() -> ImageConfig {
    let image: ImageInspect = serde_json::from_str(include_str!("../../tests/recorded/image.json")).expect("recorded");
    image.config.expect("config")
}

#[test]
fn a_container_of_compose_is_read_as_its_file() {
    let service = decode::service("rich", &composed(), &image());
    insta::assert_snapshot!(serde_json::to_string_pretty(&service).expect("JSON"), @r#"
    {
      "cap_add": [
        "CHOWN"
      ],
      "cap_drop": [
        "ALL"
      ],
      "command": [
        "sh",
        "-c",
        "sleep 600"
      ],
      "depends_on": {
        "db": {
          "condition": "service_started",
          "required": true
        }
      },
      "deploy": {
        "resources": {
          "limits": {
            "cpus": 0.5,
            "memory": "67108864",
            "pids": 64
          }
        }
      },
      "entrypoint": [
        "env"
      ],
      "environment": {
        "A": "1",
        "B": "x=y"
      },
      "healthcheck": {
        "test": [
          "CMD",
          "true"
        ],
        "timeout": "1s",
        "interval": "2s",
        "retries": 3,
        "start_period": "1s"
      },
      "image": "busybox:1",
      "init": true,
      "labels": {
        "x": "y"
      },
      "logging": {
        "driver": "json-file",
        "options": {
          "max-size": "10m"
        }
      },
      "networks": {
        "back": null,
        "default": {
          "aliases": [
            "other"
          ]
        }
      },
      "ports": [
        {
          "mode": "ingress",
          "host_ip": "127.0.0.1",
          "target": 8080,
          "published": "18099",
          "protocol": "tcp"
        }
      ],
      "read_only": true,
      "restart": "unless-stopped",
      "security_opt": [
        "no-new-privileges:true"
      ],
      "stop_grace_period": "15s",
      "stop_signal": "SIGINT",
      "tmpfs": [
        "/tmp:rw,noexec,nosuid,size=67108864"
      ],
      "user": "10001:10001",
      "volumes": [
        {
          "type": "volume",
          "source": "data",
          "target": "/data"
        },
        {
          "type": "bind",
          "source": "/tmp",
          "target": "/host",
          "read_only": true,
          "bind": {
            "create_host_path": false
          }
        },
        {
          "type": "volume",
          "source": "data",
          "target": "/ro",
          "read_only": true
        }
      ],
      "working_dir": "/tmp"
    }
    "#);
}

/// What an engine 20.10 answers for a container it made from `service`.
fn made(service: &Service, image: &ImageConfig) -> ContainerInspectResponse {
    let origin = Origin {
        config_file: String::new(),
        working_dir: String::new(),
    };
    let ours = BTreeMap::new();
    let copy = Copy {
        project: "p",
        service: "web",
        number: 1,
        image_id: "sha256:1",
        origin: &origin,
        ours: &ours,
        part: Part::Whole,
    };
    let body = create_body(service, &copy);
    let id = "2c28ceb3235fb2c59fb78a9be3b45945b4a86254a0fd5bd5edbef474df80f626";
    let mut env = body.env.clone().unwrap_or_default();
    env.extend(
        image
            .env
            .iter()
            .flatten()
            .filter(|entry| !env.iter().any(|own| own.split('=').next() == entry.split('=').next()))
            .cloned()
            .collect::<Vec<_>>(),
    );
    let mut labels: BTreeMap<_, _> = image.labels.clone().unwrap_or_default().into_iter().collect();
    labels.extend(body.labels.clone().unwrap_or_default());
    let networks: BTreeMap<_, _> = endpoints(service, &copy)
        .into_iter()
        .map(|(name, mut endpoint)| {
            endpoint.aliases.get_or_insert_default().push(id[..12].to_owned());
            (name, endpoint)
        })
        .collect();
    let mut host = serde_json::to_value(&body.host_config).expect("JSON");
    host["CapAdd"] = host["CapAdd"].as_array().map_or(Value::Null, |caps| {
        caps.iter()
            .map(|cap| Value::from(format!("CAP_{}", cap.as_str().expect("text"))))
            .collect()
    });
    if host["ShmSize"].is_null() {
        host["ShmSize"] = json!(64 << 20);
    }
    if host["LogConfig"].is_null() {
        host["LogConfig"] = json!({"Type": "json-file", "Config": {}});
    }
    let mounts: Vec<Value> = body
        .host_config
        .iter()
        .flat_map(|host| host.mounts.iter().flatten())
        .map(|mount| {
            let typ = serde_json::to_value(mount.typ).expect("JSON");
            let read_write = mount.read_only != Some(true);
            match mount.source.clone() {
                Some(source) if typ == "volume" => {
                    json!({"Type": typ, "Name": source, "Destination": mount.target, "RW": read_write})
                }
                Some(source) => json!({"Type": typ, "Source": source, "Destination": mount.target, "RW": read_write}),
                None => json!({"Type": typ, "Name": id, "Destination": mount.target, "RW": true}),
            }
        })
        .collect();
    let answer = json!({
        "Id": id, "Name": "/p-web-1", "Image": "sha256:1", "HostConfig": host, "Mounts": mounts,
        "Config": {
            "Hostname": &id[..12], "Image": service.image, "Env": env, "Labels": labels,
            "Cmd": body.cmd.or_else(|| image.cmd.clone()), "Entrypoint": body.entrypoint,
            "User": body.user.unwrap_or_default(), "WorkingDir": body.working_dir.unwrap_or_default(),
            "StopSignal": body.stop_signal, "StopTimeout": body.stop_timeout, "Healthcheck": body.healthcheck,
        },
        "NetworkSettings": {"Networks": networks},
    });
    serde_json::from_value(answer).expect("an inspection")
}

fn seen(service: &Service, container: &ContainerInspectResponse) -> Value {
    observed("p", container, &image(), ("web", 1), service)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_made_from_a_spec_is_seen_as_that_spec(service in specs::service("busybox:1")) {
        let container = made(&service, &image());
        prop_assert_eq!(seen(&service, &container), as_value(&service));
    }

    #[test]
    fn another_spec_is_never_taken_for_this_one(a in specs::service("busybox:1"), b in specs::service("busybox:1")) {
        let image = image();
        let (made_a, made_b) = (decode::service("p", &made(&a, &image), &image), decode::service("p", &made(&b, &image), &image));
        let same = seen(&b, &made(&a, &image)) == as_value(&b);
        prop_assert_eq!(same, made_a == made_b);
    }
}

/// What is seen of a hardened service after `change`, as merge patch against its spec.
fn drifted(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let service: Service = serde_json::from_value(json!({
        "image": "busybox:1", "read_only": true, "restart": "unless-stopped", "environment": {"A": "1"}, "init": false,
        "networks": {"default": {"aliases": ["other"]}, "back": null}, "cap_drop": ["ALL"],
        "deploy": {"replicas": 1, "resources": {"limits": {"memory": "67108864"}}},
    }))
    .expect("service");
    let mut inspection = serde_json::to_value(made(&service, &image())).expect("JSON");
    change(&mut inspection);
    let seen = seen(&service, &serde_json::from_value(inspection).expect("inspection"));
    let spec = as_value(&service);
    let keys = spec
        .as_object()
        .into_iter()
        .chain(seen.as_object())
        .flat_map(|map| map.keys());
    let mut changed: Vec<String> = keys
        .filter(|key| spec.get(key) != seen.get(key))
        .map(|key| format!("{key}: {}", seen[key]))
        .collect();
    changed.sort();
    changed.dedup();
    changed
}

#[test]
fn every_drift_of_a_live_container_is_seen() {
    assert!(drifted(|_| ()).is_empty());
    assert_eq!(
        drifted(|c| c["HostConfig"]["Memory"] = json!(32 << 20)),
        [r#"deploy: {"replicas":1,"resources":{"limits":{"memory":"33554432"}}}"#]
    );
    assert_eq!(
        drifted(|c| c["HostConfig"]["Memory"] = json!(0)),
        [r#"deploy: {"replicas":1}"#]
    );
    assert_eq!(
        drifted(|c| c["HostConfig"]["RestartPolicy"]["Name"] = json!("no")),
        [r#"restart: "no""#]
    );
    assert_eq!(
        drifted(|c| drop(
            c["NetworkSettings"]["Networks"]
                .as_object_mut()
                .expect("map")
                .remove("p_back")
        )),
        [r#"networks: {"default":{"aliases":["other"]}}"#]
    );
    assert_eq!(
        drifted(|c| c["NetworkSettings"]["Networks"]["p_default"]["Aliases"] = json!(["p-web-1", "web"])),
        [r#"networks: {"back":null,"default":null}"#]
    );
    assert_eq!(
        drifted(|c| c["NetworkSettings"]["Networks"]["bridge"] = json!({})),
        [r#"networks: {"back":null,"default":{"aliases":["other"]},"bridge":null}"#]
    );
    assert_eq!(
        drifted(|c| c["Config"]["Env"][0] = json!("A=2")),
        [r#"environment: {"A":"2"}"#]
    );
    assert_eq!(
        drifted(|c| c["HostConfig"]["ReadonlyRootfs"] = json!(false)),
        ["read_only: null"]
    );
    assert_eq!(drifted(|c| c["HostConfig"]["Init"] = json!(true)), ["init: true"]);
    assert_eq!(
        drifted(|c| c["HostConfig"]["CapDrop"] = Value::Null),
        ["cap_drop: null"]
    );
    assert_eq!(
        drifted(|c| c["Mounts"] = json!([{"Type": "bind", "Source": "/", "Destination": "/host", "RW": true}])).len(),
        1
    );
}

#[test]
fn where_nothing_differs_the_specs_own_words_stand() {
    let merged = merge(
        json!({"init": false, "a": {"b": 1, "c": 2}}),
        json!({"a": {"b": "1"}}),
        json!({"a": {"b": "3"}}),
    );
    assert_eq!(merged, json!({"init": false, "a": {"b": "3", "c": 2}}));
}
