//! A plan sealed in a file: to be carried out later exactly, or not at all.
//!
//! Owns the file's format: the plan JSON, the steps, a fingerprint of every live thing, and a checksum, as canonical
//! JSON (keys sorted) without a secret. Never reads or writes the file itself, never plans.
//!
//! A changed stack file refuses the plan as well: what was reviewed is no longer what the file says.

use std::collections::BTreeMap;
use std::fmt;

use mlstack_provider::{Address, Observed, Step, Value};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::scope::Scope;
use super::{Change, Drift, Node, Plan, diff, wire};

/// The version of the seal that this mlstack writes, and the newest it reads.
const VERSION: u64 = 1;

/// What a sealed plan is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Names this one plan; it can be applied once.
    pub plan_id: String,
    /// [`digest_text`] of the stack file.
    pub stack_digest: String,
    /// The part of the stack that it is about.
    pub scope: Scope,
}

/// A sealed plan, read back.
#[derive(Clone, Debug, PartialEq)]
pub struct Sealed {
    /// What it is bound to.
    pub binding: Binding,
    /// The stack's name.
    pub stack: String,
    /// The environment it was made for.
    pub environment: Option<String>,
    /// The target it was made for.
    pub target: String,
    /// The plan.
    pub plan: Plan,
    fingerprints: BTreeMap<String, Fingerprint>,
}

/// What a live thing was when planning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Fingerprint {
    id: String,
    spec: String,
    depends_on: String,
    protected: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    version: u64,
    plan_id: String,
    stack_digest: String,
    #[serde(default, skip_serializing_if = "Scope::is_whole")]
    scope: Scope,
    fingerprints: BTreeMap<String, Fingerprint>,
    #[serde(default)]
    checksum: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireNode {
    id: usize,
    after: Vec<usize>,
    step: Step,
}

/// Why a file cannot be used as a sealed plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not JSON, or other JSON.
    #[error("this is not a plan of mlstack")]
    NotAPlan,
    /// Written by a newer mlstack.
    #[error("this plan was written by a newer mlstack (format {found}); this one reads up to {VERSION}")]
    Newer {
        /// Its format.
        found: u64,
    },
    /// Changed after it was written.
    #[error("this plan was changed after it was written; make a new one")]
    Damaged,
    /// The checksum is right but the content is not.
    #[error("this plan makes no sense: {0}")]
    Nonsense(String),
}

/// Something that is not as it was when planning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What; `None` for the stack file.
    pub address: Option<String>,
    /// How: `image changed`, `is gone`.
    pub how: String,
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.address.as_deref().unwrap_or("the stack file"),
            self.how
        )
    }
}

/// Seals `plan`, made from `observed`. `document` is its plan JSON.
pub fn seal(mut document: Value, plan: &Plan, observed: &[Observed], binding: &Binding) -> String {
    let nodes = plan.nodes.iter().map(|node| WireNode {
        id: node.id,
        after: node.after.clone(),
        step: node.step.clone(),
    });
    let seal = Seal {
        version: VERSION,
        plan_id: binding.plan_id.clone(),
        stack_digest: binding.stack_digest.clone(),
        scope: binding.scope.clone(),
        fingerprints: observed
            .iter()
            .map(|o| (o.address.to_string(), Fingerprint::of(o)))
            .collect(),
        checksum: String::new(),
    };
    document["nodes"] = plain(&nodes.collect::<Vec<_>>());
    document["seal"] = plain(&seal);
    document.sort_all_objects();
    document["seal"]["checksum"] = checksum(&document).into();
    serde_json::to_string_pretty(&document).expect("JSON can be written") + "\n"
}

/// Reads what [`seal`] wrote.
///
/// # Errors
/// When it is something else, of a newer version, or was changed since.
pub fn unseal(text: &str) -> Result<Sealed, SealError> {
    let document: Value = serde_json::from_str(text).map_err(|_| SealError::NotAPlan)?;
    let version = document["seal"]["version"].as_u64().ok_or(SealError::NotAPlan)?;
    if version > VERSION {
        return Err(SealError::Newer { found: version });
    }
    if document["seal"]["checksum"].as_str() != Some(&checksum(&document)) {
        return Err(SealError::Damaged);
    }
    read(&document).map_err(SealError::Nonsense)
}

fn read(document: &Value) -> Result<Sealed, String> {
    let seal = Seal::deserialize(&document["seal"]).map_err(|error| error.to_string())?;
    let changes = document["resource_changes"].as_array().ok_or("it has no changes")?;
    let changes = changes.iter().map(wire::from_json).collect::<Result<Vec<_>, _>>()?;
    let nodes = Vec::<WireNode>::deserialize(&document["nodes"]).map_err(|error| error.to_string())?;
    let text = |key: &str| document[key].as_str().map(str::to_owned);
    Ok(Sealed {
        binding: Binding {
            plan_id: seal.plan_id,
            stack_digest: seal.stack_digest,
            scope: seal.scope,
        },
        stack: text("stack").ok_or("it names no stack")?,
        environment: text("environment"),
        target: text("target").ok_or("it names no target")?,
        plan: Plan {
            nodes: read_nodes(nodes, &changes)?,
            drift: read_drift(document)?,
            changes,
        },
        fingerprints: seal.fingerprints,
    })
}

fn read_drift(document: &Value) -> Result<Vec<Drift>, String> {
    let all = document["resource_drift"].as_array().into_iter().flatten();
    all.map(wire::drift_from_json).collect()
}

/// A step's reason is that of its thing's change, so it is not written twice.
fn read_nodes(nodes: Vec<WireNode>, changes: &[Change]) -> Result<Vec<Node>, String> {
    let reasons: BTreeMap<&Address, _> = changes.iter().map(|change| (&change.address, &change.reason)).collect();
    let read = |(place, WireNode { id, after, step }): (usize, WireNode)| {
        let in_order = id == place + 1 && after.is_sorted() && after.iter().all(|a| (1..id).contains(a));
        let reason = reasons.get(step.address()).filter(|_| in_order).copied();
        let reason = reason
            .ok_or_else(|| format!("step {id} is out of order or has no change"))?
            .clone();
        Ok(Node {
            id,
            after,
            step,
            reason,
        })
    };
    nodes.into_iter().enumerate().map(read).collect()
}

impl Sealed {
    /// Everything that moved since the plan was made; empty when it can be carried out.
    pub fn moved(&self, stack_digest: &str, observed: &[Observed]) -> Vec<Moved> {
        let now: BTreeMap<String, &Observed> = observed.iter().map(|o| (o.address.to_string(), o)).collect();
        let moved = |address: &str, how: String| Moved {
            address: Some(address.to_owned()),
            how,
        };
        let mut all = Vec::new();
        if stack_digest != self.binding.stack_digest {
            all.push(Moved {
                address: None,
                how: "changed since the plan was made".to_owned(),
            });
        }
        for (address, was) in &self.fingerprints {
            let how = now
                .get(address)
                .map_or_else(|| Some("is gone".to_owned()), |live| self.how_moved(was, live));
            all.extend(how.map(|how| moved(address, how)));
        }
        let new = now.keys().filter(|address| !self.fingerprints.contains_key(*address));
        all.extend(new.map(|address| moved(address, "appeared".to_owned())));
        all
    }

    fn how_moved(&self, was: &Fingerprint, live: &Observed) -> Option<String> {
        let is = Fingerprint::of(live);
        let Fingerprint {
            id,
            spec,
            depends_on,
            protected,
            problem,
        } = was;
        if *id != is.id {
            return Some(format!("another one stands there (was {id}, is {})", is.id));
        }
        if *spec != is.spec {
            return Some(format!("{} changed", self.first_difference(live)));
        }
        if *problem != is.problem {
            let told = |problem: &Option<String>| problem.clone().unwrap_or_else(|| "well".to_owned());
            return Some(format!("state changed ({} → {})", told(problem), told(&is.problem)));
        }
        if *depends_on != is.depends_on {
            return Some("depends_on changed".to_owned());
        }
        (*protected != is.protected).then(|| "protection changed".to_owned())
    }

    fn first_difference(&self, live: &Observed) -> String {
        let change = self.plan.changes.iter().find(|change| change.address == live.address);
        let before = change
            .and_then(|change| change.before.as_ref())
            .map(|spec| wire::redact(spec, None));
        let paths = before
            .map(|before| diff(&before, &wire::redact(&live.spec, None)))
            .unwrap_or_default();
        paths
            .first()
            .map_or_else(|| "a secret".to_owned(), |first| first.path.clone())
    }
}

impl Fingerprint {
    fn of(live: &Observed) -> Self {
        let Observed {
            address: _,
            id,
            spec,
            recorded: _,
            depends_on,
            protected,
            problem,
        } = live;
        let mut links: Vec<String> = depends_on.iter().map(Address::to_string).collect();
        links.sort_unstable();
        Self {
            id: id.clone(),
            spec: digest_value(spec),
            depends_on: digest_text(&links.join("\n")),
            protected: *protected,
            problem: problem.clone(),
        }
    }
}

/// SHA-256 of a text, as 64 hex digits.
pub fn digest_text(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// SHA-256 of a value however its keys are ordered, as 64 hex digits.
pub fn digest_value(value: &Value) -> String {
    digest_text(&serde_json::to_string(&Canonical(value)).expect("JSON can be written"))
}

fn checksum(document: &Value) -> String {
    let mut bare = document.clone();
    bare["seal"]["checksum"] = "".into();
    digest_value(&bare)
}

/// A value that is written with sorted keys, however deep.
struct Canonical<'a>(&'a Value);

impl Serialize for Canonical<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let mut sorted: Vec<_> = map.iter().collect();
                sorted.sort_unstable_by_key(|(key, _)| *key);
                serializer.collect_map(sorted.into_iter().map(|(key, value)| (key, Canonical(value))))
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Canonical)),
            other => other.serialize(serializer),
        }
    }
}

fn plain<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).expect("a plan has nothing that JSON lacks")
}
