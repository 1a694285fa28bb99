//! An apply that is killed at any call, or loses any answer: the next one finishes it, and nothing is there twice.
//!
//! The real `mlstack`, the real engine, and a proxy between them. By default a sample runs; `MLSTACK_TEST_FULL=1` runs
//! every call of every leg. Figures are in `docs/reliability.md`.

mod proxy;
mod rig;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use proxy::{Counted, Harm};
use rig::{DEADLINE, Leg, Rig, TRIPS};

/// Stacks that are worked on at once.
const AT_ONCE: usize = 3;
/// After how many runs that were broken off it is said how many there were.
const TOLD: usize = 25;

/// One trip with each of its legs broken at `call`.
#[derive(Clone, Copy)]
struct Case {
    legs: &'static [Leg],
    counted: Counted,
    call: usize,
    harm: Harm,
}

/// What came of all cases.
#[derive(Default)]
struct Tally {
    struck: usize,
    /// Runs that ended well in spite of the harm.
    unharmed: usize,
    wrong: Vec<String>,
    slowest: Duration,
    slowest_after: Duration,
}

fn is_full() -> bool {
    std::env::var("MLSTACK_TEST_FULL").is_ok_and(|value| value == "1")
}

/// How many calls of a sort the longest leg of a trip makes.
fn longest(rig: &mut Rig, legs: &[Leg], counted: Counted) -> usize {
    let calls = legs.iter().map(|leg| {
        rig.reach(leg.from).unwrap();
        rig.proxy.arm(counted, None);
        let run = rig.go(leg.to, true);
        assert_eq!(run.code, Some(0), "{}: {}", leg.name, run.said);
        let calls = rig.proxy.calls().len();
        rig.converge(leg.then).unwrap();
        calls
    });
    calls.max().unwrap_or(0)
}

/// Works through the cases on several stacks at once.
fn work(cases: Vec<Case>, act: impl Fn(&mut Rig, &Leg, Case, &mut Tally) -> Result<(), String> + Sync) -> Tally {
    let (queue, tally) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Tally::default()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let mut rig = Rig::open().unwrap();
                loop {
                    let Some(case) = queue.lock().unwrap().pop_front() else {
                        break;
                    };
                    for leg in case.legs {
                        let mut own = Tally::default();
                        if let Err(wrong) = rig.reach(leg.from).and_then(|()| act(&mut rig, leg, case, &mut own)) {
                            own.wrong.push(describe(&rig, leg, case, &wrong));
                            rig = Rig::open().unwrap();
                        }
                        tally.lock().unwrap().add(own);
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

fn describe(rig: &Rig, leg: &Leg, case: Case, wrong: &str) -> String {
    let calls = rig.proxy.calls();
    let call = calls.get(case.call - 1).map_or("no such call", String::as_str);
    format!("{}, {:?} at call {} ({call}): {wrong}", leg.name, case.harm, case.call)
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.struck += other.struck;
        if other.struck > 0 && self.struck.is_multiple_of(TOLD) {
            say(&format!("{} broken off", self.struck));
        }
        self.unharmed += other.unharmed;
        self.slowest = self.slowest.max(other.slowest);
        self.slowest_after = self.slowest_after.max(other.slowest_after);
        for wrong in other.wrong {
            say(&wrong);
            self.wrong.push(wrong);
        }
    }
}

/// The figures are what the test is run for.
#[expect(
    clippy::print_stderr,
    reason = "nextest keeps what is printed, and shows it on request"
)]
fn say(text: &str) {
    eprintln!("{text}");
}

fn report(what: &str, begun: Instant, tally: &Tally) {
    say(&format!(
        "{what}: {} broken off, {} of them ended well anyway, {} not converged, slowest {:.1} s, slowest after it {:.1} s, {} s in all",
        tally.struck,
        tally.unharmed,
        tally.wrong.len(),
        tally.slowest.as_secs_f64(),
        tally.slowest_after.as_secs_f64(),
        begun.elapsed().as_secs(),
    ));
    assert!(tally.wrong.is_empty(), "{}", tally.wrong.join("\n\n"));
}

#[test]
fn killed_at_any_call_the_next_run_finishes() {
    let Some(mut rig) = Rig::open() else { return };
    let begun = Instant::now();
    let mut cases = Vec::new();
    for legs in TRIPS {
        // All ways in a full run; else the one that has most of the calls that a run can make.
        if !is_full() && legs[0].name != "recreate" {
            continue;
        }
        for call in 1..=longest(&mut rig, legs, Counted::Writes) + 1 {
            for harm in [Harm::StallBefore, Harm::StallAfter] {
                cases.push(Case {
                    legs,
                    counted: Counted::Writes,
                    call,
                    harm,
                });
            }
        }
    }
    drop(rig);
    let tally = work(cases, |rig, leg, case, tally| {
        rig.proxy.arm(case.counted, Some((case.call, case.harm)));
        if rig.kill(leg.to).is_some() {
            tally.struck += 1;
        }
        tally.slowest_after = rig.converge(leg.then)?;
        Ok(())
    });
    report("kill -9", begun, &tally);
}

#[test]
fn whatever_answer_is_lost_the_next_run_finishes() {
    let Some(mut rig) = Rig::open() else { return };
    let begun = Instant::now();
    let mut cases = Vec::new();
    let sampled = [Harm::ResetAfter];
    let harms: &[Harm] = if is_full() { &Harm::ALL } else { &sampled };
    for legs in TRIPS {
        if !is_full() && legs[0].name != "first apply" {
            continue;
        }
        for call in 1..=longest(&mut rig, legs, Counted::Writes) {
            let each = harms.iter().map(|&harm| Case {
                legs,
                counted: Counted::Writes,
                call,
                harm,
            });
            cases.extend(each);
        }
    }
    drop(rig);
    let tally = work(cases, disturbed);
    report("fault pairs", begun, &tally);
}

fn disturbed(rig: &mut Rig, leg: &Leg, case: Case, tally: &mut Tally) -> Result<(), String> {
    rig.proxy.arm(case.counted, Some((case.call, case.harm)));
    let run = rig.go(leg.to, true);
    if rig.proxy.struck(|| true) {
        tally.struck += 1;
        tally.unharmed += usize::from(run.code == Some(0));
    }
    tally.slowest = run.took;
    match run.code {
        None => return Err(format!("it did not end within {} s", DEADLINE.as_secs())),
        Some(0 | 1 | 4..=10) if !run.said.contains("panicked") => {}
        Some(code) => return Err(format!("it ended with {code}\n{}", run.said)),
    }
    tally.slowest_after = rig.converge(leg.then)?;
    Ok(())
}
