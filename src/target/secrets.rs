//! The secrets a stack needs: those it declares, and those mlstack makes for bundled databases and stores.
//!
//! Owns their names. A secret of that name in the stack file takes the place of a generated one. Values are
//! never known here.

use std::collections::BTreeMap;

use crate::stack::{Component, Kind, ObjectStore, ObjectStoreEngine, Property, SecretSource, Stack};

/// Letters and digits of a generated password or secret key: 40 × 5.95 bits.
const LONG: u32 = 40;
/// Letters and digits of a generated access key id, as many as in AWS.
const ID: u32 = 20;

/// Every secret that `stack` needs, by name.
pub fn secrets(stack: &Stack) -> BTreeMap<String, SecretSource> {
    let generated = stack.components.values().flat_map(generated);
    let declared = stack
        .secrets
        .iter()
        .map(|(name, source)| (name.clone(), source.clone()));
    generated.chain(declared).collect()
}

/// The secrets mlstack makes for a bundled component, each with its length.
fn generated(component: &Component) -> Vec<(String, SecretSource)> {
    let one = |property, length| Some((name(component, property)?, SecretSource::Generate(length)));
    let wanted = match &component.kind {
        Kind::Database(_) => vec![one(Property::PasswordFile, LONG)],
        Kind::ObjectStore(ObjectStore {
            engine: ObjectStoreEngine::Seaweedfs { .. },
            ..
        }) => vec![one(Property::AccessKeyFile, ID), one(Property::SecretKeyFile, LONG)],
        _ => Vec::new(),
    };
    wanted.into_iter().flatten().collect()
}

/// The name of the secret behind a property of a component: `db-password`. `None` when there is none behind it.
pub(crate) fn name(component: &Component, property: Property) -> Option<String> {
    let own = |suffix| Some(format!("{}-{suffix}", component.name));
    match (&component.kind, property) {
        (Kind::Database(_), Property::PasswordFile) => own("password"),
        (Kind::ObjectStore(store), property) => match (&store.engine, property) {
            (ObjectStoreEngine::Seaweedfs { .. }, Property::AccessKeyFile) => own("access-key"),
            (ObjectStoreEngine::Seaweedfs { .. }, Property::SecretKeyFile) => own("secret-key"),
            (ObjectStoreEngine::S3 { access_key, .. }, Property::AccessKeyFile) => access_key.clone(),
            (ObjectStoreEngine::S3 { secret_key, .. }, Property::SecretKeyFile) => secret_key.clone(),
            _ => None,
        },
        _ => None,
    }
}
