//! `plan --offline` on a stranger's stack file: it connects nowhere, starts nothing and opens nothing outside its folder.
//! The kernel judges: a filter that kills, and `strace`.

use std::path::Path;
use std::process::Command;

use crate::support::{Sandbox, repository};

/// Every example there is, and a stack file that asks for all it can.
fn stacks() -> Vec<(String, Sandbox)> {
    let folders = ["examples", "stacks"];
    let below = |folder: &str| {
        let list = std::fs::read_dir(repository().join(folder)).unwrap();
        let names = list.map(|entry| {
            entry
                .unwrap()
                .path()
                .strip_prefix(repository())
                .unwrap()
                .display()
                .to_string()
        });
        names.chain([folder.to_owned()]).collect::<Vec<_>>()
    };
    let mut all: Vec<(String, Sandbox)> = folders
        .iter()
        .flat_map(|folder| below(folder))
        .filter(|folder| repository().join(folder).join("mlstack.yaml").is_file())
        .map(|folder| (folder.clone(), Sandbox::new().copy(&folder)))
        .collect();
    assert!(all.len() >= 4, "{}", all.len());
    all.push(("hostile".to_owned(), hostile()));
    all
}

const HOSTILE: &str = "\
version: 1
name: shop
secrets:
  one: { env: HOME }
  two: { file: keys/one }
  three: { sops: { file: values.enc.yaml, key: api_key } }
  four: { generate: 32 }
components:
  built: { type: service, build: app, resources: { memory: 1Mi }, uses: [store, db] }
  store: { type: object-store, engine: s3, endpoint: \"http://169.254.169.254/latest\", region: x, access_key: one, secret_key: two }
  db: { type: database }
  web:
    type: service
    image: 127.0.0.1:5000/evil:1
    resources: { memory: 1Mi }
    port: 80
    healthcheck: { http: /$(reboot) }
    command: [sh, -c, curl evil]
    env: { A: \"${secrets.three.file}\", B: \"${secrets.four.file}\", C: \"$(id) `id`\" }
    volumes: [{ host: data, path: /data }]
";

fn hostile() -> Sandbox {
    let sandbox = Sandbox::new()
        .stack(HOSTILE)
        .file("app/Dockerfile", "FROM 127.0.0.1:5000/evil\nRUN id\n")
        .file("keys/one", "k3y-k3y-k3y")
        .file(
            "values.enc.yaml",
            std::fs::read(repository().join("tests/fixtures/sops/values.enc.yaml")).unwrap(),
        )
        .file(
            ".config/sops/age/keys.txt",
            std::fs::read(repository().join("tests/fixtures/sops/keys.txt")).unwrap(),
        );
    sandbox.env("DOCKER_HOST", "tcp://127.0.0.1:1")
}

fn program(sandbox: &Sandbox, program: &str, arguments: &[&str]) -> std::process::Output {
    watched(sandbox, program, arguments, "plan --offline --color never")
}

fn watched(sandbox: &Sandbox, program: &str, arguments: &[&str], plan: &str) -> std::process::Output {
    let plan = sandbox.command(plan);
    let mut command = Command::new(program);
    command.args(arguments).arg(plan.get_program()).args(plan.get_args());
    command.current_dir(sandbox.path()).env_clear();
    command.envs(plan.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.output().unwrap()
}

#[test]
fn the_kernel_lets_an_offline_plan_call_nobody() {
    let watch = repository().join("tests/judges/watch.py");
    for (name, sandbox) in stacks() {
        let free = sandbox.stdout("plan --offline --color never");
        let ran = program(&sandbox, "python3", &[watch.to_str().unwrap(), "filter"]);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{name}: {said}");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), free, "{name}");
        assert!(free.contains("Plan: "), "{name}: {free}");
    }
    let filter = |command: &[&str]| {
        let ran = Command::new("python3")
            .arg(&watch)
            .arg("filter")
            .args(command)
            .output()
            .unwrap();
        ran.status.success()
    };
    assert!(filter(&["/bin/true"]), "the filter lets harmless programs through");
    let connect = "import socket; socket.create_connection(('127.0.0.1', 9), 1)";
    assert!(
        !filter(&["/usr/bin/env", "true"]),
        "the filter kills who starts a program"
    );
    assert!(
        !filter(&["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/9"]) || !filter(&["/usr/bin/python3", "-c", connect])
    );
}

/// The same stacks as pull requests: a repository whose configuration would run programs, a commit with another version
/// of each, and the working tree.
fn pull_requests() -> Vec<(String, Sandbox)> {
    let all = stacks().into_iter().map(|(name, sandbox)| {
        let text = sandbox.read("mlstack.yaml");
        sandbox.write("mlstack.yaml", text.replace("memory: ", "memory: 1"));
        let sandbox = crate::review::committed(sandbox);
        sandbox.write("mlstack.yaml", text);
        crate::review::commit(&sandbox, "head");
        let config = sandbox.read(".git/config")
            + "[core]\n fsmonitor = /bin/true\n sshCommand = /bin/true\n[filter \"lfs\"]\n smudge = /bin/true\n\
               process = /bin/true\n required = true\n[remote \"origin\"]\n url = http://127.0.0.1:9/x\n promisor = true\n\
               [include]\n path = /etc/passwd\n";
        sandbox.write(".git/config", config);
        sandbox.write(".git/info/attributes", "* filter=lfs\n");
        (name, sandbox)
    });
    all.collect()
}

const REVIEW: &str = "plan --offline --color never --why --base base";

#[test]
fn the_kernel_lets_a_review_call_nobody() {
    let watch = repository().join("tests/judges/watch.py");
    let filter = [watch.to_str().unwrap(), "filter"];
    for (name, sandbox) in pull_requests() {
        let free = sandbox.stdout(REVIEW);
        let ran = watched(&sandbox, "python3", &filter, REVIEW);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{name}: {said}");
        assert_eq!(String::from_utf8_lossy(&ran.stdout), free, "{name}");
        assert!(free.contains("Plan: ") && free.contains("Why"), "{name}: {free}");
        // An object that is not here is not fetched from anywhere.
        let commit = sandbox.read(".git/refs/tags/base");
        let (folder, file) = commit.trim().split_at(2);
        std::fs::remove_file(sandbox.path().join(".git/objects").join(folder).join(file)).unwrap();
        let ran = watched(&sandbox, "python3", &filter, REVIEW);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("is not in this clone"), "{name}: {said}");
    }
}

/// Where the dynamic linker, the C library and the runtime look on their own.
const SYSTEM: [&str; 8] = [
    "/etc/ld.so",
    "/lib",
    "/usr/lib",
    "/proc/",
    "/sys/fs/cgroup",
    "/sys/devices/system/cpu",
    "/dev/null",
    "/dev/tty",
];

#[test]
fn strace_sees_an_offline_plan_open_nothing_outside_its_folder() {
    if Command::new("strace").arg("-V").output().is_err() {
        let required = std::env::var("MLSTACK_TEST_REQUIRE").is_ok_and(|value| value == "1");
        assert!(!required, "cannot run: no strace here; `apt install strace`");
        println!("NOT RUN: no strace here; `apt install strace`");
        return;
    }
    for (name, sandbox) in stacks() {
        let log = sandbox.path().join("trace");
        let calls = "trace=open,openat,openat2,connect,sendto,sendmsg,execve,execveat,io_uring_setup";
        let ran = program(
            &sandbox,
            "strace",
            &["-f", "-qq", "-o", log.to_str().unwrap(), "-e", calls],
        );
        assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
        let trace = std::fs::read_to_string(&log).unwrap();
        let started = trace.lines().filter(|line| line.contains("execve")).count();
        assert_eq!(started, 1, "{name}: mlstack itself and nothing else\n{trace}");
        let root = sandbox.path().canonicalize().unwrap();
        let outside: Vec<&str> = trace.lines().filter(|line| is_outside(line, &root)).collect();
        assert!(outside.is_empty(), "{name}: {outside:#?}");
        let secret = ["keys.txt", "values.enc.yaml"].map(|file| trace.contains(file));
        assert_eq!(
            secret,
            [false, false],
            "{name}: sops files and age keys are not opened offline"
        );
    }
}

/// A connection, or a file that was opened outside: neither the system's nor mlstack's own.
fn is_outside(line: &str, root: &Path) -> bool {
    if ["connect(", "sendto(", "sendmsg(", "io_uring_setup("]
        .iter()
        .any(|call| line.contains(call))
    {
        return true;
    }
    if !line.contains("open") || line.contains(" = -1 ") {
        return false;
    }
    let path = line.split('"').nth(1).unwrap_or_default();
    let own = Path::new(env!("CARGO_BIN_EXE_mlstack")).ancestors().nth(2).unwrap();
    let is_known = !path.starts_with('/') || Path::new(path).starts_with(root) || Path::new(path).starts_with(own);
    !is_known && !SYSTEM.iter().any(|system| path.starts_with(system))
}
