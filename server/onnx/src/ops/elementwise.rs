//! Operators that work on each element by itself: arithmetic, comparisons, logic, functions of one number.

use crate::error::Fault;
use crate::ops::{Call, Entry, Operator, Outputs, Spec, broadcast, one, wrong_type};
use crate::tensor::{Data, Element, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::onnx("Abs", unary),
    Entry::onnx("Acos", unary),
    Entry::onnx("Asin", unary),
    Entry::onnx("Atan", unary),
    Entry::onnx("Ceil", unary),
    Entry::onnx("Cos", unary),
    Entry::onnx("Cosh", unary),
    Entry::onnx("Erf", unary),
    Entry::onnx("Exp", unary),
    Entry::onnx("Floor", unary),
    Entry::onnx("Log", unary),
    Entry::onnx("Neg", unary),
    Entry::onnx("Reciprocal", unary),
    Entry::onnx("Round", unary),
    Entry::onnx("Sign", unary),
    Entry::onnx("Sin", unary),
    Entry::onnx("Sinh", unary),
    Entry::onnx("Sqrt", unary),
    Entry::onnx("Tan", unary),
    Entry::onnx("Add", arithmetic),
    Entry::onnx("Div", arithmetic),
    Entry::onnx("Mod", arithmetic),
    Entry::onnx("Mul", arithmetic),
    Entry::onnx("Pow", arithmetic),
    Entry::onnx("Sub", arithmetic),
    Entry::onnx("Max", variadic),
    Entry::onnx("Mean", variadic),
    Entry::onnx("Min", variadic),
    Entry::onnx("Sum", variadic),
    Entry::onnx("Equal", compare),
    Entry::onnx("Greater", compare),
    Entry::onnx("GreaterOrEqual", compare),
    Entry::onnx("Less", compare),
    Entry::onnx("LessOrEqual", compare),
    Entry::onnx("And", logic),
    Entry::onnx("Or", logic),
    Entry::onnx("Xor", logic),
    Entry::onnx("Not", not),
    Entry::onnx("IsNaN", is_nan),
    Entry::onnx("IsInf", is_inf),
    Entry::onnx("Where", select),
];

/// The same shape with each element changed.
pub(crate) fn map<T: Element + Copy, R: Element>(
    tensor: &Tensor,
    elements: &[T],
    f: impl Fn(T) -> R,
) -> Result<Outputs, Fault> {
    one(tensor.shape().to_vec(), elements.iter().map(|&x| f(x)).collect())
}

/// A function of one number, once for each float type.
pub(crate) struct Function {
    pub(crate) single: fn(f32) -> f32,
    pub(crate) double: fn(f64) -> f64,
    pub(crate) integer: Option<fn(i64) -> i64>,
}

impl Function {
    pub(crate) const fn new(single: fn(f32) -> f32, double: fn(f64) -> f64) -> Self {
        Self {
            single,
            double,
            integer: None,
        }
    }

    pub(crate) const fn also(mut self, integer: fn(i64) -> i64) -> Self {
        self.integer = Some(integer);
        self
    }

    pub(crate) fn apply(&self, tensor: &Tensor) -> Result<Outputs, Fault> {
        match (tensor.data(), self.integer) {
            (Data::F32(v), _) => map(tensor, v, self.single),
            (Data::F64(v), _) => map(tensor, v, self.double),
            (Data::I64(v), Some(f)) => map(tensor, v, f),
            _ => Err(wrong_type(tensor)),
        }
    }
}

fn unary(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let function = match spec.name {
        "Abs" => Function::new(f32::abs, f64::abs).also(i64::wrapping_abs),
        "Acos" => Function::new(f32::acos, f64::acos),
        "Asin" => Function::new(f32::asin, f64::asin),
        "Atan" => Function::new(f32::atan, f64::atan),
        "Ceil" => Function::new(f32::ceil, f64::ceil),
        "Cos" => Function::new(f32::cos, f64::cos),
        "Cosh" => Function::new(f32::cosh, f64::cosh),
        "Erf" => Function::new(|x| super::cast::narrow(erf(f64::from(x))), erf),
        "Exp" => Function::new(f32::exp, f64::exp),
        "Floor" => Function::new(f32::floor, f64::floor),
        "Log" => Function::new(f32::ln, f64::ln),
        "Neg" => Function::new(|x| -x, |x| -x).also(i64::wrapping_neg),
        "Reciprocal" => Function::new(f32::recip, f64::recip),
        "Round" => Function::new(f32::round_ties_even, f64::round_ties_even),
        "Sign" => Function::new(
            |x| if x == 0.0 { 0.0 } else { x.signum() },
            |x| if x == 0.0 { 0.0 } else { x.signum() },
        )
        .also(i64::signum),
        "Sin" => Function::new(f32::sin, f64::sin),
        "Sinh" => Function::new(f32::sinh, f64::sinh),
        "Sqrt" => Function::new(f32::sqrt, f64::sqrt),
        "Tan" => Function::new(f32::tan, f64::tan),
        other => return Err(Fault::new(format!("no function '{other}'"))),
    };
    Ok(Operator::new(move |call| function.apply(call.input(0)?)))
}

/// The error function: its series near zero, the continued fraction of its complement elsewhere; 1e-15 or better.
pub(crate) fn erf(x: f64) -> f64 {
    let size = x.abs();
    if size.is_nan() || size > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    if size < 2.5 {
        erf_series(x)
    } else {
        x.signum() * (1.0 - erfc_fraction(size))
    }
}

fn erf_series(x: f64) -> f64 {
    let square = x * x;
    let (mut term, mut sum) = (x, x);
    for n in 1..80_u32 {
        term *= -square / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

fn erfc_fraction(x: f64) -> f64 {
    let tail = (1..60_u32).rev().fold(x, |below, n| x + f64::from(n) / 2.0 / below);
    (-x * x).exp() / tail * std::f64::consts::FRAC_2_SQRT_PI / 2.0
}

/// A function of two numbers of the same type.
#[derive(Clone, Copy)]
struct Binary {
    single: fn(&f32, &f32) -> f32,
    double: fn(&f64, &f64) -> f64,
    integer: fn(&i64, &i64) -> i64,
}

fn binary(name: &str, fmod: bool) -> Result<Binary, Fault> {
    Ok(match name {
        "Add" | "Sum" | "Mean" => Binary {
            single: |a, b| a + b,
            double: |a, b| a + b,
            integer: |a, b| a.wrapping_add(*b),
        },
        "Sub" => Binary {
            single: |a, b| a - b,
            double: |a, b| a - b,
            integer: |a, b| a.wrapping_sub(*b),
        },
        "Mul" => Binary {
            single: |a, b| a * b,
            double: |a, b| a * b,
            integer: |a, b| a.wrapping_mul(*b),
        },
        "Div" => Binary {
            single: |a, b| a / b,
            double: |a, b| a / b,
            integer: |a, b| a.checked_div(*b).unwrap_or(0),
        },
        "Pow" => Binary {
            single: |a, b| a.powf(*b),
            double: |a, b| a.powf(*b),
            integer: integer_power,
        },
        "Max" => Binary {
            single: |a, b| if a.is_nan() || a > b { *a } else { *b },
            double: |a, b| if a.is_nan() || a > b { *a } else { *b },
            integer: |a, b| *a.max(b),
        },
        "Min" => Binary {
            single: |a, b| if a.is_nan() || a < b { *a } else { *b },
            double: |a, b| if a.is_nan() || a < b { *a } else { *b },
            integer: |a, b| *a.min(b),
        },
        "Mod" if fmod => Binary {
            single: |a, b| a % b,
            double: |a, b| a % b,
            integer: |a, b| a.checked_rem(*b).unwrap_or(0),
        },
        "Mod" => Binary {
            single: |a, b| super::cast::narrow(float_mod(f64::from(*a), f64::from(*b))),
            double: |a, b| float_mod(*a, *b),
            integer: floor_mod,
        },
        other => return Err(Fault::new(format!("no function '{other}'"))),
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a power that does not fit saturates"
)]
fn integer_power(a: &i64, b: &i64) -> i64 {
    match u32::try_from(*b) {
        Ok(exponent) => a.wrapping_pow(exponent),
        Err(_) => (*a as f64).powf(*b as f64) as i64,
    }
}

/// The remainder of floats with the sign of the divisor, as Python has it.
fn float_mod(a: f64, b: f64) -> f64 {
    match a % b {
        0.0 => 0.0_f64.copysign(b),
        r if (r < 0.0) != (b < 0.0) => r + b,
        r => r,
    }
}

/// The remainder with the sign of the divisor, as Python has it.
fn floor_mod(a: &i64, b: &i64) -> i64 {
    match a.checked_rem(*b) {
        Some(r) if r != 0 && (r < 0) != (*b < 0) => r + b,
        other => other.unwrap_or(0),
    }
}

impl Binary {
    fn apply(&self, call: &Call<'_>, a: &Tensor, b: &Tensor) -> Result<Tensor, Fault> {
        match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(y)) => zip(call, (a, x), (b, y), self.single),
            (Data::F64(x), Data::F64(y)) => zip(call, (a, x), (b, y), self.double),
            (Data::I64(x), Data::I64(y)) => zip(call, (a, x), (b, y), self.integer),
            _ => Err(Fault::new(format!(
                "it does not work on {} and {} elements",
                a.element(),
                b.element()
            ))),
        }
    }
}

fn zip<T: Clone, R: Element>(
    call: &Call<'_>,
    (a, x): (&Tensor, &[T]),
    (b, y): (&Tensor, &[T]),
    f: impl Fn(&T, &T) -> R,
) -> Result<Tensor, Fault> {
    let (shape, elements) = broadcast::zip(call, (a.shape(), x), (b.shape(), y), f)?;
    Ok(Tensor::new(shape, elements)?)
}

fn arithmetic(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let function = binary(spec.name, spec.attributes.flag("fmod"))?;
    let power = spec.name == "Pow";
    Ok(Operator::new(move |call| {
        let (a, b) = (call.input(0)?, call.input(1)?);
        if power && a.element() != b.element() {
            return Ok(Outputs::One(function.apply(
                call,
                a,
                &super::cast::cast(b, a.element())?,
            )?));
        }
        function.apply(call, a, b).map(Outputs::One)
    }))
}

fn variadic(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let function = binary(spec.name, false)?;
    let mean = spec.name == "Mean";
    Ok(Operator::new(move |call| {
        let mut sum = call.input(0)?.clone();
        for other in call.inputs().iter().skip(1).flatten() {
            sum = function.apply(call, &sum, other)?;
        }
        if !mean {
            return Ok(Outputs::One(sum));
        }
        let n = u32::try_from(call.inputs().len()).map_or(f64::INFINITY, f64::from);
        match sum.data() {
            Data::F32(v) => map(&sum, v, |x| x / super::cast::narrow(n)),
            Data::F64(v) => map(&sum, v, |x| x / n),
            _ => Err(wrong_type(&sum)),
        }
    }))
}

fn compare(spec: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(match spec.name {
        "Equal" => Operator::new(equal),
        "Greater" => ordered(|o| o == std::cmp::Ordering::Greater),
        "GreaterOrEqual" => ordered(std::cmp::Ordering::is_ge),
        "Less" => ordered(|o| o == std::cmp::Ordering::Less),
        "LessOrEqual" => ordered(std::cmp::Ordering::is_le),
        other => return Err(Fault::new(format!("no comparison '{other}'"))),
    })
}

fn ordered(accept: fn(std::cmp::Ordering) -> bool) -> Operator {
    Operator::new(move |call| {
        let (a, b) = (call.input(0)?, call.input(1)?);
        Ok(Outputs::One(match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(y)) => zip(call, (a, x), (b, y), |p, q| p.partial_cmp(q).is_some_and(accept))?,
            (Data::F64(x), Data::F64(y)) => zip(call, (a, x), (b, y), |p, q| p.partial_cmp(q).is_some_and(accept))?,
            (Data::I64(x), Data::I64(y)) => zip(call, (a, x), (b, y), |p, q| accept(p.cmp(q)))?,
            _ => return Err(wrong_type(a)),
        }))
    })
}

#[expect(clippy::float_cmp, reason = "the operator asks for exact equality")]
fn equal(call: &Call<'_>) -> Result<Outputs, Fault> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    Ok(Outputs::One(match (a.data(), b.data()) {
        (Data::F32(x), Data::F32(y)) => zip(call, (a, x), (b, y), |p, q| p == q)?,
        (Data::F64(x), Data::F64(y)) => zip(call, (a, x), (b, y), |p, q| p == q)?,
        (Data::I64(x), Data::I64(y)) => zip(call, (a, x), (b, y), |p, q| p == q)?,
        (Data::Bool(x), Data::Bool(y)) => zip(call, (a, x), (b, y), |p, q| p == q)?,
        (Data::Text(x), Data::Text(y)) => zip(call, (a, x), (b, y), |p, q| p == q)?,
        _ => return Err(wrong_type(a)),
    }))
}

fn logic(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let function: fn(&bool, &bool) -> bool = match spec.name {
        "And" => |a, b| *a && *b,
        "Or" => |a, b| *a || *b,
        _ => |a, b| a != b,
    };
    Ok(Operator::new(move |call| {
        let (a, b) = (call.input(0)?, call.input(1)?);
        match (a.data(), b.data()) {
            (Data::Bool(x), Data::Bool(y)) => Ok(Outputs::One(zip(call, (a, x), (b, y), function)?)),
            _ => Err(wrong_type(a)),
        }
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn not(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let a = call.input(0)?;
        map(a, a.view::<bool>().ok_or_else(|| wrong_type(a))?, |x| !x)
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn is_nan(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let x = call.input(0)?;
        match x.data() {
            Data::F32(v) => map(x, v, f32::is_nan),
            Data::F64(v) => map(x, v, f64::is_nan),
            _ => Err(wrong_type(x)),
        }
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn is_inf(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let counts = |name: &str| spec.attributes.int(name).unwrap_or(1) != 0;
    let (negative, positive) = (counts("detect_negative"), counts("detect_positive"));
    let found = move |x: f64| (x == f64::INFINITY && positive) || (x == f64::NEG_INFINITY && negative);
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        match x.data() {
            Data::F32(v) => map(x, v, |x| found(f64::from(x))),
            Data::F64(v) => map(x, v, found),
            _ => Err(wrong_type(x)),
        }
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn select(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        let (condition, a, b) = (call.input(0)?, call.input(1)?, call.input(2)?);
        match (a.data(), b.data()) {
            (Data::F32(x), Data::F32(y)) => choose(call, condition, (a, x), (b, y)),
            (Data::F64(x), Data::F64(y)) => choose(call, condition, (a, x), (b, y)),
            (Data::I64(x), Data::I64(y)) => choose(call, condition, (a, x), (b, y)),
            (Data::Bool(x), Data::Bool(y)) => choose(call, condition, (a, x), (b, y)),
            (Data::Text(x), Data::Text(y)) => choose(call, condition, (a, x), (b, y)),
            _ => Err(wrong_type(a)),
        }
    }))
}

fn choose<T: Element>(
    call: &Call<'_>,
    condition: &Tensor,
    (a, x): (&Tensor, &[T]),
    (b, y): (&Tensor, &[T]),
) -> Result<Outputs, Fault> {
    let flags = condition.view::<bool>().ok_or_else(|| wrong_type(condition))?;
    let shape = broadcast::joint(&broadcast::joint(a.shape(), b.shape())?, condition.shape())?;
    call.room(&shape)?;
    let at = |tensor: &Tensor| broadcast::indices(tensor.shape(), &shape);
    let picked = at(condition).into_iter().zip(at(a).into_iter().zip(at(b)));
    let elements = picked
        .map(|(c, (i, j))| if flags[c] { x[i].clone() } else { y[j].clone() })
        .collect();
    one(shape, elements)
}
