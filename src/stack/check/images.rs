//! Images of the user: pinned, and limited.

use super::{Context, Found, at_key, at_value, is_bundled};
use crate::diag::codes;
use crate::stack::texts::image_name;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for component in cx.components() {
        if let Some(name) = component.image.as_deref().and_then(image_name)
            && name.digest.is_none()
            && matches!(name.tag, None | Some("latest"))
        {
            let label = match name.tag {
                None => "no tag means `latest`: tomorrow it is another image",
                Some(_) => "`latest` moves: tomorrow it is another image",
            };
            let help = format!("name a version, such as `{}:1.2.3`, or a digest", name.name);
            found.push(at_value(
                &codes::FLOATING_TAG,
                &component.path.key("image"),
                label,
                help,
            ));
        }
        let resources = cx.node(component).and_then(|node| node.get("resources"));
        if !is_bundled(component) && resources.is_none_or(|resources| resources.get("memory").is_none()) {
            let label = format!("`{}` may use all memory of its machine", component.name);
            let help = "add `resources: {memory: 256Mi}`, with a number that fits";
            found.push(at_key(&codes::NO_LIMITS, &component.path, label, help));
        }
    }
}
