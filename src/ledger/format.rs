//! The ledger's text: JSON with sorted keys, versioned. What older versions wrote is read and upgraded here.
//!
//! [`Run`], [`super::Place`] and what is in them are written as they are: to change one is to make a new version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Ending, Ledger, Place, Run};

/// The version this mlstack writes, and the newest it reads.
const VERSION: u64 = 3;

/// Why a text is not a ledger that can be read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// Written by a newer mlstack.
    #[error("it was written by a newer mlstack (format {found}; this one reads up to {VERSION}): update mlstack")]
    Newer {
        /// Its format.
        found: u64,
    },
    /// Not a ledger.
    #[error("it is damaged: move it away; only the history of applies is lost")]
    Damaged(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct V3 {
    version: u64,
    lineage: String,
    serial: u64,
    used_plans: BTreeMap<String, String>,
    runs: Vec<Run>,
    places: BTreeMap<String, Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct V1 {
    #[serde(rename = "version")]
    _version: u64,
    lineage: String,
    serial: u64,
    used_plans: BTreeMap<String, String>,
    applies: BTreeMap<String, AppliedV1>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppliedV1 {
    at: String,
    mlstack_version: String,
    stack_digest: String,
    plan_id: Option<String>,
    done: usize,
    failed: usize,
    skipped: usize,
}

/// Writes a ledger.
pub fn to_text(ledger: &Ledger) -> String {
    let Ledger {
        lineage,
        serial,
        used_plans,
        runs,
        places,
    } = ledger.clone();
    let wire = V3 {
        version: VERSION,
        lineage,
        serial,
        used_plans,
        runs,
        places,
    };
    let mut value = serde_json::to_value(wire).expect("a ledger has nothing that JSON lacks");
    value.sort_all_objects();
    format!("{value:#}\n")
}

/// Reads a ledger.
///
/// # Errors
/// When it is of a newer version, or not a ledger.
pub fn from_text(text: &str) -> Result<Ledger, FormatError> {
    let value: Value = serde_json::from_str(text).map_err(FormatError::Damaged)?;
    let Version { version } = Version::deserialize(&value).map_err(FormatError::Damaged)?;
    match version {
        1 => V1::deserialize(&value).map(Ledger::from),
        // Version 2 did not know how long changes took.
        2 | VERSION => V3::deserialize(&value).map(Ledger::from),
        found => return Err(FormatError::Newer { found }),
    }
    .map_err(FormatError::Damaged)
}

impl From<V3> for Ledger {
    fn from(wire: V3) -> Self {
        let V3 {
            version: _,
            lineage,
            serial,
            used_plans,
            runs,
            places,
        } = wire;
        Self {
            lineage,
            serial,
            used_plans,
            runs,
            places,
        }
    }
}

/// Version 1 knew the last apply at each place.
impl From<V1> for Ledger {
    fn from(wire: V1) -> Self {
        let mut runs: Vec<Run> = wire.applies.into_iter().map(run_of_v1).collect();
        runs.sort_by(|a, b| a.begun.cmp(&b.begun));
        Self {
            serial: wire.serial,
            used_plans: wire.used_plans,
            runs,
            ..Self::new(wire.lineage)
        }
    }
}

fn run_of_v1((place, applied): (String, AppliedV1)) -> Run {
    let ending = match (applied.failed, applied.skipped) {
        (0, 0) => Ending::Done,
        (0, _) => Ending::Interrupted,
        _ => Ending::Failed,
    };
    Run {
        id: format!("{place} {}", applied.at),
        place,
        command: "apply".to_owned(),
        who: None,
        begun: applied.at.clone(),
        ended: Some(applied.at),
        mlstack_version: applied.mlstack_version,
        stack_digest: applied.stack_digest,
        plan_id: applied.plan_id,
        done: applied.done,
        failed: applied.failed,
        skipped: applied.skipped,
        ending,
        revision: None,
    }
}
