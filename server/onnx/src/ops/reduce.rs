//! Operators that take many elements together along axes: `Reduce…`, `ArgMax`, `ArgMin`, `CumSum`, `TopK`.

use crate::error::Fault;
use crate::ops::cast::narrow;
use crate::ops::shape::{attribute_ints, integers};
use crate::ops::{Call, Entry, Operator, Outputs, Spec, axis, one, wrong_type};
use crate::tensor::{Data, Element, Tensor};
use std::cmp::Ordering;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::onnx("ReduceL1", reduce),
    Entry::onnx("ReduceL2", reduce),
    Entry::onnx("ReduceLogSum", reduce),
    Entry::onnx("ReduceLogSumExp", reduce),
    Entry::onnx("ReduceMax", reduce),
    Entry::onnx("ReduceMean", reduce),
    Entry::onnx("ReduceMin", reduce),
    Entry::onnx("ReduceProd", reduce),
    Entry::onnx("ReduceSum", reduce),
    Entry::onnx("ReduceSumSquare", reduce),
    Entry::onnx("ArgMax", arg),
    Entry::onnx("ArgMin", arg),
    Entry::onnx("CumSum", cum_sum),
    Entry::onnx("TopK", top_k),
];

/// A shape seen along one axis: `outer` blocks of `size` lines of `inner` elements.
#[derive(Clone, Copy)]
pub(crate) struct Lanes {
    pub(crate) outer: usize,
    pub(crate) size: usize,
    pub(crate) inner: usize,
}

impl Lanes {
    pub(crate) fn new(shape: &[usize], at: usize) -> Self {
        Self {
            outer: shape[..at].iter().product(),
            size: shape[at],
            inner: shape[at + 1..].iter().product(),
        }
    }

    /// The elements of lane `i`, in order.
    fn lane<T: Copy>(self, all: &[T], i: usize) -> impl Iterator<Item = T> {
        let start = i / self.inner * self.inner * self.size + i % self.inner;
        (0..self.size).map(move |k| all[start + k * self.inner])
    }

    fn count(self) -> usize {
        self.outer * self.inner
    }
}

type Fold = fn(&[f64]) -> f64;

fn fold(name: &str) -> Result<Fold, Fault> {
    Ok(match name {
        "ReduceL1" => |v| v.iter().map(|x| x.abs()).sum(),
        "ReduceL2" => |v| v.iter().map(|x| x * x).sum::<f64>().sqrt(),
        "ReduceLogSum" => |v| v.iter().sum::<f64>().ln(),
        "ReduceLogSumExp" => log_sum_exp,
        "ReduceMax" => |v| {
            v.iter()
                .copied()
                .fold(f64::NEG_INFINITY, |m, x| if m >= x { m } else { x })
        },
        "ReduceMean" => mean,
        "ReduceMin" => |v| v.iter().copied().fold(f64::INFINITY, |m, x| if m <= x { m } else { x }),
        "ReduceProd" => |v| v.iter().product(),
        "ReduceSum" => |v| v.iter().sum(),
        "ReduceSumSquare" => |v| v.iter().map(|x| x * x).sum(),
        other => return Err(Fault::new(format!("no reduction '{other}'"))),
    })
}

fn log_sum_exp(v: &[f64]) -> f64 {
    let max = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() {
        max
    } else {
        max + v.iter().map(|x| (x - max).exp()).sum::<f64>().ln()
    }
}

#[expect(clippy::cast_precision_loss, reason = "no axis is longer than 2^52")]
fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

/// Axes are an attribute in older versions and an input in newer ones; none means all of them.
fn reduce(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let fold = fold(spec.name)?;
    let exact = matches!(spec.name, "ReduceSum" | "ReduceProd" | "ReduceMax" | "ReduceMin");
    let whole: fn(&[i64]) -> i64 = match spec.name {
        "ReduceProd" => |v| v.iter().fold(1_i64, |a, &b| a.wrapping_mul(b)),
        "ReduceMax" => |v| v.iter().copied().max().unwrap_or(i64::MIN),
        "ReduceMin" => |v| v.iter().copied().min().unwrap_or(i64::MAX),
        _ => |v| v.iter().fold(0_i64, |a, &b| a.wrapping_add(b)),
    };
    let attribute = attribute_ints(spec, "axes");
    let keep = spec.attributes.int("keepdims").unwrap_or(1) != 0;
    let nothing = spec.attributes.flag("noop_with_empty_axes");
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let axes = integers(call, 1)?.or(attribute.as_deref()).unwrap_or(&[]);
        if axes.is_empty() && nothing {
            return Ok(Outputs::One(x.clone()));
        }
        let plan = Plan::new(x.shape(), axes, keep)?;
        call.room(&plan.shape)?;
        match x.data() {
            Data::F32(v) => one(
                plan.shape.clone(),
                plan.apply(v, |&x| f64::from(x), |lane| narrow(fold(lane))),
            ),
            Data::F64(v) => one(plan.shape.clone(), plan.apply(v, |&x| x, fold)),
            Data::I64(v) if exact => one(plan.shape.clone(), plan.apply(v, |&x| x, whole)),
            _ => Err(wrong_type(x)),
        }
    }))
}

/// Which elements are taken together.
struct Plan {
    /// The shape of the result.
    shape: Vec<usize>,
    /// For each dimension that stays: its size and how far apart its elements are.
    stay: Vec<(usize, usize)>,
    /// The same for each dimension that goes.
    go: Vec<(usize, usize)>,
}

impl Plan {
    fn new(shape: &[usize], axes: &[i64], keep: bool) -> Result<Self, Fault> {
        let mut gone = vec![axes.is_empty(); shape.len()];
        for &a in axes {
            gone[axis(a, shape.len())?] = true;
        }
        let mut plan = Self {
            shape: Vec::new(),
            stay: Vec::new(),
            go: Vec::new(),
        };
        for (at, &size) in shape.iter().enumerate() {
            let stride = shape[at + 1..].iter().product();
            if gone[at] {
                plan.go.push((size, stride));
                plan.shape.extend(keep.then_some(1));
            } else {
                plan.stay.push((size, stride));
                plan.shape.push(size);
            }
        }
        Ok(plan)
    }

    fn apply<T, W, R>(&self, v: &[T], widen: impl Fn(&T) -> W, fold: impl Fn(&[W]) -> R) -> Vec<R> {
        let offsets = offsets(&self.go);
        let mut lane = Vec::with_capacity(offsets.len());
        let each = offsets_of(&self.stay);
        each.map(|start| {
            lane.clear();
            lane.extend(offsets.iter().map(|&o| widen(&v[start + o])));
            fold(&lane)
        })
        .collect()
    }
}

/// Every offset that steps along these dimensions reach, in order.
fn offsets(dimensions: &[(usize, usize)]) -> Vec<usize> {
    offsets_of(dimensions).collect()
}

fn offsets_of(dimensions: &[(usize, usize)]) -> impl Iterator<Item = usize> {
    let total: usize = dimensions.iter().map(|(size, _)| size).product();
    (0..total).map(|mut i| {
        let mut offset = 0;
        for &(size, stride) in dimensions.iter().rev() {
            offset += i % size * stride;
            i /= size;
        }
        offset
    })
}

/// The index of the first (or last) largest or smallest element.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn arg(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(0);
    let keep = spec.attributes.int("keepdims").unwrap_or(1) != 0;
    let last = spec.attributes.flag("select_last_index");
    let wanted = if spec.name == "ArgMax" {
        Ordering::Greater
    } else {
        Ordering::Less
    };
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let at = axis(given, x.shape().len())?;
        let lanes = Lanes::new(x.shape(), at);
        let mut shape = x.shape().to_vec();
        if keep {
            shape[at] = 1;
        } else {
            shape.remove(at);
        }
        if lanes.size == 0 && lanes.count() > 0 {
            return Err(Fault::new("there is nothing to choose from"));
        }
        let best = match x.data() {
            Data::F32(v) => args(v, lanes, wanted, last),
            Data::F64(v) => args(v, lanes, wanted, last),
            Data::I64(v) => args(v, lanes, wanted, last),
            _ => return Err(wrong_type(x)),
        };
        one(shape, best)
    }))
}

fn args<T: Copy + PartialOrd>(v: &[T], lanes: Lanes, wanted: Ordering, last: bool) -> Vec<i64> {
    let best = |i: usize| {
        let mut best: Option<(i64, T)> = None;
        for (k, x) in (0..).zip(lanes.lane(v, i)) {
            let wins = best.is_none_or(|(_, b)| {
                let order = x.partial_cmp(&b);
                order == Some(wanted) || (last && order == Some(Ordering::Equal))
            });
            best = if wins { Some((k, x)) } else { best };
        }
        best.map_or(0, |(k, _)| k)
    };
    (0..lanes.count()).map(best).collect()
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn cum_sum(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let (exclusive, reverse) = (spec.attributes.flag("exclusive"), spec.attributes.flag("reverse"));
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let given = integers(call, 1)?.and_then(|v| v.first().copied()).unwrap_or(0);
        let lanes = Lanes::new(x.shape(), axis(given, x.shape().len())?);
        match x.data() {
            Data::F32(v) => one(x.shape().to_vec(), running(v, lanes, exclusive, reverse, |a, b| a + b)),
            Data::F64(v) => one(x.shape().to_vec(), running(v, lanes, exclusive, reverse, |a, b| a + b)),
            Data::I64(v) => one(
                x.shape().to_vec(),
                running(v, lanes, exclusive, reverse, i64::wrapping_add),
            ),
            _ => Err(wrong_type(x)),
        }
    }))
}

fn running<T: Element + Copy>(v: &[T], lanes: Lanes, exclusive: bool, reverse: bool, add: fn(T, T) -> T) -> Vec<T> {
    let mut out = v.to_vec();
    for block in out.chunks_exact_mut((lanes.size * lanes.inner).max(1)) {
        for i in 0..lanes.inner {
            let mut sum = T::default();
            for k in 0..lanes.size {
                let k = if reverse { lanes.size - 1 - k } else { k };
                let x = &mut block[k * lanes.inner + i];
                let next = add(sum, *x);
                *x = if exclusive { sum } else { next };
                sum = next;
            }
        }
    }
    out
}

/// The k largest or smallest of each lane, with their places; of equal ones the first.
#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn top_k(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let given = spec.attributes.int("axis").unwrap_or(-1);
    let largest = spec.attributes.int("largest").unwrap_or(1) != 0;
    let attribute = spec.attributes.int("k");
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let k = integers(call, 1)?
            .and_then(|v| v.first().copied())
            .or(attribute)
            .unwrap_or(0);
        let at = axis(given, x.shape().len())?;
        let lanes = Lanes::new(x.shape(), at);
        let k = usize::try_from(k).ok().filter(|&k| k <= lanes.size);
        let k = k.ok_or_else(|| Fault::new(format!("it cannot choose that many of {}", lanes.size)))?;
        let mut shape = x.shape().to_vec();
        shape[at] = k;
        call.room(&shape)?;
        match x.data() {
            Data::F32(v) => best(call, v, lanes, k, largest, shape),
            Data::F64(v) => best(call, v, lanes, k, largest, shape),
            Data::I64(v) => best(call, v, lanes, k, largest, shape),
            _ => Err(wrong_type(x)),
        }
    }))
}

fn best<T: Element + Copy + PartialOrd>(
    call: &Call<'_>,
    v: &[T],
    lanes: Lanes,
    k: usize,
    largest: bool,
    shape: Vec<usize>,
) -> Result<Outputs, Fault> {
    let n = call.room(&shape)?;
    let (mut values, mut places) = (vec![T::default(); n], vec![0_i64; n]);
    for i in 0..lanes.count() {
        let mut lane: Vec<(i64, T)> = (0..).zip(lanes.lane(v, i)).collect();
        let order = |a: &(i64, T), b: &(i64, T)| {
            let order = a.1.partial_cmp(&b.1).unwrap_or(Ordering::Equal);
            (if largest { order.reverse() } else { order }).then(a.0.cmp(&b.0))
        };
        lane.sort_by(|a, b| total(a, b, &order));
        for (j, &(place, value)) in lane.iter().take(k).enumerate() {
            let to = i / lanes.inner * lanes.inner * k + j * lanes.inner + i % lanes.inner;
            (values[to], places[to]) = (value, place);
        }
    }
    Ok(Outputs::Two(
        Tensor::new(shape.clone(), values)?,
        Tensor::new(shape, places)?,
    ))
}

/// An order in which what does not compare (NaN) comes last.
#[expect(clippy::eq_op, reason = "only a NaN differs from itself")]
fn total<T: PartialOrd>(a: &(i64, T), b: &(i64, T), order: &impl Fn(&(i64, T), &(i64, T)) -> Ordering) -> Ordering {
    match (a.1 != a.1, b.1 != b.1) {
        (false, false) => order(a, b),
        (x, y) => x.cmp(&y).then(a.0.cmp(&b.0)),
    }
}
