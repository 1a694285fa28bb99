//! What the engine itself says is there, asked over its socket: a look that takes no process and no proxy.
//!
//! Only looks.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;

/// Where the engine listens when `DOCKER_HOST` says nothing.
const SOCKET: &str = "/var/run/docker.sock";
const PROJECT: &str = "com.docker.compose.project";
const SECRETS_OF: &str = "io.mlstack.secrets-of";
const STACK: &str = "io.mlstack.stack";

/// The engine's socket.
pub(super) fn socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").unwrap_or(SOCKET).into()
}

/// The engine's answer; in HTTP/1.0 it ends with its connection.
fn get(path: &str) -> Vec<u8> {
    let mut engine = UnixStream::connect(socket()).unwrap();
    write!(engine, "GET {path} HTTP/1.0\r\nhost: engine\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    engine.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    answer.split_off(body)
}

/// Asks again when something went while it was listed, which the engine takes for a failure.
fn list(path: &str) -> Vec<Value> {
    let mut tries = (0..20).map(|_| serde_json::from_slice(&get(path)).unwrap());
    let listed = tries.find_map(|answer| match answer {
        Value::Array(all) => Some(all),
        Value::Object(mut all) => serde_json::from_value(all.remove("Volumes")?).ok(),
        _ => None,
    });
    listed.unwrap()
}

/// Whether the file at `path` in a container holds `text`; its tar archive does not hide it.
pub(super) fn holds(container: &str, path: &str, text: &str) -> bool {
    let archive = get(&format!("/containers/{container}/archive?path={path}"));
    archive.windows(text.len()).any(|part| part == text.as_bytes())
}

/// What there is, by kind.
pub(super) type Inventory = BTreeMap<&'static str, Vec<String>>;

/// Everything that carries the stack's name or label, running or not, by kind; `S` stands for the stack.
pub(super) fn inventory(stack: &str) -> Inventory {
    let name = |thing: &Value| thing["Name"].as_str().unwrap().to_owned();
    let container = |thing: &Value| {
        let name = thing["Names"][0].as_str().unwrap_or_default().trim_start_matches('/');
        format!("{name} {}", thing["State"].as_str().unwrap())
    };
    let ours = |path: &str, describe: &dyn Fn(&Value) -> String| {
        let all = list(path).into_iter().map(|thing| (describe(&thing), thing));
        let ours = all.filter(|(name, thing)| is_named(name, stack) || thing["Labels"][PROJECT] == stack);
        sorted(ours.map(|(name, _)| name.replace(stack, "S")))
    };
    let secrets = |thing: &Value| Some(thing["Labels"][SECRETS_OF].as_str()?.strip_prefix(stack)?.to_owned());
    BTreeMap::from([
        ("containers", ours("/containers/json?all=1", &container)),
        ("networks", ours("/networks", &name)),
        ("volumes", ours("/volumes", &name)),
        (
            "secrets",
            sorted(
                list("/volumes")
                    .iter()
                    .filter_map(secrets)
                    .filter(|of| of.starts_with('/')),
            ),
        ),
        ("nameless images", sorted(nameless(stack))),
    ])
}

fn nameless(stack: &str) -> impl Iterator<Item = String> {
    let ours = list("/images/json")
        .into_iter()
        .filter(move |image| image["Labels"][STACK] == stack);
    ours.filter(|image| {
        let tags = image["RepoTags"].as_array();
        tags.is_none_or(|tags| tags.iter().all(|tag| tag == "<none>:<none>"))
    })
    .map(|image| format!("{} of {} made at {}", image["Id"], image["Labels"], image["Created"]))
}

fn sorted(all: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<_> = all.collect();
    all.sort();
    all
}

/// Whether a stack's name is in a name, and no longer one that begins with it.
fn is_named(name: &str, stack: &str) -> bool {
    let after = name.split_once(stack).map(|(_, after)| after);
    after.is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_digit()))
}
