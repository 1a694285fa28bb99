//! `LinearRegressor` and `LinearClassifier`, and what classifiers share: final transforms and labels.

use crate::attributes::Labels;
use crate::error::Fault;
use crate::ops::activation::{sigmoid, softmax_double};
use crate::ops::cast::narrow;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, rows_and_columns, wrong_type};
use crate::tensor::{Data, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::ml("LinearRegressor", regressor),
    Entry::ml("LinearClassifier", classifier),
];

/// What is done to raw scores (`post_transform`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
    Probit,
}

impl Transform {
    pub(crate) fn of(spec: &Spec<'_>) -> Result<Self, Fault> {
        Ok(match spec.attributes.text("post_transform")?.unwrap_or("NONE") {
            "NONE" => Self::None,
            "LOGISTIC" => Self::Logistic,
            "SOFTMAX" => Self::Softmax,
            "SOFTMAX_ZERO" => Self::SoftmaxZero,
            "PROBIT" => Self::Probit,
            other => return Err(Fault::new(format!("post_transform '{other}' is not known"))),
        })
    }

    /// The number form of `TreeEnsemble` (ai.onnx.ml 5).
    pub(crate) fn numbered(number: i64) -> Result<Self, Fault> {
        Ok(match number {
            0 => Self::None,
            1 => Self::Softmax,
            2 => Self::Logistic,
            3 => Self::SoftmaxZero,
            4 => Self::Probit,
            other => return Err(Fault::new(format!("post_transform {other} is not known"))),
        })
    }

    /// Changes the scores of one row in place.
    pub(crate) fn apply(self, scores: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Logistic => scores.iter_mut().for_each(|s| *s = sigmoid(*s)),
            Self::Softmax => softmax_double(scores, false),
            Self::SoftmaxZero => softmax_zero(scores),
            Self::Probit => scores.iter_mut().for_each(|s| *s = probit(*s)),
        }
    }
}

/// Softmax that leaves (almost) zero scores at zero.
fn softmax_zero(scores: &mut [f64]) {
    const ZERO: f64 = 1e-7;
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().filter(|s| s.abs() > ZERO).map(|s| (s - max).exp()).sum();
    for s in scores {
        *s = if s.abs() > ZERO {
            (*s - max).exp() / sum
        } else {
            *s * (-max).exp() / sum
        };
    }
}

/// The inverse of the normal distribution, after S. Winitzki's closed form for the inverse error function.
fn probit(p: f64) -> f64 {
    let x = 2.0 * p - 1.0;
    let log = (1.0 - x * x).ln();
    let a = 2.0 / (std::f64::consts::PI * 0.147) + log / 2.0;
    std::f64::consts::SQRT_2 * x.signum() * ((a * a - log / 0.147).sqrt() - a).sqrt()
}

/// The first of the largest scores. A NaN never wins.
pub(crate) fn largest(scores: &[f64]) -> usize {
    let mut best = 0;
    for (i, s) in scores.iter().enumerate().skip(1) {
        if *s > scores[best] || (scores[best].is_nan() && !s.is_nan()) {
            best = i;
        }
    }
    best
}

/// A matrix of numbers, rows by columns, of any numeric type.
pub(crate) enum Matrix<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    I64(&'a [i64]),
}

impl<'a> Matrix<'a> {
    pub(crate) fn of(tensor: &'a Tensor) -> Result<(Self, usize, usize), Fault> {
        let (rows, columns) = rows_and_columns(tensor.shape());
        let matrix = match tensor.data() {
            Data::F32(v) => Self::F32(v),
            Data::F64(v) => Self::F64(v),
            Data::I64(v) => Self::I64(v),
            Data::Bool(_) | Data::Text(_) => return Err(wrong_type(tensor)),
        };
        Ok((matrix, rows, columns))
    }
}

/// Coefficients, one line for each target, and an intercept for each.
struct Lines {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    features: usize,
}

impl Lines {
    fn new(coefficients: &[f32], intercepts: &[f32], targets: usize) -> Result<Self, Fault> {
        if targets == 0 || coefficients.is_empty() || !coefficients.len().is_multiple_of(targets) {
            return Err(Fault::new(format!(
                "{} coefficients for {targets} lines",
                coefficients.len()
            )));
        }
        let intercepts = match intercepts.len() {
            0 => vec![0.0; targets],
            n if n == targets => intercepts.to_vec(),
            n => return Err(Fault::new(format!("{n} intercepts for {targets} lines"))),
        };
        Ok(Self {
            coefficients: coefficients.to_vec(),
            intercepts,
            features: coefficients.len() / targets,
        })
    }

    fn targets(&self) -> usize {
        self.intercepts.len()
    }

    fn expect(&self, columns: usize) -> Result<(), Fault> {
        if columns == self.features {
            return Ok(());
        }
        Err(Fault::new(format!(
            "it takes {} features, {columns} given",
            self.features
        )))
    }

    /// Every target of every row. Products and sums are taken in f64.
    fn scores(&self, call: &Call<'_>, x: &Tensor) -> Result<(usize, Vec<f64>), Fault> {
        let (matrix, rows, columns) = Matrix::of(x)?;
        self.expect(columns)?;
        let mut out = Vec::with_capacity(call.room(&[rows, self.targets()])?);
        match matrix {
            Matrix::F32(v) => v
                .chunks_exact(columns)
                .for_each(|row| self.row(row, f64::from, &mut out)),
            Matrix::F64(v) => v.chunks_exact(columns).for_each(|row| self.row(row, |x| x, &mut out)),
            #[expect(clippy::cast_precision_loss, reason = "ONNX converts integers to floats by rounding")]
            Matrix::I64(v) => v
                .chunks_exact(columns)
                .for_each(|row| self.row(row, |x| x as f64, &mut out)),
        }
        Ok((rows, out))
    }

    fn row<T: Copy>(&self, row: &[T], widen: impl Fn(T) -> f64, out: &mut Vec<f64>) {
        for (line, &intercept) in self.coefficients.chunks_exact(self.features).zip(&self.intercepts) {
            let sum: f64 = line.iter().zip(row).map(|(&c, &x)| f64::from(c) * widen(x)).sum();
            out.push(sum + f64::from(intercept));
        }
    }
}

/// Scores as the output has them: f32.
pub(crate) fn floats(shape: Vec<usize>, scores: &[f64]) -> Result<Tensor, Fault> {
    Ok(Tensor::new(shape, scores.iter().map(|&s| narrow(s)).collect())?)
}

fn regressor(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let targets = usize::try_from(spec.attributes.int("targets").unwrap_or(1)).unwrap_or(0);
    let lines = Lines::new(
        spec.attributes.floats("coefficients"),
        spec.attributes.floats("intercepts"),
        targets,
    )?;
    let transform = Transform::of(spec)?;
    Ok(Operator::new(move |call| {
        let (rows, mut scores) = lines.scores(call, call.input(0)?)?;
        if transform != Transform::None {
            scores
                .chunks_exact_mut(lines.targets())
                .for_each(|row| transform.apply(row));
        }
        Ok(Outputs::One(floats(vec![rows, lines.targets()], &scores)?))
    }))
}

fn classifier(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let labels = spec.attributes.labels()?;
    let intercepts = spec.attributes.floats("intercepts");
    let targets = if intercepts.is_empty() {
        labels.len()
    } else {
        intercepts.len()
    };
    let lines = Lines::new(spec.attributes.floats("coefficients"), intercepts, targets)?;
    let transform = Transform::of(spec)?;
    if labels.len() != targets && !(targets == 1 && labels.len() == 2) {
        return Err(Fault::new(format!("{} classes for {targets} lines", labels.len())));
    }
    Ok(Operator::new(move |call| classify(call, &lines, &labels, transform)))
}

fn classify(call: &Call<'_>, lines: &Lines, labels: &Labels, transform: Transform) -> Result<Outputs, Fault> {
    let (rows, mut scores) = lines.scores(call, call.input(0)?)?;
    if lines.targets() == 1 && labels.len() == 2 {
        return binary(rows, &scores, labels, transform);
    }
    let picked: Vec<usize> = scores.chunks_exact(lines.targets()).map(largest).collect();
    scores
        .chunks_exact_mut(lines.targets())
        .for_each(|row| transform.apply(row));
    Ok(Outputs::Two(
        labels.pick(&picked),
        floats(vec![rows, lines.targets()], &scores)?,
    ))
}

/// One line for two classes: above zero it is the second class.
fn binary(rows: usize, scores: &[f64], labels: &Labels, transform: Transform) -> Result<Outputs, Fault> {
    let picked: Vec<usize> = scores.iter().map(|&s| usize::from(s > 0.0)).collect();
    let both: Vec<f64> = scores.iter().flat_map(|&s| both_sides(s, transform)).collect();
    Ok(Outputs::Two(labels.pick(&picked), floats(vec![rows, 2], &both)?))
}

/// The scores of both classes from the score of the second.
pub(crate) fn both_sides(score: f64, transform: Transform) -> [f64; 2] {
    match transform {
        Transform::Logistic => [sigmoid(-score), sigmoid(score)],
        Transform::Softmax | Transform::SoftmaxZero => {
            let mut both = [-score, score];
            transform.apply(&mut both);
            both
        }
        Transform::Probit => [-probit(score), probit(score)],
        Transform::None => [1.0 - score, score],
    }
}
