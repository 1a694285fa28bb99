//! Looks for values, in every form they may be written in, through all that a run says and leaves behind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

use crate::stage::{Stage, docker};

/// What was said and left, and what was searched in it.
#[derive(Default)]
pub(super) struct Search {
    /// By the name it has in a report, what is looked through.
    places: BTreeMap<String, Vec<u8>>,
}

impl Search {
    pub(super) fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.places.entry(name.into()).or_default().extend(bytes.into());
    }

    /// Runs mlstack, which must end with `code`, and gives what it said: stdout, then stderr.
    pub(super) fn run(&mut self, stage: &Stage, code: i32, arguments: &str) -> String {
        let (ended, said) = self.watch(stage, arguments);
        assert_eq!(ended, code, "mlstack {arguments}\n{said}");
        said
    }

    /// Runs mlstack while every other process of the machine is watched.
    pub(super) fn watch(&mut self, stage: &Stage, arguments: &str) -> (i32, String) {
        let mut command = stage.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (own, over) = (child.id(), AtomicBool::new(false));
        let output = std::thread::scope(|scope| {
            let sampler = scope.spawn(|| sample(own, &over));
            let output = child.wait_with_output().unwrap();
            over.store(true, Ordering::Relaxed);
            self.add("processes", sampler.join().unwrap());
            output
        });
        let said = [&output.stdout[..], &output.stderr].concat();
        self.add(format!("stdout of {arguments}"), output.stdout);
        self.add(format!("stderr of {arguments}"), output.stderr);
        (
            output.status.code().unwrap(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    /// What the engine knows of everything that is the stack's.
    pub(super) fn add_objects(&mut self, stage: &Stage) {
        let label = format!("label=com.docker.compose.project={}", stage.name);
        for (kind, list) in [
            ("container", &["ps", "-aq"][..]),
            ("network", &["network", "ls", "-q"]),
            ("volume", &["volume", "ls", "-q"]),
        ] {
            for id in docker(&[list, &["--filter", &label]].concat()).lines() {
                self.add(format!("{kind} {id}"), docker(&[kind, "inspect", id]));
            }
        }
        for id in stage.containers().values() {
            let image = docker(&["inspect", "-f", "{{.Image}}", id]);
            let image = image.trim();
            self.add(format!("image {image}"), docker(&["image", "inspect", image]));
            self.add(format!("history of {image}"), docker(&["history", "--no-trunc", image]));
        }
    }

    /// Every file below `root` for which `counts`; says how many.
    pub(super) fn add_files(&mut self, root: &Path, counts: impl Fn(&Path) -> bool) -> usize {
        let all: Vec<_> = files(root).into_iter().filter(|path| counts(path)).collect();
        for path in &all {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            self.add(name, std::fs::read(path).unwrap());
        }
        all.len()
    }

    /// Fails when any of `secrets` stands anywhere, in any form; says the figures of `docs/reliability.md`.
    #[expect(clippy::print_stdout, reason = "figures to be read")]
    pub(super) fn finds_none_of(&self, secrets: &BTreeMap<String, Vec<u8>>) {
        let hits = self.hits(secrets);
        assert!(hits.is_empty(), "{} hits\n{}", hits.len(), hits.join("\n"));
        let bytes: usize = self.places.values().map(Vec::len).sum();
        let outputs = self.places.iter().filter(|(name, _)| name.starts_with("std"));
        let hidden = outputs.map(|(_, bytes)| String::from_utf8_lossy(bytes).matches("•••").count());
        println!(
            "{} secrets in 7 forms, {} places, {bytes} bytes, {} of them of processes: 0 hits; hidden {} times in outputs",
            secrets.len(),
            self.places.len(),
            self.places["processes"].len(),
            hidden.sum::<usize>(),
        );
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Every hit: the place, the secret and its form.
    fn hits(&self, secrets: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
        let mut hits = Vec::new();
        for (place, bytes) in &self.places {
            let text = String::from_utf8_lossy(bytes);
            for (name, value) in secrets {
                let found = forms(value).into_iter().filter(|(_, needle)| text.contains(needle));
                hits.extend(found.map(|(form, _)| format!("{place}: {name} as {form}")));
            }
        }
        hits
    }
}

/// Arguments of every process of the machine, and the environment of all that mlstack started. (That of the containers'
/// own processes is theirs: the entrypoint of the official PostgreSQL image reads its password file into a variable.)
fn sample(own: u32, over: &AtomicBool) -> Vec<u8> {
    let mut seen = BTreeSet::new();
    while !over.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
                continue;
            };
            let mut files = vec!["cmdline"];
            files.extend(is_below(pid, own).then_some("environ"));
            for file in files {
                seen.insert(std::fs::read(entry.path().join(file)).unwrap_or_default());
            }
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    seen.into_iter().collect::<Vec<_>>().join(&b"\n\n"[..])
}

/// Whether `own` started `pid`, or started who did.
fn is_below(pid: u32, own: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let parent = status
        .lines()
        .find_map(|line| line.strip_prefix("PPid:")?.trim().parse::<u32>().ok());
    parent.is_some_and(|parent| parent == own || (parent > 1 && is_below(parent, own)))
}

/// Our own idea of how a value may be written, apart from that of the code under test.
fn forms(value: &[u8]) -> Vec<(&'static str, String)> {
    let text = String::from_utf8(value.to_vec()).unwrap();
    let percent = |byte: &u8| match byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let json = serde_json::Value::from(text.as_str()).to_string();
    vec![
        ("base64", BASE64_STANDARD.encode(value).trim_end_matches('=').into()),
        ("base64url", BASE64_URL_SAFE_NO_PAD.encode(value)),
        ("URL", value.iter().map(percent).collect()),
        ("JSON", json[1..json.len() - 1].into()),
        ("shell", text.replace('\'', "'\\''")),
        ("hex", value.iter().map(|byte| format!("{byte:02x}")).collect()),
        ("raw", text),
    ]
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let below = entries.map(|path| match path.is_dir() && !path.is_symlink() {
        true => files(&path),
        false => vec![path],
    });
    below.flatten().collect()
}

#[test]
fn a_hit_is_found_in_each_form() {
    let mut search = Search::default();
    for (form, text) in forms(b"a 'b\"/c+d") {
        search.add(form, format!("before{text}after"));
    }
    let secrets = BTreeMap::from([("it".to_owned(), b"a 'b\"/c+d".to_vec())]);
    let hits = search.hits(&secrets);
    for form in ["raw", "base64", "base64url", "URL", "JSON", "shell", "hex"] {
        assert!(hits.contains(&format!("{form}: it as {form}")), "{hits:?}");
    }
}
