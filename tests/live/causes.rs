//! Why a rollout failed: each cause provoked on a real engine with a small stack, and what the user then reads.
//!
//! Each is told within [`SOON`], names the line of the stack file and a remedy; and the remedy works: with it the same
//! stack comes up, over what the failed run left.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use insta::assert_snapshot;
use sha2::{Digest as _, Sha256};

use crate::faults::proxy::{Counted, Harm, Proxy};
use crate::images::{PASSWORD, Registry};
use crate::stage::{Ran, Stage, docker, not_run};

/// The time in which a cause must be told, from the start of the program on.
const SOON: Duration = Duration::from_secs(15);

const BUSYBOX: &[&str] = &["busybox:1"];

/// A service `web` with these fields besides its limits.
fn web(fields: &str) -> String {
    let head = "version: 1\nname: STACK\ncomponents:\n  web:\n    type: service";
    format!("{head}\n    resources: {{ cpu: 200m, memory: 64Mi }}\n{fields}\n")
}

/// A service `web` that runs a script.
fn script(script: &str) -> String {
    web(&format!("    image: \"busybox:1\"\n    command: [sh, -c, {script:?}]"))
}

/// What `mlstack apply` says of a stack that cannot come up, and its exit code, without the lines that say what went well.
fn told(stage: &Stage) -> String {
    let begun = Instant::now();
    let ran = stage.run("apply -y");
    let took = begun.elapsed();
    measured(&ran, took);
    assert!(took < SOON || is_busy(), "told after {took:?}\n{}", ran.stderr);
    assert!(ran.stderr.contains(" --> mlstack.yaml:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("  hint: "), "{}", ran.stderr);
    format!("{}exit code {}", shown(&ran.stderr), ran.code)
}

/// Whether the machine is too busy to measure on it, which is told: an engine that does nothing else starts a container
/// in a fraction of a second.
fn is_busy() -> bool {
    let begun = Instant::now();
    docker(&["run", "--rm", "--network", "none", "busybox:1", "true"]);
    let is_busy = begun.elapsed() > Duration::from_secs(2);
    is_busy && not_run::<()>("the time until the cause is told: the machine is too busy").is_none()
}

#[expect(clippy::print_stderr, reason = "figures for docs/reliability.md")]
fn measured(ran: &Ran, took: Duration) {
    let cause = ran.stderr.lines().find(|line| line.starts_with("  caused by: "));
    eprintln!("{:.1} s: {}", took.as_secs_f64(), cause.unwrap_or_default().trim());
}

/// Without times, ports, what went well, and what a program wrote again at its next start.
fn shown(text: &str) -> String {
    let mut seen = std::collections::BTreeSet::new();
    let mut shown = String::new();
    for line in text.lines() {
        let line = match line.get(..9).filter(|clock| clock.as_bytes()[2] == b':') {
            Some(_) if line[9..].starts_with(['✗', '-']) => line[9..].split(" after ").next().unwrap(),
            Some(_) => continue,
            None => line,
        };
        if !line.starts_with("    ") || seen.insert(line.to_owned()) {
            shown = shown + line + "\n";
        }
    }
    shown
}

/// With `to` for `from` in the stack file it comes up, over what the failed run left.
fn mended(stage: &Stage, from: &str, to: &str) {
    stage.edit(from, to);
    let plan = stage.ends(2, "plan --detailed-exitcode");
    assert!(plan.contains("service/"), "{plan}");
    comes_up(stage);
}

fn comes_up(stage: &Stage) {
    stage.ends(0, "apply -y");
    stage.ends(0, "plan --detailed-exitcode");
    let names = docker(&[
        "ps",
        "-a",
        "--filter",
        &format!("name={}-", stage.name),
        "--format",
        "{{.Names}}",
    ]);
    let left = |name: &&str| [".new", ".old", ".canary"].iter().any(|end| name.ends_with(end));
    assert_eq!(names.lines().find(left), None, "nothing is left of what failed");
}

#[test]
fn an_image_that_the_registry_lacks_or_refuses() {
    // Port 9 of this machine: nobody listens.
    let Some(stage) = Stage::with(&web("    image: 127.0.0.1:9/team/app:7"), &["registry:2", "busybox:1"]) else {
        return;
    };
    assert_snapshot!(told(&stage), @r#"
    ✗ image/app-7 cannot pull 127.0.0.1:9/team/app:7: Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused
    - service/web skipped: image/app-7 failed
    Not applied: 2 done, 1 failed, 1 skipped; run `mlstack apply` again to do the rest.
    error: image/app-7 cannot pull 127.0.0.1:9/team/app:7
     --> mlstack.yaml:4:3
      caused by: Get "http://127.0.0.1:9/v2/": dial tcp 127.0.0.1:9: connect: connection refused
      not tried: service/web
      hint: no registry reached? load the image by hand: docker load -i FILE (it must be named 127.0.0.1:9/team/app:7)
    exit code 10
    "#);
    let registry = Registry::closed(&stage, &["--network", &front(&stage)]);
    stage.edit("127.0.0.1:9", &registry.address);
    let told = |password: Option<&str>| {
        if let Some(password) = password {
            let credentials = BASE64_STANDARD.encode(format!("me:{password}"));
            let auths = serde_json::json!({"auths": {&registry.address: {"auth": credentials}}});
            stage.write("docker/config.json", &auths.to_string());
        }
        told(&stage).replace(&registry.address, "REGISTRY")
    };
    assert_snapshot!(told(None), @r#"
    ✗ image/app-7 cannot pull REGISTRY/team/app:7: Head "http://REGISTRY/v2/team/app/manifests/7": no basic auth credentials
    - service/web skipped: image/app-7 failed
    Not applied: 0 done, 1 failed, 1 skipped; run `mlstack apply` again to do the rest.
    error: image/app-7 cannot pull REGISTRY/team/app:7
     --> mlstack.yaml:4:3
      caused by: Head "http://REGISTRY/v2/team/app/manifests/7": no basic auth credentials
      not tried: service/web
      hint: check the name, or log in: docker login REGISTRY
    exit code 4
    "#);
    assert_snapshot!(told(Some("battery staple")), @"
    ✗ image/app-7 cannot pull REGISTRY/team/app:7: unauthorized: authentication required
    - service/web skipped: image/app-7 failed
    Not applied: 0 done, 1 failed, 1 skipped; run `mlstack apply` again to do the rest.
    error: image/app-7 cannot pull REGISTRY/team/app:7
     --> mlstack.yaml:4:3
      caused by: unauthorized: authentication required
      not tried: service/web
      hint: REGISTRY does not take the credentials that Docker keeps for it; log in again: docker login REGISTRY
    exit code 4
    ");
    assert_snapshot!(told(Some(PASSWORD)), @"
    ✗ image/app-7 cannot pull REGISTRY/team/app:7: manifest for REGISTRY/team/app:7 not found: manifest unknown: manifest unknown
    - service/web skipped: image/app-7 failed
    Not applied: 0 done, 1 failed, 1 skipped; run `mlstack apply` again to do the rest.
    error: image/app-7 cannot pull REGISTRY/team/app:7
     --> mlstack.yaml:4:3
      caused by: manifest for REGISTRY/team/app:7 not found: manifest unknown: manifest unknown
      not tried: service/web
      hint: REGISTRY has no such image: check name and tag of `image`
    exit code 10
    ");
    let image = format!("{}/team/app:7", registry.address);
    mended(
        &stage,
        &format!("image: {image}"),
        "image: \"busybox:1\"\n    command: [sleep, \"600\"]",
    );
}

#[test]
fn an_image_for_another_processor() {
    let image = "    image: localhost/STAGE/app:1\n    command: [/word]";
    let Some(stage) = Stage::with(&web(image), BUSYBOX) else {
        return;
    };
    stage.edit("STAGE", &stage.name);
    load_for_arm(&stage, &format!("localhost/{}/app:1", stage.name));
    assert_snapshot!(told(&stage), @"
    ✗ service/web cannot run: the image localhost/STACK/app:1 is made for arm64, and this engine runs amd64
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: cannot run service/web
     --> mlstack.yaml:4:3
      caused by: the image localhost/STACK/app:1 is made for arm64, and this engine runs amd64
      hint: take one that is made for it: docker pull --platform linux/amd64 localhost/STACK/app:1
    exit code 10
    ");
    let image = format!("localhost/{}/app:1\n    command: [/word]", stage.name);
    mended(&stage, &image, "\"busybox:1\"\n    command: [sleep, \"600\"]");
}

/// Gives the engine an image for ARM, which holds one file: an ELF header of another machine.
fn load_for_arm(stage: &Stage, reference: &str) {
    stage.write("image/word", "\u{7f}ELF\u{2}\u{1}\u{1}");
    let pack = |archive: &str, folder: &str, names: &[&str]| {
        let mut command = Command::new("tar");
        command
            .current_dir(stage.path())
            .args(["--mode=755", "-cf", archive, "-C", folder]);
        assert!(command.args(names).status().unwrap().success());
    };
    pack("layer.tar", "image", &["word"]);
    let layer = std::fs::read(stage.path().join("layer.tar")).unwrap();
    let digest: String = Sha256::digest(&layer)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let config = serde_json::json!({
        "architecture": "arm64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]}, "history": [{"created_by": "test"}],
    });
    let manifest = serde_json::json!([{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]);
    stage.write("config.json", &config.to_string());
    stage.write("manifest.json", &manifest.to_string());
    pack("image.tar", ".", &["config.json", "layer.tar", "manifest.json"]);
    docker(&["load", "-q", "-i", stage.path().join("image.tar").to_str().unwrap()]);
}

#[test]
fn a_port_that_is_taken() {
    let fields = "    image: \"busybox:1\"\n    command: [sleep, \"600\"]\n    port: 80\n    expose: { port: 8080 }";
    let Some(stage) = Stage::with(&web(fields), BUSYBOX) else {
        return;
    };
    let url = stage.url(8080);
    let address = url.trim_start_matches("http://");
    let port = address.rsplit(':').next().unwrap();
    let listener = std::net::TcpListener::bind(address).unwrap();
    assert_snapshot!(told(&stage).replace(port, "PORT"), @"
    ✗ service/web cannot start: port PORT is already taken
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: cannot start service/web
     --> mlstack.yaml:4:3
      caused by: port PORT is already taken
      hint: choose another expose.port, or see who has it: sudo ss -ltnp 'sport = :PORT'
    exit code 10
    ");
    drop(listener);

    let holder = Bystander::start(
        &format!("{}-holder", stage.name),
        &["-p", &format!("{address}:1"), "--network", &front(&stage)],
    );
    assert_snapshot!(told(&stage).replace(port, "PORT"), @"
    ✗ service/web cannot start: port PORT is already taken
    Not applied: 0 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: cannot start service/web
     --> mlstack.yaml:4:3
      caused by: port PORT is already taken
      hint: the container STACK-holder has it; choose another expose.port, or: docker stop STACK-holder
    exit code 10
    ");
    drop(holder);
    comes_up(&stage);
}

/// The network that the failed run has made; the engine's own may be missing.
fn front(stage: &Stage) -> String {
    format!("{}_front", stage.name)
}

/// Somebody else's container.
struct Bystander(String);

impl Bystander {
    fn start(name: &str, arguments: &[&str]) -> Self {
        let sleeper = ["busybox:1", "sleep", "600"];
        let id = docker(&[&["run", "-d", "--name", name], arguments, &sleeper].concat());
        Self(id.trim().to_owned())
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _gone = Command::new("docker").args(["rm", "-f", &self.0]).output();
    }
}

#[test]
fn a_name_that_others_have() {
    let Some(stage) = Stage::with(&script("sleep 600"), BUSYBOX) else {
        return;
    };
    let name = format!("{}-web-1", stage.name);
    let theirs = Bystander::start(&name, &["--network", "none"]);
    assert_snapshot!(told(&stage), @"
    error: service/web cannot take its name
     --> mlstack.yaml:4:3
      caused by: there is a container named STACK-web-1 that is not of this stack
      hint: if nobody needs it: docker rm -f STACK-web-1; or rename it: docker rename STACK-web-1 STACK-web-1-other
    exit code 1
    ");
    assert_eq!(stage.run("plan --detailed-exitcode").code, 1);
    let running = docker(&["inspect", "-f", "{{.State.Running}}", &theirs.0]);
    assert_eq!(running.trim(), "true", "it is left alone");
    drop(theirs);
    comes_up(&stage);
}

#[test]
fn no_space_on_the_engines_disk() {
    let Some(stage) = Stage::with(&script("sleep 600"), BUSYBOX) else {
        return;
    };
    let proxy = Proxy::before_the_engine();
    let stage = stage.env("DOCKER_HOST", &proxy.host());
    // Two networks, then the container.
    proxy.arm(Some((Counted::Writes, 3, Harm::Full)));
    assert_snapshot!(told(&stage), @"
    ✗ service/web cannot create a container for: write /var/lib/docker: no space left on device
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: cannot create a container for service/web
     --> mlstack.yaml:4:3
      caused by: write /var/lib/docker: no space left on device
      hint: see what fills the engine's disk: docker system df; and make room, as with: docker image prune
    exit code 10
    ");
    let calls = proxy.calls(Counted::Writes);
    assert!(calls[2].starts_with("POST /containers/create"), "{calls:?}");
    proxy.arm(None);
    comes_up(&stage);
}

#[test]
fn no_space_where_it_writes() {
    let full = "dd if=/dev/zero of=/dev/shm/file bs=1M count=99 2>&1 | grep dd:; exit 1";
    let Some(stage) = Stage::with(&script(full).replace("64Mi", "256Mi"), BUSYBOX) else {
        return;
    };
    assert_snapshot!(told(&stage), @"
    ✗ service/web did not become ready: it exited with code 1: no space is left where it writes
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: service/web did not become ready
     --> mlstack.yaml:4:3
      caused by: it exited with code 1: no space is left where it writes
      caused by: its last lines:
        dd: error writing '/dev/shm/file': No space left on device
      hint: see what fills the engine's disk: docker system df; and make room, as with: docker image prune; a tmpfs, /dev/shm or a volume with a size may be full too
    exit code 10
    ");
    mended(&stage, "count=99", "count=9; exec sleep 600");
}

#[test]
fn a_program_that_ends_at_once() {
    let lines = "for n in $(seq 21); do echo line $n; done; printf '\\033[31mred\\n::error::told\\n'; exit 3";
    let Some(stage) = Stage::with(&script(lines), BUSYBOX) else {
        return;
    };
    assert_snapshot!(told(&stage), @r"
    ✗ service/web did not become ready: it exited with code 3
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: service/web did not become ready
     --> mlstack.yaml:4:3
      caused by: it exited with code 3
      caused by: its last lines:
        line 4
        line 5
        line 6
        line 7
        line 8
        line 9
        line 10
        line 11
        line 12
        line 13
        line 14
        line 15
        line 16
        line 17
        line 18
        line 19
        line 20
        line 21
        \u{1b}[31mred
        \u{3a}:error::told
      hint: its last lines say why; mend that, then apply again
    exit code 10
    ");
    mended(&stage, "exit 3", "exec sleep 600");
}

#[test]
fn a_command_that_is_not_in_the_image() {
    let Some(stage) = Stage::with(&web("    image: \"busybox:1\"\n    command: [nope]"), BUSYBOX) else {
        return;
    };
    assert_snapshot!(told(&stage), @r#"
    ✗ service/web cannot start: exec: "nope": executable file not found in $PATH
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: cannot start service/web
     --> mlstack.yaml:4:3
      caused by: exec: "nope": executable file not found in $PATH
      hint: its command is not in the image, or not what it needs; the image's own: docker image inspect -f '{{.Config.Entrypoint}} {{.Config.Cmd}}' busybox:1
    exit code 10
    "#);
    mended(&stage, "[nope]", "[sleep, \"600\"]");
}

#[test]
fn a_program_that_takes_more_memory_than_it_may() {
    let Some(stage) = Stage::with(&script("exec tail /dev/zero").replace("64Mi", "16Mi"), BUSYBOX) else {
        return;
    };
    assert_snapshot!(told(&stage), @"
    ✗ service/web did not become ready: it was killed: out of memory (its limit is 16 MiB)
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: service/web did not become ready
     --> mlstack.yaml:4:3
      caused by: it was killed: out of memory (its limit is 16 MiB)
      hint: give it more: resources: { memory: 32Mi }
    exit code 10
    ");
    mended(&stage, "tail /dev/zero", "sleep 600");
}

#[test]
fn a_volume_of_another_user() {
    let fields = "    build: app\n    command: [sh, -c, \"echo hello > /data/file; exec sleep 600\"]\n    \
        volumes: [{ name: data, path: /data }]";
    let Some(stage) = Stage::with(&web(fields), BUSYBOX) else {
        return;
    };
    stage.write("app/Dockerfile", "FROM busybox:1\nUSER 10001:10001\n");
    stage.edit("echo hello > /data/file;", "echo hello > /data/file || exit 1;");
    let text = told(&stage);
    assert_snapshot!(text, @"
    ✗ service/web did not become ready: it exited with code 1: its user 10001:10001 may not write to /data
    Not applied: 4 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: service/web did not become ready
     --> mlstack.yaml:4:3
      caused by: it exited with code 1: its user 10001:10001 may not write to /data
      caused by: its last lines:
        sh: can't create /data/file: Permission denied
      hint: give it to that user: docker run --rm --network none -v STACK_data:/data busybox:1 chown -R 10001:10001 /data
    exit code 10
    ");
    let (_, command) = text.split_once("give it to that user: docker ").unwrap();
    let command = command.lines().next().unwrap().replace("STACK", &stage.name);
    docker(&command.split(' ').collect::<Vec<_>>());
    comes_up(&stage);
}

/// A health check that fails with a reason.
const SICK: &str = "    healthcheck: { command: [sh, -c, \"echo still recovering; exit 1\"], interval: 1s, retries: 2, start_period: 1s }";

#[test]
fn a_service_that_is_unhealthy() {
    let text = script("echo listening; exec sleep 600") + SICK + "\n";
    let Some(stage) = Stage::with(&text, BUSYBOX) else {
        return;
    };
    assert_snapshot!(told(&stage), @"
    ✗ service/web did not become ready: it runs but is unhealthy: its health check `sh -c 'echo still recovering; exit 1'` ended with code 1: still recovering
    Not applied: 2 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: service/web did not become ready
     --> mlstack.yaml:4:3
      caused by: it runs but is unhealthy: its health check `sh -c 'echo still recovering; exit 1'` ended with code 1: still recovering
      caused by: its last lines:
        listening
      hint: see that it answers its health check; one that only starts slowly needs healthcheck.start_period
    exit code 10
    ");
    mended(&stage, "exit 1", "exit 0");
}

#[test]
fn a_dependency_that_never_is_healthy() {
    let store = script("echo replaying; exec sleep 600").replace("  web:", "  store:") + SICK;
    let used = "  web: { type: service, image: \"busybox:1\", command: [sleep, \"600\"], uses: [store], \
        resources: { cpu: 100m, memory: 16Mi } }";
    let Some(stage) = Stage::with(&format!("{store}\n{used}\n"), BUSYBOX) else {
        return;
    };
    assert_snapshot!(told(&stage), @"
    ✗ service/store did not become ready: it runs but is unhealthy: its health check `sh -c 'echo still recovering; exit 1'` ended with code 1: still recovering
    - service/web skipped: service/store failed
    Not applied: 2 done, 1 failed, 1 skipped; run `mlstack apply` again to do the rest.
    error: service/store did not become ready
     --> mlstack.yaml:4:3
      caused by: it runs but is unhealthy: its health check `sh -c 'echo still recovering; exit 1'` ended with code 1: still recovering
      caused by: its last lines:
        replaying
      not tried: service/web
      hint: see that it answers its health check; one that only starts slowly needs healthcheck.start_period
    exit code 10
    ");
    mended(&stage, "exit 1", "exit 0");
}

/// With the usual health check minutes may pass until a service is given up. Why it is waited for is told before.
#[test]
fn what_keeps_it_waiting() {
    let text = script("exec sleep 600") + "    healthcheck: { command: [sh, -c, \"echo still recovering; exit 1\"] }\n";
    let Some(stage) = Stage::with(&text, BUSYBOX) else {
        return;
    };
    let begun = Instant::now();
    let mut apply = stage.command("apply -y").stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(apply.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.into_iter().find(|line| line.contains("recovering"));
    let (line, took) = (line.expect("it is told"), begun.elapsed());
    apply.kill().unwrap();
    apply.wait().unwrap();
    assert!(took < SOON || is_busy(), "{took:?}: {line}");
    let (_, said) = line.split_once("service/web ").unwrap();
    let (said, _seconds) = said.rsplit_once(", ").unwrap();
    assert_snapshot!(said, @"waiting for health: its health check `sh -c 'echo still recovering; exit 1'` ended with code 1: still recovering");
}

#[test]
fn golden_requests_answered_too_late() {
    let Some(stage) = Stage::of("stacks/minimal", &[]) else {
        return;
    };
    stage.ends(0, "apply -y");
    stage.edit("cpu: 500m", "cpu: 400m");
    let check = "        expect: { prediction: 81.6767, within: 0.01 }\n";
    stage.edit(check, &format!("{check}        p95: 1us\n"));
    let text = told(&stage);
    let (_, measured) = text.split_once("p95 is ").unwrap();
    let (measured, _) = measured.split_once(" over ").unwrap();
    assert_snapshot!(text.replace(measured, "TIME"), @"
    ✗ service/predictor answers too slowly: checks[0]: p95 is TIME over 40 answers, and may be 1µs
    Not applied: 0 done, 1 failed, 0 skipped; run `mlstack apply` again to do the rest.
    error: service/predictor answers too slowly
     --> mlstack.yaml:6:3
      caused by: checks[0]: p95 is TIME over 40 answers, and may be 1µs
      hint: give it more resources.cpu, or raise checks[0].p95
      hint: the version before it was not touched, and serves
    exit code 8
    ");
    stage.edit("p95: 1us", "p95: 5s");
    comes_up(&stage);
}
