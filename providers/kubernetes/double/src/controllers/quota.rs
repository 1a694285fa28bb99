//! ResourceQuotas: the hard limits taken over into the status, and what is used counted.

use serde_json::json;

use super::status_manager;
use crate::admit;
use crate::store::{Key, World};
use crate::write::edit;

/// Counts a quota anew.
pub(crate) fn sync(world: &mut World, key: &Key) {
    let Some(quota) = world.get(key).cloned() else { return };
    let hard = quota["spec"]["hard"].clone();
    let used = admit::usage(world, key, &hard);
    edit(world, key, &status_manager(), |q| {
        q["status"] = json!({"hard": hard, "used": used});
    });
}
