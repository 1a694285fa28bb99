//! The rendered files and the real Docker Compose: what we applied is what it would have made, and it can make it
//! without us.

use std::time::{Duration, Instant};

use crate::stage::{Stage, assert_golden, docker};

const IMAGES: &[&str] = &["postgres:17", "chrislusf/seaweedfs:4.48", "busybox:1"];

#[test]
fn compose_finds_nothing_to_change_in_what_was_applied() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    stage.ends(0, "up");
    stage.ends(0, "render");
    if stage.compose("config -q").is_none() {
        return;
    }
    let before = stage.containers();
    let hashes = stage.compose("config --hash *").unwrap().stdout;
    for service in before.keys() {
        let hash = stage.inspect(service, "{{index .Config.Labels \"com.docker.compose.config-hash\"}}");
        assert!(
            hashes.contains(&format!("{service} {hash}")),
            "{service}: {hash}\n{hashes}"
        );
    }
    stage.compose("up -d --wait").unwrap();
    assert_eq!(stage.containers(), before, "Compose made nothing again");
    assert!(stage.compose("ls").unwrap().stdout.contains("STACK"));
    assert!(stage.compose("ps").unwrap().stdout.contains("(healthy)"));
    assert!(stage.compose("logs").unwrap().stdout.contains("predictor-1"));
    stage.ends(0, "plan --detailed-exitcode");
}

#[test]
fn compose_brings_up_the_rendered_files_alone_and_takes_only_its_own_down() {
    let Some(stage) = Stage::of("examples/diabetes", IMAGES) else {
        return;
    };
    let bystander = Bystander::new(&format!("{}-other", stage.name));
    stage.ends(0, "render");
    assert!(stage.containers().is_empty(), "rendering starts nothing");
    if stage.compose("up -d --wait").is_none() {
        return;
    }
    assert_golden(&stage.url(8080), &stage.read("model/diabetes.golden.json"));
    stage.compose("down -v --rmi local").unwrap();
    assert!(stage.containers().is_empty());
    assert!(stage.volumes().is_empty());
    assert_eq!(stage.networks(), "");
    bystander.lives();
}

/// A container, a network and a volume of somebody else.
struct Bystander(String);

impl Bystander {
    fn new(name: &str) -> Self {
        let bystander = Self(name.to_owned());
        docker(&["network", "create", name]);
        docker(&["volume", "create", name]);
        let mount = format!("{name}:/data");
        docker(&[
            "run",
            "-d",
            "--name",
            name,
            "--network",
            name,
            "-v",
            &mount,
            "busybox:1",
            "sleep",
            "900",
        ]);
        bystander
    }

    fn lives(&self) {
        assert_eq!(
            docker(&["inspect", "-f", "{{.State.Running}} {{.RestartCount}}", &self.0]).trim(),
            "true 0"
        );
        docker(&["network", "inspect", &self.0]);
        docker(&["volume", "inspect", &self.0]);
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        for remove in [&["rm", "-fv"][..], &["network", "rm"], &["volume", "rm"]] {
            let _gone = std::process::Command::new("docker").args(remove).arg(&self.0).output();
        }
    }
}

#[test]
fn a_served_model_stops_at_once_and_holds_no_shell() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    stage.ends(0, "up");
    let id = &stage.containers()["predictor"];
    let shell = std::process::Command::new("docker")
        .args(["exec", id, "/bin/sh", "-c", "true"])
        .output();
    assert_eq!(
        shell.unwrap().status.code(),
        Some(126).or(Some(127)),
        "there is no shell"
    );
    assert_eq!(
        stage.inspect(
            "predictor",
            "{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}"
        ),
        "65532:65532 true [ALL]"
    );
    let begun = Instant::now();
    docker(&["stop", id]);
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(1500), "stopping took {took:?}");
    assert_eq!(stage.inspect("predictor", "{{.State.ExitCode}}"), "0");
}
