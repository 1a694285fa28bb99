//! What is wrong with a stack on one target: fields that the target cannot carry, allowances that miss.
//!
//! An allowance is judged over all targets: a stack file serves several environments, and what one of them
//! needs is not wrong in another.

use super::{Field, Level, Use, uses};
use crate::diag::codes::{self, Code};
use crate::diag::{Diagnostic, Path};
use crate::stack::suggest::did_you_mean;
use crate::stack::{Component, POLICIES, Stack};
use crate::target::Target;

/// What keeps `stack` from running on `target` as its file says; field by field, then allowance by allowance.
pub fn check(stack: &Stack, target: Target) -> Vec<Diagnostic> {
    let uses = uses(stack);
    let carried = uses.iter().filter_map(|found| carry(found, target));
    let allowed = stack.components.values().flat_map(|component| {
        let names = component.allow_degraded.keys();
        let names = names.filter(|name| !stack.has_policy(name));
        names.filter_map(|name| allowance(component, name, &uses))
    });
    carried.chain(allowed).collect()
}

/// Whether `diagnostic` says that a target cannot, or should not, do what the stack file asks: exit code 5, not 3.
pub fn is_violation(diagnostic: &Diagnostic) -> bool {
    [&codes::UNSUPPORTED, &codes::DEGRADED, &codes::DANGEROUS_MOUNT].contains(&diagnostic.code)
}

/// What is wrong with one field on `target`.
fn carry(found: &Use<'_>, target: Target) -> Option<Diagnostic> {
    let name = found.field.name();
    match found.field.on(target) {
        Level::Full
        | Level::Degraded {
            needs_allowance: false, ..
        } => None,
        Level::Degraded { .. } if is_allowed(found) => None,
        Level::Degraded { how, .. } => {
            let help = format!("if that is fine, say why on the component: `allow_degraded: {{{name}: \"…\"}}`");
            Some(refusal(&codes::DEGRADED, found, format!("{target}: {how}"), help))
        }
        Level::Unsupported { why, instead } => {
            Some(refusal(&codes::UNSUPPORTED, found, format!("{target}: {why}"), instead))
        }
    }
}

fn refusal(code: &'static Code, found: &Use<'_>, label: String, help: impl Into<String>) -> Diagnostic {
    Diagnostic::at_value(code, &found.at, label).help(help)
}

fn is_allowed(found: &Use<'_>) -> bool {
    let allowances = found.component.map(|component| &component.allow_degraded);
    allowances.is_some_and(|allowances| allowances.contains_key(found.field.name()))
}

/// What is wrong with the allowance `name` of `component`.
fn allowance(component: &Component, name: &str, uses: &[Use<'_>]) -> Option<Diagnostic> {
    let at = component.path.key("allow_degraded").key(name);
    if codes::find(name).is_some_and(|code| code.waivable) {
        return None;
    }
    let Some(field) = Field::named(name) else {
        return Some(unknown(name, &at));
    };
    let is_used = uses.iter().any(|found| {
        let own = found.component.is_some_and(|user| user.name == component.name);
        own && found.field == field
    });
    unneeded(field, is_used).map(|label| {
        Diagnostic::at_key(&codes::UNNEEDED_ALLOWANCE, &at, label)
            .help(format!("remove `{name}` from `allow_degraded`"))
    })
}

fn unknown(name: &str, at: &Path) -> Diagnostic {
    let label = format!("no capability is called `{name}`");
    Diagnostic::at_key(&codes::UNKNOWN_CAPABILITY, at, label).help(did_you_mean(name, allowable()))
}

/// Why no target needs an allowance of `field` here.
fn unneeded(field: Field, is_used: bool) -> Option<&'static str> {
    let on_some = |test: fn(Level) -> bool| Target::ALL.iter().any(|target| test(field.on(*target)));
    if Target::ALL.iter().any(|target| field.needs_allowance(*target)) {
        (!is_used).then_some("the component does not use it")
    } else if on_some(|level| matches!(level, Level::Unsupported { .. })) {
        Some("what a target cannot do at all cannot be allowed")
    } else if on_some(|level| level != Level::Full) {
        Some("every target does this without an allowance, as far as it can")
    } else {
        Some("every target does this fully")
    }
}

/// Every name that makes sense under `allow_degraded`.
pub fn allowable() -> impl Iterator<Item = &'static str> + Clone {
    let needs = |field: &&Field| Target::ALL.iter().any(|target| field.needs_allowance(*target));
    let fields = Field::ALL.iter().filter(needs).map(|field| field.name());
    let fields = fields.chain(POLICIES.iter().map(|(name, ..)| *name));
    fields.chain(codes::ALL.iter().filter(|code| code.waivable).map(|code| code.name))
}
