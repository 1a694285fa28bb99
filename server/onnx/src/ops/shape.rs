//! Constants and operators that change only the shape: `Reshape`, `Flatten`, `Squeeze`, `Unsqueeze`, `Shape`, …

use crate::error::Fault;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, axis, broadcast, one, wrong_type};
use crate::tensor::{Data, Element, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::onnx("Reshape", reshape),
    Entry::onnx("Flatten", flatten),
    Entry::onnx("Squeeze", squeeze),
    Entry::onnx("Unsqueeze", unsqueeze),
    Entry::onnx("Shape", shape_of),
    Entry::onnx("Size", size_of),
    Entry::onnx("ConstantOfShape", constant_of_shape),
    Entry::onnx("Expand", expand),
    Entry::onnx("Range", range),
];

/// The value of a `Constant` node.
pub(crate) fn constant(spec: &Spec<'_>) -> Result<Tensor, Fault> {
    let attributes = &spec.attributes;
    if let Some(tensor) = attributes.tensor("value")? {
        return Ok(tensor);
    }
    Ok(if let Some(f) = attributes.float("value_float") {
        Tensor::scalar(f)
    } else if let Some(i) = attributes.int("value_int") {
        Tensor::scalar(i)
    } else if let Some(text) = attributes.text("value_string")? {
        Tensor::scalar(text.to_owned())
    } else if attributes.has("value_floats") {
        Tensor::vector(attributes.floats("value_floats").to_vec())
    } else if attributes.has("value_ints") {
        Tensor::vector(attributes.ints("value_ints").to_vec())
    } else if attributes.has("value_strings") {
        Tensor::vector(attributes.texts("value_strings")?)
    } else {
        return Err(Fault::new("it has no value"));
    })
}

/// The same elements in another shape.
pub(crate) fn reshaped(tensor: &Tensor, shape: Vec<usize>) -> Result<Outputs, Fault> {
    Ok(Outputs::One(Tensor::from_data(shape, tensor.data().clone())?))
}

/// The integers of an input that gives sizes, axes or positions.
pub(crate) fn integers<'a>(call: &Call<'a>, at: usize) -> Result<Option<&'a [i64]>, Fault> {
    let Some(tensor) = call.optional(at) else {
        return Ok(None);
    };
    tensor.view::<i64>().map(Some).ok_or_else(|| wrong_type(tensor))
}

pub(crate) fn attribute_ints(spec: &Spec<'_>, name: &str) -> Option<Vec<i64>> {
    spec.attributes.has(name).then(|| spec.attributes.ints(name).to_vec())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn reshape(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let attribute = attribute_ints(spec, "shape");
    let zero_is_zero = spec.attributes.flag("allowzero");
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let wanted = match (integers(call, 1)?, &attribute) {
            (Some(wanted), _) => wanted,
            (None, Some(wanted)) => wanted,
            (None, None) => return Err(Fault::new("it has no shape")),
        };
        reshaped(x, resolve(x, wanted, zero_is_zero)?)
    }))
}

/// Replaces 0 (the size as it was) and -1 (whatever is left).
fn resolve(x: &Tensor, wanted: &[i64], zero_is_zero: bool) -> Result<Vec<usize>, Fault> {
    let refuse = || Fault::new(format!("shape {:?} does not become {wanted:?}", x.shape()));
    let mut shape = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (i, &size) in wanted.iter().enumerate() {
        shape.push(match size {
            -1 if open.replace(i).is_none() => 1,
            0 if !zero_is_zero => *x.shape().get(i).ok_or_else(refuse)?,
            n => usize::try_from(n).map_err(|_| refuse())?,
        });
    }
    if let Some(at) = open {
        let known = crate::tensor::count(&shape).filter(|&n| n > 0).ok_or_else(refuse)?;
        shape[at] = x.len() / known;
    }
    Ok(shape)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn flatten(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(1);
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let rank = x.shape().len();
        let at = if usize::try_from(given) == Ok(rank) {
            rank
        } else {
            axis(given, rank)?
        };
        let (front, back) = x.shape().split_at(at);
        reshaped(x, vec![front.iter().product(), back.iter().product()])
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn squeeze(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let attribute = attribute_ints(spec, "axes");
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let rank = x.shape().len();
        let mut drop: Vec<bool> = x.shape().iter().map(|&d| d == 1).collect();
        if let Some(axes) = integers(call, 1)?.or(attribute.as_deref()) {
            let ones = std::mem::replace(&mut drop, vec![false; rank]);
            for &a in axes {
                let at = axis(a, rank)?;
                drop[at] = if ones[at] {
                    true
                } else {
                    return Err(Fault::new("only a dimension of size 1 can go"));
                };
            }
        }
        reshaped(
            x,
            x.shape()
                .iter()
                .zip(drop)
                .filter(|(_, drop)| !drop)
                .map(|(&d, _)| d)
                .collect(),
        )
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn unsqueeze(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let attribute = attribute_ints(spec, "axes");
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let axes = integers(call, 1)?
            .or(attribute.as_deref())
            .ok_or_else(|| Fault::new("it has no axes"))?;
        let rank = x.shape().len() + axes.len();
        let mut new = vec![false; rank];
        for &a in axes {
            let at = axis(a, rank)?;
            if std::mem::replace(&mut new[at], true) {
                return Err(Fault::new(format!("axis {a} is given twice")));
            }
        }
        let mut old = x.shape().iter().copied();
        let shape: Option<Vec<usize>> = new.iter().map(|&new| if new { Some(1) } else { old.next() }).collect();
        reshaped(x, shape.unwrap_or_default())
    }))
}

#[expect(clippy::cast_possible_wrap, reason = "no dimension comes near the limit")]
fn signed(size: usize) -> i64 {
    size as i64
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn shape_of(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let (start, end) = (spec.attributes.int("start").unwrap_or(0), spec.attributes.int("end"));
    Ok(Operator::new(move |call| {
        let shape = call.input(0)?.shape();
        let rank = signed(shape.len());
        let at = |i: i64| usize::try_from(if i < 0 { i.saturating_add(rank) } else { i }.clamp(0, rank)).unwrap_or(0);
        let (from, to) = (at(start), at(end.unwrap_or(rank)));
        Ok(Outputs::One(Tensor::vector(
            shape.get(from..to).unwrap_or(&[]).iter().map(|&d| signed(d)).collect(),
        )))
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn size_of(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        Ok(Outputs::One(Tensor::scalar(signed(call.input(0)?.len()))))
    }))
}

/// A shape given as integers.
pub(crate) fn sizes(wanted: &[i64]) -> Result<Vec<usize>, Fault> {
    let size = |&d: &i64| usize::try_from(d).map_err(|_| Fault::new(format!("a size of {d} is not possible")));
    wanted.iter().map(size).collect()
}

fn constant_of_shape(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let value = spec
        .attributes
        .tensor("value")?
        .unwrap_or_else(|| Tensor::scalar(0.0_f32));
    Ok(Operator::new(move |call| {
        let shape = sizes(integers(call, 0)?.ok_or_else(|| Fault::new("it has no shape"))?)?;
        match value.data() {
            Data::F32(v) => fill(call, shape, v),
            Data::F64(v) => fill(call, shape, v),
            Data::I64(v) => fill(call, shape, v),
            Data::Bool(v) => fill(call, shape, v),
            Data::Text(_) => Err(wrong_type(&value)),
        }
    }))
}

fn fill<T: Element>(call: &Call<'_>, shape: Vec<usize>, value: &[T]) -> Result<Outputs, Fault> {
    let n = call.room(&shape)?;
    one(shape, vec![value.first().cloned().unwrap_or_default(); n])
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn expand(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let x = call.input(0)?;
        let wanted = sizes(integers(call, 1)?.ok_or_else(|| Fault::new("it has no shape"))?)?;
        let shape = broadcast::joint(x.shape(), &wanted)?;
        call.room(&shape)?;
        let indices = broadcast::indices(x.shape(), &shape);
        Ok(Outputs::One(Tensor::from_data(shape, gather(x.data(), &indices))?))
    }))
}

/// The elements at these places, all of which must be in range.
pub(crate) fn gather(data: &Data, indices: &[usize]) -> Data {
    fn pick<T: Element>(v: &[T], indices: &[usize]) -> Data {
        T::wrap(indices.iter().map(|&i| v[i].clone()).collect())
    }
    match data {
        Data::F32(v) => pick(v, indices),
        Data::F64(v) => pick(v, indices),
        Data::I64(v) => pick(v, indices),
        Data::Bool(v) => pick(v, indices),
        Data::Text(v) => pick(v, indices),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn range(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let first = |i: usize| -> Result<&Tensor, Fault> {
            call.input(i)
                .and_then(|t| if t.is_empty() { Err(wrong_type(t)) } else { Ok(t) })
        };
        let (start, end, step) = (first(0)?, first(1)?, first(2)?);
        match (start.data(), end.data(), step.data()) {
            (Data::I64(a), Data::I64(b), Data::I64(s)) => range_of_integers(call, a[0], b[0], s[0]),
            (Data::F32(a), Data::F32(b), Data::F32(s)) => {
                let wide = range_of_floats(call, f64::from(a[0]), f64::from(b[0]), f64::from(s[0]))?;
                one(vec![wide.len()], wide.into_iter().map(super::cast::narrow).collect())
            }
            (Data::F64(a), Data::F64(b), Data::F64(s)) => {
                let wide = range_of_floats(call, a[0], b[0], s[0])?;
                one(vec![wide.len()], wide)
            }
            _ => Err(wrong_type(start)),
        }
    }))
}

fn range_of_integers(call: &Call<'_>, start: i64, end: i64, step: i64) -> Result<Outputs, Fault> {
    let distance = i128::from(end) - i128::from(start);
    let steps = match i128::from(step) {
        0 => return Err(Fault::new("a step of 0 never ends")),
        step => (distance + step - step.signum()) / step,
    };
    let n = call.room(&[usize::try_from(steps.max(0)).unwrap_or(usize::MAX)])?;
    one(
        vec![n],
        (0..)
            .take(n)
            .map(|i: i64| start.wrapping_add(i.wrapping_mul(step)))
            .collect(),
    )
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates, and is then over the limit"
)]
fn range_of_floats(call: &Call<'_>, start: f64, end: f64, step: f64) -> Result<Vec<f64>, Fault> {
    let steps = ((end - start) / step).ceil();
    if steps.is_nan() {
        return Err(Fault::new("a step of 0 never ends"));
    }
    let n = call.room(&[steps.max(0.0) as usize])?;
    Ok((0..u32::MAX).take(n).map(|i| start + f64::from(i) * step).collect())
}
