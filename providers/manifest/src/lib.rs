//! The words of Kubernetes: kinds, names, labels, the inventory of an ApplySet and the rules of Pod Security, as data.
//!
//! Owns what must be the same on both sides of the contract: the `spec` of a resource of one of [`KINDS`] is the
//! object as it is sent by server-side apply, without its namespace and without a single secret value, plus at most
//! one key of ours, [`EXTENSION`]. Pure: reads no file, talks to no server. Never knows a stack file.

mod applyset;
mod kinds;
mod labels;
mod names;
mod object;
mod restricted;

pub use applyset::{Parent, applyset_id, group_kind};
pub use kinds::{KINDS, Kind, kind, kind_of};
pub use labels::{
    Labels, MANAGED_BY, MANAGER, PART_OF_SET, POD_SECRETS, SET_GROUP_KINDS, SET_ID, SET_NAMESPACES, SET_TOOLING,
};
pub use names::{MAX_LABEL, MAX_SUBDOMAIN, content_name, fit, label_value, plain};
pub use object::{EXTENSION, comparable, extension, pod_spec, sendable};
pub use restricted::violations;
