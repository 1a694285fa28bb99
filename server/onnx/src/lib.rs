//! Reads ONNX models and evaluates them in safe Rust, without a C++ library, without input or output.
//!
//! ```text
//! bytes ──load──▶ Model ──with a Signature──▶ Predictor ──rows of named features──▶ predictions
//!   │ sniff, proto   │ graph, ops                 ▲                                     │
//!   └▶ LoadError     └─ run(tensors) ─ RunError   └─ golden: rows with known answers ◀──┘
//! ```
//!
//! | module | owns |
//! |---|---|
//! | `load`, `sniff`, `proto`, `attributes` | what the bytes are, the limits, the file format |
//! | `graph`, `ops` | the compiled graph and its operators |
//! | [`signature`] | what the model means: features, classes, target |
//! | [`predict`] | named features in, predictions out |
//! | [`golden`] | rows with known answers, checked before a model serves |

mod attributes;
mod classes;
mod error;
pub mod golden;
mod graph;
mod load;
mod model;
mod ops;
pub mod predict;
mod proto;
pub mod signature;
mod sniff;
mod tensor;

pub use attributes::Labels;
pub use error::{LoadError, RunError, UnsupportedOperator};
pub use load::Limits;
pub use model::{Dimension, Model, Port};
pub use ops::supported as supported_operators;
pub use sniff::Looks;
pub use tensor::{Data, Element, ElementType, ShapeError, Tensor};
