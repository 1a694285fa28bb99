//! One side of a review in one environment, lowered to resources. Asks for no server executable, so that a review says
//! the same on every machine.

use std::collections::BTreeMap;

use mlstack_provider::Resource;
use serde_json::json;

use super::super::failure::Failure;
use super::super::load::{Loaded, model_file};
use super::super::survey::{Known, lower};
use crate::diag;
use crate::project::context;
use crate::project::images::{SIDECARS, is_packed};
use crate::review::{Served, model_of, served};
use crate::stack::models::{File, beside, digest};
use crate::stack::{Component, Stack};

/// What of a build context is nobody's business: git's own folder, and what mlstack keeps.
const OURS: [&str; 2] = [".git", ".mlstack"];

/// One side of a comparison.
pub(super) struct Side {
    pub(super) loaded: Loaded,
    pub(super) models: BTreeMap<String, Served>,
    pub(super) resources: Vec<Resource>,
}

/// The stack and the models of a side; neither where there is none.
pub(super) fn parts(side: Option<&Side>) -> (Option<&Stack>, &BTreeMap<String, Served>) {
    static NONE: BTreeMap<String, Served> = BTreeMap::new();
    side.map_or((None, &NONE), |side| (Some(&side.loaded.stack), &side.models))
}

/// What to do with a component whose build context cannot be read.
type Unbuilt<'a> = &'a dyn Fn(&Loaded, &str, &context::ContextError) -> Result<Option<String>, Failure>;

/// Lowers one side.
pub(super) fn side(loaded: Loaded, unbuilt: Unbuilt<'_>) -> Result<Side, Failure> {
    let read = |path: &str| model_file(&loaded.jail, path);
    let models = served(&loaded.stack, &read);
    let digests = digests(&loaded, &models, unbuilt)?;
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
    unbuilt: Unbuilt<'_>,
) -> Result<BTreeMap<String, String>, Failure> {
    let mut digests = BTreeMap::new();
    for component in loaded.stack.components.values() {
        let name = component.name.clone();
        if let Some(build) = &component.build {
            let built = match context::digest_without(&loaded.jail, build, &OURS) {
                Ok(digest) => Some(digest.to_string()),
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
