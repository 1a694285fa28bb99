//! Applies a function to two tensors whose shapes are stretched to fit each other, as NumPy does.

use crate::error::Fault;
use crate::ops::Call;
use crate::tensor::count;

/// The shape that two shapes stretch to.
pub(crate) fn joint(a: &[usize], b: &[usize]) -> Result<Vec<usize>, Fault> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], i: usize| (i + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    (0..rank)
        .map(|i| match (size(a, i), size(b, i)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Err(Fault::new(format!("shapes {a:?} and {b:?} do not fit each other"))),
        })
        .collect()
}

/// How far one step along each dimension of `target` moves in a tensor of `shape`: zero where it is stretched.
fn strides(shape: &[usize], target: &[usize]) -> Vec<usize> {
    let skip = target.len() - shape.len();
    let mut strides = vec![0; target.len()];
    let mut step = 1;
    for (at, &size) in shape.iter().enumerate().rev() {
        if size != 1 {
            strides[skip + at] = step;
        }
        step *= size;
    }
    strides
}

/// The index into a tensor of `shape` for every element of `target`, in order.
pub(crate) fn indices(shape: &[usize], target: &[usize]) -> Vec<usize> {
    let strides = strides(shape, target);
    let total = count(target).unwrap_or(0);
    let mut all = Vec::with_capacity(total);
    let mut counter = vec![0; target.len()];
    let mut at = 0;
    for _ in 0..total {
        all.push(at);
        for d in (0..target.len()).rev() {
            counter[d] += 1;
            at += strides[d];
            if counter[d] < target[d] {
                break;
            }
            at -= strides[d] * target[d];
            counter[d] = 0;
        }
    }
    all
}

/// `f` of each pair. The elements must be as many as their shapes say.
pub(crate) fn zip<T: Clone, R>(
    call: &Call<'_>,
    (shape_a, a): (&[usize], &[T]),
    (shape_b, b): (&[usize], &[T]),
    f: impl Fn(&T, &T) -> R,
) -> Result<(Vec<usize>, Vec<R>), Fault> {
    if shape_a == shape_b {
        return Ok((shape_a.to_vec(), a.iter().zip(b).map(|(x, y)| f(x, y)).collect()));
    }
    let shape = joint(shape_a, shape_b)?;
    let total = call.room(&shape)?;
    if total == 0 {
        return Ok((shape, Vec::new()));
    }
    let out = if let ([y], true) = (b, a.len() == total) {
        a.iter().map(|x| f(x, y)).collect()
    } else if let ([x], true) = (a, b.len() == total) {
        b.iter().map(|y| f(x, y)).collect()
    } else if a.len() == total && trails(shape_b, &shape) {
        a.chunks_exact(b.len())
            .flat_map(|row| row.iter().zip(b))
            .map(|(x, y)| f(x, y))
            .collect()
    } else {
        let (ia, ib) = (indices(shape_a, &shape), indices(shape_b, &shape));
        ia.into_iter().zip(ib).map(|(i, j)| f(&a[i], &b[j])).collect()
    };
    Ok((shape, out))
}

/// Whether a shape is the whole end of another, such as one row of a matrix.
fn trails(shape: &[usize], target: &[usize]) -> bool {
    let start = shape.iter().position(|&d| d != 1).unwrap_or(shape.len());
    target.ends_with(&shape[start..])
}
