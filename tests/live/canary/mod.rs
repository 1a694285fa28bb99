//! Canaries: a secret of its own in every place that takes one, and then a search through everything that is left behind
//! and said. Only the vault and the folder of mounts may hold them, and those only for this user.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::images::{PASSWORD as REGISTRY, Registry};
use crate::stage::{Stage, docker};

mod ledgers;
mod search;

use search::Search;

const IMAGES: &[&str] = &[
    "postgres:17",
    "chrislusf/seaweedfs:4.48",
    "busybox:1",
    "eclipse-mosquitto:2",
    "registry:2",
];

/// From the environment, from a file, and two from a SOPS file (of `tests/fixtures/sops/canary.enc.yaml`).
const ENV: &str = "Ev-3'h$z\"c/w+b=n m%o&v?x9";
const FILE: &str = "Fi-7'j$p\"d/k+g=s q%w&y?z2";
const SOPS: &str = "Sp-8'k$x\"q/e+f=g h%j&m?n1";
const URL: &str = "postgres://app:Zq4rT8wLp2Vn6Xk1Bc5Yd3Ha@db.example:5432/app";
const PASSWORD: &str = "Zq4rT8wLp2Vn6Xk1Bc5Yd3Ha";
/// Of the broker, and of an object store elsewhere.
const BROKER: &str = "Br-2'v$t\"m/s+j=h d%r&l?k7";
const ACCESS: &str = "AKIAQ7X2M4V9T1Z8C3N6";
const SECRET: &str = "Lk/9sT+4wQ7=eR2yU'6i\"pA1";

const STACK: &str = "\
version: 1
name: STACK
secrets:
  env_key: { env: CANARY }
  file_key: { file: keys/canary }
  sops_key: { sops: { file: keys/canary.enc.yaml, key: canary } }
  sops_url: { sops: { file: keys/canary.enc.yaml, key: url } }
  session: { generate: 24 }
  mq_admin: { env: CANARY_BROKER }
  lake_id: { env: CANARY_ACCESS }
  lake_key: { env: CANARY_SECRET }
components:
  talker:
    type: service
    image: busybox:1
    command: [sh, -c, \"for f in /run/secrets/*; do echo got $(cat $f) and $(base64 -w0 < $f); done; exec sleep 3600\"]
    resources: { memory: 32Mi }
    uses: [db, files, mq, lake]
    env:
      ENV_KEY_FILE: \"${secrets.env_key.file}\"
      FILE_KEY: \"${secrets.file_key.file}\"
      SOPS_KEY: \"${secrets.sops_key.file}\"
      SOPS_URL: \"${secrets.sops_url}\"
      SESSION: \"${secrets.session.file}\"
      LAKE_SECRET: \"${lake.secret_key_file}\"
    allow_degraded: { env-secrets: \"it reads the file\" }
  db: { type: database }
  files: { type: object-store, buckets: { models: { versioning: true } } }
  lake: { type: object-store, engine: s3, endpoint: \"https://s3.example\", region: eu-1, access_key: lake_id, secret_key: lake_key }
  mq:
    type: broker
    env: { ADMIN_FILE: \"${secrets.mq_admin.file}\" }
  predictor:
    type: model-server
    model: model/diabetes.onnx
    env: { KEY: \"${secrets.env_key.file}\" }
    resources: { cpu: 500m, memory: 128Mi }
  made:
    type: service
    build: { context: app, args: { GREETING: hello } }
    resources: { memory: 32Mi }
    env: { KEY: \"${secrets.env_key.file}\" }
";

fn stage() -> Option<Stage> {
    let stage = Stage::with(STACK, IMAGES)?.env("CANARY", ENV);
    let stage = stage.env("CANARY_BROKER", BROKER);
    let stage = stage.env("CANARY_ACCESS", ACCESS).env("CANARY_SECRET", SECRET);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| std::fs::read_to_string(here.join("tests/fixtures/sops").join(name)).unwrap();
    stage.write("keys/canary", FILE);
    stage.write("keys/canary.enc.yaml", &text("canary.enc.yaml"));
    stage.write(
        "app/Dockerfile",
        "FROM busybox:1\nARG GREETING\nRUN echo $GREETING > /greeting\nCMD [\"sleep\", \"3600\"]\n",
    );
    let model = std::process::Command::new("cp")
        .arg("-r")
        .arg(here.join("stacks/minimal/model"))
        .arg(stage.path())
        .status();
    assert!(model.unwrap().success(), "the model can be copied");
    let keys = text("keys.txt");
    let key = keys.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    Some(stage.env("SOPS_AGE_KEY", key))
}

/// The canaries and what mlstack made itself.
fn secrets(stage: &Stage) -> BTreeMap<String, Vec<u8>> {
    let given = [
        ("env", ENV),
        ("file", FILE),
        ("sops", SOPS),
        ("url", URL),
        ("password of the url", PASSWORD),
        ("broker", BROKER),
        ("access key elsewhere", ACCESS),
        ("secret key elsewhere", SECRET),
        ("registry", REGISTRY),
    ];
    let mut all: BTreeMap<_, _> = given
        .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
        .into();
    let made = std::fs::read_dir(stage.path().join(".mlstack/secrets")).unwrap();
    for path in made.map(|entry| entry.unwrap().path()) {
        all.insert(path.display().to_string(), std::fs::read(&path).unwrap());
    }
    all
}

#[test]
fn no_secret_is_said_or_left_anywhere() {
    let Some(stage) = stage() else { return };
    let mut search = Search::default();
    first_rollout(&mut search, &stage);
    looks(&mut search, &stage);
    changed_outside(&mut search, &stage);
    images(&mut search, &stage);
    forth_and_back(&mut search, &stage);
    failed_rollout(&mut search, &stage);
    search.add_objects(&stage);
    let secrets = secrets(&stage);
    search.add_files(stage.path(), |path| !is_store(&stage, path));
    stores_are_closed(&stage);
    search.run(&stage, 0, "destroy -y");
    search.finds_none_of(&secrets);
    assert!(
        secrets.len() >= 14 && search.len() >= 100,
        "{} secrets, {} places",
        secrets.len(),
        search.len()
    );
}

fn first_rollout(search: &mut Search, stage: &Stage) {
    for arguments in [
        "validate",
        "plan",
        "plan --offline --format json",
        "plan --format json",
        "plan --out first.mlplan",
        "apply first.mlplan -y -v --events events.ndjson",
    ] {
        search.run(stage, 0, arguments);
    }
    for (service, name, value) in [
        ("talker", "sops_key", SOPS),
        ("talker", "sops_url", URL),
        ("talker", "lake_key", SECRET),
        ("mq", "mq_admin", BROKER),
    ] {
        let arrived = stage.exec(service, &["cat", &format!("/run/secrets/{name}")]);
        assert_eq!(arrived, value, "the canary arrives");
    }
}

fn looks(search: &mut Search, stage: &Stage) {
    for arguments in [
        "status",
        "status --format json",
        "logs",
        "logs talker",
        "drift",
        "drift --format json",
        "plan -v",
        "render",
        "doctor",
        "history",
        "history --format json",
        "unlock",
    ] {
        search.run(stage, 0, arguments);
    }
}

/// Somebody changes a limit, a secret inside its container, and stops the broker.
fn changed_outside(search: &mut Search, stage: &Stage) {
    let containers = stage.containers();
    docker(&["update", "--restart", "no", &containers["talker"]]);
    stage.exec("talker", &["sh", "-c", "echo other > /run/secrets/env_key"]);
    docker(&["stop", "-t", "1", &containers["mq"]]);
    let drift = search.run(stage, 2, "drift --detailed-exitcode -v");
    assert!(
        drift.contains("service/talker") && drift.contains("service/mq"),
        "{drift}"
    );
    search.run(stage, 2, "drift --detailed-exitcode -v --format json");
    search.run(stage, 0, "plan -v --out stale.mlplan");
    search.run(stage, 0, "apply -y -v --events healed.ndjson");
    search.run(stage, 7, "apply stale.mlplan -y");
}

fn images(search: &mut Search, stage: &Stage) {
    let registry = Registry::closed(stage, &[]);
    let push = format!("image push {}/team/predictor:1", registry.address);
    stage.write("keys/right", REGISTRY);
    stage.write("keys/wrong", ENV);
    search.run(stage, 0, "image build -o image.tar");
    search.run(stage, 0, "image inspect image.tar");
    search.run(stage, 4, &format!("{push} -v --username me --password-file keys/wrong"));
    search.run(stage, 0, &format!("{push} -v --username me --password-file keys/right"));
    let login = BASE64_STANDARD.encode(format!("me:{REGISTRY}"));
    let config = serde_json::json!({ "auths": { &registry.address: { "auth": login } } });
    stage.write("docker/config.json", &config.to_string());
    search.run(stage, 0, &format!("{push} -q"));
}

fn forth_and_back(search: &mut Search, stage: &Stage) {
    stage.edit("      SESSION:", "      WORD: next\n      SESSION:");
    search.run(stage, 2, "plan --detailed-exitcode --out next.mlplan");
    search.run(stage, 0, "apply next.mlplan -y -v --events next.ndjson");
    let back = search.run(stage, 0, "rollback -y -v --events back.ndjson");
    assert!(back.contains("Back to revision 1"), "{back}");
    let word = stage.exec("talker", &["sh", "-c", "echo \"[$WORD]\""]);
    assert_eq!(word.trim(), "[]", "the version before runs");
    search.run(stage, 0, "history");
}

/// A component that says its secrets and dies: its last lines are in the failure.
fn failed_rollout(search: &mut Search, stage: &Stage) {
    stage.edit("done; exec sleep 3600", "done; exit 3");
    let uses = "    uses: [db, files, mq, lake]\n";
    stage.edit(uses, &format!("{uses}    rollout: {{ timeout: 20s }}\n"));
    search.run(stage, 2, "plan --detailed-exitcode --out second.mlplan");
    let (failed, said) = search.watch(stage, "apply -y -v --events failed.ndjson");
    assert_ne!(failed, 0, "a container that exits is a failed rollout");
    assert!(
        said.contains("•••"),
        "the container's last lines are shown, without what they say\n{said}"
    );
    search.run(stage, 0, "history --format json");
}

/// The declared stores of values: the user's own, the vault, and the mounts of rendered files.
fn is_store(stage: &Stage, path: &Path) -> bool {
    ["keys", "docker", ".mlstack/secrets", ".mlstack/mounts"]
        .iter()
        .any(|store| path.starts_with(stage.path().join(store)))
}

/// The stores that mlstack made are for this user alone.
fn stores_are_closed(stage: &Stage) {
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    for (store, expected) in [("secrets", 0o600), ("mounts", 0o444)] {
        let folder = stage.path().join(".mlstack").join(store);
        assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        let files: Vec<_> = std::fs::read_dir(&folder).unwrap().flatten().collect();
        assert!(!files.is_empty(), "{} is used", folder.display());
        for file in files {
            assert_eq!(mode(&file.path()), expected, "{}", file.path().display());
        }
    }
}
