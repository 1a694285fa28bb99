//! The inventory of a stack in the form of KEP-3659, so that kubectl can read and prune it too.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::kinds::Kind;
use crate::labels::{SET_GROUP_KINDS, SET_ID, SET_NAMESPACES, SET_TOOLING};
use crate::names::{MAX_SUBDOMAIN, fit};

/// The object that stands for the inventory: a ConfigMap of the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// Its name.
    pub name: String,
    /// Where it lives.
    pub namespace: String,
}

impl Parent {
    /// The parent of a stack's objects in `namespace`.
    pub fn of(stack: &str, namespace: &str) -> Self {
        Self {
            name: fit(&format!("mlstack-{stack}"), MAX_SUBDOMAIN),
            namespace: namespace.to_owned(),
        }
    }

    /// The value of the members' label `part-of`.
    pub fn id(&self) -> String {
        applyset_id(&self.name, &self.namespace, "ConfigMap", "")
    }

    /// The object, when members are of `kinds` and some live in `elsewhere`. `version` is that of the tool.
    pub fn object(&self, kinds: &[&Kind], elsewhere: &[&str], version: &str) -> Value {
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list.dedup();
            list.join(",")
        };
        let kinds = sorted(kinds.iter().map(|kind| group_kind(kind)).collect());
        let elsewhere = sorted(elsewhere.iter().map(|name| (*name).to_owned()).collect());
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {SET_ID: self.id()},
                "annotations": {
                    SET_NAMESPACES: elsewhere,
                    SET_GROUP_KINDS: kinds,
                    SET_TOOLING: format!("mlstack/{version}"),
                },
            },
        })
    }
}

/// `applyset-<base64url(sha256("<name>.<namespace>.<kind>.<group>"))>-v1`.
pub fn applyset_id(name: &str, namespace: &str, kind: &str, group: &str) -> String {
    let digest = Sha256::digest(format!("{name}.{namespace}.{kind}.{group}").as_bytes());
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(digest))
}

/// `Deployment.apps`, or `Service` for the core group.
pub fn group_kind(kind: &Kind) -> String {
    match kind.group() {
        "" => kind.kind.to_owned(),
        group => format!("{}.{group}", kind.kind),
    }
}

#[cfg(test)]
mod tests;
