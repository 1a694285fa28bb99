//! The image that is packed without a daemon: the engine and a real registry agree with us on every byte.

use std::process::Command;

use serde_json::Value;

use crate::stage::{Stage, curl, docker, free_port};

/// What the user `me` has at [`Registry::closed`].
pub(crate) const PASSWORD: &str = "correct horse";
/// `htpasswd -nbB me 'correct horse'`.
const HTPASSWD: &str = "me:$2b$04$8LoMNsG4ez4Chgfse3x6oexcK8.UmsZ1tZENeeS334Yhep5VF4g6S\n";

#[test]
fn the_engine_knows_the_image_by_the_id_that_the_plan_says() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    let id = |text: &str| {
        serde_json::from_str::<Value>(text).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = id(&stage.ends(0, "image build --format json -o first.tar"));
    let second = id(&stage.ends(0, "image build --format json -o second.tar"));
    assert_eq!(first, second);
    let bytes = |file: &str| std::fs::read(stage.path().join(file)).unwrap();
    assert!(bytes("first.tar") == bytes("second.tar"), "the same bytes");

    let file = stage.path().join("first.tar").display().to_string();
    let loaded = docker(&["load", "-q", "-i", &file]);
    let reference = loaded.trim().strip_prefix("Loaded image: ").unwrap();
    assert_eq!(docker(&["image", "inspect", "-f", "{{.Id}}", reference]).trim(), first);
    assert!(stage.ends(0, "plan --format json").contains(&first[7..19]));
    assert_eq!(id(&stage.ends(0, "image inspect --format json first.tar")), first);
}

#[test]
fn anybody_may_push_to_an_open_registry_and_what_is_there_is_not_sent_again() {
    let Some(stage) = Stage::of("stacks/minimal", &["registry:2"]) else {
        return;
    };
    let registry = Registry::start(&stage, &[]);
    let target = format!("{}/team/predictor:1", registry.address);
    let first = stage.run(&format!("image push {target}"));
    assert_eq!(first.code, 0, "{}", first.stderr);
    let again = stage.run(&format!("image push {target}"));
    assert!(again.stderr.contains("Sent 0 blobs"), "{}", again.stderr);
    assert_eq!(again.stdout, first.stdout);
    let pinned = first.stdout.trim();
    assert!(pinned.contains("@sha256:"), "{pinned}");
    pull(&stage, pinned);
}

#[test]
fn a_closed_registry_takes_the_right_password_alone() {
    let Some(stage) = Stage::of("stacks/minimal", &["registry:2"]) else {
        return;
    };
    stage.write("right", &format!("{PASSWORD}\n"));
    stage.write("wrong", "battery staple\n");
    let registry = Registry::closed(&stage, &[]);
    let push = format!("image push {}/team/predictor:1", registry.address);

    let nobody = stage.run(&push);
    assert_eq!(nobody.code, 4, "{}", nobody.stderr);
    let wrong = stage.run(&format!("{push} --username me --password-file wrong"));
    assert_eq!(wrong.code, 4, "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("battery"), "{}", wrong.stderr);
    stage.ends(0, &format!("{push} --username me --password-file right"));
    let tags = format!("http://{}/v2/team/predictor/tags/list", registry.address);
    assert!(curl(&["-u", "me:correct horse", &tags]).contains("\"1\""));
}

/// By its digest, into the engine, and away again.
fn pull(stage: &Stage, pinned: &str) {
    docker(&["pull", "-q", pinned]);
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", pinned]);
    let ours: Value = serde_json::from_str(&stage.ends(0, "image build --format json")).unwrap();
    let removed = Command::new("docker").args(["rmi", pinned]).output();
    assert!(removed.unwrap().status.success());
    assert_eq!(ours["id"], id.trim(), "{pinned}");
}

/// A registry of the stage's own on loopback; it goes with the stage.
pub(crate) struct Registry {
    pub(crate) address: String,
}

impl Registry {
    /// One that only `me` with [`PASSWORD`] may use.
    pub(crate) fn closed(stage: &Stage, settings: &[&str]) -> Self {
        stage.write("htpasswd", HTPASSWD);
        let mount = format!("{}:/htpasswd:ro", stage.path().join("htpasswd").display());
        let auth = [
            "REGISTRY_AUTH=htpasswd",
            "REGISTRY_AUTH_HTPASSWD_REALM=r",
            "REGISTRY_AUTH_HTPASSWD_PATH=/htpasswd",
        ];
        let variables = auth.iter().flat_map(|variable| ["-e", *variable]);
        Self::start(
            stage,
            &[settings, &["-v", &mount], &variables.collect::<Vec<_>>()].concat(),
        )
    }

    pub(crate) fn start(stage: &Stage, settings: &[&str]) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let port = format!("{address}:5000");
        let label = format!("com.docker.compose.project={}", stage.name);
        docker(
            &[
                &["run", "-d", "--label", &label, "-p", &port],
                settings,
                &["registry:2"],
            ]
            .concat(),
        );
        let answers = || {
            Command::new("curl")
                .args(["-s", "--max-time", "1", &format!("http://{address}/v2/")])
                .status()
        };
        let up = (0..100).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            answers().unwrap().success()
        });
        assert!(up, "the registry answers");
        Self { address }
    }
}
