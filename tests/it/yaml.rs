//! What the YAML serializer writes, read by the readers that people use: each must find the same texts.
//!
//! `tests/run` installs the readers. A reader that is not there is named; with `MLSTACK_TEST_REQUIRE=1` that fails.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mlstack::render::yaml::to_yaml;
use serde_json::{Map, Value, json};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The strings that trouble YAML: every one must arrive as it is.
fn strings() -> Vec<String> {
    let text = fs::read_to_string(repository().join("tests/fixtures/yaml-strings.json")).unwrap();
    let strings: Vec<String> = serde_json::from_str(&text).unwrap();
    assert!(strings.len() >= 65, "{} strings", strings.len());
    strings
}

/// Every string as an item, as a value and as a key.
fn document() -> Value {
    let strings = strings();
    let values: Map<_, _> = strings
        .iter()
        .enumerate()
        .map(|(i, s)| (format!("v{i}"), json!(s)))
        .collect();
    let keys: Map<_, _> = strings.iter().map(|s| (s.clone(), json!({"inside": s}))).collect();
    json!({"items": strings, "values": values, "keys": keys, "nested": [{"first": strings}]})
}

/// Says that `reader` did not judge.
#[expect(
    clippy::print_stderr,
    reason = "a judge that is missing is told to whoever runs the tests"
)]
fn missing(reader: &str, why: &str) {
    let required = std::env::var("MLSTACK_TEST_REQUIRE").is_ok_and(|value| value == "1");
    assert!(!required, "{reader} is missing: {why}");
    eprintln!("NOT RUN: {reader}: {why}; `tests/run --prepare` installs it");
}

/// The folder of the readers that `tests/run` installs.
fn readers() -> Option<PathBuf> {
    std::env::var_os("MLSTACK_TEST_READERS").map(PathBuf::from)
}

/// What `command` makes of `text`, as JSON.
fn answer(command: &mut Command, text: &str) -> Value {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}: {}\n{text}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One line for every place where two trees differ.
fn differences(path: &str, want: &Value, have: &Value) -> Vec<String> {
    match (want, have) {
        (Value::Object(want), Value::Object(have)) if want.len() == have.len() => {
            let inner = |(key, value): (&String, &Value)| {
                let have = have.get(key).unwrap_or(&Value::Null);
                differences(&format!("{path}.{key:?}"), value, have)
            };
            want.iter().flat_map(inner).collect()
        }
        (Value::Array(want), Value::Array(have)) if want.len() == have.len() => {
            let inner = want.iter().zip(have).enumerate();
            inner
                .flat_map(|(i, (want, have))| differences(&format!("{path}[{i}]"), want, have))
                .collect()
        }
        _ if want == have => Vec::new(),
        _ => vec![format!("{path}: {want} became {have}")],
    }
}

#[track_caller]
fn same(want: &Value, have: &Value) {
    let differences = differences("", want, have);
    assert!(differences.is_empty(), "\n{}\n", differences.join("\n"));
}

fn judge(reader: &str, script: &str, command: &str, variable: &str, below: &str) {
    let Some(folder) = readers() else {
        return missing(reader, "MLSTACK_TEST_READERS is not set");
    };
    let mut command = Command::new(command);
    command.arg(repository().join("tests/judges").join(script)).arg(reader);
    let document = document();
    same(
        &document,
        &answer(command.env(variable, folder.join(below)), &to_yaml(&document)),
    );
}

#[test]
fn pyyaml_reads_every_string() {
    judge("python", "read.py", "python3", "PYTHONPATH", "");
}

#[test]
fn libyaml_reads_every_string() {
    judge("libyaml", "read.py", "python3", "PYTHONPATH", "");
}

#[test]
fn js_yaml_reads_every_string() {
    judge("js-yaml", "read.cjs", "node", "NODE_PATH", "node_modules");
}

#[test]
fn npm_yaml_reads_every_string_as_yaml_1_1() {
    judge("yaml-1.1", "read.cjs", "node", "NODE_PATH", "node_modules");
}

#[test]
fn npm_yaml_reads_every_string_as_yaml_1_2() {
    judge("yaml-1.2", "read.cjs", "node", "NODE_PATH", "node_modules");
}

/// The real Docker Compose: where the environment says, else on the path.
fn compose() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("MLSTACK_TEST_COMPOSE") {
        return Some(path.into());
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join("docker-compose"))
        .find(|file| file.exists())
}

#[test]
fn docker_compose_reads_every_string() {
    let Some(compose) = compose() else {
        return missing("Docker Compose", "neither MLSTACK_TEST_COMPOSE nor the path names it");
    };
    let escaped = strings()
        .into_iter()
        .enumerate()
        .map(|(i, s)| (format!("V{i}"), json!(s.replace('$', "$$"))));
    let environment = Value::Object(escaped.collect());
    let file = json!({"name": "strings", "services": {"web": {"image": "web:1", "environment": environment}}});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compose.yaml");
    fs::write(&path, to_yaml(&file)).unwrap();
    let mut command = Command::new(compose);
    let have = answer(command.arg("-f").arg(&path).args(["config", "--format", "json"]), "");
    same(&environment, &have["services"]["web"]["environment"]);
}
