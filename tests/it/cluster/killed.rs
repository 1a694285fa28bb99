//! A run that is killed at any of its writes, or loses an answer: the next one finishes it, and the third has nothing to
//! do. By default a sample, another one each time; `MLSTACK_TEST_FULL=1` runs all. Figures are in `docs/reliability.md`.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use mlstack_kube_double::Fault;

use super::ground::Ground;

const STACK: &str = r#"version: 1
name: shop
secrets:
  token: { generate: 32 }
components:
  api:
    type: service
    image: registry.example/api:1
    port: 8080
    resources: { cpu: 100m, memory: 64Mi }
    env: { ROUND: "one", TOKEN_FILE: "${secrets.token.file}" }
"#;

/// A way from one state of the stack to another.
#[derive(Clone, Copy, Debug)]
enum Leg {
    FirstApply,
    Update,
    Destroy,
}

impl Leg {
    const ALL: [Self; 3] = [Self::FirstApply, Self::Update, Self::Destroy];

    /// A cluster where the leg begins.
    fn ground(self) -> Ground {
        let ground = Ground::with(STACK);
        if !matches!(self, Self::FirstApply) {
            let said = ground.run("apply -y");
            assert!(said.starts_with("exit: 0"), "{said}");
        }
        if matches!(self, Self::Update) {
            ground.edit("\"one\"", "\"two\"");
        }
        ground
    }

    fn command(self) -> &'static str {
        match self {
            Self::FirstApply | Self::Update => "apply -y",
            Self::Destroy => "destroy -y",
        }
    }

    /// Nothing is left to do, and nothing is there that should not be.
    fn is_done(self, ground: &Ground) {
        match self {
            Self::FirstApply | Self::Update => ground.is_settled(),
            Self::Destroy => {
                ground.double.forget_calls();
                let third = ground.run("destroy -y");
                assert!(third.starts_with("exit: 0"), "{third}");
                let workloads = [
                    "Deployment",
                    "Service",
                    "Secret",
                    "ServiceAccount",
                    "NetworkPolicy",
                    "Pod",
                ];
                let left: Vec<String> = workloads.iter().flat_map(|kind| ground.double.names(kind)).collect();
                let ours: Vec<&String> = left
                    .iter()
                    .filter(|name| name.starts_with("shop/") && *name != "shop/default")
                    .collect();
                assert!(ours.is_empty(), "{ours:?} is left");
            }
        }
        let pods = ground.double.names("Pod");
        assert!(!pods.iter().any(|pod| pod.contains("canary")), "{pods:?}");
    }
}

/// How many writes a leg makes.
fn writes(leg: Leg) -> usize {
    let ground = leg.ground();
    ground.double.forget_calls();
    let said = ground.run(leg.command());
    assert!(said.starts_with("exit: 0"), "{said}");
    ground.writes().len()
}

/// Which of `all` cases this run takes.
fn chosen(all: usize) -> Vec<usize> {
    const SAMPLE: usize = 2;
    if std::env::var("MLSTACK_TEST_FULL").is_ok_and(|value| value == "1") {
        return (0..all).collect();
    }
    let seconds = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let first = usize::try_from(seconds).unwrap() % all.max(1);
    (0..SAMPLE.min(all))
        .map(|n| (first + n * all.div_ceil(SAMPLE)) % all)
        .collect()
}

fn start(ground: &Ground, command: &str) -> Child {
    let mut command = ground.folder.command(command);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Kills the run while the server holds a call; whether it came to that.
fn kill_at(ground: &Ground, command: &str, fault: Fault, write: usize) -> bool {
    ground.double.fault_at_change(write, fault);
    let mut run = start(ground, command);
    let begun = Instant::now();
    let held = loop {
        if ground.double.is_holding() {
            break true;
        }
        if run.try_wait().unwrap().is_some() || begun.elapsed() > Duration::from_secs(60) {
            break false;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    run.kill().unwrap();
    run.wait().unwrap();
    ground.double.release();
    held
}

/// The cases of all legs: a leg, one of its writes and one of `faults`.
fn cases(faults: &[Fault]) -> Vec<(Leg, usize, Fault)> {
    let each = Leg::ALL.into_iter().flat_map(|leg| {
        let all: Vec<_> = (1..=writes(leg))
            .flat_map(|write| faults.iter().map(move |fault| (leg, write, *fault)))
            .collect();
        chosen(all.len()).into_iter().map(move |index| all[index])
    });
    each.collect()
}

#[test]
fn a_killed_run_is_finished_by_the_next() {
    let mut killed = 0;
    for (leg, write, fault) in cases(&[Fault::HoldBefore, Fault::HoldAfter]) {
        let ground = leg.ground();
        if !kill_at(&ground, leg.command(), fault, write) {
            continue;
        }
        killed += 1;
        let next = ground.run(leg.command());
        assert!(
            next.starts_with("exit: 0"),
            "{leg:?}, {fault:?} at write {write}: {next}"
        );
        leg.is_done(&ground);
    }
    eprintln!("{killed} killed");
    assert!(killed > 0);
}

#[test]
fn a_lost_answer_or_a_refusal_is_made_up_for() {
    let faults = [
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
    ];
    let cases = cases(&faults);
    for (leg, write, fault) in &cases {
        let ground = leg.ground();
        ground.double.fault_at_change(*write, *fault);
        let harmed = ground.run(leg.command());
        let exit: String = harmed.lines().next().unwrap_or_default().to_owned();
        assert!(
            ["exit: 0", "exit: 1", "exit: 8", "exit: 10"].contains(&exit.as_str()),
            "{harmed}"
        );
        if exit != "exit: 0" {
            let next = ground.run(leg.command());
            assert!(
                next.starts_with("exit: 0"),
                "{leg:?}, {fault:?} at write {write}: {next}"
            );
        }
        leg.is_done(&ground);
    }
    eprintln!("{} pairs", cases.len());
}

/// Ctrl-C while the API server has stopped answering: the promise of five seconds holds, and the next run goes on.
#[test]
fn an_interrupt_is_heard_where_nothing_answers_any_more() {
    let ground = Leg::Update.ground();
    ground.double.fault_at_change(4, Fault::HoldBefore);
    let mut run = start(&ground, "apply -y");
    while !ground.double.is_holding() {
        std::thread::sleep(Duration::from_millis(5));
    }
    ground.double.fault_on("", usize::MAX, Fault::HoldBefore);
    let (begun, pid) = (Instant::now(), run.id().to_string());
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.unwrap().success());
    let code = run.wait().unwrap().code();
    let took = begun.elapsed();
    assert_eq!(code, Some(130));
    assert!(took <= Duration::from_secs(5), "{took:?}");
    ground.double.heal();
    ground.double.release();
    let next = ground.run("apply -y");
    assert!(next.starts_with("exit: 0"), "{next}");
    Leg::Update.is_done(&ground);
}
