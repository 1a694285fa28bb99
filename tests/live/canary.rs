//! Canaries: a secret of its own in every place that takes one, and then a search through everything that is left behind
//! and said. Only the vault and the folder of mounts may hold them, and those only for this user.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use crate::stage::{Stage, docker};

const IMAGES: &[&str] = &["postgres:17", "chrislusf/seaweedfs:4.48", "busybox:1"];

/// From the environment, from a file, and two from a SOPS file (of `tests/fixtures/sops/canary.enc.yaml`).
const ENV: &str = "Ev-3'h$z\"c/w+b=n m%o&v?x9";
const FILE: &str = "Fi-7'j$p\"d/k+g=s q%w&y?z2";
const SOPS: &str = "Sp-8'k$x\"q/e+f=g h%j&m?n1";
const URL: &str = "postgres://app:Zq4rT8wLp2Vn6Xk1Bc5Yd3Ha@db.example:5432/app";
const PASSWORD: &str = "Zq4rT8wLp2Vn6Xk1Bc5Yd3Ha";

const STACK: &str = "\
version: 1
name: STACK
secrets:
  env_key: { env: CANARY }
  file_key: { file: keys/canary }
  sops_key: { sops: { file: keys/canary.enc.yaml, key: canary } }
  sops_url: { sops: { file: keys/canary.enc.yaml, key: url } }
  session: { generate: 24 }
components:
  talker:
    type: service
    image: busybox:1
    command: [sh, -c, \"for f in /run/secrets/*; do echo got $(cat $f) and $(base64 -w0 < $f); done; exec sleep 3600\"]
    resources: { memory: 32Mi }
    uses: [db, files]
    env:
      ENV_KEY_FILE: \"${secrets.env_key.file}\"
      FILE_KEY: \"${secrets.file_key.file}\"
      SOPS_KEY: \"${secrets.sops_key.file}\"
      SOPS_URL: \"${secrets.sops_url}\"
      SESSION: \"${secrets.session.file}\"
    allow_degraded: { env-secrets: \"it reads the file\" }
  db: { type: database }
  files: { type: object-store, buckets: { models: { versioning: true } } }
  made:
    type: service
    build: { context: app, args: { GREETING: hello } }
    resources: { memory: 32Mi }
    env: { KEY: \"${secrets.env_key.file}\" }
";

/// What was said and left, and what was searched in it.
#[derive(Default)]
struct Search {
    /// By the name it has in a report, what is looked through.
    places: BTreeMap<String, Vec<u8>>,
}

impl Search {
    fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.places.entry(name.into()).or_default().extend(bytes.into());
    }

    /// Runs mlstack while every other process of the machine is watched.
    fn run(&mut self, stage: &Stage, arguments: &str) -> i32 {
        let child = stage
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (own, over) = (child.id(), AtomicBool::new(false));
        let output = std::thread::scope(|scope| {
            let sampler = scope.spawn(|| sample(own, &over));
            let output = child.wait_with_output().unwrap();
            over.store(true, Ordering::Relaxed);
            self.add("processes", sampler.join().unwrap());
            output
        });
        self.add(format!("stdout of {arguments}"), output.stdout);
        self.add(format!("stderr of {arguments}"), output.stderr);
        output.status.code().unwrap()
    }

    /// Every hit: the place, the secret and its form.
    fn hits(&self, secrets: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
        let mut hits = Vec::new();
        for (name, value) in secrets {
            for (form, needle) in forms(value) {
                let holds = |bytes: &&Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
                let found = self.places.iter().filter(|(_, bytes)| holds(bytes));
                hits.extend(found.map(|(place, _)| format!("{place}: {name} as {form}")));
            }
        }
        hits
    }
}

/// Arguments of every process of the machine, and the environment of all that mlstack started. (That of the containers'
/// own processes is theirs: the entrypoint of the official PostgreSQL image reads its password file into a variable.)
fn sample(own: u32, over: &AtomicBool) -> Vec<u8> {
    let mut seen = BTreeMap::new();
    while !over.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let mut files = vec!["cmdline"];
            files.extend(is_below(pid, own).then_some("environ"));
            for file in files {
                seen.insert(std::fs::read(entry.path().join(file)).unwrap_or_default(), ());
            }
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    seen.into_keys().collect::<Vec<_>>().join(&b"\n\n"[..])
}

/// Whether `own` started `pid`, or started who did.
fn is_below(pid: u32, own: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok());
    parent.is_some_and(|parent| parent == own || (parent > 1 && is_below(parent, own)))
}

/// Our own idea of how a value may be written, apart from that of the code under test.
fn forms(value: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let text = String::from_utf8_lossy(value);
    let percent = |byte: &u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let json = serde_json::Value::from(text.as_ref()).to_string();
    vec![
        ("raw", value.to_vec()),
        ("base64", BASE64_STANDARD.encode(value).trim_end_matches('=').into()),
        ("base64url", BASE64_URL_SAFE_NO_PAD.encode(value).into()),
        ("URL", value.iter().map(percent).collect::<String>().into()),
        ("JSON", json[1..json.len() - 1].into()),
        ("shell", text.replace('\'', "'\\''").into()),
        (
            "hex",
            value
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
                .into(),
        ),
    ]
}

/// Every file below `folder`.
fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() && !path.is_symlink() {
            true => files(&path, all),
            false => all.push(path),
        }
    }
}

/// What the engine knows of everything that is the stack's.
fn objects(stage: &Stage) -> BTreeMap<String, String> {
    let label = format!("label=com.docker.compose.project={}", stage.name);
    let mut told = BTreeMap::new();
    for (kind, list) in [
        ("container", &["ps", "-aq"][..]),
        ("network", &["network", "ls", "-q"]),
        ("volume", &["volume", "ls", "-q"]),
    ] {
        for id in docker(&[list, &["--filter", &label]].concat()).lines() {
            told.insert(format!("{kind} {id}"), docker(&[kind, "inspect", id]));
        }
    }
    let containers = stage.containers();
    for id in containers.values() {
        let image = docker(&["inspect", "-f", "{{.Image}}", id]);
        let image = image.trim();
        told.insert(format!("image {image}"), docker(&["image", "inspect", image]));
        told.insert(format!("history of {image}"), docker(&["history", "--no-trunc", image]));
    }
    told
}

fn stage() -> Option<Stage> {
    let stage = Stage::with(STACK, IMAGES)?.env("CANARY", ENV);
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sops");
    let text = |name: &str| std::fs::read_to_string(fixtures.join(name)).unwrap();
    stage.write("keys/canary", FILE);
    stage.write("keys/canary.enc.yaml", &text("canary.enc.yaml"));
    stage.write(
        "app/Dockerfile",
        "FROM busybox:1\nARG GREETING\nRUN echo $GREETING > /greeting\nCMD [\"sleep\", \"3600\"]\n",
    );
    let key = text("keys.txt");
    let key = key
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-"))
        .unwrap()
        .to_owned();
    Some(stage.env("SOPS_AGE_KEY", &key))
}

/// The canaries and what mlstack made itself.
fn secrets(stage: &Stage) -> BTreeMap<String, Vec<u8>> {
    let given = [
        ("env", ENV),
        ("file", FILE),
        ("sops", SOPS),
        ("url", URL),
        ("password of the url", PASSWORD),
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
    let mut go = |code: i32, arguments: &str| {
        let ended = search.run(&stage, arguments);
        let said =
            |stream: &str| String::from_utf8_lossy(&search.places[&format!("{stream} of {arguments}")]).into_owned();
        assert_eq!(ended, code, "mlstack {arguments}\n{}{}", said("stdout"), said("stderr"));
    };
    go(0, "validate");
    go(0, "plan");
    go(0, "plan --offline --format json");
    go(0, "plan --format json");
    go(0, "plan --out first.mlplan");
    go(0, "apply first.mlplan -y -v --events events.ndjson");
    assert_eq!(
        stage.exec("talker", &["cat", "/run/secrets/sops_key"]),
        SOPS,
        "the canary arrives"
    );
    assert_eq!(stage.exec("talker", &["cat", "/run/secrets/sops_url"]), URL);
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
    ] {
        go(0, arguments);
    }
    // A component that says its secrets and dies: its last lines are in the failure.
    stage.edit("done; exec sleep 3600", "done; exit 3");
    stage.edit(
        "    uses: [db, files]\n",
        "    uses: [db, files]\n    rollout: { timeout: 20s }\n",
    );
    go(2, "plan --detailed-exitcode --out second.mlplan");
    let failed = search.run(&stage, "apply -y -v --events failed.ndjson");
    assert_ne!(failed, 0, "a container that exits is a failed rollout");
    let said = String::from_utf8_lossy(&search.places["stderr of apply -y -v --events failed.ndjson"]).into_owned();
    assert!(
        said.contains("•••"),
        "the container's last lines are shown, without what they say\n{said}"
    );
    for (name, told) in objects(&stage) {
        search.add(name, told);
    }
    let secrets = secrets(&stage);
    let mut left = Vec::new();
    files(stage.path(), &mut left);
    let (stores, others): (Vec<_>, Vec<_>) = left.into_iter().partition(|path| is_store(&stage, path));
    for path in &others {
        search.add(
            path.strip_prefix(stage.path()).unwrap().display().to_string(),
            std::fs::read(path).unwrap(),
        );
    }
    for path in stores
        .iter()
        .filter(|path| !path.starts_with(stage.path().join("keys")))
    {
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        let folder = path.parent().unwrap();
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
        let expected = if folder.ends_with("mounts") { 0o444 } else { 0o600 };
        assert_eq!(mode(path), expected, "{}", path.display());
    }
    assert_eq!(search.run(&stage, "destroy -y"), 0);
    let hits = search.hits(&secrets);
    assert!(hits.is_empty(), "{} hits\n{}", hits.len(), hits.join("\n"));
    assert!(
        secrets.len() >= 10 && search.places.len() >= 50,
        "{} secrets, {} places",
        secrets.len(),
        search.places.len()
    );
    told(&search, &secrets, others.len());
}

/// The declared stores of values: the user's own, the vault, and the mounts of rendered files.
fn is_store(stage: &Stage, path: &Path) -> bool {
    ["keys", ".mlstack/secrets", ".mlstack/mounts"]
        .iter()
        .any(|store| path.starts_with(stage.path().join(store)))
}

/// The figures of `docs/reliability.md`.
#[expect(clippy::print_stdout, reason = "figures to be read")]
fn told(search: &Search, secrets: &BTreeMap<String, Vec<u8>>, files: usize) {
    let bytes: usize = search.places.values().map(Vec::len).sum();
    let hidden: usize = search
        .places
        .iter()
        .filter(|(name, _)| name.starts_with("std"))
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).matches("•••").count())
        .sum();
    println!(
        "{} secrets in 7 forms, {} places ({files} files), {bytes} bytes, {} bytes of processes: 0 hits; hidden {hidden} times in outputs",
        secrets.len(),
        search.places.len(),
        search.places["processes"].len(),
    );
}
