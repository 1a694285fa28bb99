//! The values of one tensor, by the data types of the protocol.

use mlstack_onnx::{Data, Dimension, ElementType, Port, Tensor};

use super::call::Raw;
use super::{Code, Refusal, shape, word};
use crate::json::{Cursor, Scalar};

pub(super) fn limit(rows: usize, most: usize, place: &str) -> Result<(), Refusal> {
    if rows > most {
        return Err(
            Refusal::new(Code::TooManyRows, format!("a request may have {most} rows")).at(format!("{place}/shape")),
        );
    }
    Ok(())
}

pub(super) fn wrong_count(place: &str, want: usize) -> Refusal {
    Refusal::new(Code::WrongLength, format!("the shape asks for {want} values")).at(format!("{place}/data"))
}

/// One of the model's own tensors.
pub(super) fn tensor(port: &Port, input: &Raw<'_>, at: usize, most: usize) -> Result<Tensor, Refusal> {
    let place = format!("/inputs/{at}");
    let fits = port.shape.as_ref().is_none_or(|shape| {
        let fits = |(want, got): (&Dimension, &usize)| *want == Dimension::Any || *want == Dimension::Fixed(*got);
        shape.len() == input.shape.len() && shape.iter().zip(&input.shape).all(fits)
    });
    if !fits {
        return Err(
            Refusal::new(Code::WrongLength, format!("`{}` takes another shape", port.name))
                .at(format!("{place}/shape"))
                .hint(format!("{:?}, where -1 is any", shape(port))),
        );
    }
    limit(input.shape.first().copied().unwrap_or(1), most, &place)?;
    let kind = Datatype::of(&input.kind)
        .filter(|kind| kind.goes_into(port.element))
        .ok_or_else(|| {
            Refusal::new(Code::WrongType, format!("`{}` takes {}", port.name, word(port.element)))
                .at(format!("{place}/datatype"))
        })?;
    let want = input
        .shape
        .iter()
        .try_fold(1_usize, |all, &size| all.checked_mul(size))
        .ok_or_else(|| wrong_count(&place, usize::MAX))?;
    let mut data = empty(port.element);
    each(&mut input.data.clone(), &place, &mut |scalar, place| {
        let at = data.len();
        if at == want {
            return Err(wrong_count(place, want));
        }
        push(&mut data, scalar, kind).ok_or_else(|| {
            Refusal::new(Code::WrongType, format!("a value is no {}", kind.name)).at(format!("{place}/data/{at}"))
        })
    })?;
    if data.len() != want {
        return Err(wrong_count(&place, want));
    }
    Tensor::from_data(input.shape.clone(), data).map_err(|_| wrong_count(&place, want))
}

/// Every value of flat or nested data, in order.
pub(super) fn each<'a>(
    cursor: &mut Cursor<'a>,
    place: &str,
    take: &mut impl FnMut(Scalar<'a>, &str) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    match cursor.peek() {
        b'[' => cursor.array(|cursor, _| each(cursor, place, take)).map(|_| ()),
        b'{' => Err(Refusal::new(Code::WrongType, "`data` must hold plain values").at(format!("{place}/data"))),
        _ => take(cursor.scalar()?, place),
    }
}

/// A data type of the protocol.
#[derive(Debug, Clone, Copy)]
struct Datatype {
    name: &'static str,
    /// Bounds of a whole number.
    whole: Option<(i64, i64)>,
    element: ElementType,
}

impl Datatype {
    fn of(name: &str) -> Option<Self> {
        let float = |name, element| Self {
            name,
            whole: None,
            element,
        };
        let whole = |name, low, high| Self {
            name,
            whole: Some((low, high)),
            element: ElementType::I64,
        };
        Some(match name {
            "FP32" => float("FP32", ElementType::F32),
            "FP64" => float("FP64", ElementType::F64),
            "BOOL" => float("BOOL", ElementType::Bool),
            "BYTES" => float("BYTES", ElementType::Text),
            "INT64" => whole("INT64", i64::MIN, i64::MAX),
            "INT32" => whole("INT32", i32::MIN.into(), i32::MAX.into()),
            "INT16" => whole("INT16", i16::MIN.into(), i16::MAX.into()),
            "INT8" => whole("INT8", i8::MIN.into(), i8::MAX.into()),
            "UINT64" => whole("UINT64", 0, i64::MAX),
            "UINT32" => whole("UINT32", 0, u32::MAX.into()),
            "UINT16" => whole("UINT16", 0, u16::MAX.into()),
            "UINT8" => whole("UINT8", 0, u8::MAX.into()),
            _ => return None,
        })
    }

    /// Numbers go into floats, whole numbers into whole numbers, the rest only into its own kind.
    fn goes_into(self, element: ElementType) -> bool {
        let number = matches!(self.element, ElementType::F32 | ElementType::F64 | ElementType::I64);
        self.element == element || (number && matches!(element, ElementType::F32 | ElementType::F64))
    }
}

fn empty(element: ElementType) -> Data {
    match element {
        ElementType::F32 => Data::F32(Vec::new()),
        ElementType::F64 => Data::F64(Vec::new()),
        ElementType::I64 => Data::I64(Vec::new()),
        ElementType::Bool => Data::Bool(Vec::new()),
        ElementType::Text => Data::Text(Vec::new()),
    }
}

/// None when the value is not of the kind, or does not fit.
fn push(data: &mut Data, scalar: Scalar<'_>, kind: Datatype) -> Option<()> {
    let number = |text: &str| match kind.whole {
        Some(bounds) => whole(text, bounds).map(|v| v as f64),
        None => text.parse::<f64>().ok(),
    };
    match (data, scalar) {
        (Data::F32(all), Scalar::Number(text)) => all.push(number(text).map(|v| v as f32).filter(|v| v.is_finite())?),
        (Data::F64(all), Scalar::Number(text)) => all.push(number(text).filter(|v| v.is_finite())?),
        (Data::I64(all), Scalar::Number(text)) => all.push(whole(text, kind.whole?)?),
        (Data::Bool(all), Scalar::Bool(value)) => all.push(value),
        (Data::Text(all), Scalar::Text(text)) => all.push(text.into_owned()),
        _ => return None,
    }
    Some(())
}

fn whole(text: &str, (low, high): (i64, i64)) -> Option<i64> {
    text.parse().ok().filter(|v| (low..=high).contains(v))
}
