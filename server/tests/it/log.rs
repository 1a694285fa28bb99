//! The prediction log against a real PostgreSQL.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use mlstack_server::ids::Id;
use mlstack_server::log::{self, Entry};
use mlstack_server::metrics::Metrics;

use crate::postgres::Postgres;

fn entry(features: &str) -> Entry {
    Entry {
        id: Id::new(),
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        features: features.into(),
        prediction: "\"yes\"".into(),
        probability: Some(0.75),
        latency_us: 61,
        source: "predict",
        request_id: "req-1".into(),
    }
}

fn model() -> (String, String) {
    ("house".into(), "3".into())
}

async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < until, "not within 30 s: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_arrive_whole_and_the_end_flushes() {
    let Some(postgres) = Postgres::start() else { return };
    let metrics = Arc::new(Metrics::default());
    let (log, writing) = log::start(postgres.target(5000), model(), Arc::clone(&metrics));
    (0..2000).for_each(|_| log.put(entry(r#"{"bmi": 0.06, "s 1": null}"#)));
    writing.finish().await;
    assert_eq!(
        (
            metrics.log_written.get(),
            metrics.log_dropped.get(),
            metrics.log_queue.get()
        ),
        (2000, 0, 0)
    );
    let client = postgres.client().await;
    let count: i64 = client
        .query_one("SELECT count(*) FROM predictions", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 2000);
    let row = client.query_one("SELECT row_to_json(p)::text FROM (SELECT ts AT TIME ZONE 'UTC' AS ts, model, version, features, prediction, probability, latency_us, source, request_id FROM predictions LIMIT 1) p", &[]).await.unwrap();
    insta::assert_snapshot!(row.get::<_, String>(0), @r#"{"ts":"2023-11-14T22:13:20.123","model":"house","version":"3","features":{"bmi": 0.06, "s 1": null},"prediction":"yes","probability":0.75,"latency_us":61,"source":"predict","request_id":"req-1"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_migrate_an_empty_database_once() {
    let Some(postgres) = Postgres::start() else { return };
    let servers: Vec<_> = (0..4)
        .map(|_| {
            let metrics = Arc::new(Metrics::default());
            (log::start(postgres.target(10), model(), Arc::clone(&metrics)), metrics)
        })
        .collect();
    for (_, metrics) in &servers {
        eventually("connected", || metrics.log_connected.get() == 1).await;
    }
    let row = postgres
        .client()
        .await
        .query_one("SELECT count(*), max(version) FROM mlstack_log_schema", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1)), (1, 1));
    for ((_, writing), _) in servers {
        writing.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_wait_while_the_database_is_away() {
    let Some(mut postgres) = Postgres::start() else { return };
    let metrics = Arc::new(Metrics::default());
    let (log, writing) = log::start(postgres.target(100), model(), Arc::clone(&metrics));
    log.put(entry("{}"));
    eventually("first row", || metrics.log_written.get() == 1).await;
    postgres.down();
    (0..20).for_each(|_| log.put(entry("{}")));
    eventually("disconnect seen", || metrics.log_connected.get() == 0).await;
    postgres.up();
    eventually("all rows", || metrics.log_written.get() == 21).await;
    assert_eq!(metrics.log_dropped.get(), 0);
    writing.finish().await;
    let count: i64 = postgres
        .client()
        .await
        .query_one("SELECT count(*) FROM predictions", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(count, 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_postgres_cannot_hold_is_dropped_and_the_log_goes_on() {
    let Some(postgres) = Postgres::start() else { return };
    let metrics = Arc::new(Metrics::default());
    let (log, writing) = log::start(postgres.target(100), model(), Arc::clone(&metrics));
    log.put(entry(r#"{"a": "\u0000"}"#));
    eventually("refused", || metrics.log_dropped.get() == 1).await;
    log.put(entry("{}"));
    eventually("written", || metrics.log_written.get() == 1).await;
    writing.finish().await;
}
