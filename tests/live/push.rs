//! Images on their way to a cluster: pushed by the apply that needs them, to a real registry.
//!
//! The cluster is the API server's double, as what is looked at here is what the registry gets. Before the registry stands
//! a relay that counts what comes and can break it off.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mlstack_kube_double::Double;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::images::{PASSWORD, Registry};
use crate::stage::{Ran, Stage, curl, docker};

const STACK: &str = "\
version: 1
name: STACK
components:
  predictor:
    type: model-server
    model: model/diabetes.onnx
    resources: { cpu: 500m, memory: 128Mi }
    env: { ROUND: one }
environments:
  prod: { target: k8s, kubernetes: { registry: RELAY/team } }
";

/// Bytes of a push that nobody cuts off.
const NO_LIMIT: u64 = u64::MAX;

/// Stands before a registry.
struct Relay {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    connections: AtomicUsize,
    /// Bytes that came for the registry.
    bytes: AtomicU64,
    /// A connection that brings more is broken off.
    limit: AtomicU64,
    /// Of a connection that brings more, nothing further is heard.
    hold: AtomicU64,
}

impl Relay {
    fn before(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            connections: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            limit: AtomicU64::new(NO_LIMIT),
            hold: AtomicU64::new(NO_LIMIT),
        });
        let (registry, ours) = (registry.to_owned(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                ours.connections.fetch_add(1, Ordering::SeqCst);
                let server = TcpStream::connect(&registry).unwrap();
                let (back, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let ours = Arc::clone(&ours);
                thread::spawn(move || ours.forward(client, server));
                thread::spawn(move || copy(back, to));
            }
        });
        Self { address, shared }
    }

    fn limit(&self, bytes: u64) {
        self.shared.limit.store(bytes, Ordering::SeqCst);
    }

    fn hold(&self, bytes: u64) {
        self.shared.hold.store(bytes, Ordering::SeqCst);
    }

    /// Connections and bytes since the last time.
    fn counted(&self) -> (usize, u64) {
        let Shared { connections, bytes, .. } = &*self.shared;
        (connections.swap(0, Ordering::SeqCst), bytes.swap(0, Ordering::SeqCst))
    }
}

impl Shared {
    fn forward(&self, mut from: TcpStream, mut to: TcpStream) {
        let (mut buffer, mut seen) = (vec![0; 16 * 1024], 0);
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            seen += length as u64;
            self.bytes.fetch_add(length as u64, Ordering::SeqCst);
            if seen > self.limit.load(Ordering::SeqCst) {
                let _gone = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
            while seen > self.hold.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(20));
            }
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _done = to.shutdown(Shutdown::Write);
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _moved = std::io::copy(&mut from, &mut to);
    let _done = to.shutdown(Shutdown::Write);
}

/// A stack, a cluster and a registry with a relay before it.
struct Ground {
    stage: Stage,
    registry: Registry,
    relay: Relay,
    double: Double,
    _served_by: Runtime,
}

impl Ground {
    fn new(registry: fn(&Stage) -> Registry) -> Option<Self> {
        let mut stage = Stage::with(STACK, &["registry:2"])?;
        let runtime = Runtime::new().unwrap();
        let double = runtime.block_on(Double::start());
        let registry = registry(&stage);
        let relay = Relay::before(&registry.address);
        stage.edit("RELAY", &relay.address);
        stage.write("kubeconfig", &double.kubeconfig());
        let model = concat!(env!("CARGO_MANIFEST_DIR"), "/stacks/minimal/model");
        let copied = std::process::Command::new("cp")
            .args(["-r", model])
            .arg(stage.path())
            .status();
        assert!(copied.unwrap().success());
        let kubeconfig = stage.path().join("kubeconfig").display().to_string();
        stage.set("KUBECONFIG", &kubeconfig);
        Some(Self {
            stage,
            registry,
            relay,
            double,
            _served_by: runtime,
        })
    }

    fn open() -> Option<Self> {
        Self::new(|stage| Registry::start(stage, &[]))
    }

    fn apply(&self) -> Ran {
        self.stage.run("apply -y --env prod")
    }

    /// The lock of a killed run goes by itself, after a while.
    fn apply_once_unlocked(&self) -> Ran {
        let mut tries = (0..60).map(|_| {
            thread::sleep(Duration::from_secs(1));
            self.apply()
        });
        tries.find(|ran| ran.code != 6).unwrap()
    }

    /// The same model in other bytes.
    fn change_model(&self) {
        let file = "model/diabetes.signature.json";
        self.stage.write(file, &(self.stage.read(file) + "\n"));
    }

    /// The image that the cluster runs, by what stands behind the registry's address.
    fn runs(&self) -> Option<String> {
        let name = &self.stage.name;
        let live = self.double.object("Deployment", name, "predictor")?;
        let image = live["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?;
        Some(image.strip_prefix(&format!("{}/", self.relay.address))?.to_owned())
    }

    /// The digest that the registry itself counts for what it serves as `image`.
    fn served(&self, image: &str, login: &[&str]) -> String {
        let (repository, digest) = image.split_once('@').unwrap();
        let url = format!("http://{}/v2/{repository}/manifests/{digest}", self.registry.address);
        let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
        let body = curl(&[login, &["-H", accept, &url]].concat());
        let layers: Value = serde_json::from_str(&body).unwrap();
        for layer in layers["layers"].as_array().unwrap() {
            let blob = format!(
                "http://{}/v2/{repository}/blobs/{}",
                self.registry.address,
                layer["digest"].as_str().unwrap()
            );
            curl(&[login, &["-o", "/dev/null", &blob]].concat());
        }
        mlstack::image::Digest::of(body.as_bytes()).to_string()
    }
}

#[test]
fn an_apply_pushes_what_the_plan_pins_and_a_plan_asks_nobody() {
    let Some(ground) = Ground::open() else { return };
    let plan = ground.stage.ends(0, "plan --env prod --format json");
    ground.stage.ends(0, "plan --env prod --offline");
    assert_eq!(ground.relay.counted(), (0, 0), "a plan connects to no registry");

    ground.stage.ends(0, "apply -y --env prod --events events");
    let events = ground.stage.read("events");
    let said = format!("to {}/team/{}-predictor", ground.relay.address, ground.stage.name);
    assert!(events.contains("pushing ") && events.contains(&said), "{events}");
    let image = ground.runs().unwrap();
    let digest = image.split_once('@').unwrap().1;
    assert!(plan.contains(digest), "the plan names {image}");
    assert_eq!(ground.served(&image, &[]), digest);
    ground.relay.counted();

    let again = ground.apply();
    assert_eq!(again.code, 0, "{}", again.stderr);
    ground.stage.edit("ROUND: one", "ROUND: two");
    assert_eq!(ground.apply().code, 0);
    assert_eq!(ground.relay.counted(), (0, 0), "pods run that image already");
}

#[test]
fn a_push_that_breaks_off_changes_nothing_and_the_next_run_ends_it() {
    let Some(ground) = Ground::open() else { return };
    ground.relay.limit(NO_LIMIT);
    assert_eq!(ground.apply().code, 0);
    let first = ground.runs();
    let (_, whole) = ground.relay.counted();
    // Another model: the server's layer is there.
    ground.change_model();
    ground.stage.edit("ROUND: one", "ROUND: two");
    ground.relay.limit(2000);
    let broken = ground.apply();
    assert_ne!(broken.code, 0);
    assert!(
        broken.stderr.contains("cannot push the image of deployment/predictor"),
        "{}",
        broken.stderr
    );
    assert_eq!(ground.runs(), first, "what runs goes on running");
    ground.relay.limit(NO_LIMIT);
    ground.relay.counted();
    let next = ground.apply();
    assert_eq!(next.code, 0, "{}", next.stderr);
    let (_, rest) = ground.relay.counted();
    assert!(rest < whole / 2, "{rest} of {whole}: what was there is not sent again");
    let image = ground.runs().unwrap();
    assert_eq!(
        Some(ground.served(&image, &[]).as_str()),
        image.split_once('@').map(|(_, digest)| digest)
    );
}

#[test]
fn a_push_whose_program_is_killed_is_ended_by_the_next_run() {
    let Some(ground) = Ground::open() else { return };
    ground.relay.hold(1 << 20);
    let mut killed = ground.stage.command("apply -y --env prod").spawn().unwrap();
    let begun = Instant::now();
    while ground.relay.shared.bytes.load(Ordering::SeqCst) < 1 << 20 {
        assert!(begun.elapsed() < Duration::from_secs(120), "the push begins");
        thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(ground.runs(), None, "nothing asks for the image before it is there");
    ground.relay.hold(NO_LIMIT);
    let next = ground.apply_once_unlocked();
    assert_eq!(next.code, 0, "{}{}", next.stdout, next.stderr);
    let image = ground.runs().unwrap();
    assert_eq!(
        Some(ground.served(&image, &[]).as_str()),
        image.split_once('@').map(|(_, digest)| digest)
    );
}

#[test]
fn a_rollback_takes_the_image_that_the_registry_still_has() {
    let Some(ground) = Ground::open() else { return };
    assert_eq!(ground.apply().code, 0);
    let first = ground.runs();
    ground.change_model();
    assert_eq!(ground.apply().code, 0);
    assert_ne!(ground.runs(), first);
    ground.relay.counted();
    let back = ground.stage.run("rollback -y --env prod");
    assert_eq!(back.code, 0, "{}{}", back.stdout, back.stderr);
    assert_eq!(ground.runs(), first);
    let (_, bytes) = ground.relay.counted();
    assert!(bytes < 10_000, "asked for, not sent: {bytes} bytes");
}

#[test]
fn a_registry_that_is_closed_or_away_is_named_and_no_password_is_said() {
    let Some(ground) = Ground::new(|stage| Registry::closed(stage, &[])) else {
        return;
    };
    let login = |password: &str| {
        let pair = format!("me:{password}");
        let auth = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, pair);
        let config = serde_json::json!({"auths": {&ground.relay.address: {"auth": auth}}});
        ground.stage.write("docker/config.json", &config.to_string());
    };
    let nobody = ground.apply();
    login("battery staple");
    let wrong = ground.apply();
    for ran in [nobody, wrong] {
        assert_eq!(ran.code, 4, "{}", ran.stderr);
        assert!(ran.stderr.contains("refused the credentials"), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: log in"), "{}", ran.stderr);
        assert!(
            !format!("{}{}", ran.stdout, ran.stderr).contains("battery"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(ground.runs(), None);
    login(PASSWORD);
    let right = ground.apply();
    assert_eq!(right.code, 0, "{}", right.stderr);
    let image = ground.runs().unwrap();
    ground.served(&image, &["-u", &format!("me:{PASSWORD}")]);

    let label = format!("label=com.docker.compose.project={}", ground.stage.name);
    let containers = docker(&["ps", "-q", "--filter", &label]);
    docker(&["stop", "-t", "0", containers.trim()]);
    ground.change_model();
    let away = ground.apply();
    assert_ne!(away.code, 0);
    assert!(away.stderr.contains(&ground.relay.address), "{}", away.stderr);
    assert_eq!(ground.runs(), Some(image), "what runs goes on running");
}

/// The program that Docker's configuration names is asked, for an apply alone.
#[test]
fn a_credential_helper_is_asked_by_an_apply_and_never_by_a_plan() {
    let Some(mut ground) = Ground::new(|stage| Registry::closed(stage, &[])) else {
        return;
    };
    let asked = ground.stage.path().join("asked");
    let script = format!(
        "#!/bin/sh\nread server\necho $server >> {}\nprintf '{{\"ServerURL\":\"%s\",\"Username\":\"me\",\"Secret\":\"{PASSWORD}\"}}' $server\n",
        asked.display()
    );
    ground.stage.write("bin/docker-credential-test", &script);
    let made = std::process::Command::new("chmod")
        .arg("+x")
        .arg(ground.stage.path().join("bin/docker-credential-test"))
        .status();
    assert!(made.unwrap().success());
    let path = format!(
        "{}:{}",
        ground.stage.path().join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    ground.stage.set("PATH", &path);
    let config = serde_json::json!({"credHelpers": {&ground.relay.address: "test"}});
    ground.stage.write("docker/config.json", &config.to_string());
    ground.stage.ends(0, "plan --env prod");
    assert!(!asked.exists(), "a plan asks nobody");
    let applied = ground.apply();
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert_eq!(ground.stage.read("asked").trim(), ground.relay.address);
    assert!(!format!("{}{}", applied.stdout, applied.stderr).contains(PASSWORD));
}
