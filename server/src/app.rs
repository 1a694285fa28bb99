//! What every request shares: the model once it is ready, the limits, the metrics, the log.
//!
//! Owns readiness. A model is served only after its golden sample passed, and never again once the end has begun.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Semaphore;

use crate::config::Limits;
use crate::http::{Code, Refusal};
use crate::log::Log;
use crate::metrics::Metrics;
use crate::model::{Served, Wrong};

/// The running server.
#[derive(Debug)]
pub struct App {
    /// bounds of a request
    pub limits: Limits,
    /// whether `/docs` and `/openapi.json` are there
    pub docs: bool,
    /// what is counted
    pub metrics: Arc<Metrics>,
    /// where predictions are logged
    pub log: Option<Log>,
    model: OnceLock<Result<Arc<Served>, String>>,
    ending: AtomicBool,
    /// As many long computations at once as there are cores.
    heavy: Semaphore,
}

/// A prediction in work; the place is free again when this goes.
#[derive(Debug)]
pub struct Place<'a>(&'a Metrics);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.inflight.dec();
    }
}

impl App {
    /// A server whose model is still to come.
    pub fn new(limits: Limits, docs: bool, metrics: Arc<Metrics>, log: Option<Log>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let (model, ending) = (OnceLock::new(), AtomicBool::new(false));
        Self {
            limits,
            docs,
            metrics,
            log,
            model,
            ending,
            heavy: Semaphore::new(cores),
        }
    }

    /// Serves a model from now on, or says why never.
    pub fn loaded(&self, model: Result<Served, String>) {
        self.metrics.ready.set(u64::from(model.is_ok()));
        let _ = self.model.set(model.map(Arc::new));
    }

    /// No longer ready; predictions that still come are answered.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Release);
        self.metrics.ready.set(0);
    }

    /// Whether load balancers should send requests.
    pub fn ready(&self) -> Result<&Arc<Served>, Refusal> {
        if self.ending.load(Ordering::Acquire) {
            return Err(Refusal::new(Code::NotReady, "the server is stopping"));
        }
        self.served()
    }

    /// The model.
    ///
    /// # Errors
    /// When it is not loaded, or its golden sample did not pass.
    pub fn served(&self) -> Result<&Arc<Served>, Refusal> {
        match self.model.get() {
            Some(Ok(served)) => Ok(served),
            Some(Err(reason)) => Err(Refusal::new(
                Code::NotReady,
                format!("the model is not ready: {reason}"),
            )),
            None => Err(Refusal::new(Code::NotReady, "the model is being loaded")),
        }
    }

    /// Takes a place for a prediction.
    ///
    /// # Errors
    /// When all are taken.
    pub fn enter(&self) -> Result<Place<'_>, Refusal> {
        self.metrics.inflight.inc();
        let place = Place(&self.metrics);
        if self.metrics.inflight.get() > self.limits.concurrent {
            return Err(Refusal::new(Code::Busy, "too many predictions at once"));
        }
        Ok(place)
    }

    /// Runs `work` on the model: at once when that is short, else beside the connections, as many at once as there
    /// are cores.
    ///
    /// # Errors
    /// What `work` says.
    pub async fn compute<T, W>(&self, served: &Arc<Served>, rows: usize, work: W) -> Result<T, Refusal>
    where
        T: Send + 'static,
        W: FnOnce(&Served) -> Result<T, Wrong> + Send + 'static,
    {
        let done = if served.short(rows) {
            work(served)
        } else {
            let _turn = self.heavy.acquire().await;
            let served = Arc::clone(served);
            let joined = tokio::task::spawn_blocking(move || work(&served)).await;
            joined.unwrap_or_else(|_| Err(Wrong("the computation ended early".into())))
        };
        done.map_err(|wrong| {
            tracing::error!(error = %wrong, "the model failed");
            Refusal::new(Code::ModelFailed, "the model failed on this input")
        })
    }
}
