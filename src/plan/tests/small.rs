//! A small world in full: every stack of four things to every other, by each way.

use mlstack_provider_memory::Memory;
use serde_json::json;

use super::property::carry_out;
use super::*;

/// The stack whose bits say which of four things are in it, at which version.
fn stack_of(bits: u32) -> Vec<Resource> {
    let has = |bit: u32| bits >> bit & 1 == 1;
    let version = if has(4) { "2" } else { "1" };
    let mut stack = Vec::new();
    if has(0) {
        stack.push(want("network/net", json!({"driver": version}), &[]));
    }
    for (bit, name) in [(1, "a"), (2, "b"), (3, "c")] {
        let below = stack.last().map(|r: &Resource| r.address.to_string());
        let below: Vec<&str> = below.iter().map(String::as_str).collect();
        if has(bit) {
            stack.push(want(
                &format!("service/{name}"),
                json!({"image": version, "uses": below}),
                &below,
            ));
        }
    }
    stack
}

#[test]
fn every_stack_becomes_every_other_in_one_go() {
    for from in 0..32 {
        for to in 0..32 {
            let target = Memory::new();
            assert!(carry_out(&target, &stack_of(from), &Options::default()).is_success());
            let outcome = carry_out(&target, &stack_of(to), &Options::default());
            assert!(outcome.is_success(), "{from} to {to}: {:?}", outcome.failed);
            let now: Vec<Observed> = target.world().things().cloned().collect();
            assert!(check(&stack_of(to), &now).is_empty(), "{from} to {to}");
            assert_eq!(now.len(), stack_of(to).len());
        }
    }
}
