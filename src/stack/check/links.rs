//! Everything that names another component or a secret: `uses`, `calls`, `log_predictions`, references.

use super::{Context, Found, at_value};
use crate::diag::{Path, codes};
use crate::stack::model::{Component, Frontend, Kind, Protocol, Stack};
use crate::stack::node::Node;
use crate::stack::reference::{self, Raw};
use crate::stack::scalar;
use crate::stack::suggest::{a, did_you_mean, meant};

/// One component names another.
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    via: Via,
}

/// The field that names it.
enum Via {
    Uses(usize),
    Field(&'static str),
    Variable(String),
}

impl Edge {
    /// Where it stands.
    pub(super) fn at(&self) -> Path {
        let component = Path::root().key("components").key(&self.from);
        match &self.via {
            Via::Uses(index) => component.key("uses").index(*index),
            Via::Field(field) => component.key(*field),
            Via::Variable(name) => component.key("env").key(name),
        }
    }
}

/// Every edge, in file order of the components.
pub(super) fn edges(stack: &Stack, root: &Node) -> Vec<Edge> {
    let mut edges = Vec::new();
    for component in stack.components.values() {
        let mut edge = |to: &str, via: Via| {
            let from = component.name.clone();
            edges.push(Edge {
                from,
                to: to.to_owned(),
                via,
            });
        };
        for (i, item) in list(root, component, "uses").iter().enumerate() {
            if let Some(to) = item.scalar() {
                edge(&to.text, Via::Uses(i));
            }
        }
        match &component.kind {
            Kind::ModelServer(server) => {
                server
                    .log_predictions
                    .iter()
                    .for_each(|to| edge(to, Via::Field("log_predictions")));
            }
            Kind::Frontend(page) => page.calls.iter().for_each(|to| edge(to, Via::Field("calls"))),
            _ => {}
        }
        for (variable, raw) in references(root, component) {
            if let Raw::Property(to, _) = raw
                && to != component.name
            {
                edge(to, Via::Variable(variable.to_owned()));
            }
        }
    }
    edges
}

fn list<'n>(root: &'n Node, component: &Component, field: &str) -> &'n [Node] {
    let node = root
        .get("components")
        .and_then(|all| all.get(&component.name)?.get(field));
    node.and_then(Node::list).unwrap_or_default()
}

/// Every reference in the environment variables of a component.
fn references<'n>(root: &'n Node, component: &Component) -> impl Iterator<Item = (&'n str, Raw<'n>)> + use<'n> {
    let env = root
        .get("components")
        .and_then(|all| all.get(&component.name)?.get("env")?.map());
    env.into_iter().flatten().flat_map(|(variable, entry)| {
        let text = entry
            .node
            .scalar()
            .and_then(|scalar| scalar::text(scalar).ok())
            .unwrap_or_default();
        let pieces = reference::parse(text).unwrap_or_default();
        pieces.into_iter().map(move |piece| (variable.as_str(), piece))
    })
}

/// Adds to `uses` what other fields imply.
pub(super) fn complete(stack: &mut Stack, edges: &[Edge]) {
    let implied = |edge: &&Edge| edge.from != edge.to && !matches!(edge.via, Via::Uses(_));
    for edge in edges.iter().filter(implied) {
        let known = stack.components.contains_key(&edge.to);
        if let Some(component) = stack.components.get_mut(&edge.from)
            && known
            && !component.uses.contains(&edge.to)
        {
            component.uses.push(edge.to.clone());
        }
    }
}

/// The most unknown names that are looked up for what was meant.
const MOST: usize = 100;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    let lost = cx
        .edges
        .iter()
        .filter(|edge| !cx.stack.components.contains_key(&edge.to));
    for edge in lost.take(MOST) {
        found.push(unknown_component(cx, edge));
    }
    for component in cx.components() {
        properties(cx, component, found);
        secrets(cx, component, found);
        kinds(cx, component, found);
    }
}

fn unknown_component(cx: &Context<'_>, edge: &Edge) -> crate::diag::Diagnostic {
    let others = cx
        .stack
        .components
        .keys()
        .map(String::as_str)
        .filter(|name| *name != edge.from);
    let help = did_you_mean(&edge.to, others);
    at_value(
        &codes::UNKNOWN_COMPONENT,
        &edge.at(),
        format!("no component is named `{}`", edge.to),
        help,
    )
}

fn properties(cx: &Context<'_>, component: &Component, found: &mut Found) {
    for (variable, raw) in references(cx.root, component) {
        let Raw::Property(to, property) = raw else {
            continue;
        };
        let Some(other) = cx.stack.components.get(to).filter(|other| cx.is_typed(other)) else {
            continue;
        };
        let known = other.kind.properties().iter().map(|property| property.name());
        let (label, help) = if !known.clone().any(|name| name == property) {
            let label = format!("`{to}` is {} and has no `{property}`", a(other.kind.name()));
            (label, did_you_mean(property, known))
        } else if has_no_port(other) && matches!(property, "port" | "address" | "url") {
            let help = format!("add `port: 8000` to `{to}`, with the right number");
            (format!("nobody knows which port `{to}` listens on"), help.into())
        } else {
            continue;
        };
        let at = component.path.key("env").key(variable);
        found.push(at_value(&codes::UNKNOWN_PROPERTY, &at, label, help));
    }
}

fn has_no_port(component: &Component) -> bool {
    component.port.is_none() && component.kind == Kind::Service
}

fn secrets(cx: &Context<'_>, component: &Component, found: &mut Found) {
    for (variable, raw) in references(cx.root, component) {
        let (Raw::Secret(name) | Raw::SecretFile(name)) = raw else {
            continue;
        };
        let at = component.path.key("env").key(variable);
        if cx.stack.secrets.contains_key(name) {
            let whole = component
                .env
                .get(variable)
                .is_some_and(|template| template.0.len() == 1);
            if matches!(raw, Raw::Secret(_)) && !whole {
                let label = "a secret's value stands alone or not at all";
                let help = format!("pass `${{secrets.{name}.file}}`, and let the program read that file");
                found.push(at_value(&codes::SECRET_IN_TEXT, &at, label, help));
            }
        } else if !cx.has(&Path::root().key("secrets").key(name)) {
            found.push(unknown_secret(cx, name, &at));
        }
    }
}

pub(super) fn unknown_secret(cx: &Context<'_>, name: &str, at: &Path) -> crate::diag::Diagnostic {
    let known = cx.stack.secrets.keys().map(String::as_str);
    let help = match cx.stack.secrets.is_empty() {
        true => format!(
            "add `secrets: {{{name}: {{env: {}}}}}`",
            name.to_uppercase().replace('-', "_")
        )
        .into(),
        false => did_you_mean(name, known),
    };
    at_value(&codes::UNKNOWN_SECRET, at, format!("no secret is named `{name}`"), help)
}

/// Whether what a field names is of the right type.
fn kinds(cx: &Context<'_>, component: &Component, found: &mut Found) {
    match &component.kind {
        Kind::ModelServer(server) => {
            if let Some(name) = &server.log_predictions {
                wanted(cx, name, &component.path.key("log_predictions"), &["database"], found);
            }
            if server.protocols.contains(&Protocol::Mqtt) {
                broker(cx, component, found);
            }
        }
        Kind::Frontend(Frontend { calls: Some(name) }) => {
            let own = component.image.is_some() || component.build.is_some();
            let types: &[&str] = if own {
                &["model-server", "service"]
            } else {
                &["model-server"]
            };
            wanted(cx, name, &component.path.key("calls"), types, found);
        }
        _ => {}
    }
}

fn wanted(cx: &Context<'_>, name: &str, at: &Path, types: &[&str], found: &mut Found) {
    let Some(other) = cx.stack.components.get(name).filter(|other| cx.is_typed(other)) else {
        return;
    };
    if !types.contains(&other.kind.name()) {
        let mut candidates = cx
            .components()
            .filter(|other| types.contains(&other.kind.name()))
            .map(|other| other.name.as_str());
        let help = match candidates.next() {
            Some(candidate) => meant(name, candidate),
            None => format!("add a component with `type: {}`, and name that", types[0]).into(),
        };
        let label = format!("`{name}` is {}, not a {}", a(other.kind.name()), types.join(" or a "));
        found.push(at_value(&codes::WRONG_COMPONENT_TYPE, at, label, help));
    }
}

fn broker(cx: &Context<'_>, component: &Component, found: &mut Found) {
    let is_broker = |name: &String| {
        cx.stack
            .components
            .get(name)
            .is_some_and(|other| matches!(other.kind, Kind::Broker(_)))
    };
    if !component.uses.iter().any(is_broker) {
        let help = match cx.components().find(|other| matches!(other.kind, Kind::Broker(_))) {
            Some(broker) => format!("add `{}` to `uses`", broker.name),
            None => "add a component with `type: broker`, and its name to `uses`".to_owned(),
        };
        let label = format!("`{}` uses no broker", component.name);
        found.push(at_value(
            &codes::MQTT_WITHOUT_BROKER,
            &component.path.key("protocols"),
            label,
            help,
        ));
    }
}
