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
    let contexts = contexts(loaded, &[]);
    let large = told_large(loaded, &contexts);
    loaded.warn(&large, context);
    let digest = |(name, packed): (String, Packed)| {
        let digest = packed.and_then(|packed| packed.digest());
        let digest = digest.map_err(|error| unbuildable(loaded, &name, &error))?;
        Ok((name, digest.to_string()))
    };
    contexts.into_iter().map(digest).collect()
}

/// A build context, walked once and not read yet.
type Packed = Result<BuildContext, ContextError>;

/// What images are built from, by component.
fn contexts(loaded: &Loaded, without: &[&str]) -> Vec<(String, Packed)> {
    let builds = loaded.stack.components.values();
    let builds = builds.filter_map(|component| Some((component.name.clone(), component.build.as_ref()?)));
    let walked = builds.map(|(name, build)| (name, BuildContext::of(&loaded.jail, build, without)));
    walked.collect()
}

/// What is said of contexts that are larger than anybody sends on purpose, unless the component says why. Nothing is
/// read but names and sizes.
pub(super) fn large(loaded: &Loaded, without: &[&str]) -> Vec<Diagnostic> {
    told_large(loaded, &contexts(loaded, without))
}

fn told_large(loaded: &Loaded, contexts: &[(String, Packed)]) -> Vec<Diagnostic> {
    let large = contexts.iter().filter_map(|(name, packed)| {
        let packed = packed.as_ref().ok().filter(|packed| packed.is_large())?;
        let component = loaded.stack.components.get(name)?;
        let is_told = !component.allow_degraded.contains_key(codes::LARGE_CONTEXT.name);
        let build = component.build.as_ref()?;
        is_told.then(|| too_large(component, build, packed))
    });
    large.collect()
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
