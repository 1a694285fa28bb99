//! Model files: whether each is there, is ONNX, can be served, and passes the stack's own checks.
//!
//! Pure: the caller reads the files, below the folder of the stack file only. Models in a store are not looked at.

use std::sync::Arc;

use mlstack_onnx::golden::Golden;
use mlstack_onnx::predict::{FeatureError, FeatureFault, Predictor, Value};
use mlstack_onnx::signature::Signature;
use mlstack_onnx::{LoadError, Model};
use serde::de::DeserializeSeed as _;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::lfs;
use super::model::{Check, Component, Kind, ModelRef, ModelServer, Stack};
use super::suggest::did_you_mean;
use crate::diag::codes::{self, Code};
use crate::diag::{Diagnostic, Path};

/// What the caller found at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// The file's bytes.
    Found(Vec<u8>),
    /// Nothing.
    Missing,
    /// Something that is not read; the text says why.
    Refused(String),
}

/// The path of a file beside a model: `model/x.onnx` and `.golden.json` give `model/x.golden.json`.
pub fn beside(model: &str, end: &str) -> String {
    format!("{}{end}", model.strip_suffix(".onnx").unwrap_or(model))
}

/// The digest of a file, 64 hex digits.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that is wrong with the models of a stack. `read` is asked for paths relative to the stack file.
pub fn check(stack: &Stack, read: &dyn Fn(&str) -> File) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for component in stack.components.values() {
        if let Kind::ModelServer(server) = &component.kind
            && let Some(model) = &server.model
            && !model.uri.contains("://")
        {
            let mut models = Models {
                read,
                found: &mut found,
            };
            models.component(component, server, model);
        }
    }
    found
}

struct Models<'a> {
    read: &'a dyn Fn(&str) -> File,
    found: &'a mut Vec<Diagnostic>,
}

impl Models<'_> {
    fn component(&mut self, component: &Component, server: &ModelServer, reference: &ModelRef) {
        let at = component.path.key("model");
        let Some(bytes) = self.bytes(&at, reference) else {
            return;
        };
        if let Some(pointer) = lfs::pointer(&bytes) {
            return self.pointer(&at, reference, &pointer);
        }
        self.digest(&at, reference, &digest(&bytes));
        let Some(model) = self.load(&at, &bytes) else {
            return;
        };
        let Some(predictor) = self.predictor(&at, reference, model) else {
            return;
        };
        self.golden(&at, reference, &predictor);
        for (i, check) in server.checks.iter().enumerate() {
            self.check(&component.path.key("checks").index(i), check, &predictor);
        }
    }

    fn bytes(&mut self, at: &Path, model: &ModelRef) -> Option<Vec<u8>> {
        match (self.read)(&model.uri) {
            File::Found(bytes) => return Some(bytes),
            File::Missing => {
                let help = "check the path, which is relative to the stack file, and whether the file is committed";
                self.say(
                    &codes::MODEL_MISSING,
                    at,
                    format!("there is no file `{}`", model.uri),
                    Some(help.to_owned()),
                );
            }
            File::Refused(why) => {
                let help = "a regular file below the folder of the stack file, which you may read".to_owned();
                self.say(&codes::MODEL_UNREADABLE, at, why, Some(help));
            }
        }
        None
    }

    /// git keeps a pointer alone: the digest can be judged all the same.
    fn pointer(&mut self, at: &Path, model: &ModelRef, pointer: &lfs::Pointer) {
        self.digest(at, model, &pointer.sha256);
        let label = format!(
            "`{}` is a pointer to {} bytes that are not here",
            model.uri, pointer.bytes
        );
        let help = format!("git lfs pull --include {}", model.uri);
        self.say(&codes::MODEL_POINTER, at, label, Some(help));
    }

    fn digest(&mut self, at: &Path, model: &ModelRef, actual: &str) {
        let Some(pinned) = &model.sha256 else {
            return;
        };
        if pinned != actual {
            let label = format!("`{}` has another digest", model.uri);
            let help = format!("if the change is meant, write `sha256: {actual}`");
            self.say(&codes::MODEL_DIGEST, &at.key("sha256"), label, Some(help));
        }
    }

    fn load(&mut self, at: &Path, bytes: &[u8]) -> Option<Model> {
        let error = match Model::load(bytes) {
            Ok(model) => return Some(model),
            Err(error) => error,
        };
        let (code, label) = match &error {
            LoadError::NotOnnx(looks) => (&codes::NOT_ONNX, format!("this looks like {looks}")),
            LoadError::Unsupported(operators) => (&codes::UNSUPPORTED_OPERATOR, list(operators)),
            LoadError::TooLarge { .. } => (&codes::MODEL_UNREADABLE, error.to_string()),
            LoadError::Damaged { .. } | LoadError::Invalid { .. } | LoadError::ExternalData { .. } => {
                (&codes::INVALID_MODEL, error.to_string())
            }
        };
        self.say(code, at, label, error.help());
        None
    }

    fn predictor(&mut self, at: &Path, model: &ModelRef, loaded: Model) -> Option<Predictor> {
        let path = beside(&model.uri, ".signature.json");
        let sidecar = self.sidecar(&codes::BAD_SIGNATURE, at, &path)?;
        let signature = Signature::resolve(&loaded, sidecar.as_deref());
        match signature.and_then(|(signature, _)| Predictor::new(Arc::new(loaded), signature)) {
            Ok(predictor) => Some(predictor),
            Err(error) => {
                self.say(
                    &codes::BAD_SIGNATURE,
                    at,
                    error.to_string(),
                    Some(format!("mend `{path}`")),
                );
                None
            }
        }
    }

    fn golden(&mut self, at: &Path, model: &ModelRef, predictor: &Predictor) {
        let path = beside(&model.uri, ".golden.json");
        let Some(Some(text)) = self.sidecar(&codes::BAD_GOLDEN, at, &path) else {
            return;
        };
        if let Err(error) = Golden::parse(&text).and_then(|golden| golden.check(predictor)) {
            let help = format!("mend `{path}`, or write it again from the program that trained the model");
            self.say(&codes::BAD_GOLDEN, at, error.to_string(), Some(help));
        }
    }

    /// The text of a file beside a model; none when there is no such file, nothing at all when it is wrong.
    fn sidecar(&mut self, code: &'static Code, at: &Path, path: &str) -> Option<Option<String>> {
        let why = match (self.read)(path) {
            File::Missing => return Some(None),
            File::Found(bytes) => match String::from_utf8(bytes) {
                Ok(text) => return Some(Some(text)),
                Err(_) => "it is no UTF-8".to_owned(),
            },
            File::Refused(why) => why,
        };
        self.say(code, at, format!("`{path}` cannot be read: {why}"), None);
        None
    }

    fn check(&mut self, at: &Path, check: &Check, predictor: &Predictor) {
        let request = at.key("request");
        // Other forms of a request (a list of values, a batch) are the server's to judge.
        let Json::Object(row) = &check.request else {
            return;
        };
        if row.contains_key("instances") && predictor.feature("instances").is_none() {
            return;
        }
        let mut rows = predictor.rows();
        match predictor.row_seed(&mut rows).deserialize(check.request.clone()) {
            Ok(Ok(())) => self.answer(at, check, predictor.predict(rows).ok()),
            Ok(Err(errors)) => errors
                .into_iter()
                .for_each(|error| self.feature(&request, &error, predictor)),
            Err(error) => self.say(&codes::BAD_FEATURE, &request, error.to_string(), None),
        }
    }

    fn feature(&mut self, request: &Path, error: &FeatureError, predictor: &Predictor) {
        let names = || {
            predictor
                .signature()
                .features
                .iter()
                .map(|feature| feature.name.as_str())
        };
        let at = request.key(&error.feature);
        match &error.fault {
            FeatureFault::Unknown => {
                let label = format!("the model has no feature `{}`", error.feature);
                let help = did_you_mean(&error.feature, names());
                self.found
                    .push(Diagnostic::at_key(&codes::UNKNOWN_FEATURE, &at, label).help(help));
            }
            FeatureFault::Missing => {
                let label = format!("`{}` is missing", error.feature);
                let help = format!("add `{}: …`", error.feature);
                self.found
                    .push(Diagnostic::at_key(&codes::MISSING_FEATURE, request, label).help(help));
            }
            _ => self.say(&codes::BAD_FEATURE, &at, error.to_string(), None),
        }
    }

    fn answer(&mut self, at: &Path, check: &Check, predictions: Option<Vec<mlstack_onnx::predict::Prediction>>) {
        let Some([prediction]) = predictions.as_deref() else {
            return;
        };
        if !agrees(&prediction.value, &check.prediction, check.within) {
            let got = serde_json::to_string(&prediction.value).unwrap_or_default();
            let help = format!("write `prediction: {got}` if that is right, or widen `within`");
            let label = format!("the model answers {got}");
            self.say(
                &codes::FAILED_CHECK,
                &at.key("expect").key("prediction"),
                label,
                Some(help),
            );
        }
    }

    fn say(&mut self, code: &'static Code, at: &Path, label: String, help: Option<String>) {
        let diagnostic = Diagnostic::at_value(code, at, label);
        self.found.push(Diagnostic { help, ..diagnostic });
    }
}

fn list(operators: &[mlstack_onnx::UnsupportedOperator]) -> String {
    let words: Vec<_> = operators.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// Whether an answer is the expected one; numbers may be off by `within` and by the rounding of float32.
fn agrees(got: &Value, expected: &Json, within: f64) -> bool {
    let near = |got: f64, expected: &Json| {
        let slack = |expected: f64| within + 1e-6 * expected.abs().max(1.0);
        expected
            .as_f64()
            .is_some_and(|expected| (got - expected).abs() <= slack(expected))
    };
    match (got, expected) {
        (Value::Number(number), _) => near(number.as_f64(), expected),
        (Value::Label(label), Json::String(expected)) => label == expected,
        (Value::Bool(got), Json::Bool(expected)) => got == expected,
        (Value::Numbers(numbers), Json::Array(expected)) => {
            let pairs = || numbers.iter().zip(expected);
            numbers.len() == expected.len() && pairs().all(|(got, expected)| near(got.as_f64(), expected))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
