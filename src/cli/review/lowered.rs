//! One side of a review in one environment, lowered to resources. Asks for no server executable, so that a review says
//! the same on every machine.

use std::cell::RefCell;
use std::collections::BTreeMap;

use mlstack_provider::Resource;
use serde_json::json;

use super::super::failure::Failure;
use super::super::load::{Loaded, model_file};
use super::super::survey::{Known, lower};
use crate::diag;
use crate::project::context::{BuildContext, ContextError};
use crate::project::images::{SIDECARS, is_packed};
use crate::review::{Served, model_of, served};
use crate::stack::models::{File, beside, digest};
use crate::stack::{Component, Stack};

/// What of a build context is nobody's business: git's own folder, and what mlstack keeps.
pub(super) const OURS: [&str; 2] = [".git", ".mlstack"];

/// One side of a comparison.
pub(super) struct Side {
    pub(super) loaded: Loaded,
    pub(super) models: BTreeMap<String, Served>,
    pub(super) resources: Vec<Resource>,
}

/// What was read of a side already, which its environments share.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By the path of the file.
    models: BTreeMap<String, Served>,
    /// By what is built, and how.
    digests: BTreeMap<String, String>,
}

/// The stack and the models of a side; neither where there is none.
pub(super) fn parts(side: Option<&Side>) -> (Option<&Stack>, &BTreeMap<String, Served>) {
    static NONE: BTreeMap<String, Served> = BTreeMap::new();
    side.map_or((None, &NONE), |side| (Some(&side.loaded.stack), &side.models))
}

/// What to do with a component whose build context cannot be read.
type Unbuilt<'a> = &'a dyn Fn(&Loaded, &str, &ContextError) -> Result<Option<String>, Failure>;

/// Lowers one side.
pub(super) fn side(loaded: Loaded, seen: &RefCell<Seen>, unbuilt: Unbuilt<'_>) -> Result<Side, Failure> {
    let read = |path: &str| model_file(&loaded.jail, path);
    let seen = &mut *seen.borrow_mut();
    let models = served(&loaded.stack, &mut seen.models, &read);
    let digests = digests(&loaded, &models, &mut seen.digests, unbuilt)?;
    let nothing = BTreeMap::new();
    let locate = |path: &diag::Path| loaded.source(path);
    let resources = lower(
        &loaded,
        &Known {
            digests: &digests,
            secrets: &nothing,
            locate: &locate,
        },
    );
    Ok(Side {
        models,
        resources,
        loaded,
    })
}

/// By component, what stands for the digest of its image. Of a packed image it is that of the model and of what lies
/// beside it.
fn digests(
    loaded: &Loaded,
    models: &BTreeMap<String, Served>,
    seen: &mut BTreeMap<String, String>,
    unbuilt: Unbuilt<'_>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut digests = BTreeMap::new();
    for component in loaded.stack.components.values() {
        let name = component.name.clone();
        if let Some(build) = &component.build {
            let key = format!("{build:?}");
            let digest = || BuildContext::of(&loaded.jail, build, &OURS).and_then(|packed| packed.digest());
            let known = seen.get(&key).cloned().map(Ok);
            let built = match known.unwrap_or_else(|| digest().map(|digest| digest.to_string())) {
                Ok(digest) => Some(seen.entry(key).or_insert(digest).clone()),
                Err(error) => unbuilt(loaded, &name, &error)?,
            };
            digests.extend(built.map(|digest| (name, digest)));
        } else if let Some(digest) = packed(loaded, component, models) {
            digests.insert(name, digest);
        }
    }
    Ok(digests)
}

/// What stands for the digest of an image that mlstack packs; `None` where that of the model is not known.
fn packed(loaded: &Loaded, component: &Component, models: &BTreeMap<String, Served>) -> Option<String> {
    let model = model_of(component).filter(|_| is_packed(component))?;
    let bytes = models.get(&component.name)?.sha256()?;
    let sidecars = SIDECARS.map(|end| match model_file(&loaded.jail, &beside(&model.uri, end)) {
        File::Found(bytes) => digest(&bytes),
        File::Missing | File::Refused(_) => String::new(),
    });
    let all = json!([bytes, sidecars]).to_string();
    Some(format!("sha256:{}", digest(all.as_bytes())))
}
