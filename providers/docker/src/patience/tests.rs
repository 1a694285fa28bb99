//! What is made again, how often, and until when.

use std::cell::Cell;
use std::future::{pending, ready};

use insta::assert_snapshot;
use mlstack_provider::ErrorKind;
use proptest::prelude::*;

use super::*;

fn answered(status_code: u16) -> Error {
    Error::DockerResponseServerError {
        status_code,
        message: "no".into(),
    }
}

fn broken() -> Error {
    let err = io::ErrorKind::ConnectionReset.into();
    Error::IOError { err }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again() {
    let tries = Cell::new(0);
    let call = || {
        tries.set(tries.get() + 1);
        ready(if tries.get() < 3 {
            Err(broken())
        } else {
            Ok(tries.get())
        })
    };
    assert_eq!(Patience::default().repeat("x", call).await.expect("at last"), 3);
}

#[tokio::test(start_paused = true)]
async fn it_is_given_up_after_some_tries() {
    let tries = Cell::new(0);
    let call = || {
        tries.set(tries.get() + 1);
        ready(Err::<(), _>(broken()))
    };
    let error = Patience::default()
        .repeat("cannot list", call)
        .await
        .expect_err("broken");
    assert_eq!((tries.get(), error.kind), (TRIES, ErrorKind::Unreachable));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_never_repeated() {
    for status in [400, 401, 403, 404, 409, 500] {
        let tries = Cell::new(0);
        let call = || {
            tries.set(tries.get() + 1);
            ready(Err::<(), _>(answered(status)))
        };
        assert!(Patience::default().repeat("x", call).await.is_err());
        assert_eq!(tries.get(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_engine_did_is_not_done_twice() {
    let tries = Cell::new(0);
    let call = || {
        tries.set(tries.get() + 1);
        ready(Err(answered(503)))
    };
    let found = Patience::default().look_first("x", call, || ready(Some("made"))).await;
    assert_eq!((found.expect("made"), tries.get()), ("made", 1));
}

#[tokio::test(start_paused = true)]
async fn all_tries_share_one_limit() {
    let limit = Duration::from_secs(5);
    let begun = tokio::time::Instant::now();
    let error = Patience::of(limit)
        .repeat::<(), _>("cannot list", pending)
        .await
        .expect_err("pending");
    assert_eq!((error.kind, begun.elapsed()), (ErrorKind::Timeout, limit));
    assert_snapshot!(error.cause.expect("cause"), @"the Docker engine gave no answer within 5 s");
}

#[tokio::test(start_paused = true)]
async fn a_missing_thing_is_none_and_a_refusal_an_error() {
    let missing = Patience::default()
        .find("x", || ready(Err::<(), _>(answered(404))))
        .await;
    assert!(missing.expect("404 is an answer").is_none());
    let refused = Patience::default()
        .find("x", || ready(Err::<(), _>(answered(500))))
        .await;
    assert!(refused.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_transfer_starts_over_when_its_stream_breaks() {
    let tries = Cell::new(0);
    let run = || {
        tries.set(tries.get() + 1);
        ready(if tries.get() == 1 {
            Err("broken")
        } else {
            Err("refused")
        })
    };
    let ended = Patience::default().transfer(|error| *error == "broken", run).await;
    assert_eq!((ended, tries.get()), (Err("refused"), 2));
}

#[test]
fn the_wire_is_told_from_the_engine() {
    let of = |kind: io::ErrorKind| Error::IOError { err: kind.into() };
    assert!(is_passing(&of(io::ErrorKind::BrokenPipe)) && is_passing(&of(io::ErrorKind::ConnectionRefused)));
    assert!(!is_passing(&of(io::ErrorKind::PermissionDenied)));
    assert!(is_passing(&answered(429)) && !is_passing(&answered(500)));
}

proptest! {
    #[test]
    fn pauses_stay_within_what_doubles(attempt in 1..TRIES, share in 0.0..=1.0) {
        prop_assert!(pause(attempt, share) <= PAUSE * 2_u32.pow(attempt - 1));
        prop_assert!((0.0..=1.0).contains(&chance()));
    }
}
