use bollard::errors::Error;
use mlstack_provider::ErrorKind;

use super::{find, refused, within};

fn answered(status_code: u16, message: &str) -> Error {
    Error::DockerResponseServerError {
        status_code,
        message: message.into(),
    }
}

#[test]
fn refusals_carry_the_engines_own_words() {
    let error = refused("cannot start", &answered(500, "driver failed\n"));
    assert_eq!(
        (error.kind, error.to_string()),
        (ErrorKind::Failed, "cannot start".into())
    );
    assert_eq!(error.cause.expect("cause").to_string(), "driver failed");
    assert_eq!(refused("cannot pull", &answered(403, "no")).kind, ErrorKind::Denied);
    assert_eq!(
        refused("cannot pull", &Error::RequestTimeoutError).kind,
        ErrorKind::Timeout
    );
}

#[test]
fn wire_errors_are_told_apart() {
    let io = |kind: std::io::ErrorKind| Error::IOError { err: kind.into() };
    assert_eq!(
        refused("x", &io(std::io::ErrorKind::ConnectionReset)).kind,
        ErrorKind::Unreachable
    );
    assert_eq!(
        refused("x", &io(std::io::ErrorKind::PermissionDenied)).kind,
        ErrorKind::Denied
    );
}

#[tokio::test]
async fn a_missing_thing_is_none_and_a_refusal_an_error() {
    let missing = find::<()>("x", async { Err(answered(404, "no such")) }).await;
    assert!(missing.expect("404 is an answer").is_none());
    assert!(find::<()>("x", async { Err(answered(500, "boom")) }).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_call_without_answer_ends() {
    let limit = std::time::Duration::from_secs(5);
    let error = within::<()>(limit, "cannot list", std::future::pending())
        .await
        .expect_err("pending");
    assert_eq!(error.kind, ErrorKind::Timeout);
    insta::assert_snapshot!(error.cause.expect("cause"), @"the Docker engine gave no answer within 5 s");
}
