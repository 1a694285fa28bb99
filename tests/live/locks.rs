//! The lock on the engine itself: machines that share it, one of which is killed, frozen, or has another time.
//!
//! Each run has a ledger of its own and reaches the engine over TCP, as another machine would.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::faults::proxy::{Counted, Proxy};
use crate::stage::{Ran, Stage, docker, not_run};

/// A new version becomes healthy after three seconds, beside the old one; `after` waits for it.
const STACK: &str = "version: 1
name: STACK
components:
  slow:
    type: service
    image: busybox:1
    command: [sh, -c, 'trap exit TERM; sleep 3; touch /tmp/ready; sleep 3600 & wait']
    healthcheck: { command: [test, -e, /tmp/ready], interval: 1s, start_period: 30s }
    env: { WORD: one }
  after:
    type: service
    image: busybox:1
    command: [sh, -c, 'trap exit TERM; sleep 3600 & wait']
    uses: [slow]
    env: { WORD: one }
";
/// A lock lasts for a minute.
const OVER: Duration = Duration::from_secs(90);

/// Machines that change one stack on one engine.
struct Team {
    stage: Stage,
    proxy: Proxy,
    ledgers: TempDir,
    clock: Option<PathBuf>,
}

impl Team {
    fn meets() -> Option<Self> {
        let stage = Stage::with(STACK, &["busybox:1"])?;
        let proxy = Proxy::before_the_engine();
        Some(Self {
            stage: stage
                .env("DOCKER_HOST", &proxy.tcp_host())
                .env("CI_JOB_URL", "https://ci.example/7"),
            proxy,
            ledgers: tempfile::tempdir().unwrap(),
            clock: other_clocks(),
        })
    }

    /// A run on the machine `name`, whose clock is off by `skew` (`-2h`) where that can be had.
    fn machine(&self, name: &str, skew: &str, arguments: &str) -> Command {
        let ledger = self.ledgers.path().join(name);
        let mut command = self
            .stage
            .command(&format!("{arguments} --ledger {}", ledger.display()));
        if let Some(clock) = self.clock.as_ref().filter(|_| !skew.is_empty()) {
            command
                .env("LD_PRELOAD", clock)
                .env("FAKETIME", skew)
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        command
    }

    fn run(&self, name: &str, skew: &str, arguments: &str) -> Ran {
        self.stage.told(&self.machine(name, skew, arguments).output().unwrap())
    }

    /// Starts a rollout and stops the clock of its process in the midst of a step.
    fn frozen(&self, name: &str, skew: &str) -> Frozen {
        self.stage.edit("WORD: one", "WORD: two");
        let mut command = self.machine(name, skew, "up");
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let frozen = Frozen(Some(child));
        wait_until(Duration::from_secs(60), || self.names().len() > 2);
        frozen.signal("-STOP");
        frozen
    }

    /// Names of all containers of the stack.
    fn names(&self) -> Vec<String> {
        let label = format!("label=com.docker.compose.project={}", self.stage.name);
        let names = docker(&["ps", "-a", "--filter", &label, "--format", "{{.Names}}"]);
        names.lines().map(str::to_owned).collect()
    }

    fn lock(&self) -> String {
        format!("{}.mlstack-lock", self.stage.name)
    }

    fn is_locked(&self) -> bool {
        let name = format!("name=^{}$", self.lock());
        !docker(&["ps", "-aq", "--filter", &name]).trim().is_empty()
    }

    /// The id in what `unlock` prints.
    fn holder(&self) -> String {
        let told = self.run("looking", "", "unlock");
        assert_eq!(told.code, 0, "{}", told.stderr);
        for part in [
            "held by `mlstack up` by ",
            "https://ci.example/7",
            "\non tcp://127.0.0.1:",
        ] {
            assert!(told.stdout.contains(part), "{}", told.stdout);
        }
        let first = told.stdout.lines().next().unwrap();
        first.strip_prefix("Lock ").unwrap().to_owned()
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        let lock = self.lock();
        let _gone = Command::new("docker").args(["rm", "-f", &lock]).output();
    }
}

/// A process that stands still; killed when the test is over.
struct Frozen(Option<Child>);

impl Frozen {
    fn signal(&self, name: &str) {
        let id = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    fn wakes(mut self, team: &Team) -> Ran {
        self.signal("-CONT");
        team.stage.told(&self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _gone = child.kill();
            let _ended = child.wait();
        }
    }
}

fn wait_until(most: Duration, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < most, "it does not come about");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The library that gives a process another time of day.
fn other_clocks() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").unwrap().flatten();
    let found = folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|path| path.exists());
    found.or_else(|| not_run("clocks that differ (apt-get install libfaketime); the rest of the test runs"))
}

#[test]
fn a_lock_on_the_engine_keeps_two_machines_apart_and_is_shown_and_freed() {
    let Some(team) = Team::meets() else { return };
    assert_eq!(team.run("first", "", "up").code, 0);
    assert!(!team.is_locked(), "it is given back");
    let held = team.frozen("first", "");
    let refused = team.run("second", "", "up");
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    let id = team.holder();
    assert!(
        refused.stderr.contains(&format!("mlstack unlock {id}")),
        "{}",
        refused.stderr
    );
    assert_eq!(team.run("looking", "", "unlock other").code, 64);
    assert_eq!(team.run("looking", "", &format!("unlock {id}")).code, 6, "it lives");
    drop(held);
    assert!(team.is_locked(), "a killed run leaves it");
    let freed = team.run("looking", "", &format!("unlock {id}"));
    assert_eq!(freed.code, 0, "{}", freed.stderr);
    assert!(!team.is_locked());
    assert!(team.run("looking", "", "unlock").stdout.starts_with("Nobody holds"));
    assert_eq!(team.run("second", "", "up").code, 0);
    assert!(!team.is_locked());
}

#[test]
fn a_dead_holders_lock_is_taken_over_at_once() {
    let Some(team) = Team::meets() else { return };
    assert_eq!(team.run("first", "", "up").code, 0);
    drop(team.frozen("first", ""));
    assert!(team.is_locked());
    let next = team.run("second", "", "up");
    assert_eq!(next.code, 0, "{}", next.stderr);
    assert!(!team.is_locked());
}

#[test]
fn a_frozen_holders_lock_is_taken_over_by_one_whatever_the_clocks_say_and_it_touches_nothing_when_it_wakes() {
    let Some(team) = Team::meets() else { return };
    assert_eq!(team.run("first", "", "up").code, 0);
    // Were its clock asked, its lock would be over two hours ago.
    let frozen = team.frozen("first", "-2h");
    let begun = Instant::now();
    for (machine, skew) in [("second", ""), ("third", "+2h"), ("fourth", "-3h")] {
        let refused = team.run(machine, skew, "up");
        assert_eq!(refused.code, 6, "{machine}: {}", refused.stderr);
    }
    let id = team.holder();
    let contenders = [("second", ""), ("third", "+2h"), ("fourth", "-3h"), ("fifth", "")];
    let mut codes = Vec::new();
    while !codes.contains(&0) {
        assert!(begun.elapsed() < OVER, "nobody takes it over");
        std::thread::sleep(Duration::from_millis(500));
        let running = contenders.map(|(machine, skew)| {
            let mut command = team.machine(machine, skew, "up");
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        });
        codes = running
            .map(|child| team.stage.told(&child.wait_with_output().unwrap()))
            .map(|ran| {
                assert!(ran.code == 0 || ran.code == 6, "{}", ran.stderr);
                ran.code
            })
            .to_vec();
    }
    assert!(begun.elapsed() > Duration::from_secs(40), "{:?}", begun.elapsed());
    codes.sort_unstable();
    assert_eq!(codes, [0, 6, 6, 6]);
    let (converged, before) = (team.names(), team.stage.containers());

    team.proxy.arm(None);
    let woken = frozen.wakes(&team);
    assert_eq!(woken.code, 6, "{}", woken.stderr);
    assert!(
        woken.stderr.contains("the lock on this stack is lost"),
        "{}",
        woken.stderr
    );
    // Its own lock it may give back: by an id that is no more, and an image that anybody makes anew.
    let own = |call: &String| {
        call.starts_with("DELETE /containers/") || call.starts_with("DELETE /images/localhost/mlstack/lock")
    };
    let calls: Vec<_> = team
        .proxy
        .calls(Counted::Writes)
        .into_iter()
        .filter(|call| !own(call))
        .collect();
    assert!(calls.is_empty(), "{calls:?}");
    assert_eq!((team.names(), team.stage.containers()), (converged, before));
    assert_eq!(
        team.run("looking", "", &format!("unlock {id}")).code,
        0,
        "nobody holds it"
    );
    let last = team.run("second", "", "up");
    assert!(last.stdout.contains("No changes"), "{}{}", last.stdout, last.stderr);
}
