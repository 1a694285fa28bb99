//! Activations of neural networks, and the ones that work along an axis (`Softmax` and its kin).

use crate::attributes::Attributes;
use crate::error::Fault;
use crate::ops::elementwise::{Function, map};
use crate::ops::{Entry, Operator, Outputs, Spec, axis, broadcast, one, wrong_type};
use crate::tensor::{Data, Element, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::onnx("Relu", simple),
    Entry::onnx("Sigmoid", simple),
    Entry::onnx("Softplus", simple),
    Entry::onnx("Softsign", simple),
    Entry::onnx("Tanh", simple),
    Entry::onnx("Celu", parametric),
    Entry::onnx("Gelu", parametric),
    Entry::onnx("HardSwish", parametric),
    Entry::onnx("LayerNormalization", layer_normalization),
    Entry::onnx("Mish", parametric),
    Entry::onnx("PRelu", p_relu),
    Entry::onnx("LeakyRelu", parametric),
    Entry::onnx("Elu", parametric),
    Entry::onnx("Selu", parametric),
    Entry::onnx("HardSigmoid", parametric),
    Entry::onnx("ThresholdedRelu", parametric),
    Entry::onnx("Clip", clip),
    Entry::onnx("Softmax", softmax),
    Entry::onnx("LogSoftmax", softmax),
];

/// The logistic function without overflow.
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        x.exp() / (1.0 + x.exp())
    }
}

fn sigmoid_single(x: f32) -> f32 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        x.exp() / (1.0 + x.exp())
    }
}

fn simple(spec: &Spec<'_>) -> Result<Operator, Fault> {
    // A NaN stays a NaN, which `max` would hide.
    let function = match spec.name {
        "Relu" => {
            Function::new(|x| if x < 0.0 { 0.0 } else { x }, |x| if x < 0.0 { 0.0 } else { x }).also(|x| x.max(0))
        }
        "Sigmoid" => Function::new(sigmoid_single, sigmoid),
        "Softplus" => Function::new(
            |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
            |x| x.max(0.0) + (-x.abs()).exp().ln_1p(),
        ),
        "Softsign" => Function::new(|x| x / (1.0 + x.abs()), |x| x / (1.0 + x.abs())),
        _ => Function::new(f32::tanh, f64::tanh),
    };
    Ok(Operator::new(move |call| function.apply(call.input(0)?)))
}

fn parametric(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let function = parametric_function(spec.name, &spec.attributes)?;
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        match x.data() {
            Data::F32(v) => map(x, v, |x| super::cast::narrow(function(f64::from(x)))),
            Data::F64(v) => map(x, v, &function),
            _ => Err(wrong_type(x)),
        }
    }))
}

type Scalar = Box<dyn Fn(f64) -> f64 + Send + Sync>;

fn parametric_function(name: &str, attributes: &Attributes<'_>) -> Result<Scalar, Fault> {
    let number = |name: &str, default: f32| f64::from(attributes.float(name).unwrap_or(default));
    Ok(match name {
        "Celu" => {
            let alpha = number("alpha", 1.0);
            Box::new(move |x| x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0))
        }
        "Gelu" => gelu(attributes.text("approximate")?.unwrap_or("none") == "tanh"),
        "HardSwish" => Box::new(|x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0)),
        "Mish" => Box::new(|x| x * (x.max(0.0) + (-x.abs()).exp().ln_1p()).tanh()),
        "LeakyRelu" => {
            let alpha = number("alpha", 0.01);
            Box::new(move |x| if x < 0.0 { alpha * x } else { x })
        }
        "Elu" => {
            let alpha = number("alpha", 1.0);
            Box::new(move |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "Selu" => {
            let (alpha, gamma) = (number("alpha", 1.673_263_2), number("gamma", 1.050_701));
            Box::new(move |x| gamma * if x < 0.0 { alpha * x.exp_m1() } else { x })
        }
        "HardSigmoid" => {
            let (alpha, beta) = (number("alpha", 0.2), number("beta", 0.5));
            Box::new(move |x| (alpha * x + beta).clamp(0.0, 1.0))
        }
        _ => {
            let alpha = number("alpha", 1.0);
            Box::new(move |x| if x > alpha { x } else { 0.0 })
        }
    })
}

fn gelu(by_tanh: bool) -> Scalar {
    if by_tanh {
        let factor = (2.0 / std::f64::consts::PI).sqrt();
        return Box::new(move |x| 0.5 * x * (1.0 + (factor * (x + 0.044_715 * x * x * x)).tanh()));
    }
    Box::new(|x| 0.5 * x * (1.0 + super::elementwise::erf(x * std::f64::consts::FRAC_1_SQRT_2)))
}

/// `PRelu`: a slope below zero for each element, stretched to the input.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn p_relu(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let (x, slope) = (call.input(0)?, call.input(1)?);
        match (x.data(), slope.data()) {
            (Data::F32(v), Data::F32(s)) => {
                let (shape, out) = broadcast::zip(call, (x.shape(), v), (slope.shape(), s), |&x, &s| {
                    if x < 0.0 { s * x } else { x }
                })?;
                one(shape, out)
            }
            _ => Err(wrong_type(x)),
        }
    }))
}

/// Mean 0 and variance 1 over the last dimensions, then scaled and shifted.
fn layer_normalization(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(-1);
    let epsilon = f64::from(spec.attributes.float("epsilon").unwrap_or(1e-5));
    if spec.outputs > 1 {
        return Err(Fault::new("mean and deviation as outputs are not supported"));
    }
    Ok(Operator::new(move |call| {
        let (x, scale) = (call.input(0)?, call.input(1)?);
        let v = x.view::<f32>().ok_or_else(|| wrong_type(x))?;
        let size: usize = x.shape()[axis(given, x.shape().len())?..].iter().product();
        let factors = scale.view::<f32>().filter(|s| s.len() == size);
        let factors = factors.ok_or_else(|| Fault::new("the scale does not fit the input"))?;
        let shifts = match call.optional(2) {
            Some(bias) => bias
                .view::<f32>()
                .filter(|b| b.len() == size)
                .ok_or_else(|| wrong_type(bias))?
                .to_vec(),
            None => vec![0.0; size],
        };
        let mut out = Vec::with_capacity(v.len());
        for lane in v.chunks_exact(size.max(1)) {
            let (mean, deviation) = spread(lane, epsilon);
            let normal = lane.iter().map(|&x| (f64::from(x) - mean) / deviation);
            let pairs = factors.iter().zip(&shifts);
            out.extend(
                normal
                    .zip(pairs)
                    .map(|(x, (&f, &s))| super::cast::narrow(x * f64::from(f) + f64::from(s))),
            );
        }
        one(x.shape().to_vec(), out)
    }))
}

/// Mean and standard deviation, the variance raised by `epsilon`.
#[expect(clippy::cast_precision_loss, reason = "no lane is longer than 2^52")]
fn spread(lane: &[f32], epsilon: f64) -> (f64, f64) {
    let n = lane.len() as f64;
    let mean = lane.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    let variance = lane.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n;
    (mean, (variance + epsilon).sqrt())
}

/// `Clip`: bounds as attributes before version 11, as inputs since.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn clip(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let bound = |name: &str| spec.attributes.float(name);
    let (low, high) = (bound("min"), bound("max"));
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let (from, to) = (call.optional(1), call.optional(2));
        match x.data() {
            Data::F32(v) => limit(x, v, first(from).or(low), first(to).or(high)),
            Data::F64(v) => limit(
                x,
                v,
                first(from).or(low.map(f64::from)),
                first(to).or(high.map(f64::from)),
            ),
            Data::I64(v) => limit(x, v, first(from), first(to)),
            _ => Err(wrong_type(x)),
        }
    }))
}

fn first<T: Element + Copy>(tensor: Option<&Tensor>) -> Option<T> {
    tensor.and_then(|t| t.view::<T>()).and_then(|v| v.first().copied())
}

fn limit<T: Element + Copy + PartialOrd>(
    x: &Tensor,
    v: &[T],
    low: Option<T>,
    high: Option<T>,
) -> Result<Outputs, Fault> {
    map(x, v, |x| {
        let x = low.filter(|&low| x < low).unwrap_or(x);
        high.filter(|&high| x > high).unwrap_or(x)
    })
}

/// `Softmax`: over one axis since version 13, before over everything from the axis on.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn softmax(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let along_one = spec.version >= 13;
    let given = spec.attributes.int("axis").unwrap_or(if along_one { -1 } else { 1 });
    let log = spec.name == "LogSoftmax";
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let shape = x.shape();
        let at = if !along_one && usize::try_from(given) == Ok(shape.len()) {
            shape.len()
        } else {
            axis(given, shape.len())?
        };
        let last = if along_one { at + 1 } else { shape.len() };
        let size: usize = shape[at..last].iter().product();
        let inner: usize = shape[last..].iter().product();
        match x.data() {
            Data::F32(v) => {
                let mut out = v.clone();
                lanes(&mut out, size, inner, |lane| softmax_single(lane, log));
                one(shape.to_vec(), out)
            }
            Data::F64(v) => {
                let mut out = v.clone();
                lanes(&mut out, size, inner, |lane| softmax_double(lane, log));
                one(shape.to_vec(), out)
            }
            _ => Err(wrong_type(x)),
        }
    }))
}

/// Calls `f` with every run of `size` elements that are `inner` apart.
fn lanes<T: Copy>(all: &mut [T], size: usize, inner: usize, f: impl Fn(&mut [T])) {
    if size == 0 || inner == 0 {
        return;
    }
    if inner == 1 {
        all.chunks_exact_mut(size).for_each(f);
        return;
    }
    for block in all.chunks_exact_mut(size * inner) {
        for i in 0..inner {
            let mut lane: Vec<T> = block.iter().skip(i).step_by(inner).copied().collect();
            f(&mut lane);
            block
                .iter_mut()
                .skip(i)
                .step_by(inner)
                .zip(lane)
                .for_each(|(to, from)| *to = from);
        }
    }
}

/// Softmax of one lane in place, or its logarithm.
pub(crate) fn softmax_double(lane: &mut [f64], log: bool) {
    let max = lane.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = lane.iter().map(|x| (x - max).exp()).sum();
    for x in lane {
        *x = if log {
            *x - max - sum.ln()
        } else {
            (*x - max).exp() / sum
        };
    }
}

fn softmax_single(lane: &mut [f32], log: bool) {
    let max = lane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if log {
        let sum: f32 = lane.iter().map(|x| (x - max).exp()).sum();
        lane.iter_mut().for_each(|x| *x = *x - max - sum.ln());
        return;
    }
    let mut sum = 0.0;
    for x in &mut *lane {
        *x = (*x - max).exp();
        sum += *x;
    }
    lane.iter_mut().for_each(|x| *x /= sum);
}
