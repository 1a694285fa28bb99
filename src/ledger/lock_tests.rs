//! Leases: renewed, lost, given back.

use std::sync::atomic::AtomicUsize;

use super::*;

#[derive(Clone, Default)]
struct Counts {
    renewed: Arc<AtomicUsize>,
    released: Arc<AtomicUsize>,
}

struct Double {
    counts: Counts,
    /// What renewals answer, by turn: `Some(ours)` or nobody answers.
    answers: fn(usize) -> Option<bool>,
}

#[async_trait]
impl Leased for Double {
    async fn renew(&mut self) -> Result<bool, LedgerError> {
        let turn = self.counts.renewed.fetch_add(1, Ordering::Relaxed);
        (self.answers)(turn).ok_or(LedgerError::Refused("nobody answers".into()))
    }

    async fn release(&mut self) -> Result<(), LedgerError> {
        self.counts.released.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

const TIME: Duration = Duration::from_millis(1200);

fn kept(counts: &Counts, answers: fn(usize) -> Option<bool>) -> Lease {
    let counts = counts.clone();
    let take = move || async move { Ok(Box::new(Double { counts, answers }) as Box<dyn Leased>) };
    block(Lease::keep(TIME, take)).unwrap()
}

fn block<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

#[test]
fn a_lease_is_renewed_while_the_work_blocks_and_given_back_at_the_end() {
    let counts = Counts::default();
    let lease = kept(&counts, |_| Some(true));
    std::thread::sleep(TIME * 3);
    assert!(!lease.is_lost());
    drop(lease);
    assert!(counts.renewed.load(Ordering::Relaxed) >= 3);
    assert_eq!(counts.released.load(Ordering::Relaxed), 1);
}

#[test]
fn a_lease_that_nobody_renews_is_lost_after_two_thirds_of_its_time() {
    let lease = kept(&Counts::default(), |_| None);
    assert!(!lease.is_lost());
    std::thread::sleep(TIME * 2 / 3);
    assert!(lease.is_lost());
}

#[test]
fn one_lost_answer_does_not_lose_a_lease() {
    let counts = Counts::default();
    let lease = kept(&counts, |turn| (turn != 0).then_some(true));
    std::thread::sleep(TIME);
    assert!(!lease.is_lost());
}

#[test]
fn a_lease_that_somebody_took_is_lost_for_good() {
    let lease = kept(&Counts::default(), |turn| Some(turn > 0));
    std::thread::sleep(TIME);
    assert!(lease.is_lost());
}

#[test]
fn what_cannot_be_taken_is_told() {
    let take = || async { Err(LedgerError::Held(None)) };
    assert!(matches!(block(Lease::keep(TIME, take)), Err(LedgerError::Held(None))));
}
