//! What the server is told: flags, `MLSTACK_…` variables, then a JSON file, then defaults.
//!
//! Owns the settings and their defaults. Never opens a socket, and never reads a secret before it is needed: a
//! password is the path of a file.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Deserialize;

/// Where the image keeps its settings.
pub const CONFIG: &str = "/app/config.json";
/// Where the image keeps the model.
pub const MODEL: &str = "/model/model.onnx";

/// What a user may say, all of it optional: the flags, and the keys of the JSON file.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Told {
    /// The ONNX model; its signature and golden sample lie beside it [default: /model/model.onnx]
    #[arg(long, env = "MLSTACK_MODEL")]
    pub model: Option<PathBuf>,
    /// Name of the model in URLs, metrics and the log [default: the signature's, else the file's]
    #[arg(long, env = "MLSTACK_MODEL_NAME")]
    pub model_name: Option<String>,
    /// Version of the model [default: first 12 digits of the file's SHA-256]
    #[arg(long, env = "MLSTACK_MODEL_VERSION")]
    pub model_version: Option<String>,
    /// Address to listen on [default: 127.0.0.1]
    #[arg(long, env = "MLSTACK_BIND")]
    pub bind: Option<IpAddr>,
    /// Port to listen on [default: 8080]
    #[arg(long, env = "MLSTACK_PORT")]
    pub port: Option<u16>,
    /// Largest request body, bytes [default: 2097152]
    #[arg(long, env = "MLSTACK_BODY_LIMIT")]
    pub body_limit: Option<usize>,
    /// Most rows in one request [default: 1024]
    #[arg(long, env = "MLSTACK_MAX_ROWS")]
    pub max_rows: Option<usize>,
    /// Most predictions at once; further ones get 503 [default: 512]
    #[arg(long, env = "MLSTACK_MAX_CONCURRENT")]
    pub max_concurrent: Option<u64>,
    /// Seconds that a request may take [default: 30]
    #[arg(long, env = "MLSTACK_REQUEST_TIMEOUT")]
    pub request_timeout: Option<u64>,
    /// Seconds that a request's head may take, and that a connection may idle [default: 30]
    #[arg(long, env = "MLSTACK_HEADER_TIMEOUT")]
    pub header_timeout: Option<u64>,
    /// Seconds between "not ready" and the end of listening, for load balancers that look away slowly [default: 0]
    #[arg(long, env = "MLSTACK_SHUTDOWN_DELAY")]
    pub shutdown_delay: Option<u64>,
    /// Serve /docs and /openapi.json [default: true]
    #[arg(long, env = "MLSTACK_DOCS", value_name = "BOOL")]
    pub docs: Option<bool>,
    /// What to say about itself [default: info]
    #[arg(long, env = "MLSTACK_LOG_LEVEL")]
    pub log_level: Option<Level>,
    /// How to say it [default: text on a terminal, else json]
    #[arg(long, env = "MLSTACK_LOG_FORMAT")]
    pub log_format: Option<Format>,
    /// PostgreSQL server that predictions are logged to; without it nothing is logged
    #[arg(long, env = "MLSTACK_LOG_PREDICTIONS_HOST")]
    pub log_predictions_host: Option<String>,
    /// Its port [default: 5432]
    #[arg(long, env = "MLSTACK_LOG_PREDICTIONS_PORT")]
    pub log_predictions_port: Option<u16>,
    /// Its user [default: mlstack]
    #[arg(long, env = "MLSTACK_LOG_PREDICTIONS_USER")]
    pub log_predictions_user: Option<String>,
    /// Its database [default: the user's name]
    #[arg(long, env = "MLSTACK_LOG_PREDICTIONS_DATABASE")]
    pub log_predictions_database: Option<String>,
    /// File that holds the password
    #[arg(long, env = "MLSTACK_LOG_PREDICTIONS_PASSWORD_FILE")]
    pub log_predictions_password_file: Option<PathBuf>,
    /// Predictions that may wait for the database; newer ones are dropped and counted [default: 10000]
    #[arg(long, env = "MLSTACK_LOG_PREDICTIONS_QUEUE")]
    pub log_predictions_queue: Option<usize>,
    /// Model server that the page asks, such as http://predictor:8080 (`frontend` only)
    #[arg(long, env = "MLSTACK_UPSTREAM")]
    pub upstream: Option<String>,
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// failures
    Error,
    /// and what may become one
    Warn,
    /// and start, readiness, stop
    Info,
    /// and every request
    Debug,
}

/// How it is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// one JSON object a line
    Json,
    /// for people
    Text,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not there or not readable.
    #[error("cannot read {path}")]
    Read {
        /// the settings file
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// The file is no JSON or has a key that is none of ours.
    #[error("{path} is no valid settings file")]
    Parse {
        /// the settings file
        path: PathBuf,
        /// what is wrong, with line and column
        source: serde_json::Error,
    },
}

impl Told {
    /// The flags and variables over what the file says. Without `path`, [`CONFIG`] is read where it exists.
    ///
    /// # Errors
    /// When the file is not readable or not valid.
    pub fn over_file(self, path: Option<&Path>) -> Result<Self, ConfigError> {
        let fallback = Path::new(CONFIG);
        let Some(path) = path.or_else(|| fallback.exists().then_some(fallback)) else {
            return Ok(self);
        };
        let text = std::fs::read(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        let file = serde_json::from_slice(&text).map_err(|source| ConfigError::Parse {
            path: path.into(),
            source,
        })?;
        Ok(self.over(file))
    }

    fn over(self, base: Self) -> Self {
        Self {
            model: self.model.or(base.model),
            model_name: self.model_name.or(base.model_name),
            model_version: self.model_version.or(base.model_version),
            bind: self.bind.or(base.bind),
            port: self.port.or(base.port),
            body_limit: self.body_limit.or(base.body_limit),
            max_rows: self.max_rows.or(base.max_rows),
            max_concurrent: self.max_concurrent.or(base.max_concurrent),
            request_timeout: self.request_timeout.or(base.request_timeout),
            header_timeout: self.header_timeout.or(base.header_timeout),
            shutdown_delay: self.shutdown_delay.or(base.shutdown_delay),
            docs: self.docs.or(base.docs),
            log_level: self.log_level.or(base.log_level),
            log_format: self.log_format.or(base.log_format),
            log_predictions_host: self.log_predictions_host.or(base.log_predictions_host),
            log_predictions_port: self.log_predictions_port.or(base.log_predictions_port),
            log_predictions_user: self.log_predictions_user.or(base.log_predictions_user),
            log_predictions_database: self.log_predictions_database.or(base.log_predictions_database),
            log_predictions_password_file: self
                .log_predictions_password_file
                .or(base.log_predictions_password_file),
            log_predictions_queue: self.log_predictions_queue.or(base.log_predictions_queue),
            upstream: self.upstream.or(base.upstream),
        }
    }

    /// Where to listen.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(
            self.bind.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            self.port.unwrap_or(8080),
        )
    }

    /// The bounds of a request.
    pub fn limits(&self) -> Limits {
        let seconds = |told: Option<u64>, default| Duration::from_secs(told.unwrap_or(default));
        Limits {
            body: self.body_limit.unwrap_or(2 << 20),
            rows: self.max_rows.unwrap_or(1024),
            concurrent: self.max_concurrent.unwrap_or(512),
            request: seconds(self.request_timeout, 30),
            header: seconds(self.header_timeout, 30),
            shutdown_delay: seconds(self.shutdown_delay, 0),
        }
    }

    /// The model file.
    pub fn model(&self) -> PathBuf {
        self.model.clone().unwrap_or_else(|| MODEL.into())
    }

    /// Where predictions are logged, if anywhere.
    pub fn prediction_log(&self) -> Option<LogTarget> {
        let user = self.log_predictions_user.clone().unwrap_or_else(|| "mlstack".into());
        Some(LogTarget {
            host: self.log_predictions_host.clone().filter(|host| !host.is_empty())?,
            port: self.log_predictions_port.unwrap_or(5432),
            database: self.log_predictions_database.clone().unwrap_or_else(|| user.clone()),
            user,
            password_file: self.log_predictions_password_file.clone(),
            queue: self.log_predictions_queue.unwrap_or(10_000).max(1),
        })
    }
}

/// The bounds of a request, and of the server's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// bytes of a body
    pub body: usize,
    /// rows of a request
    pub rows: usize,
    /// predictions at once
    pub concurrent: u64,
    /// time of a request
    pub request: Duration,
    /// time of a request's head, and idle time of a connection
    pub header: Duration,
    /// time between "not ready" and the end of listening
    pub shutdown_delay: Duration,
}

/// The PostgreSQL database that predictions are logged to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogTarget {
    /// name or address
    pub host: String,
    /// TCP port
    pub port: u16,
    /// role
    pub user: String,
    /// database
    pub database: String,
    /// file that holds the password, read at every connect so that it can be rotated
    pub password_file: Option<PathBuf>,
    /// predictions that may wait
    pub queue: usize,
}
