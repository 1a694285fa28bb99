//! How planning grows with the stack: near-linearly.

use std::time::{Duration, Instant};

use super::*;

/// Layers of ten services on one network, each using all of the layer below.
fn large(services: usize, version: &str) -> Vec<Resource> {
    let mut stack = vec![want("network/default", json!({"driver": version}), &[])];
    for i in 0..services {
        let below = (i / 10 * 10).saturating_sub(10)..i / 10 * 10;
        let uses: Vec<String> = below.map(|j| format!("service/s{j:05}")).collect();
        let uses: Vec<&str> = uses.iter().map(String::as_str).chain(["network/default"]).collect();
        stack.push(want(
            &format!("service/s{i:05}"),
            json!({"image": version, "uses": uses}),
            &uses,
        ));
    }
    stack
}

/// The quickest of three: the machine may be busy.
fn time(work: impl Fn() -> Plan) -> Duration {
    let once = || {
        let begun = Instant::now();
        assert!(!work().changes.is_empty());
        begun.elapsed()
    };
    (0..3).map(|_| once()).min().expect("three")
}

#[test]
fn ten_times_the_stack_takes_about_ten_times_as_long() {
    let measure = |services: usize| {
        let (old, new) = (lives(&large(services, "1")), large(services, "2"));
        time(|| plan(&new, &old, &impact, &Options::default()))
    };
    let (small, big) = (measure(100), measure(1000));
    println!("100 services: {small:?}, 1000 services: {big:?}");
    assert!(big < small * 40, "{small:?} became {big:?}");
}

#[test]
fn a_long_chain_does_not_overflow() {
    let chain: Vec<Resource> = (0..5_000_usize)
        .map(|i| {
            let below = i.checked_sub(1).map(|j| format!("service/s{j:05}"));
            let below: Vec<&str> = below.iter().map(String::as_str).collect();
            want(&format!("service/s{i:05}"), json!({"uses": below}), &below)
        })
        .collect();
    assert_eq!(check(&chain, &[]).nodes.len(), 5_000);
    assert_eq!(check(&[], &lives(&chain)).nodes.len(), 5_000);
}
