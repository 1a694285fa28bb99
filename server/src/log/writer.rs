//! The one that holds the connection.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_postgres::{Client, Config, NoTls};

use super::{Entry, schema};
use crate::config::LogTarget;
use crate::metrics::Metrics;

/// Rows of one statement, at most.
const BATCH: usize = 500;
/// Time that the first row of a batch waits for company.
const WAIT: Duration = Duration::from_secs(1);
/// Time that one try to connect, or one statement, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// First and longest pause between two tries to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// Why the log does not reach its database.
#[derive(Debug, thiserror::Error)]
enum LogError {
    #[error("cannot read the password file")]
    Password(#[source] std::io::Error),
    #[error("database error")]
    Database(#[from] tokio_postgres::Error),
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Slow(#[from] tokio::time::error::Elapsed),
}

pub(super) struct Writer {
    target: LogTarget,
    model: (String, String),
    rows: mpsc::Receiver<Entry>,
    metrics: Arc<Metrics>,
    client: Option<Client>,
    pause: Duration,
}

impl Writer {
    pub(super) fn new(
        target: LogTarget,
        model: (String, String),
        rows: mpsc::Receiver<Entry>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            target,
            model,
            rows,
            metrics,
            client: None,
            pause: PAUSES.0,
        }
    }

    /// Writes until told to stop, then writes what still waits.
    pub(super) async fn run(mut self, mut stop: oneshot::Receiver<()>) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                _ = &mut stop => break,
                () = self.collect(&mut batch) => {}
            }
            tokio::select! {
                biased;
                _ = &mut stop => break,
                () = self.write_until_done(&mut batch) => {}
            }
        }
        self.rows.close();
        self.flush(batch).await;
    }

    /// Connects while there is nothing to do, so that the table is there before the first prediction.
    async fn collect(&mut self, batch: &mut Vec<Entry>) {
        self.connect_patiently().await;
        if batch.is_empty() && self.rows.recv_many(batch, BATCH).await == 0 {
            std::future::pending::<()>().await;
        }
        let until = Instant::now() + WAIT;
        while batch.len() < BATCH
            && timeout_at(until, self.rows.recv_many(batch, BATCH - batch.len()))
                .await
                .is_ok()
        {}
    }

    async fn write_until_done(&mut self, batch: &mut Vec<Entry>) {
        while !batch.is_empty() {
            self.connect_patiently().await;
            self.try_write(batch).await;
        }
    }

    /// What waits at the end: one try for each batch.
    async fn flush(&mut self, mut batch: Vec<Entry>) {
        loop {
            while batch.len() < BATCH && self.rows.try_recv().map(|row| batch.push(row)).is_ok() {}
            if batch.is_empty() {
                return;
            }
            if self.client.is_none() {
                self.connect_once().await;
            }
            let count = batch.len();
            self.try_write(&mut batch).await;
            if !batch.is_empty() {
                self.lost(count);
                batch.clear();
            }
        }
    }

    /// Empties `batch` when it is written, or when the database refuses the rows for good.
    async fn try_write(&mut self, batch: &mut Vec<Entry>) {
        let Some(client) = &self.client else { return };
        match timeout(PATIENCE, insert(client, &self.model, batch))
            .await
            .map_err(LogError::from)
            .flatten()
        {
            Ok(()) => {
                self.metrics.log_written.add(batch.len() as u64);
                self.taken(batch.len());
                batch.clear();
            }
            Err(error) if refused(&error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    rows = batch.len(),
                    "prediction log: rows refused"
                );
                self.lost(batch.len());
                batch.clear();
            }
            Err(error) => self.disconnected(&error),
        }
    }

    fn taken(&self, count: usize) {
        for _ in 0..count {
            self.metrics.log_queue.dec();
        }
    }

    fn lost(&self, count: usize) {
        self.metrics.log_dropped.add(count as u64);
        self.taken(count);
    }

    fn disconnected(&mut self, error: &LogError) {
        self.client = None;
        self.metrics.log_connected.set(0);
        tracing::warn!(
            error = error as &dyn std::error::Error,
            "prediction log: database not reached, trying again"
        );
    }

    async fn connect_patiently(&mut self) {
        while self.client.as_ref().is_none_or(Client::is_closed) {
            if !self.connect_once().await {
                sleep(self.pause).await;
                self.pause = (self.pause * 2).min(PAUSES.1);
            }
        }
    }

    async fn connect_once(&mut self) -> bool {
        match timeout(PATIENCE, connect(&self.target))
            .await
            .map_err(LogError::from)
            .flatten()
        {
            Ok(client) => {
                self.client = Some(client);
                self.pause = PAUSES.0;
                self.metrics.log_connected.set(1);
                tracing::info!(
                    host = self.target.host,
                    database = self.target.database,
                    "prediction log: connected"
                );
                true
            }
            Err(error) => {
                self.disconnected(&error);
                false
            }
        }
    }
}

/// An error of the rows, such as a number that jsonb cannot hold, and not of the connection. SQLSTATE class 22.
fn refused(error: &LogError) -> bool {
    let LogError::Database(error) = error else { return false };
    error.code().is_some_and(|state| state.code().starts_with("22"))
}

async fn connect(target: &LogTarget) -> Result<Client, LogError> {
    let mut config = Config::new();
    config
        .host(&target.host)
        .port(target.port)
        .user(&target.user)
        .dbname(&target.database);
    config
        .application_name("mlstack-server")
        .connect_timeout(PATIENCE)
        .keepalives_idle(Duration::from_secs(30));
    if let Some(path) = &target.password_file {
        let password = tokio::fs::read_to_string(path).await.map_err(LogError::Password)?;
        config.password(password.trim_end_matches(['\r', '\n']));
    }
    let (mut client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "prediction log: connection lost"
            );
        }
    });
    schema::migrate(&mut client).await?;
    Ok(client)
}

async fn insert(client: &Client, model: &(String, String), batch: &[Entry]) -> Result<(), LogError> {
    let column = |of: fn(&Entry) -> &str| batch.iter().map(of).collect::<Vec<&str>>();
    let ids: Vec<String> = batch.iter().map(|row| row.id.to_string()).collect();
    let times: Vec<f64> = batch
        .iter()
        .map(|row| row.at.duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64()))
        .collect();
    let probabilities: Vec<Option<f32>> = batch.iter().map(|row| row.probability).collect();
    let latencies: Vec<i64> = batch.iter().map(|row| row.latency_us).collect();
    let statement = client.prepare(schema::INSERT).await?;
    client
        .execute(
            &statement,
            &[
                &ids,
                &times,
                &column(|row| &row.features),
                &column(|row| &row.prediction),
                &probabilities,
                &latencies,
                &column(|row| row.source),
                &column(|row| &row.request_id),
                &model.0,
                &model.1,
            ],
        )
        .await?;
    Ok(())
}
