//! Eviction of a pod, as far as a PodDisruptionBudget lets it go.

use serde_json::{Value, json};

use crate::kinds::named;
use crate::refusal::Refusal;
use crate::request::Reply;
use crate::store::{Key, World, text};
use crate::validate::matches;
use crate::write::{self, Delete};

/// Deletes a pod unless a budget forbids it.
pub(crate) fn evict(world: &mut World, key: &Key) -> Result<Reply, Refusal> {
    let pod = world
        .get(key)
        .cloned()
        .ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    let budgets = world.list(named("PodDisruptionBudget"), &key.namespace);
    let covering = budgets
        .map(|(_, b)| b)
        .find(|b| matches(&b["spec"]["selector"], &pod["metadata"]["labels"]));
    if let Some(budget) = covering.filter(|b| b["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) == 0) {
        return Err(refused(budget));
    }
    write::delete(world, key, &Delete::default(), &mut Vec::new())?;
    Ok(Reply::json(
        201,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}),
    ))
}

fn refused(budget: &Value) -> Refusal {
    let status = |name: &str| budget["status"][name].as_i64().unwrap_or(0);
    let name = text(budget, "/metadata/name");
    let message = format!(
        "The disruption budget {name} needs {} healthy pods and has {} currently",
        status("desiredHealthy"),
        status("currentHealthy")
    );
    Refusal::new(
        429,
        "TooManyRequests",
        "Cannot evict pod as it would violate the pod's disruption budget.",
    )
    .with(json!({"causes": [{"reason": "DisruptionBudget", "message": message}]}))
}
