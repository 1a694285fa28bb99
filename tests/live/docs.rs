//! The walk through the example, as its README shows it: each command in order, each change to the stack file, and
//! each line that is promised. Only names, ports, times and digests are this run's own.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

const README: &str = "examples/diabetes/README.md";
const DATA: &[&str] = &["db-data", "artifacts-data"];

/// A copy of the example under a name and ports of its own; all of it goes when dropped.
struct Walk {
    folder: tempfile::TempDir,
    /// What the README says, and what it is here.
    here: [(String, String); 3],
}

impl Walk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/diabetes");
        let copied = Command::new("cp").arg("-r").arg(example).arg(folder.path()).status();
        assert!(copied.unwrap().success());
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_mlstack"), folder.path().join("bin/mlstack")).unwrap();
        let name = format!("walk{:08}", std::process::id());
        let here = [
            ("diabetes".into(), name),
            ("8080".into(), port()),
            ("3000".into(), port()),
        ];
        let walk = Self { folder, here };
        let file = walk.stack();
        let file = file.replace("name: diabetes", &format!("name: {}", walk.here[0].1));
        let file = file.replace("port: 8080", &format!("port: {}", walk.here[1].1));
        walk.write(&file.replace("port: 3000", &format!("port: {}", walk.here[2].1)));
        walk
    }

    fn stack(&self) -> String {
        fs::read_to_string(self.folder.path().join("diabetes/mlstack.yaml")).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("diabetes/mlstack.yaml"), text).unwrap();
    }

    /// Carries out a block of changes: each `-` line is replaced by the `+` line after it.
    fn change(&self, block: &str) {
        let lines: Vec<_> = block.lines().collect();
        for pair in lines.chunks(2) {
            let (before, after) = (pair[0].strip_prefix('-').unwrap(), pair[1].strip_prefix('+').unwrap());
            let file = self.stack();
            assert!(file.contains(before), "the stack file has no line `{before}`");
            self.write(&file.replace(before, after));
        }
    }

    /// Runs a command as the README has it and gives what it prints in the README's names.
    fn run(&self, command: &str) -> String {
        let [(name, own_name), (port, own_port), _] = &self.here;
        let command = command.replace(&format!("{name}-db-1"), &format!("{own_name}-db-1"));
        let command = command.replace(&format!(":{port}"), &format!(":{own_port}"));
        let command = command.replace(
            "run_inference.py",
            &format!("run_inference.py --url http://127.0.0.1:{own_port}"),
        );
        let output = self.shell(&command);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        self.here
            .iter()
            .fold(text, |text, (readme, own)| text.replace(own, readme))
    }

    /// Runs a command; one that reads the log of predictions again, until the writer has written.
    fn run_until(&self, command: &str, promised: &str) -> String {
        let mut printed = self.run(command);
        for _ in 0..20 {
            if !command.starts_with("docker exec") || lines(&printed) == lines(promised) {
                break;
            }
            std::thread::sleep(Duration::from_millis(500));
            printed = self.run(command);
        }
        printed
    }

    fn shell(&self, command: &str) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.folder.path().join("bin");
        Command::new("bash")
            .args(["-c", command])
            .current_dir(self.folder.path().join("diabetes"))
            .env("PATH", format!("{}:{path}", bin.display()))
            .stdin(std::process::Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        // The example as it is committed is valid, whatever the walk left.
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/diabetes/mlstack.yaml");
        let text = fs::read_to_string(committed).unwrap_or_default();
        self.write(&text.replace("name: diabetes", &format!("name: {}", self.here[0].1)));
        self.shell("mlstack destroy -y");
        self.shell(&format!(
            "mlstack destroy -y --destroy-data {}",
            DATA.join(" --destroy-data ")
        ));
    }
}

fn port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// A line with what differs between runs left out: times, digests, which of two equals came first.
fn steady(line: &str) -> String {
    let timed = [
        " done in ",
        " created in ",
        " replaced in ",
        " deleted in ",
        " ms  as expected",
    ];
    let timed = timed.iter().any(|mark| line.contains(mark));
    let words = line.split_whitespace().enumerate().map(|(at, word)| {
        let time = timed && at > 0 && word.contains('.') && word.parse::<f64>().is_ok();
        let digest = word.contains('…') || word.starts_with("image/predictor@");
        if time || digest { "*" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A line without the time of day that a log has in front of it.
fn without_clock(line: &str) -> &str {
    match line.split_once(' ') {
        Some((clock, rest)) if clock.len() == 8 && clock.bytes().all(|b| b.is_ascii_digit() || b == b':') => rest,
        _ => line,
    }
}

fn lines(text: &str) -> BTreeSet<String> {
    let passing =
        |line: &&str| !line.contains(" is being ") && !line.contains(" waiting for ") && !line.contains(" stopping");
    let told = text.lines().filter(|line| !line.trim().is_empty()).filter(passing);
    told.map(without_clock).map(steady).collect()
}

/// Each promised line is printed; where nothing is left out by `…`, nothing else is.
fn check(command: &str, promised: &str, printed: &str) {
    let (promised, all) = match promised.strip_prefix("…\n") {
        Some(rest) => (lines(rest), false),
        None => (lines(promised), true),
    };
    let printed_lines = lines(printed);
    let absent: Vec<_> = promised.difference(&printed_lines).collect();
    let more: Vec<_> = printed_lines.difference(&promised).filter(|_| all).collect();
    assert!(
        absent.is_empty() && more.is_empty(),
        "{command}\nmissing: {absent:#?}\nnot promised: {more:#?}\n{printed}"
    );
}

/// `$ command` with the lines that belong to it, and its output.
fn shown(block: &str) -> (String, &str) {
    let mut rest = block.strip_prefix("$ ").unwrap();
    let mut command = String::new();
    loop {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        command += line;
        command.push('\n');
        rest = after;
        if !line.ends_with('\\') {
            return (command, rest);
        }
    }
}

fn is_missing() -> Option<&'static str> {
    let answers = |arguments: &[&str]| {
        let output = Command::new("docker").args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    let images = ["postgres:17", "chrislusf/seaweedfs:4.48"];
    match () {
        () if !answers(&["version"]) => Some("no Docker engine answers"),
        () if !images.iter().all(|image| answers(&["image", "inspect", image])) => Some("the engine lacks images"),
        () => None,
    }
}

#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn not_run(why: &str) {
    assert!(std::env::var("MLSTACK_TEST_REQUIRE").as_deref() != Ok("1"), "{why}");
    eprintln!("NOT RUN: {why}");
}

#[test]
fn the_walk_through_the_example() {
    if let Some(why) = is_missing() {
        return not_run(why);
    }
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(README)).unwrap();
    let walk = Walk::new();
    let steps = readme.split("\n## Train it yourself").next().unwrap();
    for fenced in steps
        .split("\n```")
        .filter(|part| part.starts_with("console\n") || part.starts_with("diff\n"))
    {
        match fenced.split_once('\n').unwrap() {
            ("diff", block) => walk.change(block),
            (_, block) => {
                let (command, promised) = shown(block);
                check(&command, promised, &walk.run_until(&command, promised));
            }
        }
    }
}
