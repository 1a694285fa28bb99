//! Labels and annotations: how an object says whose it is.

use std::collections::BTreeMap;

use crate::names::label_value;

/// The field manager of every change.
pub const MANAGER: &str = "mlstack";
/// The label that says which tool looks after an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// On every member of an inventory: the set it is part of.
pub const PART_OF_SET: &str = "applyset.kubernetes.io/part-of";
/// On the parent of an inventory: its id.
pub const SET_ID: &str = "applyset.kubernetes.io/id";
/// On the parent: the tool that keeps it.
pub const SET_TOOLING: &str = "applyset.kubernetes.io/tooling";
/// On the parent: the kinds of its members.
pub const SET_GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
/// On the parent: the namespaces of its members beside its own.
pub const SET_NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";
/// On the pods of a workload: what its secrets were, so that a new value rolls the pods.
pub const POD_SECRETS: &str = "mlstack.dev/secrets";

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels<'a> {
    /// The stack.
    pub stack: &'a str,
    /// The component; none for what is the whole stack's.
    pub component: Option<&'a str>,
    /// What sort of component it is: `database`.
    pub sort: &'a str,
    /// The version that runs; none where there is none to tell.
    pub version: Option<&'a str>,
}

impl Labels<'_> {
    /// What selects the pods of the component. Never changes while the component keeps its name and its sort, as
    /// selectors cannot change.
    pub fn selector(&self) -> BTreeMap<&'static str, String> {
        let component = [
            ("app.kubernetes.io/name", self.component),
            ("app.kubernetes.io/component", self.component.map(|_| self.sort)),
        ];
        let own = component
            .into_iter()
            .filter_map(|(key, value)| Some((key, label_value(value?))));
        own.chain([("app.kubernetes.io/instance", label_value(self.stack))])
            .collect()
    }

    /// What every object carries.
    pub fn all(&self) -> BTreeMap<&'static str, String> {
        let mut all = self.selector();
        all.insert("app.kubernetes.io/part-of", label_value(self.stack));
        all.insert(MANAGED_BY, MANAGER.to_owned());
        if let Some(version) = self.version {
            all.insert("app.kubernetes.io/version", label_value(version));
        }
        all
    }
}
