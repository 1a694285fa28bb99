//! Who may talk to whom: nobody, but for what `uses` and `expose` say.
//!
//! An image of the user's own may reach the internet, as on every target, but nothing in private networks, so nothing
//! else in the cluster. Probes and `kubectl port-forward` come from the node and need no rule.

use mlstack_provider::{Address, Resource, Value};
use serde_json::json;

use super::{Lowering, Object, labels};
use crate::stack::{Component, Kind, ObjectStoreEngine, Stack};
use crate::target::{bundled, refs};

/// Networks that are not the internet.
const PRIVATE: [&str; 5] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
];
const PRIVATE_6: [&str; 2] = ["fc00::/7", "fe80::/10"];
/// Where a node answers for the cluster's DNS when it caches it.
const DNS_CACHE: &str = "169.254.20.10/32";

/// The address of the rule for the whole stack.
pub(super) fn default_deny_address(lowering: &Lowering<'_>) -> Address {
    Address::new("networkpolicy", lowering.free("default-deny".to_owned()))
}

/// No pod of the stack may talk to anybody, unless another rule says so.
pub(super) fn default_deny(lowering: &Lowering<'_>) -> Resource {
    let labels = lowering.shared_labels();
    let object = Object::new(json!({"spec": {
        "podSelector": {"matchLabels": labels.selector()},
        "policyTypes": ["Ingress", "Egress"],
    }}));
    let name = default_deny_address(lowering).name;
    lowering.resource("networkpolicy", &name, &labels, None, object)
}

/// What a component may be asked by, and what it may ask.
pub(super) fn of(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let labels = labels(lowering.stack, component, None);
    let object = Object::new(json!({"spec": {
        "podSelector": {"matchLabels": labels.selector()},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": ingress(lowering.stack, component),
        "egress": egress(lowering.stack, component),
    }}));
    lowering.resource("networkpolicy", &component.name, &labels, Some(&component.path), object)
}

fn pods(stack: &Stack, component: &Component) -> Value {
    json!({"podSelector": {"matchLabels": labels(stack, component, None).selector()}})
}

fn tcp(port: u16) -> Value {
    json!([{"port": port, "protocol": "TCP"}])
}

fn ingress(stack: &Stack, component: &Component) -> Vec<Value> {
    let users: Vec<Value> = stack
        .components
        .values()
        .filter(|other| other.uses.contains(&component.name) && !refs::is_external(other))
        .map(|other| pods(stack, other))
        .collect();
    let port = refs::port(component).filter(|_| !users.is_empty());
    let inside = port.map(|port| json!({"from": users, "ports": tcp(port)}));
    let public = component.expose.as_ref().filter(|expose| expose.public);
    let outside = public.map(|expose| json!({"ports": tcp(expose.to)}));
    inside.into_iter().chain(outside).collect()
}

fn egress(stack: &Stack, component: &Component) -> Vec<Value> {
    let mut rules = vec![names(stack)];
    for used in component.uses.iter().filter_map(|name| stack.components.get(name)) {
        if let Some(port) = external_port(used) {
            rules.push(json!({"to": everywhere(&[], &[]), "ports": tcp(port)}));
        } else if let Some(port) = refs::port(used) {
            rules.push(json!({"to": [pods(stack, used)], "ports": tcp(port)}));
        }
    }
    if bundled::is_foreign(component) {
        rules.push(json!({"to": everywhere(&PRIVATE, &PRIVATE_6)}));
    }
    rules
}

/// The cluster's DNS; OpenShift's listens on another port behind its Service.
fn names(stack: &Stack) -> Value {
    let numbers: &[u16] = if stack.kubernetes.openshift { &[53, 5353] } else { &[53] };
    let ports: Vec<Value> = numbers
        .iter()
        .flat_map(|port| ["UDP", "TCP"].map(|protocol| json!({"port": port, "protocol": protocol})))
        .collect();
    json!({"to": [{"namespaceSelector": {}}, {"ipBlock": {"cidr": DNS_CACHE}}], "ports": ports})
}

fn everywhere(except: &[&str], except_6: &[&str]) -> Value {
    let block = |cidr: &str, except: &[&str]| match except.is_empty() {
        true => json!({"ipBlock": {"cidr": cidr}}),
        false => json!({"ipBlock": {"cidr": cidr, "except": except}}),
    };
    json!([block("0.0.0.0/0", except), block("::/0", except_6)])
}

/// The port of a store outside of the stack.
fn external_port(component: &Component) -> Option<u16> {
    let Kind::ObjectStore(store) = &component.kind else {
        return None;
    };
    let ObjectStoreEngine::S3 { endpoint, .. } = &store.engine else {
        return None;
    };
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let said = authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    Some(said.unwrap_or(if scheme == "http" { 80 } else { 443 }))
}
