use mlstack_compose::{Condition, ImageSource, ImageSpec, Service};

use super::*;
use crate::stack::{self, Options};

const EVERYTHING: &str = "
version: 1
name: shop
components:
  predictor:
    type: model-server
    model: model/a.onnx
    replicas: 2
    resources: { cpu: 250m, memory: 64Mi }
    uses: [db, artifacts]
    log_predictions: db
    env: { TOKEN: '${secrets.token}', PLAIN: 'a$b' }
  db: { type: database }
  artifacts:
    type: object-store
    buckets: { models: { versioning: true }, datasets: {} }
  sessions: { type: cache }
  kept: { type: cache, engine: redis, storage: 1Gi }
  bus: { type: broker }
  kept-bus: { type: broker, storage: 1Gi }
  web: { type: frontend, calls: predictor, expose: { port: 3000 } }
  api:
    type: service
    image: python:3.12-slim
    port: 8000
    command: [python, -m, http.server]
    uses: [db, artifacts, sessions, bus, predictor]
    env: { DB: '${db.url}', KEYS: '${secrets.token.file}' }
    healthcheck: { http: /healthz }
    volumes:
      - { name: uploads, path: /uploads }
      - { host: ./site, path: /site, read_only: true }
  worker:
    type: service
    build: { context: ./worker, args: { A: '1' } }
    uses: [api, web]
secrets:
  token: { env: TOKEN }
";

fn stack(text: &str) -> Stack {
    let parsed = stack::parse(text, &Options::default());
    assert!(parsed.stack.is_some(), "{:#?}", parsed.diagnostics);
    parsed.stack.expect("just checked")
}

fn lowered(text: &str) -> Vec<Resource> {
    let digests = BTreeMap::from([
        ("predictor".to_owned(), format!("sha256:{}", "a1".repeat(32))),
        ("worker".to_owned(), format!("sha256:{}", "b2".repeat(32))),
    ]);
    let secrets = BTreeMap::from([("db-password".to_owned(), "00ff".to_owned())]);
    let source = |path: &Path| {
        let file = format!("mlstack.yaml at {path}");
        Some(Source {
            file,
            line: 1,
            column: 1,
        })
    };
    let inputs = Inputs {
        root: "/srv/shop",
        digests: &digests,
        secrets: &secrets,
        locate: &source,
    };
    lower(&stack(text), &inputs)
}

fn of(resources: &[Resource], name: &str) -> Service {
    let resource = resources
        .iter()
        .find(|resource| resource.address == service_address(name));
    serde_json::from_value(resource.expect(name).spec.clone()).expect("a service")
}

fn bundled() -> Vec<(&'static str, Service)> {
    let resources = lowered(EVERYTHING);
    let names = [
        "predictor",
        "db",
        "artifacts",
        "sessions",
        "kept",
        "bus",
        "kept-bus",
        "web",
    ];
    names.map(|name| (name, of(&resources, name))).to_vec()
}

#[test]
fn every_bundled_service_is_hardened() {
    for (name, service) in bundled() {
        assert!(service.read_only, "{name}");
        assert_eq!(service.cap_drop, ["ALL"], "{name}");
        assert!(service.cap_add.is_empty(), "{name}");
        assert_eq!(service.security_opt, ["no-new-privileges:true"], "{name}");
        let user: u32 = service
            .user
            .split(':')
            .next()
            .and_then(|uid| uid.parse().ok())
            .expect(name);
        assert!(user > 0, "{name} runs as root");
        assert!(
            service
                .tmpfs
                .iter()
                .any(|entry| entry.starts_with("/tmp:noexec,nosuid,size=")),
            "{name}"
        );
        let limits = service.limits().expect(name);
        assert!(
            limits.cpus.is_some() && limits.memory.is_some() && limits.pids.is_some(),
            "{name}"
        );
        assert!(service.healthcheck.is_some(), "{name}");
        assert_eq!(service.restart, "unless-stopped", "{name}");
    }
}

#[test]
fn foreign_images_keep_only_what_starting_as_root_needs() {
    let api = of(&lowered(EVERYTHING), "api");
    assert_eq!(api.cap_drop, ["ALL"]);
    assert!(
        !api.cap_add
            .iter()
            .any(|name| ["NET_RAW", "SYS_ADMIN", "MKNOD", "SYS_PTRACE"].contains(&name.as_str()))
    );
    assert_eq!(api.security_opt, ["no-new-privileges:true"]);
    assert_eq!(api.init, None);
    assert_eq!(of(&lowered(EVERYTHING), "worker").init, Some(true));
}

#[test]
fn no_secret_is_in_the_environment_and_every_named_file_is_there() {
    let resources = lowered(EVERYTHING);
    for resource in resources.iter().filter(|resource| resource.address.kind == SERVICE) {
        let service: Service = serde_json::from_value(resource.spec.clone()).expect("a service");
        let files = service
            .environment
            .values()
            .filter_map(|value| value.strip_prefix("/run/secrets/"));
        let there: Vec<&str> = service.secrets.iter().map(|secret| secret.target.as_str()).collect();
        for file in files {
            assert!(there.contains(&file), "{} asks for {file}", resource.address);
        }
        assert_eq!(there, service.extension.secrets.keys().collect::<Vec<_>>());
    }
    let predictor = of(&resources, "predictor");
    assert_eq!(predictor.environment["TOKEN_FILE"], "/run/secrets/token");
    assert_eq!(predictor.extension.secrets["db-password"].as_deref(), Some("00ff"));
    assert_eq!(predictor.extension.secrets["token"], None);
}

#[test]
fn ports_are_for_this_machine_unless_public() {
    let resources = lowered(EVERYTHING);
    assert_eq!(of(&resources, "web").ports[0].host_ip, "127.0.0.1");
    let public = EVERYTHING.replace("expose: { port: 3000 }", "expose: { port: 3000, public: true }");
    assert_eq!(of(&lowered(&public), "web").ports[0].host_ip, "");
}

#[test]
fn only_those_who_face_out_are_on_the_outer_network() {
    let resources = lowered(EVERYTHING);
    let front = |name: &str| of(&resources, name).networks.contains_key(FRONT);
    let out: Vec<&str> = ["predictor", "db", "artifacts", "web", "api", "worker", "bus"]
        .into_iter()
        .filter(|name| front(name))
        .collect();
    assert_eq!(out, ["web", "api", "worker"]);
}

#[test]
fn a_stack_that_nobody_reaches_has_no_outer_network() {
    let resources = lowered("{version: 1, name: a, components: {db: {type: database}}}");
    let networks = resources.iter().filter(|resource| resource.address.kind == NETWORK);
    assert_eq!(
        networks
            .map(|network| network.address.name.as_str())
            .collect::<Vec<_>>(),
        ["back"]
    );
}

#[test]
fn dependants_wait_for_health_where_there_is_any() {
    let resources = lowered(EVERYTHING);
    let worker = of(&resources, "worker").depends_on;
    assert_eq!(worker["api"].condition, Condition::Healthy);
    let unwatched = EVERYTHING.replace("    healthcheck: { http: /healthz }\n", "");
    let worker = of(&lowered(&unwatched), "worker").depends_on;
    assert_eq!(
        (worker["api"].condition, worker["web"].condition),
        (Condition::Started, Condition::Healthy)
    );
}

#[test]
fn health_is_asked_with_whatever_client_the_image_has() {
    let check = of(&lowered(EVERYTHING), "api").healthcheck.expect("one");
    insta::assert_snapshot!(check.test.join(" "), @"CMD-SHELL wget -q -O /dev/null 'http://127.0.0.1:8000/healthz' 2>/dev/null || curl -fsS -o /dev/null 'http://127.0.0.1:8000/healthz' 2>/dev/null || python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' 'http://127.0.0.1:8000/healthz'");
}

#[test]
fn foreign_images_are_told_all_about_what_they_use() {
    let api = of(&lowered(EVERYTHING), "api");
    let lines: Vec<String> = api
        .environment
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ARTIFACTS_ACCESS_KEY_FILE=/run/secrets/artifacts-access-key
    ARTIFACTS_ADDRESS=artifacts:8333
    ARTIFACTS_ENDPOINT=http://artifacts:8333
    ARTIFACTS_HOST=artifacts
    ARTIFACTS_PORT=8333
    ARTIFACTS_REGION=us-east-1
    ARTIFACTS_SECRET_KEY_FILE=/run/secrets/artifacts-secret-key
    ARTIFACTS_URL=http://artifacts:8333
    BUS_ADDRESS=bus:1883
    BUS_HOST=bus
    BUS_PORT=1883
    BUS_URL=mqtt://bus:1883
    DB=postgres://app@db:5432/app
    DB_ADDRESS=db:5432
    DB_DATABASE=app
    DB_HOST=db
    DB_PASSWORD_FILE=/run/secrets/db-password
    DB_PORT=5432
    DB_URL=postgres://app@db:5432/app
    DB_USER=app
    KEYS=/run/secrets/token
    PREDICTOR_ADDRESS=predictor:8080
    PREDICTOR_HOST=predictor
    PREDICTOR_PORT=8080
    PREDICTOR_URL=http://predictor:8080
    SESSIONS_ADDRESS=sessions:6379
    SESSIONS_HOST=sessions
    SESSIONS_PORT=6379
    SESSIONS_URL=redis://sessions:6379
    "#);
}

#[test]
fn resources_stand_in_order_with_what_they_need() {
    let line = |resource: &Resource| {
        let needs: Vec<String> = resource.depends_on.iter().map(ToString::to_string).collect();
        let mark = if resource.protected { " (protected)" } else { "" };
        format!("{}{mark} ← {}", resource.address, needs.join(" "))
    };
    let lines: Vec<String> = lowered(EVERYTHING).iter().map(line).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    network/back ← 
    network/front ← 
    volume/db-data (protected) ← 
    volume/artifacts-data (protected) ← 
    volume/kept-data (protected) ← 
    volume/kept-bus-data (protected) ← 
    volume/uploads (protected) ← 
    image/predictor ← 
    image/postgres-17 ← 
    image/seaweedfs-4.48 ← 
    image/valkey-8 ← 
    image/redis-8 ← 
    image/eclipse-mosquitto-2 ← 
    image/web ← 
    image/python-3.12-slim ← 
    image/worker ← 
    service/predictor ← image/predictor network/back service/artifacts service/db
    service/db ← image/postgres-17 network/back volume/db-data
    service/artifacts ← image/seaweedfs-4.48 network/back volume/artifacts-data
    service/sessions ← image/valkey-8 network/back
    service/kept ← image/redis-8 network/back volume/kept-data
    service/bus ← image/eclipse-mosquitto-2 network/back
    service/kept-bus ← image/eclipse-mosquitto-2 network/back volume/kept-bus-data
    service/web ← image/web network/back network/front service/predictor
    service/api ← image/python-3.12-slim network/back network/front volume/uploads service/artifacts service/bus service/db service/predictor service/sessions
    service/worker ← image/worker network/back network/front service/api service/web
    "#);
}

#[test]
fn images_have_names_that_are_free() {
    let text = "
version: 1
name: a
components:
  nginx-1: { type: service, image: 'example.org/x/nginx:1' }
  two: { type: service, image: 'nginx:1' }
  three: { type: service, image: 'docker.io/library/nginx:1' }
  four: { type: service, image: 'nginx:1' }
";
    let images = lowered(text)
        .into_iter()
        .filter(|resource| resource.address.kind == IMAGE);
    let lines: Vec<String> = images
        .map(|image| {
            let spec: ImageSpec = serde_json::from_value(image.spec).expect("an image");
            assert_eq!(spec.source, ImageSource::Pull);
            format!("{} {}", image.address, spec.reference)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    image/example.org-x-nginx-1 example.org/x/nginx:1
    image/nginx-1-2 nginx:1
    image/docker.io-library-nginx-1 docker.io/library/nginx:1
    "#);
}

#[test]
fn a_made_image_is_named_after_its_digest() {
    let resources = lowered(EVERYTHING);
    assert_eq!(
        of(&resources, "predictor").image,
        "localhost/shop/predictor:a1a1a1a1a1a1"
    );
    assert_eq!(of(&resources, "web").image, "localhost/shop/web:new");
    assert_eq!(
        of(&resources, "predictor").extension.image_id,
        Some(format!("sha256:{}", "a1".repeat(32)))
    );
    assert_eq!(
        of(&resources, "worker").extension.image_id,
        None,
        "a build has another id than its context"
    );
}

#[test]
fn an_external_store_runs_nothing() {
    let text = "
version: 1
name: a
components:
  lake: { type: object-store, engine: s3, endpoint: 'https://s3.example.org', region: eu-1, access_key: id, secret_key: key }
  app: { type: service, image: 'app:1', uses: [lake] }
secrets: { id: { env: ID }, key: { env: KEY } }
";
    let resources = lowered(text);
    assert!(!resources.iter().any(|resource| resource.address.name.contains("lake")));
    let app = of(&resources, "app");
    assert!(app.depends_on.is_empty());
    assert_eq!(app.environment["LAKE_ACCESS_KEY_FILE"], "/run/secrets/id");
    assert_eq!(app.environment["LAKE_ENDPOINT"], "https://s3.example.org");
    assert_eq!(app.secrets.len(), 2);
}

#[test]
fn secrets_are_the_declared_and_the_generated_ones() {
    use crate::stack::SecretSource::{Env, Generate};
    let secrets = crate::target::secrets(&stack(EVERYTHING));
    let expected = [
        ("artifacts-access-key", Generate(20)),
        ("artifacts-secret-key", Generate(40)),
        ("db-password", Generate(40)),
        ("token", Env("TOKEN".to_owned())),
    ];
    assert_eq!(secrets, expected.map(|(name, source)| (name.to_owned(), source)).into());
    let own = EVERYTHING.replace(
        "token: { env: TOKEN }",
        "token: { env: TOKEN }\n  db-password: { env: PG }",
    );
    assert_eq!(
        crate::target::secrets(&stack(&own))["db-password"],
        Env("PG".to_owned())
    );
}

#[test]
fn postgres_keeps_its_data_where_its_version_does() {
    for (version, folder) in [
        ("17", "/var/lib/postgresql/data"),
        ("18", "/var/lib/postgresql"),
        ("16.4", "/var/lib/postgresql/data"),
    ] {
        let text = format!("{{version: 1, name: a, components: {{db: {{type: database, version: '{version}'}}}}}}");
        assert_eq!(of(&lowered(&text), "db").volumes[0].target, folder, "{version}");
    }
}

#[test]
fn host_paths_are_what_compose_makes_of_them() {
    let cases = [
        ("./a/./b", "/r/a/b"),
        (".", "/r"),
        ("a//b/", "/r/a/b"),
        ("a/../b", "/r/b"),
        ("/x", "/x"),
        ("", "/r"),
    ];
    for (path, expected) in cases {
        assert_eq!(below("/r", path), expected, "{path}");
    }
    assert_eq!(below("/", "a"), "/a");
}
