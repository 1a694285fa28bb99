//! Lowering to Kubernetes: a stack as the objects of a namespace.
//!
//! Owns which objects each sort of component becomes, and how they are hardened: every pod passes Pod Security
//! `restricted`. Pure, and complete: what a stack may say has been checked before ([`super::capability`]), so
//! lowering cannot fail. The `spec` of a resource is the object as it is sent, without its namespace and without a
//! single secret value.

mod image;
mod network;
mod pod;
mod policy;
mod probes;
mod scaling;
mod storage;
mod workload;

use std::collections::BTreeMap;

use mlstack_manifest::{EXTENSION, Labels, kind, plain};
use mlstack_provider::{Address, Resource, Source, Value};
use serde_json::{Map, json};

use super::{refs, secrets};
use crate::diag::Path;
use crate::stack::{Component, Stack};

pub use image::{is_pushed, reference};
pub use network::{Forward, forwards};

/// What lowering needs beyond the stack.
pub struct Inputs<'a> {
    /// By component, `sha256:` and the digest of the manifest of an image that mlstack packs. A component whose
    /// digest is not known yet is not in it.
    pub digests: &'a BTreeMap<String, String>,
    /// By secret, the keyed digest of its value; a secret whose value was not looked at is not in it.
    pub secrets: &'a BTreeMap<String, String>,
    /// Where a path of the stack file stands.
    pub locate: &'a dyn Fn(&Path) -> Option<Source>,
}

/// The namespace that a stack lives in.
pub fn namespace(stack: &Stack) -> &str {
    stack.kubernetes.namespace.as_deref().unwrap_or(&stack.name)
}

/// All objects of `stack`, what is whole before what is a component's, then in the order of the stack file.
pub fn lower(stack: &Stack, inputs: &Inputs<'_>) -> Vec<Resource> {
    let lowering = Lowering { stack, inputs };
    let running = || {
        stack
            .components
            .values()
            .filter(|component| !refs::is_external(component))
    };
    let mut resources: Vec<Resource> = own_namespace(&lowering).into_iter().collect();
    resources.push(policy::default_deny(&lowering));
    resources.extend(all_secrets(&lowering));
    for component in running() {
        resources.extend(storage::claims(&lowering, component));
    }
    for component in running() {
        resources.extend(of_component(&lowering, component));
    }
    unique(resources)
}

fn of_component(lowering: &Lowering<'_>, component: &Component) -> Vec<Resource> {
    let mut resources = vec![account(lowering, component), policy::of(lowering, component)];
    resources.extend(storage::script(lowering, component));
    resources.extend(network::services(lowering, component));
    resources.push(workload::of(lowering, component));
    resources.extend(scaling::of(lowering, component));
    resources.extend(network::entrance(lowering, component));
    resources
}

/// What every step of lowering looks at.
struct Lowering<'a> {
    stack: &'a Stack,
    inputs: &'a Inputs<'a>,
}

impl Lowering<'_> {
    fn component(&self, name: &str) -> Option<&Component> {
        self.stack.components.get(name)
    }

    /// A name that no component of the stack has.
    fn free(&self, name: String) -> String {
        match self.stack.components.contains_key(&name) {
            true => self.free(format!("{name}-x")),
            false => name,
        }
    }

    /// The labels of what belongs to the whole stack.
    fn shared_labels(&self) -> Labels<'_> {
        Labels {
            stack: &self.stack.name,
            component: None,
            sort: "",
            version: None,
        }
    }

    /// An object as a resource. `body` is all but `apiVersion`, `kind` and `metadata`; `ours` what we remember.
    fn resource(&self, short: &str, name: &str, labels: &Labels<'_>, path: Option<&Path>, object: Object) -> Resource {
        let kind = kind(short).expect("lowering names kinds of the table");
        let mut spec = Map::new();
        spec.insert("apiVersion".to_owned(), kind.api_version.into());
        spec.insert("kind".to_owned(), kind.kind.into());
        spec.insert("metadata".to_owned(), json!({"name": name, "labels": labels.all()}));
        if let Value::Object(body) = object.body {
            spec.extend(body);
        }
        if !object.ours.is_empty() {
            spec.insert(EXTENSION.to_owned(), Value::Object(object.ours));
        }
        let home = kind
            .namespaced
            .then_some(&self.stack.kubernetes.namespace)
            .filter(|chosen| chosen.is_none())
            .map(|_| Address::new("namespace", namespace(self.stack)));
        Resource {
            address: Address::new(short, name),
            spec: Value::Object(spec),
            depends_on: distinct(home.into_iter().chain(object.depends_on)),
            source: path.and_then(self.inputs.locate),
            protected: kind.protected,
        }
    }
}

/// What differs between objects.
#[derive(Default)]
struct Object {
    body: Value,
    depends_on: Vec<Address>,
    ours: Map<String, Value>,
}

impl Object {
    fn new(body: Value) -> Self {
        Self {
            body,
            ..Self::default()
        }
    }

    fn after(self, depends_on: impl IntoIterator<Item = Address>) -> Self {
        Self {
            depends_on: depends_on.into_iter().collect(),
            ..self
        }
    }
}

fn distinct(addresses: impl Iterator<Item = Address>) -> Vec<Address> {
    let mut seen = std::collections::BTreeSet::new();
    addresses.filter(|address| seen.insert(address.clone())).collect()
}

/// The first resource of each address: a volume that two components mount is one claim.
fn unique(resources: Vec<Resource>) -> Vec<Resource> {
    let mut seen = std::collections::BTreeSet::new();
    let first = |resource: &Resource| seen.insert(resource.address.clone());
    resources.into_iter().filter(first).collect()
}

fn labels<'a>(stack: &'a Stack, component: &'a Component, version: Option<&'a str>) -> Labels<'a> {
    Labels {
        stack: &stack.name,
        component: Some(&component.name),
        sort: component.kind.name(),
        version,
    }
}

/// The stack's own namespace; none where the user chose one that is there.
fn own_namespace(lowering: &Lowering<'_>) -> Option<Resource> {
    if lowering.stack.kubernetes.namespace.is_some() {
        return None;
    }
    let mut resource = lowering.resource(
        "namespace",
        &lowering.stack.name,
        &lowering.shared_labels(),
        Some(&Path::root().key("name")),
        Object::default(),
    );
    resource.spec["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = "restricted".into();
    Some(resource)
}

/// The object that holds a secret.
pub fn secret_object(secret: &str) -> String {
    plain(secret)
}

/// One object a secret, under the key `value`; the values themselves are never here.
fn all_secrets<'a>(lowering: &'a Lowering<'_>) -> impl Iterator<Item = Resource> + 'a {
    secrets(lowering.stack).into_keys().map(|name| {
        let path = Path::root().key("secrets").key(&name);
        let declared = lowering.stack.secrets.contains_key(&name).then_some(&path);
        let object = Object {
            body: json!({"type": "Opaque"}),
            ours: remember_secrets(lowering, [&name].into_iter()),
            ..Object::default()
        };
        lowering.resource(
            "secret",
            &secret_object(&name),
            &lowering.shared_labels(),
            declared,
            object,
        )
    })
}

/// What secrets were, by keyed digest: nothing that could be turned back.
fn remember_secrets<'a>(lowering: &Lowering<'_>, names: impl Iterator<Item = &'a String>) -> Map<String, Value> {
    let digest = |name: &String| {
        lowering
            .inputs
            .secrets
            .get(name)
            .map_or(Value::Null, |text| text.as_str().into())
    };
    let digests: Map<String, Value> = names.map(|name| (name.clone(), digest(name))).collect();
    let some = (!digests.is_empty()).then(|| ("secrets".to_owned(), Value::Object(digests)));
    some.into_iter().collect()
}

/// The identity of a component's pods; it may do nothing.
fn account(lowering: &Lowering<'_>, component: &Component) -> Resource {
    lowering.resource(
        "serviceaccount",
        &component.name,
        &labels(lowering.stack, component, None),
        Some(&component.path),
        Object::new(json!({"automountServiceAccountToken": false})),
    )
}

#[cfg(test)]
mod tests;
