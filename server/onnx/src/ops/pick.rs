//! Taking elements from tensors and putting tensors together: `Gather`, `Slice`, `Concat`, `Split`, `Transpose`, …

use crate::error::Fault;
use crate::ops::reduce::Lanes;
use crate::ops::shape::{attribute_ints, gather, integers, sizes};
use crate::ops::{Call, Entry, Operator, Outputs, Spec, axis, wrong_type};
use crate::tensor::{Data, Element, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::ml("ArrayFeatureExtractor", array_feature_extractor),
    Entry::onnx("Concat", concat),
    Entry::onnx("Gather", gather_op),
    Entry::onnx("GatherElements", gather_elements),
    Entry::onnx("GatherND", gather_nd),
    Entry::onnx("Slice", slice),
    Entry::onnx("Split", split),
    Entry::onnx("Tile", tile),
    Entry::onnx("Transpose", transpose),
];

fn picked(call: &Call<'_>, x: &Tensor, shape: Vec<usize>, indices: &[usize]) -> Result<Outputs, Fault> {
    call.room(&shape)?;
    Ok(Outputs::One(Tensor::from_data(shape, gather(x.data(), indices))?))
}

/// An index from the front, or with a negative number from the back.
fn place(index: i64, size: usize) -> Result<usize, Fault> {
    axis(index, size).map_err(|_| Fault::new(format!("index {index} is out of range for {size} elements")))
}

/// Columns of the last dimension, by index.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn array_feature_extractor(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let x = call.input(0)?;
        let wanted = integers(call, 1)?.ok_or_else(|| Fault::new("it has no indices"))?;
        let columns = *x.shape().last().ok_or_else(|| Fault::new("it takes no scalar"))?;
        let places = wanted
            .iter()
            .map(|&i| place(i, columns))
            .collect::<Result<Vec<_>, _>>()?;
        let rows = x.len().checked_div(columns).unwrap_or(0);
        let mut shape = x.shape().to_vec();
        match shape.as_mut_slice() {
            [_] => shape = vec![1, places.len()],
            [.., last] => *last = places.len(),
            [] => {}
        }
        call.room(&shape)?;
        let indices: Vec<usize> = (0..rows)
            .flat_map(|r| places.iter().map(move |p| r * columns + p))
            .collect();
        picked(call, x, shape, &indices)
    }))
}

fn concat(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(1);
    Ok(Operator::new(move |call| {
        let parts = (0..call.inputs().len())
            .map(|i| call.input(i))
            .collect::<Result<Vec<_>, _>>()?;
        match parts.first().map(|t| t.data()) {
            Some(Data::F32(_)) => joined::<f32>(call, &parts, given),
            Some(Data::F64(_)) => joined::<f64>(call, &parts, given),
            Some(Data::I64(_)) => joined::<i64>(call, &parts, given),
            Some(Data::Bool(_)) => joined::<bool>(call, &parts, given),
            Some(Data::Text(_)) => joined::<String>(call, &parts, given),
            None => Err(Fault::new("it has no inputs")),
        }
    }))
}

fn joined<T: Element>(call: &Call<'_>, parts: &[&Tensor], given: i64) -> Result<Outputs, Fault> {
    let mut shape = parts.first().map_or(&[][..], |t| t.shape()).to_vec();
    let at = axis(given, shape.len())?;
    let mut pieces = Vec::with_capacity(parts.len());
    let mut size = 0_usize;
    for part in parts {
        let fits = part.shape().len() == shape.len()
            && part
                .shape()
                .iter()
                .zip(&shape)
                .enumerate()
                .all(|(d, (a, b))| d == at || a == b);
        if !fits {
            return Err(Fault::new(format!(
                "shapes {shape:?} and {:?} do not join along axis {at}",
                part.shape()
            )));
        }
        size = size.saturating_add(part.shape()[at]);
        let lanes = Lanes::new(part.shape(), at);
        pieces.push((
            part.view::<T>().ok_or_else(|| wrong_type(part))?,
            lanes.size * lanes.inner,
        ));
    }
    let outer = Lanes::new(&shape, at).outer;
    shape[at] = size;
    let mut out = Vec::with_capacity(call.room(&shape)?);
    for i in 0..outer {
        pieces
            .iter()
            .for_each(|(v, n)| out.extend_from_slice(&v[i * n..(i + 1) * n]));
    }
    super::one(shape, out)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn gather_op(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(0);
    Ok(Operator::new(move |call| {
        let (x, wanted) = (call.input(0)?, call.input(1)?);
        let at = axis(given, x.shape().len())?;
        let lanes = Lanes::new(x.shape(), at);
        let indices = wanted.view::<i64>().ok_or_else(|| wrong_type(wanted))?;
        let places = indices
            .iter()
            .map(|&i| place(i, lanes.size))
            .collect::<Result<Vec<_>, _>>()?;
        let mut shape = x.shape()[..at].to_vec();
        shape.extend_from_slice(wanted.shape());
        shape.extend_from_slice(&x.shape()[at + 1..]);
        let mut all = Vec::with_capacity(call.room(&shape)?);
        for outer in 0..lanes.outer {
            for p in &places {
                let start = (outer * lanes.size + p) * lanes.inner;
                all.extend(start..start + lanes.inner);
            }
        }
        picked(call, x, shape, &all)
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn gather_elements(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(0);
    Ok(Operator::new(move |call| {
        let (x, wanted) = (call.input(0)?, call.input(1)?);
        let at = axis(given, x.shape().len())?;
        let shape = wanted.shape();
        let fits = shape.len() == x.shape().len()
            && shape
                .iter()
                .zip(x.shape())
                .enumerate()
                .all(|(d, (a, b))| d == at || a <= b);
        if !fits {
            return Err(Fault::new(format!(
                "indices of shape {shape:?} do not fit {:?}",
                x.shape()
            )));
        }
        let indices = wanted.view::<i64>().ok_or_else(|| wrong_type(wanted))?;
        let mut all = Vec::with_capacity(indices.len());
        for (i, &index) in indices.iter().enumerate() {
            let mut rest = i;
            let (mut offset, mut stride) = (0, 1);
            for d in (0..shape.len()).rev() {
                let along = if d == at {
                    place(index, x.shape()[at])?
                } else {
                    rest % shape[d]
                };
                rest /= shape[d];
                offset += along * stride;
                stride *= x.shape()[d];
            }
            all.push(offset);
        }
        picked(call, x, shape.to_vec(), &all)
    }))
}

fn gather_nd(spec: &Spec<'_>) -> Result<Operator, Fault> {
    if spec.attributes.flag("batch_dims") {
        return Err(Fault::new("batch dimensions are not supported"));
    }
    Ok(Operator::new(|call| {
        let (x, wanted) = (call.input(0)?, call.input(1)?);
        let (&depth, front) = wanted
            .shape()
            .split_last()
            .ok_or_else(|| Fault::new("it has no indices"))?;
        if depth > x.shape().len() || depth == 0 {
            return Err(Fault::new(format!(
                "{depth} indices for {} dimensions",
                x.shape().len()
            )));
        }
        let inner: usize = x.shape()[depth..].iter().product();
        let shape = [front, &x.shape()[depth..]].concat();
        let mut all = Vec::with_capacity(call.room(&shape)?);
        for index in wanted
            .view::<i64>()
            .ok_or_else(|| wrong_type(wanted))?
            .chunks_exact(depth)
        {
            let mut at = 0;
            for (&i, &size) in index.iter().zip(x.shape()) {
                at = at * size + place(i, size)?;
            }
            all.extend(at * inner..(at + 1) * inner);
        }
        picked(call, x, shape, &all)
    }))
}

/// One cut along one axis.
struct Cut {
    at: usize,
    start: i64,
    end: i64,
    step: i64,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn slice(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let [starts, ends, axes] = ["starts", "ends", "axes"].map(|name| attribute_ints(spec, name));
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let starts = integers(call, 1)?.or(starts.as_deref()).unwrap_or(&[]);
        let ends = integers(call, 2)?.or(ends.as_deref()).unwrap_or(&[]);
        let axes = integers(call, 3)?.or(axes.as_deref());
        let steps = integers(call, 4)?;
        if starts.len() != ends.len() || starts.len() > x.shape().len() {
            return Err(Fault::new(format!("{} starts and {} ends", starts.len(), ends.len())));
        }
        let mut along: Vec<Vec<usize>> = x.shape().iter().map(|&d| (0..d).collect()).collect();
        for (i, (&start, &end)) in starts.iter().zip(ends).enumerate() {
            let given = match axes {
                Some(axes) => *axes.get(i).ok_or_else(|| Fault::new("an axis is missing"))?,
                None => i64::try_from(i).unwrap_or(0),
            };
            let at = axis(given, x.shape().len())?;
            let step = steps.and_then(|s| s.get(i).copied()).unwrap_or(1);
            along[at] = cut(x.shape(), &Cut { at, start, end, step })?;
        }
        let shape: Vec<usize> = along.iter().map(Vec::len).collect();
        let indices = cross(call, x.shape(), &along)?;
        picked(call, x, shape, &indices)
    }))
}

/// The places along an axis that a cut keeps.
fn cut(shape: &[usize], cut: &Cut) -> Result<Vec<usize>, Fault> {
    let size = i64::try_from(shape[cut.at]).map_err(|_| Fault::new("the axis is too long"))?;
    let from_back = |i: i64| if i < 0 { i.saturating_add(size) } else { i };
    let (low, high) = if cut.step > 0 { (0, size) } else { (-1, size - 1) };
    if cut.step == 0 {
        return Err(Fault::new("a step of 0 never ends"));
    }
    let start = from_back(cut.start).clamp(low.max(0), high.max(0));
    // The very smallest end means "before the first element" when stepping back.
    let end = if cut.step < 0 && cut.end < -size {
        -1
    } else {
        from_back(cut.end).clamp(low, high)
    };
    let mut places = Vec::new();
    let mut at = start;
    while (cut.step > 0 && at < end) || (cut.step < 0 && at > end && at < size) {
        places.push(usize::try_from(at).map_err(|_| Fault::new("a place is negative"))?);
        at = at.saturating_add(cut.step);
    }
    Ok(places)
}

/// The index of every combination of places, in order.
fn cross(call: &Call<'_>, shape: &[usize], along: &[Vec<usize>]) -> Result<Vec<usize>, Fault> {
    let sizes: Vec<usize> = along.iter().map(Vec::len).collect();
    call.room(&sizes)?;
    let mut all = vec![0];
    for (places, &size) in along.iter().zip(shape) {
        all = all
            .iter()
            .flat_map(|&base| places.iter().map(move |p| base * size + p))
            .collect();
    }
    Ok(all)
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn split(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(0);
    let attribute = attribute_ints(spec, "split");
    let parts = spec
        .attributes
        .int("num_outputs")
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(spec.outputs);
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let at = axis(given, x.shape().len())?;
        let size = x.shape()[at];
        let widths = match integers(call, 1)?.or(attribute.as_deref()) {
            Some(widths) => sizes(widths)?,
            None => equal_parts(size, parts)?,
        };
        if widths.iter().try_fold(0_usize, |n, &w| n.checked_add(w)) != Some(size) {
            return Err(Fault::new(format!("parts {widths:?} do not make {size}")));
        }
        let mut start = 0;
        let mut outputs = Vec::with_capacity(widths.len());
        for width in widths {
            let mut along: Vec<Vec<usize>> = x.shape().iter().map(|&d| (0..d).collect()).collect();
            along[at] = (start..start + width).collect();
            start += width;
            let shape: Vec<usize> = along.iter().map(Vec::len).collect();
            let indices = cross(call, x.shape(), &along)?;
            outputs.push(Tensor::from_data(shape, gather(x.data(), &indices))?);
        }
        Ok(Outputs::Many(outputs))
    }))
}

/// Parts of the same width, the last one perhaps smaller.
fn equal_parts(size: usize, parts: usize) -> Result<Vec<usize>, Fault> {
    if parts == 0 || parts > size.max(1) {
        return Err(Fault::new(format!("{size} elements do not make {parts} parts")));
    }
    let width = size.div_ceil(parts);
    Ok((0..parts).map(|i| size.saturating_sub(i * width).min(width)).collect())
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn tile(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let x = call.input(0)?;
        let repeats = sizes(integers(call, 1)?.ok_or_else(|| Fault::new("it has no repeats"))?)?;
        if repeats.len() != x.shape().len() {
            return Err(Fault::new(format!(
                "{} repeats for {} dimensions",
                repeats.len(),
                x.shape().len()
            )));
        }
        let shape: Vec<usize> = x
            .shape()
            .iter()
            .zip(&repeats)
            .map(|(&d, &n)| d.saturating_mul(n))
            .collect();
        call.room(&shape)?;
        let along: Vec<Vec<usize>> = x
            .shape()
            .iter()
            .zip(&shape)
            .map(|(&d, &n)| (0..n).map(|i| i % d).collect())
            .collect();
        let indices = cross(call, x.shape(), &along)?;
        picked(call, x, shape, &indices)
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn transpose(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let attribute = attribute_ints(spec, "perm");
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let rank = x.shape().len();
        let order = match &attribute {
            Some(order) => order.iter().map(|&a| axis(a, rank)).collect::<Result<Vec<_>, _>>()?,
            None => (0..rank).rev().collect(),
        };
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if sorted.into_iter().ne(0..rank) {
            return Err(Fault::new(format!(
                "order {order:?} does not name each of {rank} dimensions once"
            )));
        }
        let shape: Vec<usize> = order.iter().map(|&d| x.shape()[d]).collect();
        let stride = |d: usize| x.shape()[d + 1..].iter().product::<usize>();
        let strides: Vec<usize> = order.iter().map(|&d| stride(d)).collect();
        let mut all = vec![0];
        if !x.is_empty() {
            for (&size, &stride) in shape.iter().zip(&strides) {
                all = all
                    .iter()
                    .flat_map(|&base: &usize| (0..size).map(move |i| base + i * stride))
                    .collect();
            }
        } else {
            all.clear();
        }
        picked(call, x, shape, &all)
    }))
}
