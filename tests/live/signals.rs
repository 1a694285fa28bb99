//! A signal at each moment of an apply: it ends within 5 s, the lock is free, and the next run goes on from there.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use crate::stage::{Stage, docker};

/// `slow` becomes healthy after three seconds.
const SLOW: &str = "  slow:
    type: service
    image: \"busybox:1\"
    command: [sh, -c, \"sleep 3; touch /tmp/ready; exec sleep 600\"]
    healthcheck: { command: [test, -e, /tmp/ready], interval: 1s, start_period: 30s }
    env: { WORD: one }
    resources: { cpu: 100m, memory: 32Mi }
";
/// From the signal to the end.
const BOUND: Duration = Duration::from_secs(5);

/// A run and the lines it writes to stderr.
struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStderr>>,
}

impl Run {
    fn start(stage: &Stage, arguments: &str) -> Self {
        let mut command = stage.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for a line that holds `text`.
    fn until(mut self, text: &str) -> Self {
        let mut seen = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.unwrap();
            if line.contains(text) {
                return self;
            }
            seen.push(line);
        }
        panic!("no line says `{text}`:\n{}", seen.join("\n"));
    }

    /// Sends the signal; it must end in time, interrupted unless nothing was left to do.
    fn signal(mut self, signal: &str, moment: &str) {
        let begun = Instant::now();
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
        let code = self.child.wait().unwrap().code();
        let (took, rest) = (
            begun.elapsed(),
            self.lines.map_while(Result::ok).collect::<Vec<_>>().join("\n"),
        );
        assert!(took <= BOUND, "{signal} {moment}: it took {took:?}\n{rest}");
        // What runs gets a moment; where that was all there was to do, it is done.
        let all_done = code == Some(0) && rest.contains("Applied: ");
        assert!(code == Some(130) || all_done, "{signal} {moment}: {code:?}\n{rest}");
    }
}

/// A model server, and `slow` beside it.
fn minimal() -> Option<Stage> {
    let stage = Stage::of("stacks/minimal", &["busybox:1"])?;
    stage.edit("\nenvironments:", &format!("{SLOW}\nenvironments:"));
    Some(stage)
}

/// Whether a container of the stack's `slow` other than the first is there: the new version.
fn new_version(stage: &Stage) -> bool {
    let label = format!("label=com.docker.compose.project={}", stage.name);
    let names = docker(&["ps", "-a", "--filter", &label, "--format", "{{.Names}}"]);
    names
        .lines()
        .any(|name| name.contains("-slow-") && !name.ends_with("-slow-1"))
}

fn wait_until(condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// All moments with one signal; whatever is interrupted, the next run finishes.
fn at_every_moment(signal: &str) {
    let Some(stage) = minimal() else { return };
    Run::start(&stage, "up")
        .until("image/predictor is being created")
        .signal(signal, "loading an image");
    Run::start(&stage, "up").until("✓").signal(signal, "between steps");
    if let Some(slow) = stage.containers().get("slow") {
        docker(&["rm", "-f", slow]);
    }
    let run = Run::start(&stage, "up").until("service/slow is being");
    wait_until(|| stage.containers().contains_key("slow"));
    run.signal(signal, "waiting for health");
    converges(&stage);

    stage.edit("WORD: one", "WORD: two");
    let run = Run::start(&stage, "apply -y").until("service/slow is being replaced");
    wait_until(|| new_version(&stage));
    run.signal(signal, "waiting for a new version");
    converges(&stage);
    assert_eq!(stage.containers().len(), 2);
}

/// One more run finishes; the one after has nothing to do.
fn converges(stage: &Stage) {
    stage.ends(0, "apply -y");
    let third = stage.ends(0, "apply -y");
    assert!(third.contains("No changes"), "{third}");
}

#[test]
fn ctrl_c() {
    at_every_moment("-INT");
}

#[test]
fn the_wish_to_terminate() {
    at_every_moment("-TERM");
}

#[test]
fn a_closed_terminal() {
    at_every_moment("-HUP");
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let Some(stage) = minimal() else { return };
    let run = Run::start(&stage, "up").until("service/slow is being");
    let pid = run.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let run = run.until("Stopping");
    let begun = Instant::now();
    run.signal("-INT", "the second");
    assert!(begun.elapsed() < Duration::from_millis(1000), "{:?}", begun.elapsed());
    converges(&stage);
}

#[test]
fn time_that_is_up_is_told_as_such() {
    let Some(stage) = minimal() else { return };
    let begun = Instant::now();
    let late = stage.run("up --timeout 1s");
    assert_eq!(late.code, 9, "{}", late.stderr);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    converges(&stage);
}

#[test]
fn what_a_cut_off_run_left_starting_is_waited_for() {
    let text = format!("version: 1\nname: STACK\ncomponents:\n{SLOW}").replace("sleep 3", "sleep 12");
    let Some(stage) = Stage::with(&text, &["busybox:1"]) else {
        return;
    };
    let run = Run::start(&stage, "apply -y");
    let health = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}}";
    let label = format!("label=com.docker.compose.project={}", stage.name);
    wait_until(|| docker(&["ps", "--filter", &label, "--format", "{{.Names}}"]).contains("-slow-1"));
    let mut child = run.child;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(stage.inspect("slow", health), "running starting");
    stage.ends(0, "plan --detailed-exitcode"); // there is nothing to change, and something to wait for
    let next = stage.run("apply -y");
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert!(next.stderr.contains("waiting for slow"), "{}", next.stderr);
    assert_eq!(stage.inspect("slow", health), "running healthy");
}
