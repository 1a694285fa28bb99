//! An apply that is killed at any call, or loses any answer: the next one finishes it, and nothing is there twice.
//!
//! The real `mlstack`, the real engine, and a proxy between them. By default a sample of one trip runs, another one each
//! time; `MLSTACK_TEST_FULL=1` runs every call of every leg, or the part that `MLSTACK_TEST_PART` names (`2/5` is the
//! second of five), or only the trips with the legs that `MLSTACK_TEST_LEGS` names (`destroy;recreate`). Figures are in
//! `docs/reliability.md`.

mod engine;
mod plot;
pub(crate) mod proxy;
mod rig;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use plot::{Leg, NOTHING, TRIPS, Trip};
use proxy::{Counted, Harm};
use rig::{DEADLINE, Rig};

/// Stacks that are worked on at once, in a usual run and in a full one. Each has two networks, and an engine has
/// addresses for thirty when nobody gave it more.
const AT_ONCE: [usize; 2] = [4, 8];
/// Looks of a trip that come to harm, one of each so many when it has more.
const LOOKS: usize = 40;
/// Cases of a usual run.
const SAMPLE: usize = 12;
/// After how many runs that were broken off it is said how many there were.
const TOLD: usize = 25;

/// One trip with each of its legs broken at `call`.
#[derive(Clone, Copy)]
struct Case {
    trip: &'static Trip,
    counted: Counted,
    call: usize,
    harm: Harm,
}

/// What came of all cases.
#[derive(Default)]
struct Tally {
    struck: usize,
    /// Sorts of harm and call, such as `ResetAfter POST /containers/*/start`.
    kinds: BTreeSet<String>,
    /// Runs that ended well in spite of the harm.
    unharmed: usize,
    wrong: Vec<String>,
    slowest: Duration,
    slowest_after: Duration,
}

fn is_full() -> bool {
    std::env::var("MLSTACK_TEST_FULL").is_ok_and(|value| value == "1")
}

/// Which cases this run takes, of all there are: part `.0` of `.1`, from 0.
fn part(all: usize) -> (usize, usize) {
    if !is_full() {
        let parts = all.div_ceil(SAMPLE) | 1;
        return (clock() % parts, parts);
    }
    let Ok(named) = std::env::var("MLSTACK_TEST_PART") else {
        return (0, 1);
    };
    let (part, parts) = named.split_once('/').unwrap();
    let part: usize = part.parse().unwrap();
    (part - 1, parts.parse().unwrap())
}

/// Another number in each run.
fn clock() -> usize {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    usize::try_from(since.as_secs()).unwrap()
}

/// The trips of this run: all those asked for, or one.
fn trips() -> Vec<&'static Trip> {
    if !is_full() {
        return vec![&TRIPS[clock() % TRIPS.len()]];
    }
    let legs = std::env::var("MLSTACK_TEST_LEGS").unwrap_or_default();
    let is_asked = |trip: &&Trip| trip.legs.iter().any(|leg| legs.split(';').any(|name| name == leg.name));
    let asked: Vec<_> = TRIPS.iter().filter(|trip| legs.is_empty() || is_asked(trip)).collect();
    assert!(!asked.is_empty(), "no leg is called {legs}");
    asked
}

/// The cases of this run, of all that `sort` makes of a trip and the numbers of its calls that change and that look.
fn cases(sort: impl Fn(&'static Trip, usize, usize) -> Vec<Case>) -> Vec<Case> {
    let trips = trips();
    let counts: Vec<(usize, usize)> = std::thread::scope(|scope| {
        let begun: Vec<_> = trips.iter().map(|trip| scope.spawn(|| longest(trip))).collect();
        begun.into_iter().map(|counting| counting.join().unwrap()).collect()
    });
    let each = trips.iter().copied().zip(counts);
    let cases: Vec<Case> = each
        .flat_map(|(trip, (writes, reads))| sort(trip, writes, reads))
        .collect();
    let (part, parts) = part(cases.len());
    let (from, all) = (trips[0].legs[0].name, cases.len());
    say(&format!(
        "part {} of {parts} of {all} cases, from `{from}` on",
        part + 1
    ));
    cases.into_iter().skip(part).step_by(parts).collect()
}

/// Each harm at each call that changes something.
fn at_writes(trip: &'static Trip, calls: usize, harms: &[Harm]) -> Vec<Case> {
    let at = |call| {
        harms.iter().map(move |&harm| Case {
            trip,
            counted: Counted::Writes,
            call,
            harm,
        })
    };
    (1..=calls).flat_map(at).collect()
}

/// One harm after the other at the calls that look; each harm at each where that is all there is.
fn at_reads(trip: &'static Trip, calls: usize) -> Vec<Case> {
    let case = |call, harm| Case {
        trip,
        counted: Counted::Reads,
        call,
        harm,
    };
    if trip.legs[0].name == NOTHING {
        return (1..=calls)
            .flat_map(|call| Harm::OF_READS.map(|harm| case(call, harm)))
            .collect();
    }
    let some = (1..=calls).step_by(calls.div_ceil(LOOKS).max(1));
    let harms = Harm::OF_READS.into_iter().cycle();
    some.zip(harms).map(|(call, harm)| case(call, harm)).collect()
}

/// How many calls that change something, and how many that look, the longest leg of a trip makes; none where nothing
/// can be run.
fn longest(trip: &'static Trip) -> (usize, usize) {
    let Some(mut rig) = Rig::open(trip.plot) else {
        return (0, 0);
    };
    let calls = trip.legs.iter().map(|leg| {
        rig.reach(leg.from).unwrap();
        rig.proxy.arm(None);
        let run = rig.go(leg.to, true);
        assert_eq!(run.code, Some(0), "{}: {}", leg.name, run.said);
        let [writes, reads] = [Counted::Writes, Counted::Reads].map(|counted| rig.proxy.calls(counted).len());
        say(&format!("{}: {writes} calls change, {reads} look", leg.name));
        rig.converge(leg.then).unwrap();
        (writes, reads)
    });
    calls.fold((0, 0), |most, here| (most.0.max(here.0), most.1.max(here.1)))
}

/// Works through the cases on several stacks at once.
fn work(cases: Vec<Case>, act: impl Fn(&mut Rig, &Leg, Case, &mut Tally) -> Result<(), String> + Sync) -> Tally {
    let (queue, tally) = (Mutex::new(VecDeque::from(cases)), Mutex::new(Tally::default()));
    let next = || queue.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE[usize::from(is_full())] {
            scope.spawn(|| {
                let mut rig: Option<Rig> = None;
                while let Some(case) = next() {
                    rig = rig.filter(|rig| std::ptr::eq(rig.plot, case.trip.plot));
                    for leg in case.trip.legs {
                        let mut own = Tally::default();
                        let here = rig.get_or_insert_with(|| Rig::open(case.trip.plot).unwrap());
                        if let Err(wrong) = here.reach(leg.from).and_then(|()| act(here, leg, case, &mut own)) {
                            own.wrong.push(describe(here, leg, case, &wrong));
                            rig = None;
                        }
                        tally.lock().unwrap().add(own);
                    }
                }
            });
        }
    });
    tally.into_inner().unwrap()
}

/// The call that came to harm, as the proxy saw it.
fn call(rig: &Rig, case: Case) -> String {
    let calls = rig.proxy.calls(case.counted);
    calls.get(case.call - 1).cloned().unwrap_or_default()
}

/// Its sort: without what only this call has.
fn kind(call: &str, harm: Harm) -> String {
    let (path, _) = call.split_once('?').unwrap_or((call, ""));
    let mut words: Vec<&str> = path.split('/').collect();
    if let Some(name) = words
        .get_mut(2)
        .filter(|word| !matches!(**word, "create" | "json" | "load"))
    {
        *name = "*";
    }
    format!("{harm:?} {}", words.join("/"))
}

fn describe(rig: &Rig, leg: &Leg, case: Case, wrong: &str) -> String {
    let call = call(rig, case);
    format!("{}, {:?} at call {} ({call}): {wrong}", leg.name, case.harm, case.call)
}

impl Tally {
    fn strike(&mut self, rig: &Rig, case: Case) {
        self.struck += 1;
        self.kinds.insert(kind(&call(rig, case), case.harm));
    }

    fn add(&mut self, other: Self) {
        self.struck += other.struck;
        if other.struck > 0 && self.struck.is_multiple_of(TOLD) {
            say(&format!("{} broken off", self.struck));
        }
        self.kinds.extend(other.kinds);
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
        "{what}: {} broken off, of {} sorts, {} of them ended well anyway, {} not converged, slowest {:.1} s, slowest after it {:.1} s, {} s in all",
        tally.struck,
        tally.kinds.len(),
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
    let begun = Instant::now();
    let cases = cases(|trip, writes, _| at_writes(trip, writes, &[Harm::StallBefore, Harm::StallAfter]));
    let tally = work(cases, |rig, leg, case, tally| {
        rig.proxy.arm(Some((case.counted, case.call, case.harm)));
        if rig.kill(leg.to).is_some() {
            tally.strike(rig, case);
        }
        tally.slowest_after = rig.converge(leg.then)?;
        Ok(())
    });
    report("kill -9", begun, &tally);
}

#[test]
fn whatever_answer_is_lost_the_next_run_finishes() {
    let begun = Instant::now();
    let cases = cases(|trip, writes, reads| [at_writes(trip, writes, &Harm::ALL), at_reads(trip, reads)].concat());
    report("fault pairs", begun, &work(cases, disturbed));
}

fn disturbed(rig: &mut Rig, leg: &Leg, case: Case, tally: &mut Tally) -> Result<(), String> {
    rig.proxy.arm(Some((case.counted, case.call, case.harm)));
    let run = rig.go(leg.to, true);
    if rig.proxy.struck(|| true) {
        tally.strike(rig, case);
        tally.unharmed += usize::from(run.code == Some(0));
    }
    tally.slowest = run.took;
    match run.code {
        None => return Err(format!("it did not end within {} s\n{}", DEADLINE.as_secs(), run.said)),
        Some(0 | 1 | 4..=10) if !run.said.contains("panicked") => {}
        Some(code) => return Err(format!("it ended with {code}\n{}", run.said)),
    }
    tally.slowest_after = rig.converge(leg.then)?;
    Ok(())
}
