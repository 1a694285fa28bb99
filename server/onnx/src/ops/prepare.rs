//! Preparing numbers: `Scaler`, `Normalizer`, `Binarizer`, `Imputer`, `FeatureVectorizer`, `LpNormalization`.

use crate::error::Fault;
use crate::ops::cast::narrow;
use crate::ops::elementwise::map;
use crate::ops::linear::Matrix;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, axis, one, rows_and_columns, wrong_type};
use crate::tensor::{Data, Element, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::ml("Scaler", scaler),
    Entry::ml("Normalizer", normalizer),
    Entry::ml("Binarizer", binarizer),
    Entry::ml("Imputer", imputer),
    Entry::ml("FeatureVectorizer", feature_vectorizer),
    Entry::onnx("LpNormalization", lp_normalization),
];

/// Elements of any numeric type as f32, which these operators give.
pub(crate) fn singles(tensor: &Tensor) -> Result<Vec<f32>, Fault> {
    Ok(match tensor.data() {
        Data::F32(v) => v.clone(),
        Data::F64(v) => v.iter().map(|&x| narrow(x)).collect(),
        #[expect(clippy::cast_precision_loss, reason = "ONNX converts integers to floats by rounding")]
        Data::I64(v) => v.iter().map(|&x| x as f32).collect(),
        Data::Bool(v) => v.iter().map(|&x| f32::from(u8::from(x))).collect(),
        Data::Text(_) => return Err(wrong_type(tensor)),
    })
}

/// `(x - offset) * scale`, one pair for all columns or one for each.
fn scaler(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let (offset, scale) = (spec.attributes.floats("offset"), spec.attributes.floats("scale"));
    let n = offset.len().max(scale.len());
    let spread = |v: &[f32], default: f32| match v {
        [] => Ok(vec![default; n]),
        [one] => Ok(vec![*one; n]),
        _ if v.len() == n => Ok(v.to_vec()),
        _ => Err(Fault::new(format!(
            "{} offsets and {} scales",
            offset.len(),
            scale.len()
        ))),
    };
    let pairs: Vec<(f32, f32)> = spread(offset, 0.0)?.into_iter().zip(spread(scale, 1.0)?).collect();
    Ok(Operator::new(move |call| scale_rows(call.input(0)?, &pairs)))
}

fn scale_rows(x: &Tensor, pairs: &[(f32, f32)]) -> Result<Outputs, Fault> {
    let (_, columns) = rows_and_columns(x.shape());
    let mut out = singles(x)?;
    match pairs {
        [] => {}
        [(offset, scale)] => out.iter_mut().for_each(|x| *x = (*x - offset) * scale),
        _ if pairs.len() == columns => {
            for row in out.chunks_exact_mut(columns) {
                row.iter_mut()
                    .zip(pairs)
                    .for_each(|(x, (offset, scale))| *x = (*x - offset) * scale);
            }
        }
        _ => {
            return Err(Fault::new(format!(
                "it takes {} features, {columns} given",
                pairs.len()
            )));
        }
    }
    one(x.shape().to_vec(), out)
}

/// What a row is divided by.
#[derive(Clone, Copy)]
enum Norm {
    Max,
    L1,
    L2,
}

impl Norm {
    fn of(self, row: &[f32]) -> f32 {
        let wide = row.iter().map(|&x| f64::from(x));
        narrow(match self {
            Self::Max => wide.fold(f64::NEG_INFINITY, |m, x| m.max(x.abs())),
            Self::L1 => wide.map(f64::abs).sum(),
            Self::L2 => wide.map(|x| x * x).sum::<f64>().sqrt(),
        })
    }
}

fn normalizer(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let norm = match spec.attributes.text("norm")?.unwrap_or("MAX") {
        "MAX" => Norm::Max,
        "L1" => Norm::L1,
        "L2" => Norm::L2,
        other => return Err(Fault::new(format!("norm '{other}' is not known"))),
    };
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let (_, columns) = rows_and_columns(x.shape());
        let mut out = singles(x)?;
        out.chunks_exact_mut(columns.max(1)).for_each(|row| divide(row, norm));
        one(x.shape().to_vec(), out)
    }))
}

/// Divides a row by its norm; a row of zeros stays as it is.
fn divide(row: &mut [f32], norm: Norm) {
    let by = norm.of(row);
    if by != 0.0 {
        row.iter_mut().for_each(|x| *x /= by);
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn binarizer(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let threshold = spec.attributes.float("threshold").unwrap_or(0.0);
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        map(x, &singles(x)?, |x| if x > threshold { 1.0_f32 } else { 0.0 })
    }))
}

fn imputer(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let attributes = &spec.attributes;
    let (floats, ints) = (
        attributes.floats("imputed_value_floats").to_vec(),
        attributes.ints("imputed_value_int64s").to_vec(),
    );
    let missing = attributes.float("replaced_value_float").unwrap_or(0.0);
    let missing_int = attributes.int("replaced_value_int64").unwrap_or(0);
    if floats.is_empty() && ints.is_empty() {
        return Err(Fault::new("it has no values to put in"));
    }
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        match x.data() {
            Data::F32(v) => impute(x, v, &floats, |x| {
                (missing.is_nan() && x.is_nan()) || same(f64::from(x), f64::from(missing))
            }),
            Data::F64(v) => {
                let wide: Vec<f64> = floats.iter().map(|&f| f64::from(f)).collect();
                impute(x, v, &wide, |x| {
                    (missing.is_nan() && x.is_nan()) || same(x, f64::from(missing))
                })
            }
            Data::I64(v) => impute(x, v, &ints, |x| x == missing_int),
            _ => Err(wrong_type(x)),
        }
    }))
}

#[expect(clippy::float_cmp, reason = "the value that stands for 'missing' is exact")]
fn same(a: f64, b: f64) -> bool {
    a == b
}

fn impute<T: Element + Copy>(x: &Tensor, v: &[T], values: &[T], missing: impl Fn(T) -> bool) -> Result<Outputs, Fault> {
    let (_, columns) = rows_and_columns(x.shape());
    if values.len() != 1 && values.len() != columns {
        return Err(Fault::new(format!(
            "it has {} values for {columns} features",
            values.len()
        )));
    }
    let filled = v
        .iter()
        .zip(values.iter().cycle())
        .map(|(&x, &value)| if missing(x) { value } else { x });
    one(x.shape().to_vec(), filled.collect())
}

/// Columns of several inputs side by side, as f32.
fn feature_vectorizer(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let widths = spec
        .attributes
        .ints("inputdimensions")
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| Fault::new("an input dimension is negative")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Operator::new(move |call| vectorize(call, &widths)))
}

fn vectorize(call: &Call<'_>, widths: &[usize]) -> Result<Outputs, Fault> {
    let parts = (0..call.inputs().len())
        .map(|i| call.input(i))
        .collect::<Result<Vec<_>, _>>()?;
    let rows = parts.first().map_or(0, |t| rows_and_columns(t.shape()).0);
    let mut columns = Vec::with_capacity(parts.len());
    for (i, part) in parts.iter().enumerate() {
        let (n, width) = rows_and_columns(part.shape());
        if n != rows || widths.get(i).is_some_and(|&w| w != width) {
            return Err(Fault::new(format!("input {i} has shape {:?}", part.shape())));
        }
        columns.push((singles(part)?, width));
    }
    let width = columns.iter().map(|(_, w)| w).sum();
    let mut out = Vec::with_capacity(call.room(&[rows, width])?);
    for row in 0..rows {
        columns
            .iter()
            .for_each(|(v, w)| out.extend_from_slice(&v[row * w..(row + 1) * w]));
    }
    one(vec![rows, width], out)
}

fn lp_normalization(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(-1);
    let norm = match spec.attributes.int("p").unwrap_or(2) {
        1 => Norm::L1,
        2 => Norm::L2,
        other => return Err(Fault::new(format!("norm p={other} is not known"))),
    };
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let at = axis(given, x.shape().len())?;
        if at + 1 != x.shape().len() {
            return Err(Fault::new("only the last axis is supported"));
        }
        let _ = Matrix::of(x)?;
        let mut out = singles(x)?;
        out.chunks_exact_mut(x.shape()[at].max(1))
            .for_each(|row| divide(row, norm));
        let out = Tensor::new(x.shape().to_vec(), out)?;
        Ok(Outputs::One(super::cast::cast(&out, x.element())?))
    }))
}
