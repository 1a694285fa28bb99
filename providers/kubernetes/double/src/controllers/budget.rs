//! PodDisruptionBudgets: how many pods may be disrupted now.

use serde_json::{Value, json};

use super::{condition, is_ready, number, status_manager};
use crate::kinds::named;
use crate::store::{Key, World};
use crate::validate::matches;
use crate::write::edit;

/// Counts a budget anew.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(budget) = world.get(key).cloned() else { return };
    let pods: Vec<_> = world
        .list(named("Pod"), &key.namespace)
        .filter(|(_, p)| matches(&budget["spec"]["selector"], &p["metadata"]["labels"]))
        .map(|(_, p)| is_ready(p))
        .collect();
    let count = |n: usize| i64::try_from(n).unwrap_or(0);
    let (expected, healthy) = (count(pods.len()), count(pods.iter().filter(|r| **r).count()));
    let wanted = desired(&budget, expected);
    let allowed = (healthy - wanted).max(0);
    let (state, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    let known = condition(&budget, "DisruptionAllowed")
        .filter(|c| c["status"] == state)
        .cloned();
    let since = known.map_or_else(|| world.time().into(), |c| c["lastTransitionTime"].clone());
    let generation = &budget["metadata"]["generation"];
    let status = json!({"observedGeneration": generation, "disruptionsAllowed": allowed, "currentHealthy": healthy,
        "desiredHealthy": wanted, "expectedPods": expected, "conditions": [{"type": "DisruptionAllowed", "status": state,
        "observedGeneration": generation, "lastTransitionTime": since, "reason": reason, "message": ""}]});
    edit(world, key, &status_manager(), |b| b["status"] = status);
}

fn desired(budget: &Value, expected: i64) -> i64 {
    let percent = |v: &Value| {
        v.as_str()
            .and_then(|t| t.strip_suffix('%'))
            .and_then(|p| p.parse::<i64>().ok())
    };
    let spec = &budget["spec"];
    match (percent(&spec["minAvailable"]), percent(&spec["maxUnavailable"])) {
        (Some(p), _) => (p * expected + 99) / 100,
        (_, Some(p)) => expected - (p * expected + 99) / 100,
        _ if spec["maxUnavailable"].is_number() => (expected - number(budget, "/spec/maxUnavailable")).max(0),
        _ => number(budget, "/spec/minAvailable"),
    }
}
