//! `--only` and `--exclude`: what is in changes as it would anyway, what is out stays as it is.

use mlstack_provider_memory::Memory;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::property::{NAMES, all_data, any_drift, any_stack, carry_out, cases, observe, specs, world_of};
use super::*;
use crate::plan::scope::{Narrowed, Scope, ScopeError, refuse_reach};

fn only(names: &[&str]) -> Scope {
    Scope {
        only: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Scope::default()
    }
}

fn without(names: &[&str]) -> Scope {
    Scope {
        exclude: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Scope::default()
    }
}

/// Plans what a scope leaves, and checks that it keeps to it.
fn within(scope: &Scope, desired: &[Resource], observed: &[Observed]) -> Result<(Plan, Narrowed), ScopeError> {
    let narrowed = scope.narrow(desired.to_vec(), observed.to_vec())?;
    let plan = check_with(&narrowed.desired, &narrowed.observed, &all_data());
    refuse_reach(&plan, &narrowed.outside)?;
    Ok((plan, narrowed))
}

fn lines(scope: &Scope, desired: &[Resource], observed: &[Observed]) -> String {
    match within(scope, desired, observed) {
        Ok((plan, _)) => plan.to_lines(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn only_brings_what_it_needs_and_nothing_else() {
    assert_snapshot!(lines(&only(&["db"]), &stack(), &[]), @"
    [] -> #1 network/default, create, will be created
    [] -> #2 volume/db-data, create, will be created
    [1, 2] -> #3 service/db, create, will be created
    ");
    assert_snapshot!(lines(&only(&["volume/db-data"]), &stack(), &[]), @"[] -> #1 volume/db-data, create, will be created");
}

#[test]
fn what_cannot_be_made_without_the_excluded_waits_with_it() {
    assert_snapshot!(lines(&without(&["api"]), &stack(), &[]), @"
    [] -> #1 network/default, create, will be created
    [] -> #2 volume/db-data, create, will be created
    [1, 2] -> #3 service/db, create, will be created
    ");
}

#[test]
fn what_is_out_is_neither_changed_nor_repaired_nor_removed() {
    let mut observed = lives(&stack());
    observed[2].spec = json!({"image": "postgres:16"});
    observed[3].spec = json!({"image": "api:0"});
    observed[4].problem = Some("exited (1)".into());
    observed.push(live(&want("service/old", json!({"image": "old:1"}), &[])));
    assert_snapshot!(lines(&only(&["api"]), &stack(), &observed), @"
    [] -> #1 service/db, replace, image and 1 more drifted
    [1] -> #2 service/api, replace, image drifted
    ");
    assert_snapshot!(lines(&without(&["db", "web", "old"]), &stack(), &observed), @"[] -> #1 service/api, replace, image drifted");
}

#[test]
fn a_name_that_fits_nothing_is_a_mistake() {
    assert_eq!(
        only(&["dbb"]).narrow(stack(), Vec::new()).unwrap_err(),
        ScopeError::Unknown {
            names: vec!["dbb".into()],
            known: vec!["api".into(), "db".into(), "web".into()],
        }
    );
}

#[test]
fn what_would_leave_others_broken_is_refused() {
    let smaller: Vec<Resource> = stack()
        .into_iter()
        .filter(|r| r.address.name != "api" && r.address.name != "web")
        .collect();
    assert_snapshot!(lines(&only(&["api"]), &smaller, &lives(&stack())), @"service/web is left alone, but service/api, which it stands on, is not there afterwards");
    let mut moved = stack();
    moved[0].spec = json!({"driver": "overlay"});
    assert_snapshot!(lines(&only(&["network/default"]), &moved, &lives(&stack())), @"service/api would have to change too: network/default is replaced");
}

#[test]
fn what_cannot_be_seen_is_not_asked_for() {
    let mut observed = lives(&stack());
    observed[2].depends_on.push(at("image/postgres-17"));
    assert_snapshot!(lines(&only(&["web"]), &[], &observed), @"[] -> #1 service/web, delete, no longer declared");
}

fn any_scope() -> impl Strategy<Value = Scope> {
    let some = || subsequence(NAMES.to_vec(), 0..4);
    (some(), some()).prop_map(|(in_scope, out)| Scope {
        only: in_scope.into_iter().map(str::to_owned).collect(),
        exclude: out.into_iter().map(str::to_owned).collect(),
    })
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn a_part_then_the_whole_is_the_whole(
        from in any_stack(), drifts in any_drift(), to in any_stack(), scope in any_scope(),
    ) {
        let (parted, straight) = (world_of(&from, &drifts), world_of(&from, &drifts));
        let before = observe(&parted);
        if let Ok((_, narrowed)) = within(&scope, &to, &before) {
            apply_narrowed(&parted, &narrowed);
            let now = observe(&parted);
            for untouched in before.iter().filter(|live| narrowed.outside.contains(&live.address)) {
                prop_assert!(now.contains(untouched), "{}", untouched.address);
            }
            prop_assert!(now.iter().all(|live| !narrowed.outside.contains(&live.address) || before.contains(live)));
        }
        prop_assert!(carry_out(&parted, &to, &all_data()).is_success());
        prop_assert!(carry_out(&straight, &to, &all_data()).is_success());
        prop_assert_eq!(specs(&straight), specs(&parted));
    }
}

fn apply_narrowed(target: &Memory, narrowed: &Narrowed) {
    let plan = check_with(&narrowed.desired, &narrowed.observed, &all_data());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let outcome = runtime.block_on(crate::apply::apply(
        &plan,
        target,
        &crate::apply::Unwritten,
        &|_| {},
        std::future::pending(),
    ));
    assert!(outcome.is_success(), "{:?}", outcome.failed);
}
