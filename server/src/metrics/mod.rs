//! What the server counts, and its Prometheus text.
//!
//! Owns every metric. All handles are resolved when the server starts; nothing on the way of a request looks up a
//! label, and no label value ever comes from a request: a feature name is one of the signature's.

mod process;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The protocol a request spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `POST /predict`
    Predict,
    /// Open Inference Protocol v2, REST
    Oip,
    /// KServe and TensorFlow v1
    V1,
    /// health, metrics, documentation
    Other,
}

impl Protocol {
    const ALL: [Self; 4] = [Self::Predict, Self::Oip, Self::V1, Self::Other];

    /// The label value, also the `source` of a logged prediction.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Oip => "oip",
            Self::V1 => "v1",
            Self::Other => "other",
        }
    }
}

const CODES: [u16; 16] = [
    200, 304, 400, 403, 404, 405, 408, 411, 413, 415, 422, 431, 500, 502, 503, 504,
];

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn inc(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// One less: for the counters that are gauges.
    pub fn dec(&self) {
        self.0.fetch_sub(1, Relaxed);
    }

    /// Makes it `n`.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Upper bounds in microseconds: 50 µs to 5 s.
const BOUNDS: [u64; 16] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000,
];

/// Durations in fixed buckets.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [Counter; BOUNDS.len() + 1],
    nanos: Counter,
}

impl Histogram {
    /// Counts one duration.
    pub fn observe(&self, took: Duration) {
        let micros = took.as_nanos().div_ceil(1_000);
        let bucket = BOUNDS
            .iter()
            .position(|&b| micros <= u128::from(b))
            .unwrap_or(BOUNDS.len());
        self.buckets[bucket].inc();
        self.nanos.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn write(&self, text: &mut Text, name: &str, labels: &str) {
        let mut total = 0;
        for (bound, bucket) in BOUNDS.iter().zip(&self.buckets) {
            total += bucket.get();
            text.sample(
                &format!("{name}_bucket"),
                labels,
                &format!("le=\"{}\"", seconds(*bound)),
                total,
            );
        }
        total += self.buckets[BOUNDS.len()].get();
        text.sample(&format!("{name}_bucket"), labels, "le=\"+Inf\"", total);
        text.sample(&format!("{name}_sum"), labels, "", self.nanos.get() as f64 / 1e9);
        text.sample(&format!("{name}_count"), labels, "", total);
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

/// Who is served: the labels that every series of the model carries.
#[derive(Debug)]
struct Model {
    labels: String,
    fields: Vec<String>,
    invalid: Vec<Counter>,
    load: Duration,
}

/// Every metric of the server.
#[derive(Debug, Default)]
pub struct Metrics {
    requests: [[Counter; CODES.len() + 1]; 4],
    durations: [Histogram; 4],
    /// Time in the model alone.
    pub inference: Histogram,
    /// Rows predicted.
    pub rows: Counter,
    /// Predictions now in work.
    pub inflight: Counter,
    /// Refusals that no feature is the cause of.
    invalid_other: Counter,
    /// Predictions handed to the log.
    pub log_written: Counter,
    /// Predictions that the log had no room for or lost.
    pub log_dropped: Counter,
    /// Predictions waiting for the log.
    pub log_queue: Counter,
    /// 1 while the log reaches its database.
    pub log_connected: Counter,
    /// 1 while the server answers predictions.
    pub ready: Counter,
    model: OnceLock<Model>,
}

impl Metrics {
    /// Names the model, once it is loaded, and the features that a refusal can name.
    pub fn loaded(&self, name: &str, version: &str, fields: Vec<String>, load: Duration) {
        let labels = format!("model=\"{}\",version=\"{}\"", escape(name), escape(version));
        let invalid = fields.iter().map(|_| Counter::default()).collect();
        self.model.get_or_init(|| Model {
            labels,
            fields,
            invalid,
            load,
        });
    }

    /// Counts an answered request.
    pub fn answered(&self, protocol: Protocol, code: u16, took: Duration) {
        let at = CODES.iter().position(|&c| c == code).unwrap_or(CODES.len());
        self.requests[protocol as usize][at].inc();
        self.durations[protocol as usize].observe(took);
    }

    /// Counts a refused input; `feature` is its place in the signature.
    pub fn refused(&self, feature: Option<usize>) {
        match (self.model.get(), feature) {
            (Some(model), Some(at)) if at < model.invalid.len() => model.invalid[at].inc(),
            _ => self.invalid_other.inc(),
        }
    }

    /// The text of `GET /metrics` (exposition format 0.0.4).
    pub fn render(&self) -> String {
        let mut text = Text::default();
        let labels = self.model.get().map_or("model=\"\",version=\"\"", |m| &m.labels);
        self.write_requests(&mut text, labels);
        self.write_model(&mut text, labels);
        self.write_log(&mut text);
        text.family("mlstack_build_info", "gauge", "The running server.");
        text.sample(
            "mlstack_build_info",
            &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
            "",
            1,
        );
        process::write(&mut text);
        text.0
    }

    fn write_requests(&self, text: &mut Text, labels: &str) {
        text.family("mlstack_requests_total", "counter", "Requests answered.");
        for protocol in Protocol::ALL {
            let own = format!("{labels},protocol=\"{}\"", protocol.name());
            for (at, counter) in self.requests[protocol as usize]
                .iter()
                .enumerate()
                .filter(|(_, c)| c.get() > 0)
            {
                let code = CODES.get(at).map_or_else(|| "other".to_owned(), ToString::to_string);
                text.sample(
                    "mlstack_requests_total",
                    &own,
                    &format!("code=\"{code}\""),
                    counter.get(),
                );
            }
        }
        let name = "mlstack_request_duration_seconds";
        text.family(name, "histogram", "Time from the request's head to its answer.");
        for protocol in Protocol::ALL {
            self.durations[protocol as usize].write(text, name, &format!("{labels},protocol=\"{}\"", protocol.name()));
        }
    }

    fn write_model(&self, text: &mut Text, labels: &str) {
        text.family(
            "mlstack_inference_duration_seconds",
            "histogram",
            "Time in the model, a request.",
        );
        self.inference.write(text, "mlstack_inference_duration_seconds", labels);
        text.one(
            "mlstack_rows_total",
            "counter",
            "Rows predicted.",
            labels,
            self.rows.get(),
        );
        text.one(
            "mlstack_inflight",
            "gauge",
            "Predictions in work.",
            "",
            self.inflight.get(),
        );
        text.family(
            "mlstack_validation_errors_total",
            "counter",
            "Inputs refused, by feature.",
        );
        for (field, counter) in self.model.get().iter().flat_map(|m| m.fields.iter().zip(&m.invalid)) {
            let field = format!("field=\"{}\"", escape(field));
            text.sample("mlstack_validation_errors_total", labels, &field, counter.get());
        }
        text.sample(
            "mlstack_validation_errors_total",
            labels,
            "field=\"\"",
            self.invalid_other.get(),
        );
        text.one(
            "mlstack_model_loaded",
            "gauge",
            "1 once the model is loaded.",
            labels,
            u64::from(self.model.get().is_some()),
        );
        text.one(
            "mlstack_ready",
            "gauge",
            "1 while predictions are answered.",
            "",
            self.ready.get(),
        );
        let load = self.model.get().map_or(0.0, |m| m.load.as_secs_f64());
        text.one(
            "mlstack_model_load_duration_seconds",
            "gauge",
            "Loading and the golden sample.",
            labels,
            load,
        );
    }

    fn write_log(&self, text: &mut Text) {
        text.one(
            "mlstack_log_written_total",
            "counter",
            "Predictions written to the log.",
            "",
            self.log_written.get(),
        );
        text.one(
            "mlstack_log_dropped_total",
            "counter",
            "Predictions that the log lost.",
            "",
            self.log_dropped.get(),
        );
        text.one(
            "mlstack_log_queue",
            "gauge",
            "Predictions waiting for the log.",
            "",
            self.log_queue.get(),
        );
        text.one(
            "mlstack_log_connected",
            "gauge",
            "1 while the log reaches its database.",
            "",
            self.log_connected.get(),
        );
    }
}

/// Exposition text under construction.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, labels: &str, more: &str, value: impl std::fmt::Display) {
        let comma = if labels.is_empty() || more.is_empty() { "" } else { "," };
        let _ = match labels.len() + more.len() {
            0 => writeln!(self.0, "{name} {value}"),
            _ => writeln!(self.0, "{name}{{{labels}{comma}{more}}} {value}"),
        };
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, labels: &str, value: impl std::fmt::Display) {
        self.family(name, kind, help);
        self.sample(name, labels, "", value);
    }
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
