//! From a model file and what lies beside it to a model that is served: the ONNX side of the seam.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use mlstack_onnx::golden::Golden;
use mlstack_onnx::predict::{Prediction, Predictor};
use mlstack_onnx::signature::Signature;
use mlstack_onnx::{Model, Port, Tensor};

use crate::config::Told;
use crate::model::{Card, Engine, Served, Wrong};
use crate::openapi;
use crate::rows::{self, Feature, Features, Rows};

/// A model file, read and named.
#[derive(Debug)]
pub struct Source {
    /// in URLs and labels
    pub name: String,
    /// of this file
    pub version: String,
    path: PathBuf,
    bytes: Vec<u8>,
    signature: Option<String>,
    golden: Option<String>,
}

/// Why a model is not served.
#[derive(Debug, thiserror::Error)]
pub enum LoadFailure {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// the file
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// The file is no model that can be served.
    #[error("{path} cannot be served: {reason}")]
    Model {
        /// the model file
        path: PathBuf,
        /// why, with a help where there is one
        reason: String,
    },
    /// It does not answer what it should.
    #[error("{0}")]
    Golden(String),
}

impl Source {
    /// Reads the file that the settings name, and what lies beside it.
    ///
    /// # Errors
    /// When one of them is there and cannot be read.
    pub fn read(told: &Told) -> Result<Self, LoadFailure> {
        let path = told.model();
        let bytes = std::fs::read(&path).map_err(|source| LoadFailure::Read {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            name: told.model_name.clone().unwrap_or_else(|| stem(&path)),
            version: told.model_version.clone().unwrap_or_else(|| digest(&bytes)),
            signature: beside(&path, "signature.json")?,
            golden: beside(&path, "golden.json")?,
            path,
            bytes,
        })
    }

    /// Loads the model and runs its golden sample.
    ///
    /// # Errors
    /// When it cannot be served.
    pub fn load(&self) -> Result<Served, LoadFailure> {
        let refuse = |reason: String| LoadFailure::Model {
            path: self.path.clone(),
            reason,
        };
        let model = Model::load(&self.bytes).map_err(|error| {
            let help = error.help().map(|help| format!(" ({help})")).unwrap_or_default();
            refuse(format!("{error}{help}"))
        })?;
        let (mut signature, origin) =
            Signature::resolve(&model, self.signature.as_deref()).map_err(|e| refuse(e.to_string()))?;
        tracing::info!(?origin, features = signature.features.len(), "signature");
        let predictor = Predictor::new(Arc::new(model), signature.clone()).map_err(|e| refuse(e.to_string()))?;
        self.check(&predictor)?;
        signature.classes = predictor.classes().to_vec();
        let features = features(&predictor);
        let mut card = Card {
            name: self.name.clone(),
            version: self.version.clone(),
            probabilities: false,
            signature,
        };
        let sample = sample(&card, &features);
        let onnx = Onnx { predictor };
        card.probabilities = onnx.probabilities(&sample);
        Ok(Served::new(card, features, Box::new(onnx), &sample))
    }

    /// The golden sample, where there is one.
    fn check(&self, predictor: &Predictor) -> Result<(), LoadFailure> {
        let Some(text) = &self.golden else {
            tracing::warn!("there is no golden sample beside the model: its answers are not checked");
            return Ok(());
        };
        let golden = Golden::parse(text).map_err(|e| LoadFailure::Golden(e.to_string()))?;
        golden
            .check(predictor)
            .map_err(|e| LoadFailure::Golden(e.to_string()))?;
        tracing::info!(rows = golden.rows.len(), "golden sample passed");
        Ok(())
    }
}

fn stem(path: &Path) -> String {
    path.file_stem()
        .map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}

/// The text of `<stem>.<ending>` beside the model, where it is there.
fn beside(path: &Path, ending: &str) -> Result<Option<String>, LoadFailure> {
    let path = path.with_extension(ending);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LoadFailure::Read { path, source }),
    }
}

/// The first twelve digits of the SHA-256.
fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes)
        .iter()
        .take(6)
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn features(predictor: &Predictor) -> Vec<Feature> {
    let specs = predictor.signature().features.iter().enumerate();
    specs
        .map(|(at, spec)| Feature {
            spec: spec.clone(),
            element: predictor.element(at),
        })
        .collect()
}

/// A row to measure with: the same that the documentation shows.
fn sample(card: &Card, features: &[Feature]) -> Rows {
    let row = openapi::example(&card.signature).to_string();
    let features = Features::new(features.to_vec());
    rows::read_predict(&features, row.as_bytes(), 1).unwrap_or_else(|_| Rows::empty())
}

/// Our own evaluator.
#[derive(Debug)]
struct Onnx {
    predictor: Predictor,
}

impl Onnx {
    fn probabilities(&self, sample: &Rows) -> bool {
        let run = |(inputs, count): (Vec<Tensor>, usize)| self.read(self.run(&inputs)?, count);
        let done: Result<Vec<_>, Wrong> = self.pack(sample).and_then(|all| all.into_iter().map(run).collect());
        done.is_ok_and(|all| all.iter().flatten().any(|row| row.probabilities.is_some()))
    }
}

impl Engine for Onnx {
    fn inputs(&self) -> &[Port] {
        self.predictor.model().inputs()
    }

    fn outputs(&self) -> &[Port] {
        self.predictor.model().outputs()
    }

    fn pack(&self, given: &Rows) -> Result<Vec<(Vec<Tensor>, usize)>, Wrong> {
        let mut rows = self.predictor.rows();
        for at in 0..given.count {
            let mut row = self.predictor.row(&mut rows);
            given
                .row(at)
                .iter()
                .enumerate()
                .for_each(|(feature, cell)| row.set(feature, cell.value()));
            row.finish()
                .map_err(|all| Wrong(all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))?;
        }
        self.predictor.tensors(rows).map_err(wrong)
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, Wrong> {
        self.predictor.model().run(inputs).map_err(wrong)
    }

    fn read(&self, outputs: Vec<Tensor>, rows: usize) -> Result<Vec<Prediction>, Wrong> {
        self.predictor.decode(outputs, rows).map_err(wrong)
    }
}

fn wrong(error: mlstack_onnx::RunError) -> Wrong {
    Wrong(error.to_string())
}
