//! How many copies: the autoscaler, and how many may be missing while nodes are emptied.

use mlstack_provider::Resource;
use serde_json::json;

use super::{Lowering, Object, labels, workload};
use crate::stack::Component;

/// The fewest copies that a component runs as.
pub(super) fn fewest(component: &Component) -> u32 {
    component
        .autoscale
        .as_ref()
        .map_or(component.replicas, |autoscale| autoscale.min)
}

/// The autoscaler of a component that has one, and its disruption budget where it has copies.
pub(super) fn of(lowering: &Lowering<'_>, component: &Component) -> Vec<Resource> {
    let budget = (fewest(component) > 1).then(|| budget(lowering, component));
    autoscaler(lowering, component).into_iter().chain(budget).collect()
}

fn autoscaler(lowering: &Lowering<'_>, component: &Component) -> Option<Resource> {
    let autoscale = component.autoscale.as_ref()?;
    let target = workload::kind_of(component);
    let object = Object::new(json!({"spec": {
        "scaleTargetRef": {"apiVersion": target.api_version, "kind": target.kind, "name": component.name},
        "minReplicas": autoscale.min,
        "maxReplicas": autoscale.max,
        "metrics": [{
            "type": "Resource",
            "resource": {
                "name": "cpu",
                "target": {"type": "Utilization", "averageUtilization": autoscale.cpu_percent},
            },
        }],
    }}));
    let path = component.path.key("autoscale");
    let labels = labels(lowering.stack, component, None);
    let after = object.after([workload::address(component)]);
    Some(lowering.resource("hpa", &component.name, &labels, Some(&path), after))
}

fn budget(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let labels = labels(lowering.stack, component, None);
    let object = Object::new(json!({"spec": {
        "maxUnavailable": 1,
        "selector": {"matchLabels": labels.selector()},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }}));
    let after = object.after([workload::address(component)]);
    lowering.resource("pdb", &component.name, &labels, Some(&component.path), after)
}
