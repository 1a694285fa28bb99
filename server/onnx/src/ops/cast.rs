//! Changing the type of elements: `Cast`, `CastLike`.

use crate::error::Fault;
use crate::ops::{Entry, Operator, Outputs, Spec};
use crate::tensor::{Data, ElementType, Tensor};

pub(crate) const ENTRIES: &[Entry] = &[Entry::onnx("Cast", build), Entry::onnx("CastLike", build_like)];

fn build(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let to = match spec.attributes.text("to")? {
        Some(name) => return Err(Fault::new(format!("attribute 'to' is the text '{name}', not a number"))),
        None => spec
            .attributes
            .int("to")
            .and_then(|i| i32::try_from(i).ok())
            .unwrap_or(0),
    };
    let width = Width::of(to);
    let element =
        ElementType::from_onnx(to).ok_or_else(|| Fault::new(format!("element type {to} is not supported")))?;
    Ok(Operator::new(move |call| {
        let tensor = call.input(0)?;
        let cast = cast(tensor, element)?;
        Ok(Outputs::One(width.narrow(cast)))
    }))
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of the table")]
fn build_like(_: &Spec<'_>) -> Result<Operator, Fault> {
    Ok(Operator::new(|call| {
        Ok(Outputs::One(cast(call.input(0)?, call.input(1)?.element())?))
    }))
}

/// The narrow integer that wide values are cut to.
#[derive(Clone, Copy)]
enum Width {
    I8,
    I16,
    I32,
    U8,
    U16,
    U32,
    Whole,
}

impl Width {
    fn of(code: i32) -> Self {
        match code {
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::I32,
            12 => Self::U32,
            _ => Self::Whole,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cutting is what this cast is for"
    )]
    fn narrow(self, tensor: Tensor) -> Tensor {
        let cut = |x: i64| match self {
            Self::I8 => i64::from(x as i8),
            Self::I16 => i64::from(x as i16),
            Self::I32 => i64::from(x as i32),
            Self::U8 => i64::from(x as u8),
            Self::U16 => i64::from(x as u16),
            Self::U32 => i64::from(x as u32),
            Self::Whole => x,
        };
        match (self, tensor.data()) {
            (Self::Whole, _) => tensor,
            (_, Data::I64(v)) => same_shape(&tensor, Data::I64(v.iter().map(|&x| cut(x)).collect())),
            _ => tensor,
        }
    }
}

/// Data as long as the tensor's, in its shape.
fn same_shape(tensor: &Tensor, data: Data) -> Tensor {
    Tensor::from_data(tensor.shape().to_vec(), data).expect("as many elements as before")
}

/// The tensor with elements of another type.
pub(crate) fn cast(tensor: &Tensor, to: ElementType) -> Result<Tensor, Fault> {
    if tensor.element() == to {
        return Ok(tensor.clone());
    }
    let data = match to {
        ElementType::F32 => Data::F32(floats(tensor)?.iter().map(|&x| narrow(x)).collect()),
        ElementType::F64 => Data::F64(floats(tensor)?),
        ElementType::I64 => Data::I64(integers(tensor)?),
        ElementType::Bool => Data::Bool(floats(tensor)?.iter().map(|&x| x != 0.0).collect()),
        ElementType::Text => Data::Text(texts(tensor)),
    };
    Ok(same_shape(tensor, data))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounding to the nearest f32 is what the cast is for"
)]
pub(crate) fn narrow(x: f64) -> f32 {
    x as f32
}

fn floats(tensor: &Tensor) -> Result<Vec<f64>, Fault> {
    if let Data::Text(texts) = tensor.data() {
        let parse = |t: &String| {
            t.trim()
                .parse()
                .map_err(|_| Fault::new(format!("'{t}' is not a number")))
        };
        return texts.iter().map(parse).collect();
    }
    crate::attributes::to_doubles(tensor).ok_or_else(|| Fault::new("it holds no numbers"))
}

#[expect(clippy::cast_possible_truncation, reason = "ONNX cuts the fraction off")]
fn integers(tensor: &Tensor) -> Result<Vec<i64>, Fault> {
    Ok(match tensor.data() {
        Data::F32(v) => v.iter().map(|&x| x as i64).collect(),
        Data::F64(v) => v.iter().map(|&x| x as i64).collect(),
        Data::I64(v) => v.clone(),
        Data::Bool(v) => v.iter().map(|&x| i64::from(x)).collect(),
        Data::Text(v) => {
            let parse = |t: &String| {
                t.trim()
                    .parse()
                    .map_err(|_| Fault::new(format!("'{t}' is not an integer")))
            };
            v.iter().map(parse).collect::<Result<_, _>>()?
        }
    })
}

fn texts(tensor: &Tensor) -> Vec<String> {
    match tensor.data() {
        Data::F32(v) => v.iter().map(ToString::to_string).collect(),
        Data::F64(v) => v.iter().map(ToString::to_string).collect(),
        Data::I64(v) => v.iter().map(ToString::to_string).collect(),
        Data::Bool(v) => v
            .iter()
            .map(|&b| if b { "1".to_owned() } else { "0".to_owned() })
            .collect(),
        Data::Text(v) => v.clone(),
    }
}
