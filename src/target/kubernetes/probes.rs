//! How a container is asked whether it works.
//!
//! The start may take as long as `rollout.timeout` says, since a large model loads for minutes; only then do the
//! other two probes begin.

use mlstack_provider::Value;
use serde_json::{Map, json};

use crate::stack::{Component, Healthcheck, Probe};
use crate::target::bundled::{self, Test};
use crate::target::refs;

const SECOND: u64 = 1_000_000;

/// How often, and how patiently.
struct Pace {
    period: u64,
    timeout: u64,
    failures: u64,
}

/// The probes of a container, by their keys; none where there is nothing to ask.
pub(super) fn of(component: &Component) -> Map<String, Value> {
    let Some((ready, alive, pace)) = questions(component) else {
        return Map::new();
    };
    let start = Pace {
        failures: rollout_seconds(component).div_ceil(pace.period).max(1),
        ..pace
    };
    let patient = Pace {
        period: pace.period.max(10),
        failures: pace.failures.max(3),
        ..pace
    };
    [
        ("startupProbe", probe(&ready, &start)),
        ("readinessProbe", probe(&ready, &pace)),
        ("livenessProbe", probe(&alive, &patient)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// Seconds that a new version may take to become ready.
pub(super) fn rollout_seconds(component: &Component) -> u64 {
    component.rollout.timeout_us.div_ceil(SECOND)
}

/// What is asked to know whether it is ready, and whether it is alive.
fn questions(component: &Component) -> Option<(Value, Value, Pace)> {
    let usual = Pace {
        period: 5,
        timeout: 5,
        failures: 3,
    };
    if let Some(check) = &component.healthcheck {
        let question = asked(component, &check.probe);
        return Some((question.clone(), question, pace(check)));
    }
    if bundled::is_foreign(component) {
        let question = json!({"tcpSocket": {"port": refs::port(component)?}});
        return Some((question.clone(), question, usual));
    }
    let exec = |command: Vec<String>| json!({"exec": {"command": command}});
    let question = match bundled::part(component).test {
        Test::Server(_) => return Some((http(component, "/readyz"), http(component, "/livez"), usual)),
        Test::Exec(command) => exec(command),
        Test::Shell(command) => exec(["/bin/sh", "-c", &command].map(str::to_owned).to_vec()),
    };
    Some((question.clone(), question, usual))
}

fn asked(component: &Component, probe: &Probe) -> Value {
    match probe {
        Probe::Command(command) => json!({"exec": {"command": command}}),
        Probe::Http(path) => http(component, path),
    }
}

fn http(component: &Component, path: &str) -> Value {
    json!({"httpGet": {"path": path, "port": refs::port(component).unwrap_or(80)}})
}

fn pace(check: &Healthcheck) -> Pace {
    let seconds = |micros: u64| micros.div_ceil(SECOND).max(1);
    Pace {
        period: seconds(check.interval_us),
        timeout: seconds(check.timeout_us),
        failures: u64::from(check.retries.max(1)),
    }
}

fn probe(question: &Value, pace: &Pace) -> Value {
    let mut probe = question.clone();
    probe["periodSeconds"] = pace.period.into();
    probe["timeoutSeconds"] = pace.timeout.into();
    probe["failureThreshold"] = pace.failures.into();
    probe
}
