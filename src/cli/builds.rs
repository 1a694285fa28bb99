//! Build contexts of a stack: their digests, and a word where one is large.

use std::collections::BTreeMap;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::load::Loaded;
use super::validate::counted;
use crate::diag::{Diagnostic, codes};
use crate::project::context::{BuildContext, ContextError};
use crate::stack::{Build, Component};
use crate::target::Target;
use crate::view::size;

/// By component, the digest of what its image is built from. Large ones are told before they are read.
pub(super) fn digests(loaded: &mut Loaded, context: &Context) -> Result<BTreeMap<String, String>, Failure> {
    if loaded.target != Target::Compose {
        return Ok(BTreeMap::new());
    }
    let large = large(loaded, &[]);
    loaded.warn(&large, context);
    let digest = |(component, build): (&Component, &Build)| {
        let packed = BuildContext::of(&loaded.jail, build, &[]);
        let digest = packed.and_then(|packed| packed.digest());
        let digest = digest.map_err(|error| unbuildable(loaded, &component.name, &error))?;
        Ok((component.name.clone(), digest.to_string()))
    };
    builds(loaded).map(digest).collect()
}

fn builds(loaded: &Loaded) -> impl Iterator<Item = (&Component, &Build)> {
    let all = loaded.stack.components.values();
    all.filter_map(|component| Some((component, component.build.as_ref()?)))
}

/// What is said of contexts that are larger than anybody sends on purpose, unless the component says why. Nothing is
/// read but names and sizes.
pub(super) fn large(loaded: &Loaded, without: &[&str]) -> Vec<Diagnostic> {
    let is_told = |component: &Component| !component.allow_degraded.contains_key(codes::LARGE_CONTEXT.name);
    let told = builds(loaded).filter(|(component, _)| is_told(component));
    let packed = told.filter_map(|(component, build)| {
        let packed = BuildContext::of(&loaded.jail, build, without).ok()?;
        packed.is_large().then(|| too_large(component, build, &packed))
    });
    packed.collect()
}

fn too_large(component: &Component, build: &Build, packed: &BuildContext) -> Diagnostic {
    let most = packed.largest.as_ref().filter(|(_, bytes)| *bytes > packed.bytes / 2);
    let most = most.map(|(path, bytes)| format!(", most of it `{path}` ({})", size(*bytes)));
    let label = format!(
        "{} in {}{}: read for each plan, sent for each build",
        size(packed.bytes),
        counted(packed.files, "file"),
        most.unwrap_or_default()
    );
    let folder = build.context.trim_start_matches("./").trim_matches('/');
    let ignore = match folder {
        "" | "." => ".dockerignore".to_owned(),
        folder => format!("{folder}/.dockerignore"),
    };
    let help = format!("name in `{ignore}` what the build does not need");
    Diagnostic::at_value(&codes::LARGE_CONTEXT, &component.path.key("build"), label).help(help)
}

/// A build context that cannot be packed, at the line that names it.
pub(super) fn unbuildable(loaded: &Loaded, component: &str, error: &ContextError) -> Failure {
    let component = loaded.stack.components.get(component);
    let source = component.and_then(|component| loaded.source(&component.path.key("build")));
    let failure = Failure::of(Exit::Error, error).asked_at(source.as_ref());
    match error {
        ContextError::Special { .. } => failure.hint("take it away, or name it in `.dockerignore`"),
        _ => failure,
    }
}
