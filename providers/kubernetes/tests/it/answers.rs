//! A model server: what listens behind a pod's port.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How it answers each request.
#[derive(Clone, Copy)]
pub(crate) struct Answers {
    pub(crate) prediction: f64,
    pub(crate) pause: Duration,
    /// The time that it says it took, in milliseconds.
    pub(crate) says: Option<u32>,
    /// Whether a connection takes more than one request.
    pub(crate) goes_on: bool,
}

impl Answers {
    pub(crate) fn with(prediction: f64) -> Self {
        Self {
            prediction,
            pause: Duration::ZERO,
            says: None,
            goes_on: true,
        }
    }

    /// Listens on loopback.
    pub(crate) async fn listen(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.serve(stream));
            }
        });
        address
    }

    async fn serve(self, mut stream: TcpStream) {
        let (mut read, mut piece) = (Vec::new(), [0; 4096]);
        loop {
            while !is_whole(&read) {
                match stream.read(&mut piece).await {
                    Ok(count) if count > 0 => read.extend_from_slice(&piece[..count]),
                    _ => return,
                }
            }
            let request = String::from_utf8_lossy(&read).into_owned();
            assert!(request.starts_with("POST /predict HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("x-mlstack-check: golden\r\n"), "{request}");
            read.clear();
            tokio::time::sleep(self.pause).await;
            if stream.write_all(self.text().as_bytes()).await.is_err() || !self.goes_on {
                return;
            }
        }
    }

    fn text(self) -> String {
        let body = format!("{{\"prediction\":{}}}", self.prediction);
        let (version, timing) = (
            if self.goes_on { "1.1" } else { "1.0" },
            self.says
                .map(|millis| format!("server-timing: read;dur=0.0, infer;dur={millis}.0\r\n")),
        );
        let (length, timing) = (body.len(), timing.unwrap_or_default());
        format!("HTTP/{version} 200 OK\r\ncontent-length: {length}\r\n{timing}\r\n{body}")
    }
}

/// Whether a request is there with its body.
fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}
