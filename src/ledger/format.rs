//! The ledger's text: JSON, versioned. Wire types live here and nowhere else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Applied, Ledger};

/// The version this mlstack writes, and the newest it reads.
const VERSION: u64 = 1;

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
struct V1 {
    version: u64,
    lineage: String,
    serial: u64,
    used_plans: BTreeMap<String, String>,
    applies: BTreeMap<String, AppliedV1>,
}

#[derive(Serialize, Deserialize)]
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
        applies,
    } = ledger.clone();
    let applies = applies
        .into_iter()
        .map(|(place, applied)| (place, applied.into()))
        .collect();
    let wire = V1 {
        version: VERSION,
        lineage,
        serial,
        used_plans,
        applies,
    };
    serde_json::to_string_pretty(&wire).expect("a ledger has nothing that JSON lacks") + "\n"
}

/// Reads a ledger.
///
/// # Errors
/// When it is of a newer version, or not a ledger.
pub fn from_text(text: &str) -> Result<Ledger, FormatError> {
    let Version { version } = serde_json::from_str(text).map_err(FormatError::Damaged)?;
    if version > VERSION {
        return Err(FormatError::Newer { found: version });
    }
    let V1 {
        version: _,
        lineage,
        serial,
        used_plans,
        applies,
    } = serde_json::from_str(text).map_err(FormatError::Damaged)?;
    let applies = applies
        .into_iter()
        .map(|(place, applied)| (place, applied.into()))
        .collect();
    Ok(Ledger {
        lineage,
        serial,
        used_plans,
        applies,
    })
}

impl From<Applied> for AppliedV1 {
    fn from(applied: Applied) -> Self {
        let Applied {
            at,
            mlstack_version,
            stack_digest,
            plan_id,
            done,
            failed,
            skipped,
        } = applied;
        Self {
            at,
            mlstack_version,
            stack_digest,
            plan_id,
            done,
            failed,
            skipped,
        }
    }
}

impl From<AppliedV1> for Applied {
    fn from(wire: AppliedV1) -> Self {
        let AppliedV1 {
            at,
            mlstack_version,
            stack_digest,
            plan_id,
            done,
            failed,
            skipped,
        } = wire;
        Self {
            at,
            mlstack_version,
            stack_digest,
            plan_id,
            done,
            failed,
            skipped,
        }
    }
}
