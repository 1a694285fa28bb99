use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Answer, Check, Checks, Reply, agrees, ask, judge, p95, times};
use crate::Duration;

fn check(prediction: Value, within: f64, p95: Option<u64>) -> Check {
    Check {
        request: json!({"MedInc": 8.3, "HouseAge": 41}),
        prediction,
        within,
        p95: p95.map(Duration),
    }
}

fn answer(status: u16, body: &str, micros: &[u64]) -> Answer {
    Answer {
        status,
        body: body.to_owned(),
        micros: micros.to_vec(),
        error: None,
    }
}

/// What is said of one check and its answer.
fn said(check: Check, answer: Answer) -> String {
    let checks = Checks {
        port: 8080,
        path: "/predict".to_owned(),
        requests: vec![check],
    };
    let Err(error) = judge(&checks, &[answer]) else {
        return "good".to_owned();
    };
    let cause = error.cause.expect("a cause");
    format!("{} {cause}\n{}", error.action, error.hints.join("\n"))
}

#[test]
fn a_good_answer_is_near_and_in_time() {
    let good = |prediction, body: &str| said(check(prediction, 0.01, None), answer(200, body, &[900]));
    assert_eq!(good(json!(4.13), r#"{"prediction":4.135}"#), "good");
    assert_eq!(
        good(json!("cat"), r#"{"prediction":"cat","probabilities":{"cat":1}}"#),
        "good"
    );
    assert_eq!(good(json!([1, 2]), r#"{"predictions":[1.001,2]}"#), "good");
    let timed = check(json!(1), 0.0, Some(50_000));
    assert_eq!(times(&timed), 41);
    // The first is slow, and does not count.
    assert_eq!(
        said(timed, answer(200, r#"{"prediction":1}"#, &[400_000, 900, 800])),
        "good"
    );
}

#[test]
fn what_is_wrong_is_said_with_what_was_expected() {
    let wrong = |body: &str| said(check(json!(4.13), 0.01, None), answer(200, body, &[900]));
    insta::assert_snapshot!(wrong(r#"{"prediction":5.2}"#), @r#"
    gives a wrong answer: checks[0]: expected 4.13 within 0.01, got 5.2; asked {"MedInc":8.3,"HouseAge":41}
    if 5.2 is right, write it as checks[0].expect.prediction
    "#);
    insta::assert_snapshot!(wrong(r#"{"prediction":"high"}"#), @r#"
    gives a wrong answer: checks[0]: expected 4.13 within 0.01, got "high"; asked {"MedInc":8.3,"HouseAge":41}
    if "high" is right, write it as checks[0].expect.prediction
    "#);
    insta::assert_snapshot!(wrong(r#"{"answer":4.13}"#), @r#"
    does not answer its checks: checks[0]: status 200: {"answer":4.13}; asked {"MedInc":8.3,"HouseAge":41}
    mend checks[0].request, or what makes it refuse
    "#);
    let refusal = answer(422, "{\"error\":{\"code\":\"missing_field\"}}\n", &[900]);
    insta::assert_snapshot!(said(check(json!(1), 0.0, None), refusal), @r#"
    does not answer its checks: checks[0]: status 422: {"error":{"code":"missing_field"}}; asked {"MedInc":8.3,"HouseAge":41}
    mend checks[0].request, or what makes it refuse
    "#);
    let silent = Answer {
        error: Some("Connection refused (os error 111)".to_owned()),
        ..Answer::default()
    };
    insta::assert_snapshot!(said(check(json!(1), 0.0, None), silent), @r#"
    does not answer its checks: checks[0]: Connection refused (os error 111); asked {"MedInc":8.3,"HouseAge":41}
    see that it listens on its port, and answers POST /predict
    "#);
    let slow: Vec<u64> = (0..41).map(|n| 80_000 + n * 1_000).collect();
    let late = answer(200, r#"{"prediction":1}"#, &slow);
    insta::assert_snapshot!(said(check(json!(1), 0.0, Some(50_000)), late), @"
    answers too slowly: checks[0]: p95 is 118ms over 40 answers, and may be 50ms
    give it more resources.cpu, or raise checks[0].p95
    ");
}

#[test]
fn an_answer_that_is_missing_is_no_good_answer() {
    let checks = Checks {
        port: 8080,
        path: "/predict".to_owned(),
        requests: vec![check(json!(1), 0.0, None)],
    };
    assert!(judge(&checks, &[]).is_err());
}

#[test]
fn the_percentile_is_a_time_that_was_measured() {
    assert_eq!(p95(&answer(200, "", &[])), None);
    assert_eq!(p95(&answer(200, "", &[7])), Some(Duration(7)));
    let hundred: Vec<u64> = (0..=100).rev().collect();
    assert_eq!(p95(&answer(200, "", &hundred)), Some(Duration(94)));
}

#[test]
fn checks_have_one_form() {
    let timed = check(json!(4.13), 0.01, Some(9_500));
    let checks = Checks {
        port: 8080,
        path: "/predict".to_owned(),
        requests: vec![timed, check(json!("cat"), 0.0, None)],
    };
    let text = serde_json::to_string(&checks).expect("JSON");
    insta::assert_snapshot!(text, @r#"{"port":8080,"path":"/predict","requests":[{"request":{"MedInc":8.3,"HouseAge":41},"prediction":4.13,"within":0.01,"p95":"9.5ms"},{"request":{"MedInc":8.3,"HouseAge":41},"prediction":"cat","within":0.0}]}"#);
    assert_eq!(serde_json::from_str::<Checks>(&text).expect("checks"), checks);
}

/// What a future comes to that waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits for something"),
    }
}

#[test]
fn a_request_is_asked_until_it_fails_or_was_asked_often_enough() {
    let timed = check(json!(1), 0.0, Some(50_000));
    let good = Reply {
        status: 200,
        body: "{}".to_owned(),
        micros: Some(7),
    };
    let often = at_once(ask(&timed, || ready(Ok(good.clone()))));
    assert_eq!(often.micros, vec![7; 41]);
    let once = at_once(ask(&check(json!(1), 0.0, None), || ready(Ok(good.clone()))));
    assert_eq!(once, answer(200, "{}", &[7]));
    let mut left = 3;
    let broken = at_once(ask(&timed, || {
        left -= 1;
        ready(if left > 0 {
            Ok(good.clone())
        } else {
            Err("reset".to_owned())
        })
    }));
    assert_eq!((broken.error.as_deref(), broken.micros.len()), (Some("reset"), 3));
    let refusal = Reply {
        status: 422,
        ..good.clone()
    };
    let refused = at_once(ask(&timed, || ready(Ok(refusal.clone()))));
    assert_eq!((refused.status, refused.micros.len()), (422, 1));
}

proptest! {
    #[test]
    fn a_number_agrees_with_itself_and_not_beyond_its_tolerance(expected in -1e6..1e6_f64, within in 0.1..10.0_f64) {
        prop_assert!(agrees(&json!(expected), &json!(expected), 0.0));
        prop_assert!(agrees(&json!(expected + within * 0.9), &json!(expected), within));
        prop_assert!(!agrees(&json!(expected + within * 1.1 + 2.0), &json!(expected), within));
        prop_assert!(!agrees(&json!([expected]), &json!(expected), within));
    }
}
