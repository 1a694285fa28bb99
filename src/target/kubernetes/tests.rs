use std::collections::BTreeSet;

use super::*;
use crate::stack::{self, Options};
use crate::target::Target;
use crate::target::capability::{Field, Level};

fn stack(components: &str, settings: &str) -> Stack {
    let text = format!(
        "version: 1\nname: shop\nsecrets: {{key: {{env: KEY}}}}\ncomponents:\n{components}\nenvironments: {{prod: {{target: k8s, kubernetes: {{{settings}}}}}}}\n"
    );
    let options = Options {
        environment: Some("prod".to_owned()),
        ..Options::default()
    };
    let parsed = stack::parse(&text, &options);
    parsed
        .stack
        .unwrap_or_else(|| panic!("{text}\n{:#?}", parsed.diagnostics))
}

fn lowered_in(components: &str, settings: &str) -> Vec<Resource> {
    let digests = BTreeMap::from([("api".to_owned(), format!("sha256:{}", "a1".repeat(32)))]);
    let secrets = BTreeMap::from([("key".to_owned(), "00ff".to_owned())]);
    lower(
        &stack(components, settings),
        &Inputs {
            digests: &digests,
            secrets: &secrets,
            locate: &|_| None,
        },
    )
}

fn lowered(components: &str) -> Vec<Resource> {
    lowered_in(components, "")
}

#[track_caller]
fn spec<'a>(resources: &'a [Resource], address: &str) -> &'a Value {
    let found = resources.iter().find(|one| one.address.to_string() == address);
    let known = || resources.iter().map(|one| one.address.to_string()).collect::<Vec<_>>();
    &found
        .unwrap_or_else(|| panic!("{address} is not among {:?}", known()))
        .spec
}

fn has(resources: &[Resource], address: &str) -> bool {
    resources.iter().any(|one| one.address.to_string() == address)
}

fn container<'a>(resources: &'a [Resource], address: &str) -> &'a Value {
    &spec(resources, address)["spec"]["template"]["spec"]["containers"][0]
}

const API: &str = "  api: {type: model-server, model: m.onnx";

#[test]
fn a_stack_is_a_namespace_with_its_objects() {
    let addresses: Vec<_> = lowered(&format!("{API}, expose: {{port: 8080}}}}\n  db: {{type: database}}"))
        .iter()
        .map(|resource| resource.address.to_string())
        .collect();
    assert_eq!(
        addresses,
        [
            "namespace/shop",
            "networkpolicy/default-deny",
            "secret/db-password",
            "secret/key",
            "pvc/db-data",
            "serviceaccount/api",
            "networkpolicy/api",
            "service/api",
            "deployment/api",
            "serviceaccount/db",
            "networkpolicy/db",
            "service/db",
            "statefulset/db",
        ]
    );
}

#[test]
fn a_namespace_that_is_there_is_left_alone() {
    let resources = lowered_in(&format!("{API}}}"), "namespace: ml");
    assert!(!resources.iter().any(|resource| resource.address.kind == "namespace"));
    let needs = resources.iter().flat_map(|resource| &resource.depends_on);
    assert!(!needs.into_iter().any(|address| address.kind == "namespace"));
}

#[test]
fn data_and_the_namespace_are_protected() {
    let resources = lowered("  db: {type: database}");
    let kept: Vec<_> = resources
        .iter()
        .filter(|resource| resource.protected)
        .map(|resource| resource.address.to_string())
        .collect();
    assert_eq!(kept, ["namespace/shop", "pvc/db-data"]);
}

#[test]
fn selectors_hold_nothing_that_changes() {
    let of = |version: &str| {
        let resources = lowered(&format!("  db: {{type: database, version: \"{version}\"}}"));
        spec(&resources, "statefulset/db")["spec"]["selector"].clone()
    };
    assert_eq!(of("16"), of("17"));
    let labels = of("16")["matchLabels"].as_object().expect("labels").len();
    assert_eq!(labels, 3);
}

#[test]
fn autoscaling_decides_about_copies_alone() {
    let resources = lowered(&format!("{API}, autoscale: {{min: 2, max: 5, cpu: 70%}}}}"));
    assert!(spec(&resources, "deployment/api")["spec"].get("replicas").is_none());
    let scaler = &spec(&resources, "hpa/api")["spec"];
    assert_eq!((&scaler["minReplicas"], &scaler["maxReplicas"]), (&json!(2), &json!(5)));
    assert!(has(&resources, "pdb/api"));
}

#[test]
fn one_copy_has_no_budget_that_would_hold_up_a_node() {
    assert!(!has(&lowered(&format!("{API}}}")), "pdb/api"));
    assert!(has(&lowered(&format!("{API}, replicas: 2}}")), "pdb/api"));
}

#[test]
fn what_only_one_copy_can_have_is_given_back_first() {
    let strategy = |fields: &str| {
        let resources = lowered(&format!("  api: {{type: service, image: example.org/a:1{fields}}}"));
        spec(&resources, "deployment/api")["spec"]["strategy"]["type"].clone()
    };
    assert_eq!(strategy(""), "RollingUpdate");
    assert_eq!(strategy(", resources: {gpu: 1}"), "Recreate");
    assert_eq!(strategy(", volumes: [{name: files, path: /files}]"), "Recreate");
}

#[test]
fn a_device_comes_with_shared_memory() {
    let resources = lowered("  api: {type: service, image: example.org/a:1, resources: {gpu: 2, memory: 8Gi}}");
    let pod = &spec(&resources, "deployment/api")["spec"]["template"]["spec"];
    let shared = json!({"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "4Gi"}});
    assert!(pod["volumes"].as_array().expect("volumes").contains(&shared));
    assert_eq!(
        container(&resources, "deployment/api")["resources"]["limits"]["nvidia.com/gpu"],
        "2"
    );
}

#[test]
fn a_large_model_has_as_long_to_start_as_the_rollout() {
    let resources = lowered(&format!("{API}, rollout: {{timeout: 20m}}}}"));
    let probe = &container(&resources, "deployment/api")["startupProbe"];
    let budget = probe["periodSeconds"].as_u64().zip(probe["failureThreshold"].as_u64());
    assert_eq!(budget.map(|(period, failures)| period * failures), Some(1200));
    assert_eq!(
        spec(&resources, "deployment/api")["spec"]["progressDeadlineSeconds"],
        1200
    );
}

#[test]
fn texts_arrive_as_they_are_written() {
    let resources = lowered(
        "  api: {type: service, image: example.org/a:1, command: [\"$(HOME)\", \"$$\", \"$HOME\"], env: {A: \"$(B)\"}}",
    );
    let api = container(&resources, "deployment/api");
    assert_eq!(api["args"], json!(["$$(HOME)", "$$$$", "$HOME"]));
    assert_eq!(api["env"], json!([{"name": "A", "value": "$$(B)"}]));
}

#[test]
fn secrets_are_files_or_variables_and_never_values() {
    let resources = lowered(
        "  api: {type: service, image: example.org/a:1, env: {A: \"${secrets.key}\", B: \"${secrets.key.file}\"}}",
    );
    let api = container(&resources, "deployment/api");
    assert_eq!(
        api["env"],
        json!([
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "key", "key": "value"}}},
            {"name": "B", "value": "/run/secrets/key"},
        ])
    );
    let remembered = json!({"secrets": {"key": "00ff"}});
    assert_eq!(spec(&resources, "secret/key")["x-mlstack"], remembered);
    assert_eq!(
        spec(&resources, "deployment/api")["x-mlstack"]["secrets"],
        remembered["secrets"]
    );
    assert!(spec(&resources, "secret/key").get("data").is_none());
}

#[test]
fn images_are_pulled_from_the_registry_by_their_digest() {
    let image = |settings: &str| {
        let resources = lowered_in(&format!("{API}}}"), settings);
        let api = container(&resources, "deployment/api");
        format!("{} {}", api["image"], api["imagePullPolicy"])
    };
    assert_eq!(image(""), r#""localhost/shop/api:a1a1a1a1a1a1" "IfNotPresent""#);
    let pinned = format!(r#""ghcr.io/me/shop-api@sha256:{}" "IfNotPresent""#, "a1".repeat(32));
    assert_eq!(image("registry: ghcr.io/me"), pinned);
}

#[test]
fn what_must_be_pushed_says_so() {
    let ours = |settings: &str| spec(&lowered_in(&format!("{API}}}"), settings), "deployment/api")["x-mlstack"].clone();
    assert!(ours("").get("image").is_none());
    assert_eq!(ours("registry: ghcr.io/me")["image"]["component"], "api");
}

#[test]
fn the_cluster_chooses_users_on_openshift() {
    let security = |settings: &str| {
        let resources = lowered_in("  db: {type: database}", settings);
        spec(&resources, "statefulset/db")["spec"]["template"]["spec"]["securityContext"].clone()
    };
    assert_eq!(security("")["runAsUser"], 65532);
    let own = security("openshift: true");
    assert!(own.get("runAsUser").is_none() && own.get("fsGroup").is_none(), "{own}");
    assert_eq!(own["runAsNonRoot"], true);
}

#[test]
fn postgres_keeps_its_files_below_the_root_of_its_volume() {
    let data = |version: &str| {
        let resources = lowered(&format!("  db: {{type: database, version: \"{version}\"}}"));
        let env = container(&resources, "statefulset/db")["env"]
            .as_array()
            .expect("env")
            .clone();
        env.iter()
            .find(|one| one["name"] == "PGDATA")
            .map(|one| one["value"].clone())
    };
    assert_eq!(data("17"), Some("/var/lib/postgresql/data/pgdata".into()));
    assert_eq!(data("18"), None, "the image keeps a folder for each version itself");
}

#[test]
fn public_parts_have_one_way_in_from_outside() {
    let web = |name: &str| {
        let port = if name == "one" { 8001 } else { 8002 };
        format!(
            "  {name}: {{type: service, image: example.org/{name}:1, expose: {{port: {port}, to: 80, public: true}}}}\n"
        )
    };
    let ways = |components: &str, settings: &str| {
        let resources = lowered_in(components, settings);
        let ways = resources.iter().filter(|one| {
            ["ingress", "httproute"].contains(&one.address.kind.as_str()) || one.spec["spec"]["type"] == "LoadBalancer"
        });
        ways.map(|one| one.address.to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ways(&web("one"), ""), "ingress/one");
    assert_eq!(ways(&web("one"), "gateway: public"), "httproute/one");
    assert_eq!(
        ways(&format!("{}{}", web("one"), web("two")), "domain: example.com"),
        "ingress/one ingress/two"
    );
    assert_eq!(
        ways(&format!("{}{}", web("one"), web("two")), ""),
        "service/one-public service/two-public"
    );
    assert_eq!(
        ways(
            "  bus: {type: broker, expose: {port: 1883, public: true}, allow_degraded: {public-data: devices}}",
            "domain: example.com"
        ),
        "service/bus-public"
    );
}

#[test]
fn what_is_not_public_is_forwarded() {
    let stack = stack(&format!("{API}, expose: {{port: 3000}}}}"), "");
    let forward = Forward {
        service: "api".to_owned(),
        here: 3000,
        there: 8080,
    };
    assert_eq!(forwards(&stack), [forward]);
}

#[test]
fn nobody_talks_to_anybody_but_those_it_uses() {
    let resources = lowered(&format!(
        "{API}, uses: [db], log_predictions: db}}\n  db: {{type: database}}\n  other: {{type: cache}}"
    ));
    let policy = &spec(&resources, "networkpolicy/db")["spec"];
    let from = &policy["ingress"][0]["from"];
    assert_eq!(from.as_array().map(Vec::len), Some(1));
    assert_eq!(from[0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"], "api");
    assert_eq!(
        policy["ingress"][0]["ports"],
        json!([{"port": 5432, "protocol": "TCP"}])
    );
    assert_eq!(policy["egress"].as_array().map(Vec::len), Some(1), "names alone");
    assert_eq!(spec(&resources, "networkpolicy/other")["spec"]["ingress"], json!([]));
}

#[test]
fn a_store_outside_can_be_reached_at_its_port() {
    let store = |endpoint: &str| {
        let resources = lowered(&format!(
            "{API}, uses: [lake]}}\n  lake: {{type: object-store, engine: s3, endpoint: \"{endpoint}\", region: eu, access_key: key, secret_key: key}}"
        ));
        assert!(!has(&resources, "deployment/lake"));
        spec(&resources, "networkpolicy/api")["spec"]["egress"][1]["ports"][0]["port"].clone()
    };
    assert_eq!(store("https://s3.example.org"), 443);
    assert_eq!(store("http://s3.example.org/a"), 80);
    assert_eq!(store("http://s3.example.org:9000"), 9000);
}

#[test]
fn workloads_wait_for_what_they_use() {
    let resources = lowered(&format!(
        "{API}, uses: [db, files]}}\n  db: {{type: database}}\n  files: {{type: object-store}}"
    ));
    let api = resources
        .iter()
        .find(|one| one.address.to_string() == "deployment/api")
        .expect("api");
    let needs: Vec<_> = api.depends_on.iter().map(ToString::to_string).collect();
    assert!(needs.contains(&"statefulset/db".to_owned()), "{needs:?}");
    assert!(needs.contains(&"statefulset/files".to_owned()), "{needs:?}");
    assert!(needs.contains(&"service/api".to_owned()), "{needs:?}");
}

/// For each field that a cluster carries, a component without it and one with it: what is made must differ.
const CHANGES: &[(Field, &str, &str)] = &[
    (
        Field::ModelServer,
        "type: service, image: a.io/a:1",
        "type: model-server, model: m.onnx",
    ),
    (
        Field::LogPredictions,
        "type: model-server, model: m.onnx, uses: [db]",
        "type: model-server, model: m.onnx, log_predictions: db",
    ),
    (
        Field::Checks,
        "type: model-server, model: m.onnx",
        "type: model-server, model: m.onnx, checks: [{request: {a: 1}, expect: {prediction: 1}}]",
    ),
    (
        Field::ChecksP95,
        "type: model-server, model: m.onnx, checks: [{request: {a: 1}, expect: {prediction: 1}}]",
        "type: model-server, model: m.onnx, checks: [{request: {a: 1}, expect: {prediction: 1}, p95: 9ms}]",
    ),
    (
        Field::Rest,
        "type: service, image: a.io/a:1",
        "type: model-server, model: m.onnx, protocols: [rest]",
    ),
    (Field::Database, "type: cache", "type: database"),
    (Field::ObjectStore, "type: cache", "type: object-store"),
    (
        Field::ExternalStore,
        "type: object-store",
        "type: object-store, engine: s3, endpoint: \"https://a.io\", region: eu, access_key: key, secret_key: key",
    ),
    (
        Field::Buckets,
        "type: object-store",
        "type: object-store, buckets: {models: {}}",
    ),
    (
        Field::BucketVersioning,
        "type: object-store, buckets: {models: {}}",
        "type: object-store, buckets: {models: {versioning: true}}",
    ),
    (Field::Frontend, "type: cache", "type: frontend, calls: db"),
    (
        Field::Valkey,
        "type: cache, engine: redis",
        "type: cache, engine: valkey",
    ),
    (
        Field::Redis,
        "type: cache, engine: valkey",
        "type: cache, engine: redis",
    ),
    (Field::Broker, "type: cache", "type: broker"),
    (Field::Service, "type: cache", "type: service, image: a.io/a:1"),
    (
        Field::Version,
        "type: database, version: \"16\"",
        "type: database, version: \"17\"",
    ),
    (Field::Storage, "type: database", "type: database, storage: 1Gi"),
    (
        Field::Image,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:2",
    ),
    (
        Field::Command,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, command: [x]",
    ),
    (
        Field::Port,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, port: 80",
    ),
    (
        Field::Replicas,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, replicas: 2",
    ),
    (
        Field::Autoscale,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, autoscale: {min: 1, max: 2, cpu: 70%}",
    ),
    (
        Field::Cpu,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, resources: {cpu: 2}",
    ),
    (
        Field::Memory,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, resources: {memory: 1Gi}",
    ),
    (
        Field::Gpu,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, resources: {gpu: 1}",
    ),
    (
        Field::Env,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, env: {A: b}",
    ),
    (
        Field::References,
        "type: service, image: a.io/a:1, uses: [db], env: {A: b}",
        "type: service, image: a.io/a:1, uses: [db], env: {A: \"${db.url}\"}",
    ),
    (
        Field::SecretFiles,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, env: {A: \"${secrets.key.file}\"}",
    ),
    (
        Field::EnvSecrets,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, env: {A: \"${secrets.key}\"}",
    ),
    (
        Field::Uses,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, uses: [db]",
    ),
    (
        Field::Expose,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, expose: {port: 80}",
    ),
    (
        Field::Public,
        "type: service, image: a.io/a:1, expose: {port: 80}",
        "type: service, image: a.io/a:1, expose: {port: 80, public: true}",
    ),
    (
        Field::Healthcheck,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, healthcheck: {command: [x]}",
    ),
    (
        Field::HealthcheckHttp,
        "type: service, image: a.io/a:1, port: 80",
        "type: service, image: a.io/a:1, port: 80, healthcheck: {http: /}",
    ),
    (
        Field::Volumes,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, volumes: [{name: files, path: /files}]",
    ),
    (
        Field::ReadOnlyVolumes,
        "type: service, image: a.io/a:1, volumes: [{name: files, path: /files}]",
        "type: service, image: a.io/a:1, volumes: [{name: files, path: /files, read_only: true}]",
    ),
    (
        Field::RolloutTimeout,
        "type: service, image: a.io/a:1",
        "type: service, image: a.io/a:1, rollout: {timeout: 1m}",
    ),
];

/// Fields that change no object: what they say is in the image, in the values of secrets, or about others.
const ELSEWHERE: &[Field] = &[
    Field::Name,
    Field::Kubernetes,
    Field::SecretsFromEnv,
    Field::SecretsFromFile,
    Field::SecretsFromSops,
    Field::GeneratedSecrets,
    Field::Model,
    Field::ModelDigest,
    Field::ExternalBuckets,
    // Claims are protected whether it is said or not.
    Field::Protect,
];

#[test]
fn every_field_that_is_carried_ends_up_somewhere() {
    let db = "\n  db: {type: database}";
    for (field, without, with) in CHANGES {
        let of = |fields: &str| {
            let fields = fields.replace("calls: db", "calls: served");
            let served = if fields.contains("served") {
                "\n  served: {type: model-server, model: m.onnx}"
            } else {
                ""
            };
            lowered(&format!("  api: {{{fields}}}{db}{served}"))
        };
        assert_ne!(of(without), of(with), "{field:?}");
    }
    let covered: BTreeSet<Field> = CHANGES
        .iter()
        .map(|(field, ..)| *field)
        .chain(ELSEWHERE.iter().copied())
        .collect();
    let carried = |field: &&Field| !matches!(field.on(Target::Kubernetes), Level::Unsupported { .. });
    let missing: Vec<_> = Field::ALL
        .iter()
        .filter(carried)
        .filter(|field| !covered.contains(field))
        .collect();
    assert_eq!(missing, [] as [&Field; 0]);
}

#[test]
fn every_setting_of_a_cluster_ends_up_somewhere() {
    let public = "  api: {type: model-server, model: m.onnx, expose: {port: 80, public: true}}\n  db: {type: database}";
    let plain = lowered_in(public, "");
    for setting in [
        "namespace: ml",
        "registry: ghcr.io/me",
        "pull_secret: regcred",
        "domain: example.com",
        "ingress_class: nginx",
        "gateway: public",
        "storage_class: fast",
        "openshift: true",
    ] {
        assert_ne!(lowered_in(public, setting), plain, "{setting}");
    }
}
