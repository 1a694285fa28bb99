//! The provider on a real Docker engine, with the real Docker Compose as judge.
//!
//! Every object carries the label of its run's own project and is removed by that label alone. Where no engine
//! answers, each test says `SKIPPED` and passes.

#[path = "support/specs.rs"]
mod specs;
#[path = "support/stage.rs"]
mod stage;

#[path = "live/compose.rs"]
mod compose;
#[path = "live/failures.rs"]
mod failures;
#[path = "live/gate.rs"]
mod gate;
#[path = "live/images.rs"]
mod images;
#[path = "live/lifecycle.rs"]
mod lifecycle;
#[path = "live/lock.rs"]
mod lock;
#[path = "live/recovery.rs"]
mod recovery;
