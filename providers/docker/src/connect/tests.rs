use std::path::Path;

use mlstack_provider::{ErrorKind, ProviderError};

use super::{Connection, Host};

fn parsed(host: &str) -> Result<String, (ErrorKind, String)> {
    let shown = |error: ProviderError| {
        (
            error.kind,
            error.cause.map(|cause| cause.to_string()).unwrap_or_default(),
        )
    };
    Host::parse(Some(host), None)
        .map(|host| host.to_string())
        .map_err(shown)
}

#[test]
fn hosts_are_read_as_docker_reads_them() {
    assert_eq!(
        Host::parse(None, None).expect("default"),
        Host::Unix("/var/run/docker.sock".into())
    );
    assert_eq!(parsed(""), Ok("unix:///var/run/docker.sock".into()));
    assert_eq!(
        parsed("unix:///run/user/1000/docker.sock"),
        Ok("unix:///run/user/1000/docker.sock".into())
    );
    assert_eq!(parsed("tcp://127.0.0.1:2375"), Ok("tcp://127.0.0.1:2375".into()));
    assert_eq!(parsed("tcp://localhost:2375/"), Ok("tcp://127.0.0.1:2375".into()));
    assert_eq!(parsed("tcp://[::1]:2375"), Ok("tcp://[::1]:2375".into()));
}

#[test]
fn plain_tcp_to_another_machine_is_refused() {
    for host in [
        "tcp://10.0.0.7:2375",
        "tcp://example.org:2375",
        "tcp://127.0.0.1.example.org:2375",
        "tcp://[::2]:1",
    ] {
        assert_eq!(parsed(host).map_err(|(kind, _)| kind), Err(ErrorKind::Denied), "{host}");
    }
    let tls = Host::parse(Some("tcp://10.0.0.7:2376"), Some(Path::new("/certs"))).expect("TLS");
    assert!(!tls.is_local());
}

#[test]
fn unknown_schemes_are_named() {
    let (kind, cause) = parsed("npipe:////./pipe/docker_engine").expect_err("Windows");
    assert_eq!(kind, ErrorKind::Unreachable);
    insta::assert_snapshot!(cause, @"DOCKER_HOST is `npipe:////./pipe/docker_engine`: only unix:// and tcp:// are understood");
    assert!(parsed("ssh://host").is_err());
}

async fn failure(host: &str) -> String {
    let connection = Connection::new(Host::parse(Some(host), None).expect("host"));
    let error = connection.look().await.expect_err("nobody answers");
    let cause = error.cause.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{:?}: {error}\n  {cause}\n  {}", error.kind, error.hints.join("\n  "))
}

#[tokio::test]
async fn a_missing_socket_says_how_to_start_the_engine() {
    insta::assert_snapshot!(failure("unix:///nonexistent/docker.sock").await, @r"
    Unreachable: cannot reach the Docker engine at unix:///nonexistent/docker.sock
      /nonexistent/docker.sock does not exist
      start it: sudo systemctl start docker (or: sudo dockerd &)
      if it listens elsewhere, set DOCKER_HOST, such as unix:///run/user/1000/docker.sock
    ");
}

#[tokio::test]
async fn a_dead_socket_is_unreachable() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("docker.sock");
    drop(tokio::net::UnixListener::bind(&path).expect("bind"));
    let text = failure(&format!("unix://{}", path.display())).await;
    assert!(text.starts_with("Unreachable: cannot reach"), "{text}");
    assert!(text.contains("Connection refused"), "{text}");
}

#[tokio::test]
async fn an_engine_too_old_is_named() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let host = format!("tcp://{}", listener.local_addr().expect("address"));
    tokio::spawn(answer(listener, r#"{"Version":"19.03.5","ApiVersion":"1.40"}"#));
    insta::assert_snapshot!(failure(&host).await, @r"
    Failed: cannot use this Docker engine
      it speaks API 1.40, mlstack needs 1.41 or newer
      update Docker to 20.10 or newer
    ");
}

/// Answers every connection with `body`.
async fn answer(listener: tokio::net::TcpListener, body: &'static str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
}
