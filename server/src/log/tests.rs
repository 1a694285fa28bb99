//! The queue, where no database answers.

use super::*;

fn entry() -> Entry {
    Entry {
        id: Id::new(),
        at: SystemTime::now(),
        features: "{}".into(),
        prediction: "1".into(),
        probability: None,
        latency_us: 1,
        source: "predict",
        request_id: "r".into(),
    }
}

/// A port that nothing listens on.
fn away(queue: usize) -> LogTarget {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    LogTarget {
        host: "127.0.0.1".into(),
        port,
        user: "u".into(),
        database: "d".into(),
        password_file: None,
        queue,
    }
}

#[tokio::test]
async fn a_full_queue_drops_the_newest_and_never_blocks() {
    let metrics = Arc::new(Metrics::default());
    let (log, writing) = start(away(10), ("m".into(), "1".into()), Arc::clone(&metrics));
    (0..100).for_each(|_| log.put(entry()));
    assert_eq!((metrics.log_queue.get(), metrics.log_dropped.get()), (10, 90));
    let asked = std::time::Instant::now();
    writing.finish().await;
    assert!(asked.elapsed() < Duration::from_secs(1), "took {:?}", asked.elapsed());
    assert_eq!(
        (
            metrics.log_queue.get(),
            metrics.log_dropped.get(),
            metrics.log_written.get()
        ),
        (0, 100, 0)
    );
}

#[tokio::test]
async fn a_missing_password_file_is_tried_again() {
    let metrics = Arc::new(Metrics::default());
    let target = LogTarget {
        password_file: Some("/nonexistent/password".into()),
        ..away(1)
    };
    let (_log, writing) = start(target, ("m".into(), "1".into()), Arc::clone(&metrics));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(metrics.log_connected.get(), 0);
    writing.finish().await;
}
