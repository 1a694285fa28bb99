//! The prediction log: rows into PostgreSQL, beside the predictions and never in their way.
//!
//! Owns the queue, the connection and the table. A prediction only ever tries to put a row into a bounded queue: when
//! that is full the row is dropped and counted. One writer takes what waits, inserts it in one statement, and
//! connects again with growing pauses when the database is away.

mod schema;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::config::LogTarget;
use crate::ids::Id;
use crate::metrics::Metrics;

/// Longest time that the end of the server waits for the log.
const FLUSH: Duration = Duration::from_secs(5);

/// One predicted row.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// identity of the row
    pub id: Id,
    /// when it was answered
    pub at: SystemTime,
    /// the features, a JSON object
    pub features: String,
    /// the prediction, a JSON value
    pub prediction: String,
    /// probability of the predicted class
    pub probability: Option<f32>,
    /// time of the whole request, microseconds
    pub latency_us: i64,
    /// the protocol
    pub source: &'static str,
    /// `x-request-id`
    pub request_id: Arc<str>,
}

/// Where predictions put their rows.
#[derive(Debug, Clone)]
pub struct Log {
    queue: mpsc::Sender<Entry>,
    metrics: Arc<Metrics>,
}

impl Log {
    /// Puts a row into the queue, or drops and counts it.
    pub fn put(&self, entry: Entry) {
        match self.queue.try_send(entry) {
            Ok(()) => self.metrics.log_queue.inc(),
            Err(_) => self.metrics.log_dropped.inc(),
        }
    }
}

/// The writer at work.
#[derive(Debug)]
pub struct Writing {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Writing {
    /// Writes what waits, and ends; gives up after five seconds.
    pub async fn finish(self) {
        let _ = self.stop.send(());
        let abort = self.task.abort_handle();
        if tokio::time::timeout(FLUSH, self.task).await.is_err() {
            abort.abort();
            tracing::warn!("prediction log not flushed: the database did not answer in time");
        }
    }
}

/// Starts the writer. `model` and `version` go into every row.
pub fn start(target: LogTarget, model: (String, String), metrics: Arc<Metrics>) -> (Log, Writing) {
    let (queue, rows) = mpsc::channel(target.queue);
    let (stop, stopped) = oneshot::channel();
    let writer = writer::Writer::new(target, model, rows, Arc::clone(&metrics));
    let task = tokio::spawn(writer.run(stopped));
    (Log { queue, metrics }, Writing { task, stop })
}
