//! How components are reached: by each other through Services, from outside by an Ingress, a route of a Gateway, or
//! a load balancer.
//!
//! `expose` without `public` adds nothing: `kubectl port-forward` brings the Service to whoever may use the cluster.

use mlstack_provider::{Address, Resource, Value};
use serde_json::json;

use super::{Lowering, Object, labels, workload};
use crate::stack::{Component, Kind, Stack};
use crate::target::refs;

/// A port of this machine that `kubectl port-forward` can bring a component to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The Service.
    pub service: String,
    /// The port of this machine.
    pub here: u16,
    /// The port of the Service.
    pub there: u16,
}

/// What `expose` without `public` asks for.
pub fn forwards(stack: &Stack) -> Vec<Forward> {
    let exposed = stack.components.values().filter_map(|component| {
        let expose = component.expose.as_ref().filter(|expose| !expose.public)?;
        Some(Forward {
            service: component.name.clone(),
            here: expose.port,
            there: expose.to,
        })
    });
    exposed.collect()
}

/// The Service that others of the stack reach a component by, and the load balancer where it needs one.
pub(super) fn services(lowering: &Lowering<'_>, component: &Component) -> Vec<Resource> {
    let own = refs::port(component).map(|port| inside(lowering, component, port));
    let outside =
        (entry(lowering.stack, component) == Some(Entry::LoadBalancer)).then(|| balancer(lowering, component));
    own.into_iter().chain(outside).collect()
}

fn inside(lowering: &Lowering<'_>, component: &Component, port: u16) -> Resource {
    let second = component
        .expose
        .as_ref()
        .map(|expose| expose.to)
        .filter(|to| *to != port);
    let ports: Vec<Value> = [("main", Some(port)), ("exposed", second)]
        .into_iter()
        .filter_map(|(name, port)| Some(service_port(name, port?, name)))
        .collect();
    service(lowering, component, &component.name, "ClusterIP", &ports)
}

fn balancer(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let outside = component.expose.as_ref().map_or(80, |expose| expose.port);
    let name = lowering.free(format!("{}-public", component.name));
    let port = service_port("exposed", outside, exposed_port(component));
    service(lowering, component, &name, "LoadBalancer", &[port])
}

fn service(lowering: &Lowering<'_>, component: &Component, name: &str, sort: &str, ports: &[Value]) -> Resource {
    let labels = labels(lowering.stack, component, None);
    let object = Object::new(json!({"spec": {"type": sort, "selector": labels.selector(), "ports": ports}}));
    lowering.resource("service", name, &labels, Some(&component.path), object)
}

fn service_port(name: &str, port: u16, target: &str) -> Value {
    json!({"name": name, "port": port, "targetPort": target, "protocol": "TCP"})
}

/// The name of the container's port that is exposed.
fn exposed_port(component: &Component) -> &'static str {
    let to = component.expose.as_ref().map(|expose| expose.to);
    match to == refs::port(component) {
        true => "main",
        false => "exposed",
    }
}

/// How a public component is reached from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// By name, through the cluster's controller.
    Ingress,
    /// By name, through a Gateway.
    Route,
    /// At a port of an address of its own.
    LoadBalancer,
}

/// Names tell HTTP services apart. What speaks something else has a load balancer of its own, and so have several
/// HTTP services that there is no domain for.
fn entry(stack: &Stack, component: &Component) -> Option<Entry> {
    component.expose.as_ref().filter(|expose| expose.public)?;
    let public = |component: &&Component| component.expose.as_ref().is_some_and(|expose| expose.public);
    let by_name = stack.kubernetes.domain.is_some()
        || stack
            .components
            .values()
            .filter(|component| speaks_http(component))
            .filter(public)
            .count()
            == 1;
    Some(match speaks_http(component) && by_name {
        false => Entry::LoadBalancer,
        true if stack.kubernetes.gateway.is_some() => Entry::Route,
        true => Entry::Ingress,
    })
}

fn speaks_http(component: &Component) -> bool {
    match component.kind {
        Kind::ModelServer(_) | Kind::Frontend(_) | Kind::ObjectStore(_) | Kind::Service => true,
        Kind::Database(_) | Kind::Cache(_) | Kind::Broker(_) => false,
    }
}

/// The object that leads from outside to a public component.
pub(super) fn entrance(lowering: &Lowering<'_>, component: &Component) -> Option<Resource> {
    match entry(lowering.stack, component)? {
        Entry::Ingress => Some(ingress(lowering, component)),
        Entry::Route => Some(route(lowering, component)),
        Entry::LoadBalancer => None,
    }
}

fn host(lowering: &Lowering<'_>, component: &Component) -> Option<String> {
    let domain = lowering.stack.kubernetes.domain.as_ref()?;
    Some(format!("{}.{domain}", component.name))
}

fn ingress(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let backend = json!({"service": {"name": component.name, "port": {"name": exposed_port(component)}}});
    let mut rule = json!({"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}});
    if let Some(host) = host(lowering, component) {
        rule["host"] = host.into();
    }
    let mut spec = json!({"rules": [rule]});
    if let Some(class) = &lowering.stack.kubernetes.ingress_class {
        spec["ingressClassName"] = class.as_str().into();
    }
    outside(lowering, component, "ingress", spec)
}

fn route(lowering: &Lowering<'_>, component: &Component) -> Resource {
    let port = component.expose.as_ref().map(|expose| expose.to);
    let mut spec = json!({
        "parentRefs": [{"name": lowering.stack.kubernetes.gateway}],
        "rules": [{
            "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
            "backendRefs": [{"name": component.name, "port": port}],
        }],
    });
    if let Some(host) = host(lowering, component) {
        spec["hostnames"] = json!([host]);
    }
    outside(lowering, component, "httproute", spec)
}

fn outside(lowering: &Lowering<'_>, component: &Component, kind: &str, spec: Value) -> Resource {
    let labels = labels(lowering.stack, component, None);
    let path = component.path.key("expose");
    let object = Object::new(json!({"spec": spec}))
        .after([Address::new("service", &component.name), workload::address(component)]);
    lowering.resource(kind, &component.name, &labels, Some(&path), object)
}
