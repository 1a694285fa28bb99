//! Damaged and hostile model files: loading and running them may fail, but never panics and never takes long.

use crate::bed::{self, Case};
use crate::models::inputs;
use mlstack_onnx::{Limits, Model};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Damaged copies of each model.
const COPIES: u64 = 60;

/// Time for one copy, unoptimised, on a busy machine.
const LONG: Duration = Duration::from_secs(20);

const LIMITS: Limits = Limits {
    bytes: 1 << 20,
    nodes: 2000,
    tree_nodes: 1 << 18,
    tensor_elements: 1 << 18,
    folded_elements: 1 << 16,
};

/// A small generator of numbers, the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n.max(1)).unwrap()).unwrap()
    }
}

/// Flips bits, sets bytes, cuts off, doubles a part, or takes a part out.
fn damage(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(out.len());
        let end = (at + 1 + numbers.below(40)).min(out.len());
        match numbers.below(12) {
            0..=6 => out[at] ^= 1 << numbers.below(8),
            7 => out[at] = [0, 1, 0x7f, 0x80, 0xff][numbers.below(5)],
            8 => out[at] = out[at].wrapping_add(1),
            9 => out.truncate(at.max(1)),
            10 => {
                let part = out[at..end].to_vec();
                out.splice(at..at, part);
            }
            _ => {
                out.drain(at..end);
            }
        }
        if out.is_empty() {
            out.push(8);
        }
    }
    out
}

/// Loads and, where the inputs still fit, runs.
fn use_it(bytes: &[u8], case: &Case) -> bool {
    let Ok(model) = Model::load_within(bytes, LIMITS) else {
        return false;
    };
    if model
        .inputs()
        .iter()
        .all(|port| case.inputs.iter().any(|(name, _)| *name == port.name))
    {
        let _ = model.run(&inputs(&model, case));
    }
    true
}

#[test]
fn damaged_models_never_panic_and_never_take_long() {
    let mut loaded = 0_u32;
    let mut all = 0_u32;
    for case in bed::all() {
        for copy in 1..=COPIES {
            let bytes = damage(
                &case.bytes,
                &mut Numbers(copy * 7919 + u64::try_from(case.bytes.len()).unwrap()),
            );
            let start = Instant::now();
            let result = catch_unwind(AssertUnwindSafe(|| use_it(&bytes, &case)));
            let took = start.elapsed();
            assert!(took < LONG, "{} copy {copy} took {took:?}", case.name);
            let usable = result.unwrap_or_else(|_| panic!("{} copy {copy} panicked", case.name));
            loaded += u32::from(usable);
            all += 1;
        }
    }
    assert!(all > 4000, "only {all} copies");
    assert!(
        loaded > all / 8,
        "only {loaded} of {all} copies still loaded: the damage is too great to test running"
    );
}

#[test]
fn every_prefix_of_a_model_is_refused_or_runs() {
    let case = bed::case("logreg_iris_zipmap");
    for end in 0..case.bytes.len() {
        let _ = use_it(&case.bytes[..end], &case);
    }
}
