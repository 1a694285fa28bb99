//! The golden requests of a model server, as they travel with its resource.

use mlstack_provider::Duration;
use mlstack_provider::golden::{Check, Checks};

use super::refs;
use crate::stack::{Component, Kind};

/// The golden requests of a model server.
pub(super) fn of(component: &Component) -> Option<Checks> {
    let Kind::ModelServer(server) = &component.kind else {
        return None;
    };
    let one = |check: &crate::stack::Check| Check {
        request: check.request.clone(),
        prediction: check.prediction.clone(),
        within: check.within,
        p95: check.p95_us.map(Duration),
    };
    let port = refs::port(component).filter(|_| !server.checks.is_empty())?;
    Some(Checks {
        port,
        path: "/predict".to_owned(),
        requests: server.checks.iter().map(one).collect(),
    })
}
