use bollard::errors::Error;
use mlstack_provider::ErrorKind;

use super::refused;

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

#[test]
fn a_full_disk_has_a_remedy() {
    let full = "mkdir /var/lib/docker/overlay2/5f0c-init: no space left on device";
    let error = refused("cannot create a container for", &answered(500, full));
    assert_eq!(error.cause.expect("cause").to_string(), full);
    assert!(error.hints[0].contains("docker system df"), "{:?}", error.hints);
}
