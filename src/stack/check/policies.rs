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

/// Waivers of the stack: for what is no component any more, by policies that there are.
pub(super) fn check_waivers(cx: &Context<'_>, found: &mut Found) {
    let policies = || {
        let known = POLICIES.iter().map(|(known, ..)| *known);
        known.chain(cx.stack.policies.keys().map(String::as_str))
    };
    let all = Path::root().key(WAIVERS);
    for (name, waivers) in &cx.stack.allow_degraded {
        let at = all.key(name);
        if cx.stack.components.contains_key(name) {
            let label = format!("`{name}` is a component, which says itself what is let through");
            let help = format!("move it to `components.{name}.allow_degraded`");
            found.push(at_key(&codes::UNNEEDED_ALLOWANCE, &at, label, help));
        }
        for policy in waivers.keys().filter(|policy| !cx.stack.has_policy(policy)) {
            let label = format!("no policy is called `{policy}`");
            let help = did_you_mean(policy, policies().collect::<Vec<_>>());
            found.push(Diagnostic::at_key(&codes::UNKNOWN_CAPABILITY, &at.key(policy), label).help(help));
        }
    }
}

/// The field that waivers stand in, of a component and of the stack.
const WAIVERS: &str = "allow_degraded";

/// Takes the waivers away that ended before `today`, and says so.
pub(in crate::stack) fn end_waivers(stack: &mut Stack, today: &str, diagnostics: &mut Vec<Diagnostic>) {
    let components = stack.components.values_mut();
    let own = components.map(|component| (component.path.key(WAIVERS), &mut component.allow_degraded));
    let root = Path::root().key(WAIVERS);
    let gone = stack.allow_degraded.iter_mut();
    let gone = gone.map(|(name, waivers)| (root.key(name), waivers));
    for (at, waivers) in own.chain(gone) {
        waivers.retain(|name, waiver| {
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
