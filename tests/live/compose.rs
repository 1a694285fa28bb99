//! Every bundled part on a real engine, started by the real Docker Compose from the rendered file alone: healthy as
//! hardened as it is, and with its secrets at hand.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mlstack::render::{ComposeInput, compose};
use mlstack::stack::{self, Options};
use mlstack::target::compose::{Inputs, lower};
use mlstack_compose::{NETWORK, Network, SERVICE, Service, VOLUME, Volume, network_hash, service_hash, volume_hash};
use mlstack_provider::Resource;

const STACK: &str = "
version: 1
name: NAME
components:
  db: { type: database }
  artifacts: { type: object-store, buckets: { models: { versioning: true }, datasets: {} } }
  sessions: { type: cache }
  kept: { type: cache, storage: 1Gi }
  bus: { type: broker }
  kept-bus: { type: broker, storage: 1Gi }
  app:
    type: service
    image: busybox:1
    command: [sh, -c, 'cat $DB_PASSWORD_FILE $TOKEN_FILE > /tmp/seen; trap exit TERM; sleep 1000 & wait']
    uses: [db, artifacts]
    env: { TOKEN: '${secrets.token}', ODD: 'a$HOME ${db.host} \"x\"' }
secrets: { token: { env: TOKEN } }
";

const IMAGES: [&str; 5] = [
    "postgres:17",
    "chrislusf/seaweedfs:4.48",
    "valkey/valkey:8",
    "eclipse-mosquitto:2",
    "busybox:1",
];

/// A project of its own on the engine; all of it goes when dropped.
struct Live {
    judge: PathBuf,
    folder: tempfile::TempDir,
}

impl Live {
    fn compose(&self, arguments: &[&str]) -> Output {
        let file = self.folder.path().join("compose.yaml");
        let mut command = Command::new(&self.judge);
        command.arg("-f").arg(file).args(arguments);
        command.output().unwrap()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.compose(&["down", "-v", "-t", "30"]);
    }
}

fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[expect(clippy::print_stderr, reason = "a check that did not run says so")]
fn judge() -> Option<PathBuf> {
    let named = std::env::var_os("MLSTACK_TEST_COMPOSE").map(PathBuf::from);
    let search = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::split_paths(&search).map(|folder| folder.join("docker-compose"));
    let judge = named.into_iter().chain(paths).find(|path| path.is_file());
    let engine = Command::new("docker").arg("image").arg("inspect").args(IMAGES).output();
    let ready = engine.is_ok_and(|output| output.status.success());
    let required = std::env::var_os("MLSTACK_TEST_REQUIRE").is_some_and(|value| value == "1");
    if judge.is_none() || !ready {
        assert!(
            !required,
            "docker-compose, engine or images are missing, and MLSTACK_TEST_REQUIRE is 1"
        );
        eprintln!("NOT RUN: needs docker-compose, a Docker engine and the images of tests/images/build.sh");
    }
    judge.filter(|_| ready)
}

fn lowered(name: &str) -> Vec<Resource> {
    let parsed = stack::parse(&STACK.replace("NAME", name), &Options::default());
    let stack = parsed.stack.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
    let inputs = Inputs {
        root: "/srv",
        digests: &BTreeMap::new(),
        secrets: &BTreeMap::new(),
        locate: &|_| None,
    };
    lower(&stack, &inputs)
}

/// Writes the Compose file, and the secrets as plain Compose wants them.
fn write(folder: &Path, name: &str, resources: &[Resource]) {
    let input = ComposeInput {
        stack: name,
        source: "mlstack.yaml",
        source_digest: "00",
        root: "/srv",
        secrets: "./secrets",
        image_files: &BTreeMap::new(),
    };
    let files = compose(resources, &input);
    fs::write(folder.join("compose.yaml"), &files[0].bytes).unwrap();
    let secrets = folder.join("secrets");
    DirBuilder::new().mode(0o700).create(&secrets).unwrap();
    for secret in ["db-password", "artifacts-access-key", "artifacts-secret-key", "token"] {
        fs::write(secrets.join(secret), format!("<{secret}>")).unwrap();
        fs::set_permissions(secrets.join(secret), Permissions::from_mode(0o444)).unwrap();
    }
}

/// The config hash that Compose wrote on an object, and the one that is ours.
fn hashes(name: &str, resource: &Resource) -> Option<(String, String)> {
    let spec = resource.spec.clone();
    let key = &resource.address.name;
    let hash = "{{index .Labels \"com.docker.compose.config-hash\"}}";
    Some(match resource.address.kind.as_str() {
        NETWORK => {
            let network: Network = serde_json::from_value(spec).unwrap();
            (
                docker(&["network", "inspect", &network.name, "-f", hash]),
                network_hash(&network),
            )
        }
        VOLUME => {
            let volume: Volume = serde_json::from_value(spec).unwrap();
            (
                docker(&["volume", "inspect", &volume.name, "-f", hash]),
                volume_hash(&volume),
            )
        }
        SERVICE => {
            let service: Service = serde_json::from_value(spec).unwrap();
            let hash = hash.replace(".Labels", ".Config.Labels");
            (
                docker(&["inspect", &format!("{name}-{key}-1"), "-f", &hash]),
                service_hash(&service),
            )
        }
        _ => return None,
    })
}

#[test]
fn every_bundled_part_runs_hardened_with_its_secrets() {
    let Some(judge) = judge() else { return };
    let name = format!("mlstack-test-parts-{}", std::process::id());
    let resources = lowered(&name);
    let live = Live {
        judge,
        folder: tempfile::tempdir().unwrap(),
    };
    write(live.folder.path(), &name, &resources);

    let up = live.compose(&["up", "-d", "--wait", "--pull", "never"]);
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    for resource in &resources {
        if let Some((theirs, ours)) = hashes(&name, resource) {
            assert_eq!(theirs, ours, "{}", resource.address);
        }
    }

    let inside = |service: &str, command: &str| docker(&["exec", &format!("{name}-{service}-1"), "sh", "-c", command]);
    assert_eq!(inside("app", "cat /tmp/seen"), "<db-password><token>");
    assert_eq!(inside("app", "echo $ODD"), "a$HOME db \"x\"");
    let reached = "for port in 9333 8080 8888 8333; do
        timeout 2 nc artifacts $port < /dev/null; [ $? = 1 ] || echo $port; done 2> /dev/null";
    assert_eq!(inside("app", reached), "8333");
    let shell =
        |command: &str| format!("echo '{command}' | weed shell -master=127.0.0.1:9333 -filer=127.0.0.1:8888 2>&1");
    let buckets = inside("artifacts", &shell("s3.bucket.list"));
    assert!(buckets.contains("models") && buckets.contains("datasets"), "{buckets}");
    let versioning = |bucket: &str| inside("artifacts", &shell(&format!("s3.bucket.versioning -name {bucket}")));
    assert!(versioning("models").contains("Versioning: Enabled"));
    assert!(!versioning("datasets").contains("Versioning: Enabled"));
    assert_eq!(
        docker(&[
            "volume",
            "ls",
            "-q",
            "--filter",
            &format!("label=com.docker.compose.project={name}")
        ])
        .lines()
        .count(),
        4
    );
}
