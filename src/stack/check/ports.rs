//! Ports of the host: each can be taken once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Found, at_value, value};
use crate::diag::{Path, codes};
use crate::stack::model::Component;

/// The most faults that are told; one is enough to stop, and each looks at every component.
const MOST: usize = 200;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    let mut taken: BTreeMap<u16, &Component> = BTreeMap::new();
    for component in cx.components() {
        if found.len() > MOST {
            return;
        }
        let Some(expose) = &component.expose else {
            continue;
        };
        let at = port_path(cx, component);
        if let Some(first) = taken.get(&expose.port) {
            let label = format!("port {} is taken by `{}`", expose.port, first.name);
            let help = format!("choose another, such as `{}`", free(cx, expose.port));
            let diagnostic = at_value(&codes::PORT_COLLISION, &at, label, help);
            found.push(diagnostic.related(value(&port_path(cx, first)), "first here"));
        } else {
            taken.insert(expose.port, component);
        }
        if most_copies(component) > 1 && shares_one_host(cx) {
            let label = format!(
                "{} copies of `{}` cannot all listen on port {}",
                most_copies(component),
                component.name,
                expose.port
            );
            let help = "keep one copy, or expose a `service` in front of them (nginx, Caddy) instead";
            found.push(at_value(&codes::PORT_OF_REPLICAS, &at, label, help));
        }
    }
}

/// Whether copies run side by side on one machine, without a load balancer of the target.
pub(super) fn shares_one_host(cx: &Context<'_>) -> bool {
    matches!(cx.stack.target.as_deref(), None | Some("compose" | "local" | "ssh"))
}

pub(super) fn most_copies(component: &Component) -> u32 {
    component
        .autoscale
        .as_ref()
        .map_or(component.replicas, |autoscale| autoscale.max.max(component.replicas))
}

fn port_path(cx: &Context<'_>, component: &Component) -> Path {
    let expose = component.path.key("expose");
    let port = expose.key("port");
    if cx.has(&port) { port } else { expose }
}

fn free(cx: &Context<'_>, port: u16) -> u16 {
    let taken: BTreeSet<_> = cx
        .stack
        .components
        .values()
        .filter_map(|component| Some(component.expose.as_ref()?.port))
        .collect();
    (port..u16::MAX)
        .chain(1024..port)
        .find(|candidate| !taken.contains(candidate))
        .unwrap_or(port)
}
