//! A world that moves while a plan is carried out, on the memory target.

use std::sync::atomic::{AtomicUsize, Ordering};

use mlstack_provider_memory::{Memory, impact};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::apply::{Outcome, Unwritten, apply};
use crate::plan::{Options, plan};

fn at(name: &str) -> Address {
    Address::new("service", name)
}

fn want(name: &str, spec: Value, depends_on: &[&str]) -> Resource {
    Resource {
        address: at(name),
        spec,
        depends_on: depends_on.iter().map(|on| at(on)).collect(),
        source: None,
        protected: false,
    }
}

/// `a` under `b` under `c`, all with one image.
fn stack(image: &str) -> Vec<Resource> {
    let spec = || json!({"image": image, "memory": 1});
    vec![
        want("a", spec(), &[]),
        want("b", spec(), &["a"]),
        want("c", spec(), &["b"]),
    ]
}

/// A target that somebody else changes just before the `when`th look.
struct Meddled<'a> {
    memory: &'a Memory,
    looks: AtomicUsize,
    when: usize,
    how: &'a (dyn Fn(&Memory) + Send + Sync),
}

#[async_trait]
impl Provider for Meddled<'_> {
    fn name(&self) -> &'static str {
        "meddled"
    }

    fn impact(&self, kind: &str, attribute: &str) -> Impact {
        impact(kind, attribute)
    }

    async fn observe(&self, stack: &str, desired: &[Resource]) -> Result<Vec<Observed>, ProviderError> {
        if self.looks.fetch_add(1, Ordering::Relaxed) + 1 == self.when {
            (self.how)(self.memory);
        }
        self.memory.observe(stack, desired).await
    }
}

/// Plans `desired` on a world that holds `live`, and applies it while somebody meddles.
fn run(
    live: &[Resource],
    desired: &[Resource],
    when: usize,
    how: &(dyn Fn(&Memory) + Send + Sync),
) -> (Outcome, Vec<String>) {
    let memory = Memory::new().at_once(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let first = plan(live, &[], &impact, &Options::default());
        apply(&first, &memory, &Unwritten, &|_| {}, std::future::pending()).await;
        let made = memory.steps().len();
        let observed = memory.observe("s", desired).await.expect("it answers");
        let plan = plan(desired, &observed, &impact, &Options::default());
        let look = Meddled {
            memory: &memory,
            looks: 0.into(),
            when,
            how,
        };
        let target = Guarded::new(&memory, &look, ("s", desired), (&plan, &observed));
        let outcome = apply(&plan, &target, &Unwritten, &|_| {}, std::future::pending()).await;
        (outcome, memory.steps().split_off(made))
    })
}

fn told(outcome: &Outcome) -> Vec<String> {
    let cause = |error: &ProviderError| error.cause.as_ref().map(ToString::to_string).unwrap_or_default();
    outcome
        .failed
        .values()
        .map(|error| format!("{error}: {}", cause(error)))
        .collect()
}

#[test]
fn an_unmoved_world_is_changed_as_planned() {
    let (outcome, steps) = run(&stack("1"), &stack("2"), usize::MAX, &|_| {});
    assert!(outcome.is_success(), "{:?}", told(&outcome));
    assert_eq!(steps, ["replace service/a", "replace service/b", "replace service/c"]);
}

#[test]
fn what_moves_under_way_is_not_touched_and_nothing_new_starts() {
    // Each step looks just before: the second look is before `b`.
    let (outcome, steps) = run(&stack("1"), &stack("2"), 2, &|memory| {
        memory.world().get_mut(&at("b")).expect("b").spec["memory"] = json!(7);
    });
    assert_eq!(
        told(&outcome),
        ["service/b is stale: memory changed since this was planned"]
    );
    assert_eq!(steps, ["replace service/a"]);
    assert!(!outcome.is_interrupted());
    assert_eq!(outcome.skipped.len(), 1);
}

#[test]
fn what_fails_on_its_own_or_went_already_is_no_reason_to_stop() {
    let broken = |memory: &Memory| memory.world().get_mut(&at("b")).expect("b").problem = Some("unhealthy".into());
    assert!(run(&stack("1"), &stack("2"), 2, &broken).0.is_success());
    let (outcome, _) = run(&stack("1"), &[], 1, &|memory| drop(memory.world().remove(&at("c"))));
    assert_eq!(
        told(&outcome).len(),
        1,
        "the memory target itself wants to find what it deletes"
    );
    assert!(!told(&outcome)[0].contains("since this was planned"));
}

#[derive(Clone, Debug)]
enum Meddling {
    Spec(&'static str),
    Gone,
    Other,
    Protected,
}

fn meddling() -> impl Strategy<Value = Meddling> {
    prop_oneof![
        prop::sample::select(vec!["image", "memory", "extra"]).prop_map(Meddling::Spec),
        Just(Meddling::Gone),
        Just(Meddling::Other),
        Just(Meddling::Protected),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever somebody does to a thing before its own step: that thing is not touched.
    #[test]
    fn a_thing_that_moved_is_never_touched(which in 0..3_usize, what in meddling(), early in 0..3_usize) {
        let name = ["a", "b", "c"][which];
        let when = early.min(which) + 1;
        let how = |memory: &Memory| {
            let mut world = memory.world();
            match &what {
                Meddling::Spec(key) => world.get_mut(&at(name)).expect("it").spec[*key] = json!("meddled"),
                Meddling::Gone => drop(world.remove(&at(name))),
                Meddling::Other => world.get_mut(&at(name)).expect("it").id = "another".into(),
                Meddling::Protected => world.get_mut(&at(name)).expect("it").protected = true,
            }
        };
        let (outcome, steps) = run(&stack("1"), &stack("2"), when, &how);
        prop_assert!(!outcome.is_success());
        prop_assert!(!steps.contains(&format!("replace service/{name}")), "{steps:?}");
    }
}
