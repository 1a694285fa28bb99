//! The images that mlstack makes itself: which components get one, and what goes into it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use super::{Jail, JailError};
use crate::image::{Bundle, Image, Parts, assemble};
use crate::stack::models::beside;
use crate::stack::{Component, Kind, Stack};

/// The files beside a model that travel with it, by what replaces `.onnx`.
pub const SIDECARS: [&str; 2] = [".signature.json", ".golden.json"];

/// Why an image cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file cannot be used.
    #[error("cannot pack the image of `{component}`")]
    File {
        /// The component.
        component: String,
        /// Why.
        #[source]
        source: JailError,
    },
    /// Reading failed.
    #[error("cannot pack the image of `{component}`")]
    Read {
        /// The component.
        component: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Whether mlstack makes this component's image: a model server or frontend without one of its own.
pub fn is_packed(component: &Component) -> bool {
    let own = component.image.is_some() || component.build.is_some();
    !own && matches!(component.kind, Kind::ModelServer(_) | Kind::Frontend(_))
}

/// Packs the images of all bundled components.
///
/// # Errors
/// When a model or the server cannot be read.
pub fn pack(stack: &Stack, jail: &Jail, server: &Path) -> Result<BTreeMap<String, Image>, PackError> {
    let bundled = stack.components.values().filter(|component| is_packed(component));
    bundled
        .map(|component| Ok((component.name.clone(), pack_one(stack, component, jail, server)?)))
        .collect()
}

/// Packs the image of one component.
///
/// # Errors
/// As [`pack`].
pub fn pack_one(stack: &Stack, component: &Component, jail: &Jail, server: &Path) -> Result<Image, PackError> {
    let read = |source| PackError::Read {
        component: component.name.clone(),
        source,
    };
    let bundle = Bundle {
        title: component.name.clone(),
        server: Parts::file(server).map_err(read)?,
        model: model_files(component, jail)?,
        command: command(component),
        config: config(component),
        labels: BTreeMap::from([
            ("io.mlstack.component".to_owned(), component.name.clone()),
            ("io.mlstack.stack".to_owned(), stack.name.clone()),
        ]),
    };
    assemble(&bundle).map_err(read)
}

/// The model and its sidecars by their names in the image.
fn model_files(component: &Component, jail: &Jail) -> Result<BTreeMap<String, Parts>, PackError> {
    let mut files = BTreeMap::new();
    let Kind::ModelServer(server) = &component.kind else {
        return Ok(files);
    };
    let Some(model) = &server.model else { return Ok(files) };
    let fail = |source| PackError::File {
        component: component.name.clone(),
        source,
    };
    let read = |source| PackError::Read {
        component: component.name.clone(),
        source,
    };
    let path = jail.file(&model.uri).map_err(fail)?;
    files.insert("model.onnx".to_owned(), Parts::file(&path).map_err(read)?);
    for ending in SIDECARS {
        match jail.file(&beside(&model.uri, ending)) {
            Ok(path) => {
                files.insert(format!("model{ending}"), Parts::file(&path).map_err(read)?);
            }
            Err(JailError::Missing(_)) => {}
            Err(error) => return Err(fail(error)),
        }
    }
    Ok(files)
}

fn command(component: &Component) -> Vec<String> {
    let command = if matches!(component.kind, Kind::Frontend(_)) {
        "frontend"
    } else {
        "serve"
    };
    vec![command.to_owned()]
}

/// What is the same wherever the image runs; the rest comes as environment.
fn config(component: &Component) -> Vec<u8> {
    let config = match component.kind {
        Kind::ModelServer(_) => serde_json::json!({"bind": "0.0.0.0", "model_name": component.name}),
        _ => serde_json::json!({"bind": "0.0.0.0"}),
    };
    config.to_string().into_bytes()
}
