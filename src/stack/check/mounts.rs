//! Folders of the machine that give a container more than data: the stack's own secrets, or another part of the machine.

use super::{Context, Found};
use crate::diag::{Diagnostic, Path, codes};
use crate::stack::model::{SecretSource, Stack, VolumeSource};

/// Where mlstack keeps the values of secrets, beside the stack file.
const OWN: &str = ".mlstack";

pub(super) fn check(cx: &Context<'_>, found: &mut Found) {
    for (host, at) in hosts(cx.stack) {
        if let Some(label) = danger(cx.stack, &parts(host)) {
            found.push(dangerous(&at, label));
        }
    }
}

/// The same for where symbolic links lead, which a stack file alone does not tell: `real` gives the path below the
/// stack file's folder that `host` is in truth, or `Err` with the path outside.
pub fn links(stack: &Stack, real: &dyn Fn(&str) -> Result<Option<String>, String>) -> Vec<Diagnostic> {
    let found = hosts(stack).into_iter().filter_map(|(host, at)| {
        let label = match real(host) {
            Err(outside) => Some(format!("a link to `{outside}`, outside the stack file's folder")),
            Ok(Some(inside)) if parts(&inside) != parts(host) => danger(stack, &parts(&inside)),
            Ok(_) => None,
        };
        Some(dangerous(&at, label?))
    });
    found
        .filter(|diagnostic| !super::is_waived(stack, diagnostic))
        .collect()
}

fn hosts(stack: &Stack) -> Vec<(&str, Path)> {
    let components = stack.components.values();
    let of = components.flat_map(|component| {
        let volumes = component.volumes.iter().enumerate();
        volumes.filter_map(|(place, volume)| match &volume.source {
            VolumeSource::Host(host) => {
                let at = component.path.key("volumes").index(place).key("host");
                Some((host.as_str(), at))
            }
            VolumeSource::Named(_) => None,
        })
    });
    of.collect()
}

/// `./a//b/` as `[a, b]`.
fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}

/// What a container would get with the folder at `host`.
fn danger(stack: &Stack, host: &[&str]) -> Option<String> {
    match host {
        [] => return Some("the whole folder of the stack, with the secrets that mlstack keeps in it".to_owned()),
        [OWN, ..] => return Some("the secrets that mlstack keeps".to_owned()),
        _ => {}
    }
    let held = stack.secrets.iter().find(|(_, source)| match source {
        SecretSource::File(file) => parts(file).starts_with(host),
        _ => false,
    });
    held.map(|(name, _)| format!("it holds the file of the secret `{name}`"))
}

fn dangerous(at: &Path, label: String) -> Diagnostic {
    let help = "mount a folder that holds nothing else, such as `host: data`; if it is meant, say why on the \
                component: `allow_degraded: {dangerous-mount: \"…\"}`";
    Diagnostic::at_value(&codes::DANGEROUS_MOUNT, at, label).help(help)
}
