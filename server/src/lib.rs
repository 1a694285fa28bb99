//! The model server: an ONNX model behind HTTP, in one process without a language runtime.
//!
//! ```text
//! cli ─▶ config ─▶ serve ─▶ listen ─▶ http ─▶ rows ─▶ model (Engine) ─▶ answer
//!                    │                  │       └ json        └ engine: ONNX
//!                    └▶ log             └▶ openapi, assets, metrics
//!          frontend ─▶ listen ─▶ assets, page, and four paths of a model server
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `cli` | the command line and the exit code |
//! | `config` | settings and their defaults |
//! | `serve` | start, readiness, end |
//! | `frontend` | the page for a model server elsewhere |
//! | `listen` | connections and the drain |
//! | `http` | routes, limits, protocols, errors |
//! | `json` | the JSON grammar |
//! | `rows` | what a feature's value may be |
//! | `model` | the seam to the engine |
//! | `engine` | the seam's other side: ONNX |
//! | `answer`, `openapi`, `assets`, `page` | what goes out |
//! | `log`, `metrics`, `ids`, `probe`, `ask` | what runs beside |

pub mod answer;
pub mod app;
pub mod ask;
mod assets;
pub mod cli;
pub mod config;
pub mod engine;
pub mod frontend;
pub mod http;
pub mod ids;
pub mod json;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod model;
pub mod openapi;
mod page;
pub mod probe;
pub mod rows;
pub mod serve;
