//! What components tell each other: names and addresses that are known before anything runs.
//!
//! Owns the value of every property (`${db.url}`). Holds no secret: those are files, and their paths are told.

use super::secrets;
use crate::stack::{Component, Kind, ObjectStoreEngine, Property};

/// The user of bundled databases.
pub(crate) const USER: &str = "app";
/// The database in bundled database servers.
pub(crate) const DATABASE: &str = "app";
/// The region that bundled object stores answer to.
const REGION: &str = "us-east-1";

/// The path of a secret inside a container.
pub(crate) fn secret_path(name: &str) -> String {
    format!("/run/secrets/{name}")
}

/// The port a component listens on inside the stack; `None` when nobody said one.
pub(crate) fn port(component: &Component) -> Option<u16> {
    let exposed = || component.expose.as_ref().map(|expose| expose.to);
    component.port.or_else(|| component.kind.port()).or_else(exposed)
}

/// The value of a property; empty where the component has no such thing.
pub fn value(component: &Component, property: Property) -> String {
    let file = || secrets::name(component, property).map(|name| secret_path(&name));
    match property {
        Property::Host => component.name.clone(),
        Property::Port => port(component).map(|port| port.to_string()).unwrap_or_default(),
        Property::Address => address(component),
        Property::Url => url(component),
        Property::User => USER.to_owned(),
        Property::Database => DATABASE.to_owned(),
        Property::Endpoint => endpoint(component),
        Property::Region => region(component),
        Property::PasswordFile | Property::AccessKeyFile | Property::SecretKeyFile => file().unwrap_or_default(),
    }
}

/// `host:port`, or the host alone.
fn address(component: &Component) -> String {
    match port(component) {
        Some(port) => format!("{}:{port}", component.name),
        None => component.name.clone(),
    }
}

fn url(component: &Component) -> String {
    let address = address(component);
    match &component.kind {
        Kind::Database(_) => format!("postgres://{USER}@{address}/{DATABASE}"),
        Kind::Cache(_) => format!("redis://{address}"),
        Kind::Broker(_) => format!("mqtt://{address}"),
        Kind::ObjectStore(_) => endpoint(component),
        Kind::ModelServer(_) | Kind::Frontend(_) | Kind::Service => format!("http://{address}"),
    }
}

fn endpoint(component: &Component) -> String {
    match engine(component) {
        Some(ObjectStoreEngine::S3 { endpoint, .. }) => endpoint.clone(),
        _ => format!("http://{}", address(component)),
    }
}

fn region(component: &Component) -> String {
    match engine(component) {
        Some(ObjectStoreEngine::S3 { region, .. }) => region.clone(),
        _ => REGION.to_owned(),
    }
}

fn engine(component: &Component) -> Option<&ObjectStoreEngine> {
    match &component.kind {
        Kind::ObjectStore(store) => Some(&store.engine),
        _ => None,
    }
}

/// Whether a component is a store outside of the stack: nothing of it runs here.
pub(crate) fn is_external(component: &Component) -> bool {
    matches!(engine(component), Some(ObjectStoreEngine::S3 { .. }))
}
