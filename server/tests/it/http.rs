//! `/predict` and the pages beside it, over real connections.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mlstack_server::metrics::Metrics;

use crate::client::{get, post, post_with, send};
use crate::fake::{ROW, Running, empty, limits, start};

async fn ready() -> Running {
    start(limits(), Duration::ZERO, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_come_in_every_form() {
    let server = ready().await;
    let one = post(server.port, "/predict", ROW);
    assert_eq!((one.status, one.text()), (200, r#"{"prediction":"high"}"#));
    let with = post(server.port, "/predict?proba=true", ROW);
    assert_eq!(
        with.text(),
        r#"{"prediction":"high","probabilities":{"low":0.021615267,"high":0.97838473}}"#
    );
    let list = post(server.port, "/predict", &format!("[{ROW}, [20, 30, false, \"Bern\"]]"));
    assert_eq!(list.text(), r#"{"predictions":["high","low"]}"#);
    let v1 = post(
        server.port,
        "/v1/models/risk:predict",
        &format!(r#"{{"instances":[{ROW}]}}"#),
    );
    assert_eq!(v1.text(), r#"{"predictions":["high"]}"#);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_carry_version_id_and_time() {
    let server = ready().await;
    let own = post_with(server.port, "/predict", "x-request-id: abc-1\r\n", ROW);
    assert_eq!(own.headers["x-request-id"], "abc-1");
    assert_eq!(own.headers["x-model-version"], "3");
    assert!(
        own.headers["server-timing"].starts_with("read;dur="),
        "{}",
        own.headers["server-timing"]
    );
    let made = post_with(server.port, "/predict", "x-request-id: not a plain id\r\n", ROW);
    assert_eq!(made.headers["x-request-id"].len(), 36);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_right_status_and_form() {
    let server = ready().await;
    let port = server.port;
    let mut told = String::new();
    for (method, path, body) in [
        ("POST", "/predict", r#"{"mean bmi (kg)": "40"}"#),
        ("POST", "/predict", r#"{"age": 50"#),
        ("POST", "/predict?probability=1", ROW),
        ("POST", "/v1/models/other:predict", ROW),
        ("POST", "/v1/models/risk:predict", ROW),
        (
            "POST",
            "/predict",
            r#"{"mean bmi (kg)": 66, "age": 50, "town": "Bern"}"#,
        ),
        ("GET", "/predict", ""),
        ("POST", "/livez", ""),
        ("GET", "/nothing", ""),
        ("GET", "/docs/../secret", ""),
    ] {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        let reply = send(port, &head, body.as_bytes());
        let allow = reply
            .headers
            .get("allow")
            .map(|allow| format!(" allow: {allow}"))
            .unwrap_or_default();
        let _ = write!(
            told,
            "{method} {path} -> {}{allow}\n    {}\n",
            reply.status,
            reply.text()
        );
    }
    insta::assert_snapshot!(told);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_are_refused_and_the_client_reads_why() {
    let server = ready().await;
    for size in [3 << 20, 15 << 20, 100 << 20] {
        let body = vec![b' '; size.min(15 << 20)];
        let head = format!("POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n");
        if size <= 15 << 20 {
            let reply = send(server.port, &head, &body);
            assert_eq!(
                (reply.status, reply.json()["error"]["code"].as_str()),
                (413, Some("body_too_large"))
            );
        } else {
            assert_eq!(send(server.port, &head, b"").status, 413);
        }
    }
    assert_eq!(post(server.port, "/predict", ROW).status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_are_read_whole() {
    let server = ready().await;
    let (first, rest) = ROW.split_at(20);
    let body = format!(
        "{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
        first.len(),
        rest.len()
    );
    let reply = send(
        server.port,
        "POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n",
        body.as_bytes(),
    );
    assert_eq!(reply.text(), r#"{"prediction":"high"}"#);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_predicted_before_the_model_is_ready() {
    let server = empty(limits(), None, Arc::new(Metrics::default())).await;
    let port = server.port;
    for path in [
        "/readyz",
        "/v2/health/ready",
        "/v2/models/risk/ready",
        "/signature.json",
        "/openapi.json",
    ] {
        assert_eq!(get(port, path).status, 503, "{path}");
    }
    for path in ["/livez", "/healthz", "/metrics", "/v2/health/live", "/", "/docs"] {
        assert_eq!(get(port, path).status, 200, "{path}");
    }
    let refused = post(port, "/predict", ROW);
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (503, "1"));
    server.app.loaded(Err("its golden sample did not pass: row 0".into()));
    let ready = get(port, "/readyz");
    assert_eq!(
        (ready.status, ready.text()),
        (503, "the model is not ready: its golden sample did not pass: row 0\n")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_at_once_are_sent_away() {
    let few = mlstack_server::config::Limits {
        concurrent: 2,
        ..limits()
    };
    let server = start(few, Duration::from_millis(300), None).await;
    let port = server.port;
    let asked: Vec<_> = (0..6)
        .map(|_| tokio::task::spawn_blocking(move || post(port, "/predict", ROW).status))
        .collect();
    let mut statuses = Vec::new();
    for one in asked {
        statuses.push(one.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503, 503, 503]);
    assert_eq!(get(port, "/livez").status, 200);
    assert_eq!(server.app.metrics.inflight.get(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_happened() {
    let server = ready().await;
    let port = server.port;
    post(port, "/predict", ROW);
    post(port, "/predict", &format!("[{ROW},{ROW}]"));
    post(port, "/predict", r#"{"age": "x"}"#);
    post(port, "/predict", r#"{"no such": 1}"#);
    let text = get(port, "/metrics").text().to_owned();
    for line in [
        r#"mlstack_requests_total{model="risk",version="3",protocol="predict",code="200"} 2"#,
        r#"mlstack_requests_total{model="risk",version="3",protocol="predict",code="422"} 2"#,
        r#"mlstack_validation_errors_total{model="risk",version="3",field="age"} 1"#,
        r#"mlstack_validation_errors_total{model="risk",version="3",field=""} 1"#,
        r#"mlstack_rows_total{model="risk",version="3"} 3"#,
        "mlstack_ready 1",
        "mlstack_inflight 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
    }
    assert!(!text.contains("no such"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documentation_is_served_from_here() {
    let server = ready().await;
    let port = server.port;
    let docs = get(port, "/docs");
    assert!(docs.headers["content-security-policy"].starts_with("default-src 'self'"));
    for path in ["/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"] {
        let file = get(port, path);
        assert_eq!(
            (file.status, file.headers["content-encoding"].as_str()),
            (200, "gzip"),
            "{path}"
        );
    }
    let openapi = get(port, "/openapi.json").json();
    assert_eq!(openapi["openapi"], "3.1.0");
    assert_eq!(
        openapi["components"]["schemas"]["NamedRow"]["required"],
        serde_json::json!(["mean bmi (kg)", "age", "town"])
    );
    insta::assert_snapshot!(get(port, "/signature.json").text());
    server.stop().await;
}

/// A head that never ends is closed, and holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_are_closed() {
    let short = mlstack_server::config::Limits {
        header: Duration::from_millis(300),
        ..limits()
    };
    let server = start(short, Duration::ZERO, None).await;
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.write_all(b"POST /predict HTTP/1.1\r\nhost:").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let asked = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(asked.elapsed() < Duration::from_secs(5));
    server.stop().await;
}

/// A body that never comes ends in 408.
#[tokio::test(flavor = "multi_thread")]
async fn slow_bodies_time_out() {
    let short = mlstack_server::config::Limits {
        request: Duration::from_millis(300),
        ..limits()
    };
    let server = start(short, Duration::ZERO, None).await;
    let reply = send(
        server.port,
        "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n",
        b"{",
    );
    assert_eq!(
        (reply.status, reply.json()["error"]["code"].as_str()),
        (408, Some("timeout"))
    );
    server.stop().await;
}

/// One request after the other on one connection; false when the server closed it before an answer began.
struct KeepAlive {
    stream: TcpStream,
    closed: bool,
}

impl KeepAlive {
    fn open(port: u16) -> Option<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Some(Self { stream, closed: false })
    }

    /// The whole answer; none when there was none.
    fn ask(&mut self) -> Option<String> {
        let request = format!(
            "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{ROW}",
            ROW.len()
        );
        self.stream.write_all(request.as_bytes()).ok()?;
        let mut all = Vec::new();
        let mut buffer = [0; 2048];
        while !all.ends_with(b"}") {
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(count) => all.extend_from_slice(&buffer[..count]),
            }
        }
        String::from_utf8(all).ok()
    }
}

#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    lost: AtomicUsize,
    refused: AtomicUsize,
    over: AtomicBool,
}

impl Tally {
    /// Asks until the server is gone. A new connection that ends before it carried an answer was never taken.
    fn hammer(&self, port: u16) {
        while !self.over.load(Ordering::Relaxed) {
            let Some(mut connection) = KeepAlive::open(port) else {
                return;
            };
            let mut fresh = true;
            while let Some(reply) = connection.ask() {
                let good = reply.starts_with("HTTP/1.1 200");
                if good { &self.answered } else { &self.lost }.fetch_add(1, Ordering::Relaxed);
                fresh = false;
                if reply.to_lowercase().contains("connection: close") {
                    connection.closed = true;
                    break;
                }
            }
            if !connection.closed {
                if fresh { &self.refused } else { &self.lost }.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// The end under load: every request that was sent is answered, and none is refused.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_loses_no_request() {
    for round in 0..5 {
        let server = start(limits(), Duration::from_millis(2 * round), None).await;
        let port = server.port;
        let tally = Arc::new(Tally::default());
        let clients: Vec<_> = (0..16)
            .map(|_| {
                let tally = Arc::clone(&tally);
                std::thread::spawn(move || tally.hammer(port))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(150)).await;
        let cut = server.stop().await;
        tally.over.store(true, Ordering::Relaxed);
        tokio::task::spawn_blocking(move || clients.into_iter().for_each(|client| client.join().unwrap()))
            .await
            .unwrap();
        let [answered, lost, refused] =
            [&tally.answered, &tally.lost, &tally.refused].map(|n| n.load(Ordering::Relaxed));
        assert!(
            answered > 20 && lost == 0 && refused <= 2 && cut == 0,
            "round {round}: {answered} answered, {lost} lost, {refused} refused, {cut} cut"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_server_stops_at_once() {
    let server = ready().await;
    let asked = Instant::now();
    assert_eq!(server.stop().await, 0);
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    let server = ready().await;
    let _idle = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let asked = Instant::now();
    assert_eq!(server.stop().await, 0);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
}
