//! Names that a target or the language itself needs.

use super::{Context, Found, at_key};
use crate::diag::{Path, codes};

/// Names that mean something already.
const RESERVED: [(&str, &str); 3] = [
    ("secrets", "`${secrets.…}` names secrets"),
    ("localhost", "inside a container it is the container itself"),
    ("mlstack", "mlstack names its own objects so"),
];

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for component in cx.stack.components.keys() {
        if let Some((name, why)) = RESERVED.iter().find(|(name, _)| name == component) {
            let path = Path::root().key("components").key(component);
            found.push(at_key(
                &codes::RESERVED_NAME,
                &path,
                *why,
                format!("choose another name, such as `my-{name}`"),
            ));
        }
    }
}
