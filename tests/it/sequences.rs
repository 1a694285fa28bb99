//! Anything that people do to a stack, in any order, through the real planner, executor, seal and ledger, on a target
//! in memory; after each deed what must always hold is looked at.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{Either, pending, select};
use mlstack::apply::{Journal, Outcome, apply};
use mlstack::ledger::journal::{Intent, Opened, Settled};
use mlstack::ledger::{Ended, Ending, Folder, Holder, Session, Who, from_text, new_id, now};
use mlstack::plan::scope::Scope;
use mlstack::plan::seal::{Binding, Sealed, digest_text, seal, unseal};
use mlstack::plan::{Action, Node, Options, Plan, back, plan, protect, verb, verify};
use mlstack::view::{Extras, Header, plan_json};
use mlstack_provider::{Address, Observed, ProviderError, Resource, Step};
use mlstack_provider_memory::{Fault, Memory, impact};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::Notify;

/// How many sequences are tried; a quarter of them unless `MLSTACK_TEST_FULL=1`.
const SEQUENCES: u32 = 2000;
/// How long each may be.
const LONGEST: usize = 30;
/// The place in the ledger.
const PLACE: &str = "memory";

const NAMES: [&str; 7] = [
    "network/n",
    "network/m",
    "volume/v",
    "volume/w",
    "service/c",
    "service/b",
    "service/a",
];

/// What one thing of a stack is: there or not, its fixed and its free attribute, whom it uses.
type Choice = (bool, u8, u8, u8);

#[derive(Clone, Debug)]
enum Deed {
    /// The stack file is changed.
    Edit(Vec<Choice>),
    /// `plan --out`.
    Plan(bool),
    /// `apply`, with leave to lose the volume `v` or without.
    Apply(bool),
    /// `apply FILE`, with the last plan that was sealed.
    ApplySaved,
    /// Somebody changes the target by hand.
    Drift(ByHand, Index),
    /// `apply`, killed at this moment of its journal.
    Kill(usize),
    /// `apply FILE`, killed.
    KillSaved(usize),
    /// `apply`, and a step fails, before or after the target did it.
    Fail(Index, bool),
    /// `rollback`: to the last good revision that does not run now.
    Rollback,
    /// `apply --on-failure rollback`, and a step fails: back to what stood before.
    FailAndGoBack(Index, bool),
    /// `destroy`, with leave to lose the volume `v` or without.
    Destroy(bool),
    /// The folder of the ledger is lost.
    LoseLedger,
}

#[derive(Clone, Copy, Debug)]
enum ByHand {
    Break,
    /// Its own label says no more that it holds data.
    Unprotect,
    Edit,
    Remove,
}

fn any_stack() -> impl Strategy<Value = Vec<Choice>> {
    prop::collection::vec((prop::bool::weighted(0.7), 0..2_u8, 0..2_u8, any::<u8>()), NAMES.len())
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let by_hand = prop_oneof![
        Just(ByHand::Break),
        Just(ByHand::Edit),
        Just(ByHand::Remove),
        Just(ByHand::Unprotect)
    ];
    prop_oneof![
        4 => any_stack().prop_map(Deed::Edit),
        3 => any::<bool>().prop_map(Deed::Plan),
        4 => any::<bool>().prop_map(Deed::Apply),
        3 => Just(Deed::ApplySaved),
        2 => (by_hand, any::<Index>()).prop_map(|(how, which)| Deed::Drift(how, which)),
        2 => (0..24_usize).prop_map(Deed::Kill),
        1 => (0..24_usize).prop_map(Deed::KillSaved),
        2 => (any::<Index>(), any::<bool>()).prop_map(|(which, after)| Deed::Fail(which, after)),
        3 => Just(Deed::Rollback),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(which, after)| Deed::FailAndGoBack(which, after)),
        1 => any::<bool>().prop_map(Deed::Destroy),
        1 => Just(Deed::LoseLedger),
    ]
}

fn address(text: &str) -> Address {
    let (kind, name) = text.split_once('/').unwrap();
    Address::new(kind, name)
}

/// A stack in which each service uses only things that come earlier in [`NAMES`].
fn build(choices: &[Choice]) -> Vec<Resource> {
    let mut stack: Vec<Resource> = Vec::new();
    for (name, (there, fixed, free, uses)) in NAMES.iter().zip(choices) {
        let address = address(name);
        let is_used = |(place, earlier): (usize, &Resource)| (uses >> place & 1 == 1).then(|| earlier.address.clone());
        let uses: Vec<Address> = if address.kind == "service" {
            stack.iter().enumerate().filter_map(is_used).collect()
        } else {
            Vec::new()
        };
        if *there {
            stack.push(Resource {
                protected: address.kind == "volume",
                spec: json!({"image": fixed, "memory": free, "uses": uses}),
                depends_on: uses,
                source: None,
                address,
            });
        }
    }
    stack
}

/// A sealed plan and what it was made for.
struct Saved {
    text: String,
    world: Vec<Observed>,
    digest: String,
    may_lose: bool,
    used: bool,
}

/// The stack of one sequence.
struct Scene {
    root: TempDir,
    target: Memory,
    desired: Vec<Resource>,
    saved: Option<Saved>,
    /// The run that was cut off, until a run has seen it.
    cut: Option<String>,
    seen: Seen,
}

/// How a run ended; `None` when it was killed.
type Ran = Option<Outcome>;

/// How often what was to be tried came about.
#[derive(Debug, Default)]
struct Seen {
    deeds: usize,
    whole_runs: usize,
    killed: usize,
    failed: usize,
    rolled_back: usize,
    refused_for_data: usize,
    sealed_applied: usize,
    sealed_refused: usize,
}

impl Seen {
    fn add(&mut self, other: &Self, deeds: usize) {
        self.deeds += deeds;
        self.whole_runs += other.whole_runs;
        self.killed += other.killed;
        self.failed += other.failed;
        self.rolled_back += other.rolled_back;
        self.refused_for_data += other.refused_for_data;
        self.sealed_applied += other.sealed_applied;
        self.sealed_refused += other.sealed_refused;
    }

    fn all(&self) -> [usize; 7] {
        [
            self.whole_runs,
            self.killed,
            self.failed,
            self.rolled_back,
            self.refused_for_data,
            self.sealed_applied,
            self.sealed_refused,
        ]
    }
}

impl Scene {
    fn new() -> Self {
        // In memory where there is such a folder: thousands of ledgers are written.
        let shm = Path::new("/dev/shm");
        let root = match shm.is_dir() {
            true => tempfile::tempdir_in(shm).unwrap(),
            false => tempfile::tempdir().unwrap(),
        };
        Self {
            root,
            target: Memory::new(),
            desired: Vec::new(),
            saved: None,
            cut: None,
            seen: Seen::default(),
        }
    }

    fn observed(&self) -> Vec<Observed> {
        self.target.world().things().cloned().collect()
    }

    /// What the ledger remembers to hold data.
    fn held_data(&self) -> BTreeSet<Address> {
        let text = std::fs::read_to_string(self.root.path().join(".mlstack/ledger.json")).unwrap_or_default();
        from_text(&text)
            .map(|ledger| ledger.protected(PLACE))
            .unwrap_or_default()
    }

    /// What is there, as it is planned for.
    fn world(&self) -> Vec<Observed> {
        protect(&self.observed(), &self.held_data())
    }

    fn digest(&self) -> String {
        digest_text(&serde_json::to_string(&self.desired).unwrap())
    }

    async fn open(&mut self) -> Session {
        let holder = Holder::new(new_id().unwrap(), Who::default(), "apply", now());
        let store = Arc::new(Folder::below(self.root.path()));
        let session = Session::open(store, &holder).await.unwrap();
        let told = session.cut().map(|cut| cut.run.id.clone());
        assert_eq!(told, self.cut.take(), "what was cut off is told once, by the next run");
        session
    }

    fn decide(&self, desired: &[Resource], may_lose: bool) -> Plan {
        let observed = self.world();
        let decided = plan(desired, &observed, &impact, &options(may_lose));
        assert_eq!(verify(&decided, desired, &observed), Vec::<String>::new());
        decided
    }

    /// Plans and carries out; `None` as moment: undisturbed.
    async fn run(&mut self, desired: &[Resource], may_lose: bool, moment: Option<usize>) -> Option<(Plan, Ran)> {
        let session = self.open().await;
        let plan = self.decide(desired, may_lose);
        if plan.refused().next().is_some() {
            assert!(plan.nodes.is_empty(), "a refused plan has no steps");
            self.seen.refused_for_data += 1;
            return None;
        }
        let ran = self.carry_out(session, &plan, desired, None, moment).await;
        Some((plan, ran))
    }

    async fn carry_out(
        &mut self,
        mut session: Session,
        plan: &Plan,
        desired: &[Resource],
        plan_id: Option<String>,
        moment: Option<usize>,
    ) -> Ran {
        if plan.nodes.is_empty() && plan_id.is_none() {
            return Some(Outcome::default());
        }
        let opened = self.opened(plan, plan_id);
        session.begin(opened.clone()).await.unwrap();
        let journal = Mortal::new(&session, moment);
        let carried = apply(plan, &self.target, &journal, &|_| {}, pending());
        let ended = match select(Box::pin(carried), Box::pin(journal.died.notified())).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        };
        let Some(outcome) = ended else {
            self.cut = Some(opened.id);
            self.seen.killed += 1;
            return None;
        };
        let ending = if outcome.is_success() {
            Ending::Done
        } else {
            Ending::Failed
        };
        let told = Ended {
            done: outcome.done.len(),
            failed: outcome.failed.len(),
            skipped: outcome.skipped.len(),
            ending,
        };
        let gone = plan.nodes.iter().filter(|node| outcome.done.contains_key(&node.id));
        for node in gone.filter(|node| matches!(node.step, Step::Delete { .. })) {
            session.unprotect(PLACE, node.step.address());
        }
        let data = desired.iter().filter(|resource| resource.protected);
        session.protect(PLACE, data.map(|resource| resource.address.clone()));
        let good = (outcome.is_success() && !desired.is_empty()).then_some(desired);
        session.end(opened, told, good).await.unwrap();
        Some(outcome)
    }

    fn opened(&self, plan: &Plan, plan_id: Option<String>) -> Opened {
        Opened {
            id: new_id().unwrap(),
            place: PLACE.to_owned(),
            command: "apply".to_owned(),
            who: Who::default(),
            begun: now(),
            mlstack_version: "0".to_owned(),
            stack_digest: self.digest(),
            plan_id,
            steps: plan.nodes.len(),
        }
    }

    fn save(&mut self, may_lose: bool) {
        let plan = self.decide(&self.desired, may_lose);
        if plan.refused().next().is_some() {
            return;
        }
        let header = Header {
            stack: "memory",
            environment: None,
            target: "memory",
            context: None,
        };
        let binding = Binding {
            plan_id: new_id().unwrap(),
            stack_digest: self.digest(),
            scope: Scope::default(),
        };
        let document = plan_json(&header, &plan, &Extras::default());
        let world = self.observed();
        self.saved = Some(Saved {
            text: seal(document, &plan, &world, &binding),
            digest: self.digest(),
            world,
            may_lose,
            used: false,
        });
    }

    /// Whether the last sealed plan was carried out, with what came of it.
    async fn apply_saved(&mut self, moment: Option<usize>) -> Option<(Plan, Ran)> {
        let saved = self.saved.as_ref()?;
        let sealed: Sealed = unseal(&saved.text).unwrap();
        let (digest, observed) = (self.digest(), self.observed());
        let may_be = !saved.used && saved.digest == digest && saved.world == observed;
        let session = self.open().await;
        let used = session.ledger().used(&sealed.binding.plan_id).is_some();
        let refused = used || !sealed.moved(&digest, &observed).is_empty();
        assert_eq!(
            refused, !may_be,
            "a sealed plan is for one world, one file and one time"
        );
        if refused {
            self.seen.sealed_refused += 1;
            return None;
        }
        self.seen.sealed_applied += 1;
        if let Some(saved) = &mut self.saved {
            saved.used = true;
        }
        let desired = self.desired.clone();
        let plan_id = Some(sealed.binding.plan_id.clone());
        let ran = self.carry_out(session, &sealed.plan, &desired, plan_id, moment).await;
        Some((sealed.plan, ran))
    }

    fn drift(&self, how: ByHand, which: &Index) {
        let all: Vec<Address> = self.observed().into_iter().map(|live| live.address).collect();
        if all.is_empty() {
            return;
        }
        let mut world = self.target.world();
        let address = which.get(&all);
        match how {
            ByHand::Remove => drop(world.remove(address)),
            ByHand::Break => world.get_mut(address).unwrap().problem = Some("exited (1)".to_owned()),
            ByHand::Unprotect => world.get_mut(address).unwrap().protected = false,
            ByHand::Edit => world.get_mut(address).unwrap().spec["memory"] = json!("by hand"),
        }
    }

    fn lose_ledger(&mut self) {
        let before = self.decide(&self.desired, false);
        // What somebody took the label from, only the ledger knew as data.
        let labelled = self.world() == self.observed();
        std::fs::remove_dir_all(self.root.path().join(".mlstack")).ok();
        self.cut = None;
        if let Some(saved) = &mut self.saved {
            saved.used = false;
        }
        let after = self.decide(&self.desired, false);
        assert!(
            !labelled || after == before,
            "what is to be done is read from the target"
        );
    }

    /// What `rollback` aims at.
    async fn previous(&mut self) -> Option<Vec<Resource>> {
        let session = self.open().await;
        let mut desired = session.ledger().back(PLACE, None)?.resources.clone();
        back::keep_data(&mut desired, &self.observed());
        Some(desired)
    }

    /// What `--on-failure rollback` aims at when a run that saw `seen` has failed.
    fn way_back(&self, seen: &[Observed], known: &[Resource]) -> Vec<Resource> {
        let mut desired = back::before(seen, known);
        back::keep_used(&mut desired, &self.observed());
        back::first_of_each(&mut desired);
        back::keep_data(&mut desired, &self.observed());
        desired
    }

    async fn fail_and_go_back(&mut self, which: &Index, after: bool) {
        let seen = self.observed();
        let known = self.open().await.ledger().standing(PLACE).to_vec();
        if !self.fail(which, after).await {
            return;
        }
        let desired = self.way_back(&seen, &known);
        self.go_back(desired).await;
        let ids = |all: &[Observed]| -> BTreeSet<String> {
            let data = all.iter().filter(|live| live.protected);
            data.map(|live| live.id.clone()).collect()
        };
        assert!(
            ids(&seen).is_subset(&ids(&self.world())),
            "data outlives the way there and back"
        );
    }

    async fn act(&mut self, deed: &Deed) {
        let before = self.world();
        let may_lose = self.may_lose(deed);
        match deed {
            Deed::Edit(choices) => self.desired = build(choices),
            Deed::Plan(may_lose) => self.save(*may_lose),
            Deed::Apply(may_lose) => self.finish(self.desired.clone(), *may_lose).await,
            Deed::Destroy(may_lose) => self.finish(Vec::new(), *may_lose).await,
            Deed::Rollback => {
                if let Some(desired) = self.previous().await {
                    self.go_back(desired).await;
                }
            }
            Deed::ApplySaved => {
                if let Some((plan, ran)) = self.apply_saved(None).await {
                    self.well(&plan, &ran.unwrap(), &self.desired.clone(), may_lose);
                    self.exact(&self.desired);
                }
            }
            Deed::Kill(moment) => drop(self.run(&self.desired.clone(), false, Some(*moment)).await),
            Deed::KillSaved(moment) => drop(self.apply_saved(Some(*moment)).await),
            Deed::Fail(which, after) => drop(self.fail(which, *after).await),
            Deed::FailAndGoBack(which, after) => self.fail_and_go_back(which, *after).await,
            Deed::Drift(how, which) => self.drift(*how, which),
            Deed::LoseLedger => self.lose_ledger(),
        }
        if !matches!(deed, Deed::Drift(..)) {
            self.kept(&before, may_lose);
        }
    }

    fn may_lose(&self, deed: &Deed) -> bool {
        match deed {
            Deed::Apply(may_lose) | Deed::Destroy(may_lose) => *may_lose,
            Deed::ApplySaved | Deed::KillSaved(_) => self.saved.as_ref().is_some_and(|saved| saved.may_lose),
            _ => false,
        }
    }

    /// A whole run, after which nothing is left to do.
    async fn finish(&mut self, desired: Vec<Resource>, may_lose: bool) {
        if let Some((plan, ran)) = self.run(&desired, may_lose, None).await {
            self.seen.whole_runs += 1;
            self.well(&plan, &ran.unwrap(), &desired, may_lose);
            self.exact(&desired);
        }
    }

    /// As [`Self::finish`], towards what ran before: data stays as somebody may have changed it by hand, and so do the
    /// marks of what is used.
    async fn go_back(&mut self, desired: Vec<Resource>) {
        self.seen.rolled_back += 1;
        if let Some((plan, ran)) = self.run(&desired, false, None).await {
            self.seen.whole_runs += 1;
            self.well(&plan, &ran.unwrap(), &desired, false);
        }
    }

    /// Whether there was anything that could fail.
    async fn fail(&mut self, which: &Index, after: bool) -> bool {
        let plan = self.decide(&self.desired, false);
        if plan.nodes.is_empty() {
            return false;
        }
        let broken = which.get(&plan.nodes).step.address();
        let fault = if after { Fault::After } else { Fault::Before };
        self.target.fail(broken, fault);
        self.seen.failed += 1;
        let (_, ran) = self.run(&self.desired.clone(), false, None).await.unwrap();
        assert!(ran.unwrap().failed.len() == 1, "one step was made to fail");
        true
    }

    fn well(&self, plan: &Plan, outcome: &Outcome, desired: &[Resource], may_lose: bool) {
        assert!(outcome.is_success(), "{}{:?}", plan.to_lines(), outcome.failed);
        let next = self.decide(desired, may_lose);
        assert!(next.is_empty(), "after\n{}still\n{}", plan.to_lines(), next.to_lines());
        let wanted: BTreeSet<&Address> = desired.iter().map(|resource| &resource.address).collect();
        let kept = |address: &Address| {
            next.changes
                .iter()
                .any(|c| c.address == *address && c.action == Action::Keep)
        };
        for live in self.observed() {
            assert!(
                wanted.contains(&live.address) || kept(&live.address),
                "{} is nobody's",
                live.address
            );
        }
    }

    /// What is wanted is there as it was asked for, and says so itself.
    fn exact(&self, desired: &[Resource]) {
        let observed = self.observed();
        for resource in desired {
            let Some(live) = observed.iter().find(|live| live.address == resource.address) else {
                continue;
            };
            let made_as = (&resource.spec, &resource.depends_on);
            assert_eq!((&live.spec, &live.depends_on), made_as, "{}", live.address);
            assert_eq!(
                live.recorded.as_ref(),
                Some(&resource.spec),
                "what it was made as is in itself"
            );
        }
    }

    /// Data that nobody named is the very same.
    fn kept(&self, before: &[Observed], may_lose: bool) {
        let now: BTreeSet<String> = self.observed().into_iter().map(|live| live.id).collect();
        let data = before.iter().filter(|live| live.protected);
        for live in data.filter(|live| !(may_lose && live.address.name == "v")) {
            assert!(now.contains(&live.id), "{} is gone", live.address);
        }
    }
}

fn options(may_lose: bool) -> Options {
    let names: &[&str] = if may_lose { &["v"] } else { &[] };
    Options {
        destroy_data: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// A journal whose process dies at a certain moment: before or after one of its lines is written.
struct Mortal<'a> {
    session: &'a Session,
    left: AtomicUsize,
    died: Notify,
}

impl<'a> Mortal<'a> {
    fn new(session: &'a Session, moment: Option<usize>) -> Self {
        Self {
            session,
            left: moment.unwrap_or(usize::MAX).into(),
            died: Notify::new(),
        }
    }

    async fn live(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.died.notify_one();
            pending::<()>().await;
        }
    }
}

#[async_trait::async_trait]
impl Journal for Mortal<'_> {
    async fn begin(&self, node: &Node) -> Result<(), ProviderError> {
        let address = node.step.address();
        let intent = Intent {
            step: node.id,
            op: verb(&node.step).to_owned(),
            kind: address.kind.clone(),
            resource: address.name.clone(),
            token: node.id.to_string(),
            fingerprint: None,
        };
        self.live().await;
        self.session.intend(intent).await.unwrap();
        self.live().await;
        Ok(())
    }

    async fn end(&self, node: &Node, result: Result<Option<&Observed>, &ProviderError>) {
        let settled = Settled {
            step: node.id,
            done: result.is_ok(),
            provider_id: None,
        };
        self.live().await;
        self.session.settle(settled).await.unwrap();
        self.live().await;
    }
}

#[test]
fn whatever_is_done_in_whatever_order() {
    let seen = RefCell::new(Seen::default());
    let is_full = std::env::var("MLSTACK_TEST_FULL").is_ok_and(|value| value == "1");
    let cases = if is_full { SEQUENCES } else { SEQUENCES / 4 };
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let sequences = prop::collection::vec(any_deed(), 1..=LONGEST);
    let ended = TestRunner::new(config).run(&sequences, |deeds| {
        play(&deeds, &seen);
        Ok(())
    });
    let seen = seen.into_inner();
    say(&format!("{cases} sequences: {seen:?}"));
    if let Err(error) = ended {
        panic!("{error}");
    }
    let enough = cases as usize / 20;
    assert!(
        seen.all().iter().all(|times| *times >= enough),
        "too seldom to mean anything: {seen:?}"
    );
}

fn play(deeds: &[Deed], seen: &RefCell<Seen>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new();
        for deed in deeds {
            scene.act(deed).await;
        }
        scene.act(&Deed::Apply(true)).await;
        scene.act(&Deed::LoseLedger).await;
        seen.borrow_mut().add(&scene.seen, deeds.len());
    });
}

/// nextest keeps what is printed, and shows it on request.
#[expect(clippy::print_stderr, reason = "the figures are part of what the test is run for")]
fn say(text: &str) {
    eprintln!("{text}");
}
