//! What must hold for any stack and any world.

use mlstack_provider::{Execute, Provider};
use mlstack_provider_memory::{Fault, Memory};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::apply::{Outcome, Unwritten, apply};

/// How many cases each property runs; together more than 10,000.
pub(super) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Plans and applies against `target` until the end; both are checked.
pub(super) fn carry_out(target: &Memory, desired: &[Resource], options: &Options) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let observed = target.observe("test", desired).await.expect("memory always answers");
        let plan = check_with(desired, &observed, options);
        apply(
            &plan,
            target as &dyn Execute,
            &Unwritten,
            &|_| {},
            std::future::pending(),
        )
        .await
    })
}

pub(super) fn observe(target: &Memory) -> Vec<Observed> {
    target.world().things().cloned().collect()
}

/// What one thing of a random stack is: there or not, its fixed and its free attribute, whom it uses.
type Choice = (bool, u8, u8, u16);

pub(super) const NAMES: [&str; 10] = [
    "network/a",
    "network/b",
    "volume/a",
    "volume/b",
    "service/f",
    "service/e",
    "service/d",
    "service/c",
    "service/b",
    "service/a",
];

/// A stack in which each service uses only things that come earlier in [`NAMES`].
fn build(choices: &[Choice]) -> Vec<Resource> {
    let mut stack: Vec<Resource> = Vec::new();
    for (name, (there, fixed, free, uses)) in NAMES.iter().zip(choices) {
        let used: Vec<String> = stack
            .iter()
            .enumerate()
            .filter(|(i, _)| uses >> i & 1 == 1)
            .map(|(_, r)| r.address.to_string())
            .collect();
        let used: Vec<&str> = if name.starts_with("service/") {
            used.iter().map(String::as_str).collect()
        } else {
            Vec::new()
        };
        if *there {
            stack.push(want(name, json!({"image": fixed, "memory": free, "uses": used}), &used));
        }
    }
    stack
}

pub(super) fn any_stack() -> impl Strategy<Value = Vec<Resource>> {
    prop::collection::vec((prop::bool::weighted(0.7), 0..2_u8, 0..2_u8, any::<u16>()), NAMES.len())
        .prop_map(|choices| build(&choices))
}

/// Something done to the world behind the engine's back.
#[derive(Clone, Debug)]
pub(super) enum Drift {
    Break(Index),
    Edit(Index),
    Remove(Index),
}

pub(super) fn any_drift() -> impl Strategy<Value = Vec<Drift>> {
    let one = prop_oneof![
        any::<Index>().prop_map(Drift::Break),
        any::<Index>().prop_map(Drift::Edit),
        any::<Index>().prop_map(Drift::Remove),
    ];
    prop::collection::vec(one, 0..4)
}

fn drift(target: &Memory, drifts: &[Drift]) {
    for drift in drifts {
        let all: Vec<Address> = observe(target).into_iter().map(|o| o.address).collect();
        let (Drift::Break(index) | Drift::Edit(index) | Drift::Remove(index)) = drift;
        let Some(address) = (!all.is_empty()).then(|| index.get(&all)) else {
            return;
        };
        let mut world = target.world();
        match drift {
            Drift::Remove(_) => drop(world.remove(address)),
            Drift::Break(_) => world.get_mut(address).expect("it is there").problem = Some("exited (1)".into()),
            Drift::Edit(_) => world.get_mut(address).expect("it is there").spec["memory"] = json!("edited"),
        }
    }
}

/// Everything of `NAMES` that is data may go.
pub(super) fn all_data() -> Options {
    Options {
        destroy_data: ["volume/a", "volume/b"].map(str::to_owned).into(),
    }
}

pub(super) fn world_of(stack: &[Resource], drifts: &[Drift]) -> Memory {
    let target = Memory::new();
    assert!(carry_out(&target, stack, &Options::default()).is_success());
    drift(&target, drifts);
    target
}

/// The spec of each live thing, which is all that two worlds made by different ways share.
pub(super) fn specs(target: &Memory) -> Vec<(Address, Value)> {
    observe(target).into_iter().map(|o| (o.address, o.spec)).collect()
}

proptest! {
    #![proptest_config(cases(3000))]

    #[test]
    fn plan_after_apply_is_empty(from in any_stack(), drifts in any_drift(), to in any_stack()) {
        let target = world_of(&from, &drifts);
        let outcome = carry_out(&target, &to, &all_data());
        prop_assert!(outcome.is_success(), "{:?}", outcome.failed);
        prop_assert!(check_with(&to, &observe(&target), &all_data()).is_empty());
        let wanted: BTreeSet<Address> = to.iter().map(|r| r.address.clone()).collect();
        prop_assert_eq!(observe(&target).into_iter().map(|o| o.address).collect::<BTreeSet<_>>(), wanted);
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn any_way_to_a_stack_ends_in_the_same_world(ways in prop::collection::vec(any_stack(), 0..3), to in any_stack()) {
        let (straight, around) = (Memory::new(), Memory::new());
        for way in &ways {
            prop_assert!(carry_out(&around, way, &all_data()).is_success());
        }
        prop_assert!(carry_out(&around, &to, &all_data()).is_success());
        prop_assert!(carry_out(&straight, &to, &all_data()).is_success());
        prop_assert_eq!(specs(&straight), specs(&around));
    }

    #[test]
    fn shuffled_inputs_give_the_same_plan(
        (from, mixed) in any_stack().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
        (to, shuffled) in any_stack().prop_flat_map(|s| (Just(s.clone()), Just(s).prop_shuffle())),
    ) {
        let one = check(&to, &lives(&from));
        let other = check(&shuffled, &lives(&mixed));
        prop_assert_eq!(format!("{one:?}"), format!("{other:?}"));
    }

    #[test]
    fn a_failure_stops_only_what_waits_for_it(
        from in any_stack(), drifts in any_drift(), to in any_stack(), which in any::<Index>(), after in any::<bool>(),
    ) {
        let target = world_of(&from, &drifts);
        let before = observe(&target);
        let plan = check_with(&to, &before, &all_data());
        if plan.nodes.is_empty() {
            return Ok(());
        }
        let broken = which.get(&plan.nodes);
        target.fail(broken.step.address(), if after { Fault::After } else { Fault::Before });
        let outcome = carry_out(&target, &to, &all_data());
        prop_assert!(outcome.failed.contains_key(&broken.id) || plan.changes.iter().any(|c| c.action == Action::Replace));
        for untouched in before.iter().filter(|o| plan.nodes.iter().all(|n| n.step.address() != &o.address)) {
            prop_assert!(observe(&target).contains(untouched));
        }
        let rerun = carry_out(&target, &to, &all_data());
        prop_assert!(rerun.is_success(), "{:?}", rerun.failed);
        prop_assert!(check_with(&to, &observe(&target), &all_data()).is_empty());
    }

    #[test]
    fn data_never_goes_unnamed(from in any_stack(), drifts in any_drift(), to in any_stack()) {
        let target = world_of(&from, &drifts);
        let data: Vec<Observed> = observe(&target).into_iter().filter(|o| o.protected).collect();
        carry_out(&target, &to, &Options::default());
        let now = observe(&target);
        prop_assert!(data.iter().all(|d| now.iter().any(|n| n.id == d.id)));
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn any_live_links_make_a_sound_plan(links in prop::collection::vec((0..10_usize, 0..10_usize), 0..20), to in any_stack()) {
        let mut observed = lives(&build(&[(true, 0, 0, 0); 10]));
        for (from, on) in links {
            observed[from].depends_on.push(at(NAMES[on]));
        }
        check_with(&to, &observed, &all_data());
        check_with(&to, &observed, &Options::default());
    }
}
