//! The other sorts of component: caches, brokers, anybody's image, and images built from a Dockerfile.

use std::os::unix::fs::symlink;

use crate::stage::{Stage, curl, docker};

#[test]
fn a_cache_and_a_broker_come_up_healthy_before_what_uses_them() {
    let images = ["valkey/valkey:8", "eclipse-mosquitto:2", "python:3.12-slim"];
    let Some(stage) = Stage::of("stacks/cache-broker", &images) else {
        return;
    };
    // What it listens on is what it publishes.
    let port = stage.url(8000).rsplit_once(':').unwrap().1.to_owned();
    stage.edit("\"8000\"", &format!("\"{port}\""));
    stage.ends(0, "up");
    for service in ["cache", "broker"] {
        assert_eq!(stage.inspect(service, "{{.State.Health.Status}}"), "healthy");
    }
    assert!(
        curl(&[
            "--retry-max-time",
            "30",
            "--retry",
            "20",
            "--retry-connrefused",
            "--retry-all-errors",
            &stage.url(8000)
        ])
        .contains("Directory listing")
    );
    let environment = stage.inspect("worker", "{{.Config.Env}}");
    assert!(environment.contains("BROKER_URL=mqtt://"), "{environment}");
    stage.ends(0, "plan --detailed-exitcode");
    let status = stage.ends(0, "status");
    assert_eq!(status.lines().count(), 4, "{status}");
}

const BUILT: &str = "\
version: 1
name: STACK
components:
  job: { type: service, build: ./job, resources: { cpu: 100m, memory: 32Mi } }
  clock: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
";

#[test]
fn a_dockerfile_is_built_and_built_again_when_its_folder_changes() {
    let Some(stage) = Stage::with(BUILT, &["busybox:1"]) else {
        return;
    };
    stage.write(
        "job/Dockerfile",
        "FROM busybox:1\nCOPY word /word\nCMD [\"sleep\", \"600\"]\n",
    );
    stage.write("job/word", "one");
    stage.ends(0, "up");
    assert_eq!(stage.exec("job", &["cat", "/word"]), "one");
    stage.ends(0, "plan --detailed-exitcode");

    let before = stage.containers();
    stage.write("job/word", "two");
    let plan = stage.ends(2, "plan --detailed-exitcode");
    assert!(
        plan.contains("service/job") && !plan.contains("service/clock"),
        "{plan}"
    );
    stage.ends(0, "apply -y");
    assert_eq!(stage.exec("job", &["cat", "/word"]), "two");
    assert_eq!(stage.containers()["clock"], before["clock"]);
    stage.ends(0, "plan --detailed-exitcode");
}

/// Below the stack's folder: a link within the context, one that leads out of it, one in the place of the Dockerfile.
const LINKED: &str = "FROM busybox:1
COPY . /app
RUN test \"$(readlink /app/current)\" = v1 && test \"$(cat /app/current/word)\" = one \
  && test \"$(readlink /app/motd)\" = /etc/motd && test -L /app/nowhere && ! test -e /app/nowhere
CMD [\"sleep\", \"600\"]
";

#[test]
fn links_of_a_context_are_sent_as_docker_sends_them() {
    let Some(stage) = Stage::with(BUILT, &["busybox:1"]) else {
        return;
    };
    stage.write("Dockerfile.job", LINKED);
    stage.write("job/v1/word", "one");
    stage.write("job/v2/word", "two");
    let link = |target: &str, name: &str| symlink(target, stage.path().join("job").join(name)).unwrap();
    link("../Dockerfile.job", "Dockerfile");
    link("v1", "current");
    link("/etc/motd", "motd");
    link("gone", "nowhere");
    // The same folder, by Docker's own client.
    let reference = format!("{}:own", stage.name);
    let folder = stage.path().join("job").display().to_string();
    docker(&[
        "build",
        "-q",
        "-t",
        &reference,
        "-f",
        &format!("{folder}/Dockerfile"),
        &folder,
    ]);
    docker(&["rmi", &reference]);

    stage.ends(0, "up");
    stage.ends(0, "plan --detailed-exitcode");
    assert_eq!(stage.exec("job", &["readlink", "/app/current"]).trim(), "v1");
    std::fs::remove_file(stage.path().join("job/current")).unwrap();
    link("v2", "current");
    stage.write(
        "Dockerfile.job",
        &LINKED.replace("= v1", "= v2").replace("= one", "= two"),
    );
    let plan = stage.ends(2, "plan --detailed-exitcode");
    assert!(plan.contains("service/job"), "{plan}");
    stage.ends(0, "apply -y");
    assert_eq!(stage.exec("job", &["cat", "/app/current/word"]), "two");
    stage.ends(0, "plan --detailed-exitcode");
}

#[test]
fn a_dockerfile_that_fails_shows_why() {
    let Some(stage) = Stage::with(BUILT, &["busybox:1"]) else {
        return;
    };
    stage.write("job/Dockerfile", "FROM busybox:1\nRUN echo the-cause && exit 3\n");
    let failed = stage.run("apply -y");
    assert_eq!(failed.code, 10, "{}", failed.stderr);
    assert!(failed.stderr.contains("the-cause"), "{}", failed.stderr);
}
