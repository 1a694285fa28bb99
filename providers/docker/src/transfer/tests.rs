use std::sync::Arc;

use bollard::errors::Error;
use bollard::models::ProgressDetail;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mlstack_provider::{ErrorKind, ProviderError};

use super::{Archive, Broken, Carrier, ImageSource, Layers, Packing, last, load, not_pulled, pull, read, watch};
use crate::patience::Patience;
use crate::registry::Reference;
use mlstack_provider::Fence;

fn bytes(current: i64, total: i64) -> Option<ProgressDetail> {
    Some(ProgressDetail {
        current: Some(current),
        total: Some(total),
    })
}

#[test]
fn percent_counts_over_all_layers() {
    let mut layers = Layers::default();
    assert_eq!(layers.percent(None, Some("Pulling from library/x"), None), None);
    assert_eq!(
        layers.percent(Some("a".into()), Some("Downloading"), bytes(50, 100)),
        Some(50)
    );
    assert_eq!(
        layers.percent(Some("b".into()), Some("Downloading"), bytes(0, 100)),
        Some(25)
    );
    assert_eq!(
        layers.percent(Some("a".into()), Some("Download complete"), None),
        Some(50)
    );
    assert_eq!(
        layers.percent(Some("b".into()), Some("Extracting"), bytes(7, 9)),
        Some(50)
    );
}

fn pull_failure(reference: &str, message: &str) -> String {
    let broken = Broken::Engine(Error::DockerStreamError { error: message.into() });
    let error = not_pulled(reference, &Reference::parse(reference), &Ok(None), broken);
    format!("{:?}: {error}\n  {}", error.kind, error.hints.join("\n  "))
}

#[test]
fn a_failed_pull_says_what_to_do() {
    insta::assert_snapshot!(pull_failure("ghcr.io/a/b:1", "denied"), @"
    Denied: cannot pull ghcr.io/a/b:1
      check the name, or log in: docker login ghcr.io
    ");
    insta::assert_snapshot!(pull_failure("nope", "pull access denied for nope, repository does not exist or may require 'docker login'"), @"
    Denied: cannot pull nope
      check the name, or log in: docker login
    ");
    insta::assert_snapshot!(pull_failure("postgres:99", "manifest for postgres:99 not found: manifest unknown"), @"
    Failed: cannot pull postgres:99
      Docker Hub has no such image: check name and tag of `image`
    ");
    insta::assert_snapshot!(pull_failure("postgres:17", "Get https://registry-1.docker.io/v2/: dial tcp: lookup registry-1.docker.io: no such host"), @"
    Failed: cannot pull postgres:17
      no registry reached? load the image by hand: docker load -i FILE (it must be named postgres:17)
    ");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_stands_still_is_given_up() {
    let events = stream::iter([Ok(1)]).chain(stream::pending());
    let mut seen = Vec::new();
    let limit = std::time::Duration::from_secs(300);
    let broken = watch(limit, events, |event| seen.push(event))
        .await
        .expect_err("stalled");
    assert_eq!(broken.or("cannot pull x").kind, ErrorKind::Timeout);
    assert_eq!(seen, [1]);
}

#[tokio::test]
async fn an_archive_arrives_whole() {
    let content: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let chunks: Vec<_> = read(Box::new(std::io::Cursor::new(content.clone())))
        .try_collect()
        .await
        .expect("read");
    assert_eq!(chunks.concat(), content);
}

#[tokio::test]
async fn a_broken_archive_is_an_error() {
    struct Torn;
    impl std::io::Read for Torn {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("torn"))
        }
    }
    let items: Vec<_> = read(Box::new(Torn)).collect().await;
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].as_ref().expect_err("torn").to_string(), "torn");
}

#[test]
fn only_the_last_lines_of_a_build_are_kept() {
    let output: Vec<String> = (1..=30).map(|n| n.to_string()).collect();
    let text = last(&output);
    assert!(text.contains("\n11\n") && !text.contains("\n10\n"), "{text}");
}

/// A carrier to an engine that answers every call with `answer`.
async fn carrier_to(answer: &'static str) -> (bollard::Docker, Patience) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = format!("http://{}", listener.local_addr().expect("address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let length = answer.len();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all(format!("{head}{answer}").as_bytes()).await;
        }
    });
    let docker = bollard::Docker::connect_with_http(&address, 5, bollard::API_DEFAULT_VERSION).expect("client");
    (docker, Patience::of(std::time::Duration::from_secs(5)))
}

/// What the engine says in the stream when a layer does not fit on its disk.
const FULL: &str = r#"{"status":"Extracting","id":"5cc84ad355aa"}
{"errorDetail":{"message":"write /var/lib/docker/tmp/GetImageBlob1: no space left on device"},"error":"write /var/lib/docker/tmp/GetImageBlob1: no space left on device"}
"#;

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_else_suspected() {
    struct Empty;
    impl ImageSource for Empty {
        fn archive(&self, _: &str) -> std::io::Result<Archive> {
            Ok(Box::new(std::io::empty()))
        }
        fn context(&self, _: &str) -> std::io::Result<Archive> {
            Ok(Box::new(std::io::empty()))
        }
    }
    let (docker, patience) = carrier_to(FULL).await;
    let carrier = Carrier {
        docker: &docker,
        patience,
        fence: &Fence::OPEN,
    };
    let images: Arc<dyn ImageSource> = Arc::new(Empty);
    let archive = Packing::new(&images, "a:1", |images, name| images.archive(name));
    let said = |error: ProviderError| {
        let cause = error.cause.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{:?}: {error}\n  {cause}\n  {}", error.kind, error.hints.join("\n  "))
    };
    let loaded = load(carrier, "a:1", &archive, &|_| ()).await;
    insta::assert_snapshot!(said(loaded.expect_err("full")), @"
    Failed: cannot load a:1
      write /var/lib/docker/tmp/GetImageBlob1: no space left on device
      see what fills the engine's disk: docker system df; and make room, as with: docker image prune
    ");
    let pulled = pull(carrier, None, "ghcr.io/a/b:1", &|_| ()).await;
    insta::assert_snapshot!(said(pulled.expect_err("full")), @"
    Failed: cannot pull ghcr.io/a/b:1
      write /var/lib/docker/tmp/GetImageBlob1: no space left on device
      see what fills the engine's disk: docker system df; and make room, as with: docker image prune
    ");
}
