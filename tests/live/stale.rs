//! A world that moves between plan and apply: the sealed plan is refused and nothing of it is done.

use crate::stage::{Stage, docker};

const STACK: &str = "\
version: 1
name: STACK
secrets:
  token: { env: TOKEN }
components:
  api:
    type: service
    image: \"busybox:1\"
    command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"]
    env: { WORD: one, TOKEN_FILE: \"${secrets.token.file}\" }
    volumes: [{ name: notes, path: /notes }]
    resources: { cpu: 100m, memory: 32Mi }
  lone: { type: service, image: \"busybox:1\", command: [sh, -c, \"trap exit TERM; sleep 600 & wait\"], resources: { cpu: 100m, memory: 32Mi } }
";

/// What somebody does to the stack.
type Mutation = (&'static str, fn(&Stage));

fn id(stage: &Stage, service: &str) -> String {
    stage.containers()[service].clone()
}

fn cli(arguments: &[&str]) {
    docker(arguments);
}

/// Each undone by the `apply` after it.
const MUTATIONS: &[Mutation] = &[
    ("killed", |s| cli(&["kill", &id(s, "api")])),
    ("stopped", |s| cli(&["stop", "-t", "0", &id(s, "api")])),
    ("paused", |s| cli(&["pause", &id(s, "api")])),
    ("removed", |s| cli(&["rm", "-f", &id(s, "api")])),
    ("renamed", |s| {
        cli(&["rename", &id(s, "api"), &format!("{}-other", s.name)]);
    }),
    ("memory", |s| {
        cli(&["update", "--memory", "64m", "--memory-swap", "64m", &id(s, "api")]);
    }),
    ("cpus", |s| cli(&["update", "--cpus", "0.2", &id(s, "api")])),
    ("pids", |s| cli(&["update", "--pids-limit", "99", &id(s, "api")])),
    ("restart", |s| cli(&["update", "--restart", "no", &id(s, "api")])),
    ("network left", |s| {
        cli(&["network", "disconnect", &format!("{}_back", s.name), &id(s, "api")]);
    }),
    ("alias lost", |s| {
        cli(&["network", "disconnect", &format!("{}_back", s.name), &id(s, "api")]);
        cli(&["network", "connect", &format!("{}_back", s.name), &id(s, "api")]);
    }),
    ("secret edited", |s| {
        s.exec(
            "api",
            &[
                "sh",
                "-c",
                "chmod 600 /run/secrets/token && echo other > /run/secrets/token",
            ],
        );
    }),
    ("secret removed", |s| {
        s.exec("api", &["rm", "/run/secrets/token"]);
    }),
    ("another service removed", |s| cli(&["rm", "-f", &id(s, "lone")])),
    ("another service's memory", |s| {
        cli(&["update", "--memory", "64m", "--memory-swap", "64m", &id(s, "lone")]);
    }),
    ("memory lowered", |s| {
        cli(&["update", "--memory", "16m", "--memory-swap", "16m", &id(s, "api")]);
    }),
    ("another service's cpus", |s| {
        cli(&["update", "--cpus", "0.2", &id(s, "lone")]);
    }),
    ("another service's pids", |s| {
        cli(&["update", "--pids-limit", "99", &id(s, "lone")]);
    }),
    ("another service's restart", |s| {
        cli(&["update", "--restart", "no", &id(s, "lone")]);
    }),
    ("another service paused", |s| cli(&["pause", &id(s, "lone")])),
    ("another service killed", |s| cli(&["kill", &id(s, "lone")])),
    ("another service stopped", |s| cli(&["stop", &id(s, "lone")])),
    ("another service renamed", |s| {
        cli(&["rename", &id(s, "lone"), &format!("{}-other", s.name)]);
    }),
    ("another service left its network", |s| {
        cli(&["network", "disconnect", &format!("{}_back", s.name), &id(s, "lone")]);
    }),
    ("another service's alias lost", |s| {
        cli(&["network", "disconnect", &format!("{}_back", s.name), &id(s, "lone")]);
        cli(&["network", "connect", &format!("{}_back", s.name), &id(s, "lone")]);
    }),
    ("network removed", |s| {
        let network = format!("{}_back", s.name);
        for service in ["api", "lone"] {
            cli(&["network", "disconnect", &network, &id(s, service)]);
        }
        cli(&["network", "rm", &network]);
    }),
    ("volume removed", |s| {
        cli(&["rm", "-f", &id(s, "api")]);
        cli(&["volume", "rm", &format!("{}_notes", s.name)]);
    }),
    ("an orphan", |s| {
        let label = |key: &str, value: &str| format!("com.docker.compose.{key}={value}");
        let labels = [
            label("project", &s.name),
            label("service", "ghost"),
            label("oneoff", "False"),
            label("container-number", "1"),
            label("config-hash", "0"),
        ];
        let name = format!("{}-ghost-1", s.name);
        let mut run = vec!["run", "-d", "--name", &name];
        labels.iter().for_each(|label| run.extend(["--label", label]));
        run.extend(["busybox:1", "sleep", "600"]);
        cli(&run);
    }),
    ("the stack file", |s| {
        s.edit(
            "resources: { cpu: 100m, memory: 32Mi }",
            "resources: { cpu: 100m, memory: 33Mi }",
        );
    }),
    ("another apply", |s| drop(s.ends(0, "apply -y"))),
];

#[test]
fn a_plan_for_a_world_that_moved_is_refused_and_touches_nothing() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    let stage = stage.env("TOKEN", "a value");
    stage.ends(0, "up");
    assert_eq!(MUTATIONS.len(), 30);
    for (at, (what, mutate)) in MUTATIONS.iter().enumerate() {
        stage.edit(&format!("WORD: {}", word(at)), &format!("WORD: {}", word(at + 1)));
        stage.ends(0, "plan --out it.mlplan");
        mutate(&stage);
        let before = stage.containers();
        let stale = stage.run("apply -y it.mlplan");
        assert_eq!(stale.code, 7, "{what}: {}{}", stale.stdout, stale.stderr);
        assert!(stale.stderr.contains("stale"), "{what}: {}", stale.stderr);
        assert_eq!(stage.containers(), before, "{what}: nothing was touched");
        stage.ends(0, "apply -y");
        stage.ends(0, "plan --detailed-exitcode");
    }
}

fn word(at: usize) -> String {
    if at == 0 { "one".to_owned() } else { format!("w{at}") }
}

#[test]
fn a_plan_is_used_once_on_an_empty_world_too() {
    let Some(stage) = Stage::with(STACK, &["busybox:1"]) else {
        return;
    };
    let stage = stage.env("TOKEN", "a value");
    let planned = stage.ends(0, "plan --out first.mlplan");
    let applied = stage.ends(0, "apply -y first.mlplan");
    assert_eq!(applied, planned, "the same plan is shown");
    stage.ends(0, "destroy -y --destroy-data notes");
    let again = stage.run("apply -y first.mlplan");
    assert_eq!(again.code, 7, "{}", again.stderr);
    assert!(again.stderr.contains("applied already"), "{}", again.stderr);
    assert!(stage.containers().is_empty());
}
