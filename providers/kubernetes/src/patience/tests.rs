use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Patience, Try};
use crate::fault::Lost;

type Call = fn() -> Result<Try<u32>, Lost>;

/// What came of calls that are answered one after the other, and how many were made in what time.
async fn calls(answers: &[Call]) -> (Result<u32, bool>, u32, Duration) {
    let (made, begin) = (AtomicU32::new(0), Instant::now());
    let outcome = Patience::default()
        .repeat(|| {
            let index = made.fetch_add(1, Ordering::Relaxed) as usize;
            let answer = answers[index.min(answers.len() - 1)]();
            async { answer }
        })
        .await;
    let outcome = outcome.map_err(|lost| matches!(lost, Lost::Slow(_)));
    (outcome, made.into_inner(), begin.elapsed())
}

fn broken() -> Result<Try<u32>, Lost> {
    Err(Lost::Wire("connection reset".to_owned()))
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again() {
    let (outcome, made, _) = calls(&[broken, broken, || Ok(Try::Answer(7))]).await;
    assert_eq!((outcome, made), (Ok(7), 3));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_names_a_time_gets_it() {
    let (outcome, made, took) = calls(&[
        || Ok(Try::Later(1, Some(Duration::from_secs(3)))),
        || Ok(Try::Answer(2)),
    ])
    .await;
    assert_eq!((outcome, made), (Ok(2), 2));
    assert!(took >= Duration::from_secs(3), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn patience_ends() {
    let (outcome, made, took) = calls(&[broken]).await;
    assert_eq!((outcome, made), (Err(false), 6));
    assert!(took < Duration::from_secs(45), "{took:?}");
    // The last answer of one who only puts off is an answer.
    let (outcome, ..) = calls(&[|| Ok(Try::Later(429, None))]).await;
    assert_eq!(outcome, Ok(429));
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_is_not_asked_again() {
    let (outcome, made, _) = calls(&[|| Err(Lost::Login("expired".to_owned()))]).await;
    assert_eq!((outcome, made), (Err(false), 1));
}
