//! Policies that say nothing, and waivers whose time is over.

use super::{Context, Found, at_key};
use crate::diag::{Diagnostic, Path, codes};
use crate::stack::model::{POLICIES, Stack, known_policy};
use crate::stack::suggest::did_you_mean;
use crate::stack::texts;

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    let all = Path::root().key("policies");
    for (name, policy) in &cx.stack.policies {
        let at = all.key(name);
        let known = known_policy(name).is_some();
        let (denies, says) = (cx.has(&at.key("deny")), cx.has(&at.key("message")));
        if known && (denies || says) {
            let label = format!("`{name}` is known already, with a condition of its own");
            found.push(at_key(&codes::BAD_POLICY, &at, label, "give yours another name"));
        } else if !known && !denies && policy.severity.is_some() {
            let label = format!("mlstack knows no policy `{name}`, and there is no `deny`");
            let help = did_you_mean(name, POLICIES.iter().map(|(known, ..)| *known));
            found.push(Diagnostic::at_key(&codes::BAD_POLICY, &at, label).help(help));
        } else if !known && !denies {
            let label = format!("`{name}` has no `deny`: nothing is against it");
            let help = format!("write `{name}: {{deny: \"@.action == 'delete'\"}}`");
            found.push(at_key(&codes::BAD_POLICY, &at, label, help));
        }
    }
}

/// Takes the waivers away that ended before `today`, and says so.
pub(in crate::stack) fn end_waivers(stack: &mut Stack, today: &str, diagnostics: &mut Vec<Diagnostic>) {
    for component in stack.components.values_mut() {
        let at = component.path.key("allow_degraded");
        component.allow_degraded.retain(|name, waiver| {
            let is_over = |until: &&str| *until < today && (texts::DATE.check)(until).is_ok();
            let Some(until) = waiver.until.as_deref().filter(is_over) else {
                return true;
            };
            let label = format!("`{name}` was let through until {until}");
            let help = "mend what it is about, or move `until` with a reason that still holds";
            diagnostics.push(at_key(&codes::ENDED_WAIVER, &at.key(name), label, help));
            false
        });
    }
}
