//! Products of matrices: `MatMul`, `Gemm`.

use crate::error::Fault;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, broadcast, one, wrong_type};
use crate::tensor::{Data, Element, Tensor};
use std::ops::{AddAssign, Mul};

pub(crate) const ENTRIES: &[Entry] = &[Entry::onnx("MatMul", matmul), Entry::onnx("Gemm", gemm)];

/// A number that can be multiplied and summed.
pub(crate) trait Number: Element + Copy + Mul<Output = Self> + AddAssign + PartialOrd {}
impl Number for f32 {}
impl Number for f64 {}

/// A matrix as it lies in memory: element (i, j) is at `i * row + j * column`.
#[derive(Clone, Copy)]
struct Layout {
    row: usize,
    column: usize,
}

/// `out[m,n] += a[m,k] * b[k,n]`, with b either row-major or (column-major) transposed.
fn product<T: Number>(a: &[T], la: Layout, b: &[T], lb: Layout, (m, k, n): (usize, usize, usize), out: &mut [T]) {
    if n == 0 {
        return;
    }
    for (i, row) in out.chunks_exact_mut(n).enumerate().take(m) {
        for p in 0..k {
            let x = a[i * la.row + p * la.column];
            if lb.column == 1 {
                let line = &b[p * lb.row..p * lb.row + n];
                row.iter_mut().zip(line).for_each(|(o, &y)| *o += x * y);
            } else {
                row.iter_mut()
                    .enumerate()
                    .for_each(|(j, o)| *o += x * b[p * lb.row + j * lb.column]);
            }
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn matmul(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let (a, b) = (call.input(0)?, call.input(1)?);
        match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(y)) => stacked(call, (a.shape(), x), (b.shape(), y)),
            (Data::F64(x), Data::F64(y)) => stacked(call, (a.shape(), x), (b.shape(), y)),
            _ => Err(wrong_type(b)),
        }
    }))
}

/// Matrices in the last two dimensions, the dimensions before them broadcast; vectors count as a row or a column.
fn stacked<T: Number>(call: &Call<'_>, (sa, a): (&[usize], &[T]), (sb, b): (&[usize], &[T])) -> Result<Outputs, Fault> {
    let mismatch = || Fault::new(format!("matrices {sa:?} and {sb:?} do not fit each other"));
    let (stack_a, m, k) = match sa {
        [] => return Err(mismatch()),
        [k] => (&[][..], None, *k),
        [stack @ .., m, k] => (stack, Some(*m), *k),
    };
    let (stack_b, rows, n) = match sb {
        [] => return Err(mismatch()),
        [k] => (&[][..], *k, None),
        [stack @ .., k, n] => (stack, *k, Some(*n)),
    };
    if rows != k {
        return Err(mismatch());
    }
    let stack = broadcast::joint(stack_a, stack_b)?;
    let (mm, nn) = (m.unwrap_or(1), n.unwrap_or(1));
    let mut shape = stack.clone();
    shape.extend(m);
    shape.extend(n);
    let total = call.room(&shape)?;
    work(call, total, k)?;
    let mut out = vec![T::default(); total];
    let (la, lb) = (Layout { row: k, column: 1 }, Layout { row: nn, column: 1 });
    if total > 0 {
        let (ia, ib) = (broadcast::indices(stack_a, &stack), broadcast::indices(stack_b, &stack));
        for ((i, j), out) in ia.into_iter().zip(ib).zip(out.chunks_exact_mut(mm * nn)) {
            product(&a[i * mm * k..], la, &b[j * k * nn..], lb, (mm, k, nn), out);
        }
    }
    one(shape, out)
}

/// Multiplications that one product may take for each element that it may have.
const WORK: usize = 1 << 10;

fn work(call: &Call<'_>, total: usize, k: usize) -> Result<(), Fault> {
    match total.checked_mul(k) {
        Some(n) if n <= call.limit().saturating_mul(WORK) => Ok(()),
        _ => Err(Fault::new(
            "the product takes more multiplications than the limits allow",
        )),
    }
}

struct Gemm {
    alpha: f64,
    beta: f64,
    transpose_a: bool,
    transpose_b: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn gemm(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let factor = |name: &str| f64::from(spec.attributes.float(name).unwrap_or(1.0));
    let gemm = Gemm {
        alpha: factor("alpha"),
        beta: factor("beta"),
        transpose_a: spec.attributes.flag("transA"),
        transpose_b: spec.attributes.flag("transB"),
    };
    Ok(Operator::new(move |call| {
        let (a, b, c) = (call.input(0)?, call.input(1)?, call.optional(2));
        match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(y)) => {
                let (alpha, beta) = (super::cast::narrow(gemm.alpha), super::cast::narrow(gemm.beta));
                gemm.run(call, (a.shape(), x, alpha), (b.shape(), y), (c, beta))
            }
            (Data::F64(x), Data::F64(y)) => gemm.run(call, (a.shape(), x, gemm.alpha), (b.shape(), y), (c, gemm.beta)),
            _ => Err(wrong_type(b)),
        }
    }))
}

impl Gemm {
    fn run<T: Number>(
        &self,
        call: &Call<'_>,
        (sa, a, alpha): (&[usize], &[T], T),
        (sb, b): (&[usize], &[T]),
        (c, beta): (Option<&Tensor>, T),
    ) -> Result<Outputs, Fault> {
        let mismatch = || Fault::new(format!("matrices {sa:?} and {sb:?} do not fit each other"));
        let (&[a0, a1], &[b0, b1]) = (sa, sb) else {
            return Err(mismatch());
        };
        let (m, k) = if self.transpose_a { (a1, a0) } else { (a0, a1) };
        let (rows, n) = if self.transpose_b { (b1, b0) } else { (b0, b1) };
        if rows != k {
            return Err(mismatch());
        }
        let total = call.room(&[m, n])?;
        work(call, total, k)?;
        let mut out = vec![T::default(); total];
        let layout = |columns: usize, transposed: bool| {
            if transposed {
                Layout {
                    row: 1,
                    column: columns,
                }
            } else {
                Layout {
                    row: columns,
                    column: 1,
                }
            }
        };
        product(
            a,
            layout(a1, self.transpose_a),
            b,
            layout(b1, self.transpose_b),
            (m, k, n),
            &mut out,
        );
        out.iter_mut().for_each(|x| *x = *x * alpha);
        if let Some(c) = c {
            add(call, &mut out, [m, n], c, beta)?;
        }
        one(vec![m, n], out)
    }
}

/// Adds a tensor that stretches to the shape of `out`.
fn add<T: Number>(call: &Call<'_>, out: &mut [T], shape: [usize; 2], c: &Tensor, beta: T) -> Result<(), Fault> {
    let elements = c.view::<T>().ok_or_else(|| wrong_type(c))?;
    if elements.len() == shape[1] && c.shape().last() == Some(&shape[1]) && shape[1] > 0 {
        for row in out.chunks_exact_mut(shape[1]) {
            row.iter_mut().zip(elements).for_each(|(x, &y)| *x += y * beta);
        }
        return Ok(());
    }
    let joint = broadcast::joint(&shape, c.shape())?;
    if joint != shape {
        return Err(Fault::new(format!(
            "shape {:?} of the sum does not stretch to {shape:?}",
            c.shape()
        )));
    }
    call.room(&joint)?;
    out.iter_mut()
        .zip(broadcast::indices(c.shape(), &joint))
        .for_each(|(x, i)| *x += elements[i] * beta);
    Ok(())
}
