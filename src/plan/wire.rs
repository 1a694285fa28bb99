//! A change as JSON, in the shape users' tools know from Terraform's plan JSON; the one wire form of a [`Change`].
//!
//! Owns the redaction: under `x-mlstack.secrets` only whether a secret changed is written, never its digest.
//! Reading back gives the same change. Never reads or writes a file.

use mlstack_provider::{Address, Source, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Action, AttributeChange, Change, Disruption, Drift, Reason, SECRETS, Sort, diff};

/// What stands in place of a secret's digest.
const SECRET: &str = "(secret)";
const SECRET_CHANGED: &str = "(secret changed)";

/// The JSON of a change, `resource_changes[]` of the plan JSON.
#[derive(Debug, Serialize, Deserialize)]
struct Wire {
    address: String,
    kind: String,
    name: String,
    change: WireChange,
    action_reason: String,
    /// What the reason names: an attribute, an address, a problem.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    disruption: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    downtime_seconds: Option<u32>,
    protected: bool,
    source: Option<Source>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireChange {
    actions: Vec<String>,
    before: Option<Value>,
    after: Option<Value>,
    before_sensitive: Value,
    after_sensitive: Value,
    replace_paths: Vec<String>,
}

/// Writes a change.
pub fn to_json(change: &Change) -> Value {
    let Change {
        address,
        action,
        reason,
        attributes: _,
        disruption,
        source,
        protected,
        before,
        after,
    } = change;
    let (action_reason, because) = reason_parts(reason);
    let (disruption, downtime_seconds) = disruption_parts(*disruption);
    let wire = Wire {
        address: address.to_string(),
        kind: address.kind.clone(),
        name: address.name.clone(),
        change: WireChange {
            actions: actions(*action).iter().map(|&a| a.to_owned()).collect(),
            before: before.as_ref().map(|spec| redact(spec, None)),
            after: after.as_ref().map(|spec| redact(spec, before.as_ref())),
            before_sensitive: sensitive(before.as_ref()),
            after_sensitive: sensitive(after.as_ref()),
            replace_paths: replace_path(reason).into_iter().collect(),
        },
        action_reason: action_reason.to_owned(),
        because,
        disruption: disruption.to_owned(),
        downtime_seconds,
        protected: *protected,
        source: source.clone(),
    };
    serde_json::to_value(wire).expect("a change has nothing that JSON lacks")
}

/// Reads a change that [`to_json`] wrote.
///
/// # Errors
/// When it is not one; the text says why.
pub fn from_json(value: &Value) -> Result<Change, String> {
    let wire = Wire::deserialize(value).map_err(|error| error.to_string())?;
    let WireChange {
        actions, before, after, ..
    } = wire.change;
    let attributes = match (&before, &after) {
        (Some(before), Some(after)) => diff(before, after),
        _ => Vec::new(),
    };
    let live = |path: &str| {
        attributes
            .iter()
            .find(|a| a.path == path)
            .and_then(|a| a.before.clone())
    };
    let reason = reason_from(&wire.action_reason, wire.because, attributes.len(), live)
        .ok_or_else(|| format!("unknown reason {:?}", wire.action_reason))?;
    Ok(Change {
        address: Address::new(wire.kind, wire.name),
        action: action_from(&actions, &reason).ok_or_else(|| format!("unknown actions {actions:?}"))?,
        disruption: disruption_from(&wire.disruption, wire.downtime_seconds)
            .ok_or_else(|| format!("unknown disruption {:?}", wire.disruption))?,
        reason,
        attributes,
        source: wire.source,
        protected: wire.protected,
        before,
        after,
    })
}

/// The JSON of a drift, `resource_drift[]` of the plan JSON.
#[derive(Debug, Serialize, Deserialize)]
struct WireDrift {
    address: String,
    kind: String,
    name: String,
    drift: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    change: WireChange,
    /// What differs, for readers that do not want to compare two specs.
    attributes: Vec<Value>,
    fix: String,
    source: Option<Source>,
}

/// Writes a drift.
pub fn drift_to_json(drift: &Drift) -> Value {
    let Drift {
        address,
        sort,
        problem,
        attributes,
        before,
        after,
        source,
    } = drift;
    let attribute =
        |a: &AttributeChange| json!({"path": a.path, "before": a.before, "after": a.after, "sensitive": a.sensitive});
    let verb = match sort {
        Sort::Changed | Sort::Broken => "update",
        Sort::Removed => "delete",
        Sort::Appeared => "create",
    };
    let wire = WireDrift {
        address: address.to_string(),
        kind: address.kind.clone(),
        name: address.name.clone(),
        drift: sort.name().to_owned(),
        problem: problem.clone(),
        change: WireChange {
            actions: vec![verb.to_owned()],
            before: before.as_ref().map(|spec| redact(spec, None)),
            after: after.as_ref().map(|spec| redact(spec, before.as_ref())),
            before_sensitive: sensitive(before.as_ref()),
            after_sensitive: sensitive(after.as_ref()),
            replace_paths: Vec::new(),
        },
        attributes: attributes.iter().map(attribute).collect(),
        fix: sort.fix().to_owned(),
        source: source.clone(),
    };
    serde_json::to_value(wire).expect("a drift has nothing that JSON lacks")
}

/// Reads a drift that [`drift_to_json`] wrote.
///
/// # Errors
/// When it is not one; the text says why.
pub fn drift_from_json(value: &Value) -> Result<Drift, String> {
    let wire = WireDrift::deserialize(value).map_err(|error| error.to_string())?;
    let WireChange { before, after, .. } = wire.change;
    let sort = Sort::ALL.into_iter().find(|sort| sort.name() == wire.drift);
    Ok(Drift {
        address: Address::new(wire.kind, wire.name),
        sort: sort.ok_or_else(|| format!("unknown drift {:?}", wire.drift))?,
        problem: wire.problem,
        attributes: match (&before, &after) {
            (Some(before), Some(after)) => diff(before, after),
            _ => Vec::new(),
        },
        before,
        after,
        source: wire.source,
    })
}

fn actions(action: Action) -> &'static [&'static str] {
    match action {
        Action::NoOp => &["no-op"],
        Action::Create => &["create"],
        Action::Update | Action::Repair => &["update"],
        Action::Replace | Action::Refuse => &["delete", "create"],
        Action::Delete => &["delete"],
        Action::Keep => &["forget"],
    }
}

fn action_from(actions: &[String], reason: &Reason) -> Option<Action> {
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    Some(match (&actions[..], reason) {
        (["no-op"], _) => Action::NoOp,
        (["create"], _) => Action::Create,
        (["update"], Reason::NotWorking { .. }) => Action::Repair,
        (["update"], _) => Action::Update,
        (["delete", "create"], Reason::WouldLoseData { .. } | Reason::HeldByKept { .. }) => Action::Refuse,
        (["delete", "create"], _) => Action::Replace,
        (["delete"], _) => Action::Delete,
        (["forget"], _) => Action::Keep,
        _ => return None,
    })
}

fn reason_parts(reason: &Reason) -> (&'static str, Option<String>) {
    match reason {
        Reason::Unchanged => ("unchanged", None),
        Reason::NotFound => ("not-found", None),
        Reason::Changed { attribute, more: _ } => ("changed", Some(attribute.clone())),
        Reason::Drifted { attribute, more: _ } => ("drifted", Some(attribute.clone())),
        Reason::CannotUpdateInPlace { attribute, before: _ } => ("cannot-update-in-place", Some(attribute.clone())),
        Reason::DependencyReplaced { address } => ("dependency-replaced", Some(address.to_string())),
        Reason::NotWorking { problem } => ("not-working", Some(problem.clone())),
        Reason::NoLongerDeclared => ("no-longer-declared", None),
        Reason::DataNamed => ("data-named", None),
        Reason::HoldsData => ("holds-data", None),
        Reason::NeededByKept { address } => ("needed-by-kept", Some(address.to_string())),
        Reason::WouldLoseData { attribute } => ("would-lose-data", Some(attribute.clone())),
        Reason::HeldByKept { address } => ("held-by-kept", Some(address.to_string())),
    }
}

fn reason_from(
    code: &str,
    because: Option<String>,
    attributes: usize,
    live: impl Fn(&str) -> Option<Value>,
) -> Option<Reason> {
    let named = because
        .as_deref()
        .and_then(|text| text.split_once('/'))
        .map(|(kind, name)| Address::new(kind, name));
    Some(match code {
        "unchanged" => Reason::Unchanged,
        "not-found" => Reason::NotFound,
        "changed" => Reason::Changed {
            attribute: because?,
            more: attributes.saturating_sub(1),
        },
        "drifted" => Reason::Drifted {
            attribute: because?,
            more: attributes.saturating_sub(1),
        },
        "cannot-update-in-place" => {
            let attribute = because?;
            Reason::CannotUpdateInPlace {
                before: live(&attribute),
                attribute,
            }
        }
        "dependency-replaced" => Reason::DependencyReplaced { address: named? },
        "not-working" => Reason::NotWorking { problem: because? },
        "no-longer-declared" => Reason::NoLongerDeclared,
        "data-named" => Reason::DataNamed,
        "holds-data" => Reason::HoldsData,
        "needed-by-kept" => Reason::NeededByKept { address: named? },
        "would-lose-data" => Reason::WouldLoseData { attribute: because? },
        "held-by-kept" => Reason::HeldByKept { address: named? },
        _ => return None,
    })
}

fn disruption_parts(disruption: Disruption) -> (&'static str, Option<u32>) {
    match disruption {
        Disruption::None => ("none", None),
        Disruption::Rolling => ("rolling", None),
        Disruption::Downtime { seconds } => ("downtime", seconds),
        Disruption::DataLoss => ("data-loss", None),
    }
}

fn disruption_from(class: &str, seconds: Option<u32>) -> Option<Disruption> {
    Some(match class {
        "none" => Disruption::None,
        "rolling" => Disruption::Rolling,
        "downtime" => Disruption::Downtime { seconds },
        "data-loss" => Disruption::DataLoss,
        _ => return None,
    })
}

fn replace_path(reason: &Reason) -> Option<String> {
    match reason {
        Reason::CannotUpdateInPlace { attribute, .. } | Reason::WouldLoseData { attribute } => Some(attribute.clone()),
        _ => None,
    }
}

fn secrets(spec: &Value) -> Option<&serde_json::Map<String, Value>> {
    spec.get(SECRETS[0])?.get(SECRETS[1])?.as_object()
}

/// The spec without the digests of its secrets; told apart only from those of `before`.
pub(super) fn redact(spec: &Value, before: Option<&Value>) -> Value {
    let mut shown = spec.clone();
    let Some(digests) = shown
        .get_mut(SECRETS[0])
        .and_then(|x| x.get_mut(SECRETS[1]))
        .and_then(Value::as_object_mut)
    else {
        return shown;
    };
    let old = before.and_then(secrets);
    for (name, digest) in digests.iter_mut().filter(|(_, digest)| !digest.is_null()) {
        let changed = old.and_then(|old| old.get(name)).is_some_and(|old| old != digest);
        *digest = json!(if changed { SECRET_CHANGED } else { SECRET });
    }
    shown
}

/// Terraform's way to mark what is secret: the same shape, with `true` in its place.
fn sensitive(spec: Option<&Value>) -> Value {
    let Some(names) = spec.and_then(secrets).filter(|names| !names.is_empty()) else {
        return json!({});
    };
    let marks: serde_json::Map<_, _> = names.keys().map(|name| (name.clone(), json!(true))).collect();
    json!({ SECRETS[0]: { SECRETS[1]: marks } })
}
