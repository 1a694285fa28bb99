//! Typed access to the attributes of a node, and tensors as the file stores them.
//! Never interprets an attribute; that is for the operator being built.

use crate::error::Fault;
use crate::proto::{AttributeProto, GraphProto, TensorProto};
use crate::tensor::{Data, ElementType, Tensor, count};

/// The attributes of one node.
pub(crate) struct Attributes<'a> {
    all: &'a [AttributeProto],
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(all: &'a [AttributeProto]) -> Self {
        Self { all }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.all.iter().find(|a| a.name == name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(crate) fn int(&self, name: &str) -> Option<i64> {
        self.find(name).and_then(|a| a.i)
    }

    pub(crate) fn float(&self, name: &str) -> Option<f32> {
        self.find(name).and_then(|a| a.f)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.int(name).is_some_and(|i| i != 0)
    }

    pub(crate) fn floats(&self, name: &str) -> &'a [f32] {
        self.find(name).map_or(&[], |a| &a.floats)
    }

    pub(crate) fn ints(&self, name: &str) -> &'a [i64] {
        self.find(name).map_or(&[], |a| &a.ints)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        let Some(bytes) = self.find(name).and_then(|a| a.s.as_deref()) else {
            return Ok(None);
        };
        std::str::from_utf8(bytes).map(Some).map_err(|_| not_text(name))
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Fault> {
        let Some(attribute) = self.find(name) else {
            return Ok(Vec::new());
        };
        attribute
            .strings
            .iter()
            .map(|s| String::from_utf8(s.clone()).map_err(|_| not_text(name)))
            .collect()
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, Fault> {
        self.find(name).and_then(|a| a.t.as_ref()).map(read_tensor).transpose()
    }

    pub(crate) fn graph(&self, name: &str) -> Option<&'a GraphProto> {
        self.find(name).and_then(|a| a.g.as_deref())
    }

    /// Numbers from `name_as_tensor` (double models) or from `name`.
    pub(crate) fn doubles(&self, name: &str) -> Result<Vec<f64>, Fault> {
        match self.tensor(&format!("{name}_as_tensor"))? {
            Some(tensor) => to_doubles(&tensor).ok_or_else(|| Fault::new(format!("attribute '{name}' has no numbers"))),
            None => Ok(self.floats(name).iter().map(|&f| f64::from(f)).collect()),
        }
    }

    /// The class labels of a classifier, from whichever attribute has them.
    pub(crate) fn labels(&self) -> Result<Labels, Fault> {
        let texts = ["classlabels_strings", "classlabels_string"]
            .into_iter()
            .find(|n| self.has(n));
        if let Some(name) = texts {
            let texts = self.texts(name)?;
            if !texts.is_empty() {
                return Ok(Labels::Texts(texts));
            }
        }
        let ints = ["classlabels_int64s", "classlabels_ints"]
            .into_iter()
            .find(|n| self.has(n));
        Ok(Labels::Ints(
            ints.map_or_else(Vec::new, |name| self.ints(name).to_vec()),
        ))
    }
}

fn not_text(name: &str) -> Fault {
    Fault::new(format!("attribute '{name}' is not UTF-8 text"))
}

/// The names of the classes, as integers or as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Labels {
    /// Integer classes.
    Ints(Vec<i64>),
    /// Text classes.
    Texts(Vec<String>),
}

impl Labels {
    /// How many classes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(v) => v.len(),
            Self::Texts(v) => v.len(),
        }
    }

    /// Whether there is no class.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One tensor of labels for these class indices; an index out of range is the caller's fault and gives the first.
    pub(crate) fn pick(&self, indices: &[usize]) -> Tensor {
        match self {
            Self::Ints(v) => Tensor::vector(indices.iter().map(|&i| v.get(i).copied().unwrap_or(0)).collect()),
            Self::Texts(v) => Tensor::vector(indices.iter().map(|&i| v.get(i).cloned().unwrap_or_default()).collect()),
        }
    }
}

/// The numbers of a tensor as doubles.
pub(crate) fn to_doubles(tensor: &Tensor) -> Option<Vec<f64>> {
    Some(match tensor.data() {
        Data::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
        Data::F64(v) => v.clone(),
        #[expect(clippy::cast_precision_loss, reason = "ONNX converts integers to floats by rounding")]
        Data::I64(v) => v.iter().map(|&x| x as f64).collect(),
        Data::Bool(v) => v.iter().map(|&x| f64::from(u8::from(x))).collect(),
        Data::Text(_) => return None,
    })
}

/// A tensor of the file. Its shape is checked against its data.
pub(crate) fn read_tensor(proto: &TensorProto) -> Result<Tensor, Fault> {
    if proto.data_location != 0 || !proto.external_data.is_empty() {
        return Err(Fault::new("its data are in another file"));
    }
    let shape = proto
        .dims
        .iter()
        .map(|&d| usize::try_from(d).map_err(|_| Fault::new("a dimension is negative")))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted = count(&shape).ok_or_else(|| Fault::new("its shape is too large"))?;
    let element = ElementType::from_onnx(proto.data_type)
        .ok_or_else(|| Fault::new(format!("element type {} is not supported", proto.data_type)))?;
    let data = match &proto.raw_data {
        Some(raw) if !raw.is_empty() => from_raw(proto.data_type, raw)?,
        _ => from_fields(proto, element)?,
    };
    if data.len() != wanted {
        return Err(Fault::new(format!(
            "its shape holds {wanted} elements, its data are {}",
            data.len()
        )));
    }
    Ok(Tensor::from_data(shape, data)?)
}

/// Little-endian bytes to elements.
fn from_raw(code: i32, raw: &[u8]) -> Result<Data, Fault> {
    Ok(match code {
        1 => Data::F32(chunks(raw, f32::from_le_bytes)?),
        11 => Data::F64(chunks(raw, f64::from_le_bytes)?),
        7 => Data::I64(chunks(raw, i64::from_le_bytes)?),
        6 => Data::I64(chunks(raw, |b| i64::from(i32::from_le_bytes(b)))?),
        12 => Data::I64(chunks(raw, |b| i64::from(u32::from_le_bytes(b)))?),
        13 => Data::I64(chunks(raw, |b| u64::from_le_bytes(b).cast_signed())?),
        5 => Data::I64(chunks(raw, |b| i64::from(i16::from_le_bytes(b)))?),
        4 => Data::I64(chunks(raw, |b| i64::from(u16::from_le_bytes(b)))?),
        3 => Data::I64(chunks(raw, |b| i64::from(i8::from_le_bytes(b)))?),
        2 => Data::I64(chunks(raw, |[b]: [u8; 1]| i64::from(b))?),
        9 => Data::Bool(chunks(raw, |[b]: [u8; 1]| b != 0)?),
        10 => Data::F32(chunks(raw, |b| half(u16::from_le_bytes(b)))?),
        16 => Data::F32(chunks(raw, |b| brain(u16::from_le_bytes(b)))?),
        _ => return Err(Fault::new("text cannot be stored as raw data")),
    })
}

fn chunks<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Result<Vec<T>, Fault> {
    let (whole, rest) = raw.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(Fault::new("its data are cut off"));
    }
    Ok(whole.iter().map(|&b| read(b)).collect())
}

/// Elements from the typed fields of the message.
fn from_fields(proto: &TensorProto, element: ElementType) -> Result<Data, Fault> {
    Ok(match element {
        ElementType::F32 if proto.data_type == 10 => Data::F32(bits(&proto.int32_data).map(half).collect()),
        ElementType::F32 if proto.data_type == 16 => Data::F32(bits(&proto.int32_data).map(brain).collect()),
        ElementType::F32 => Data::F32(proto.float_data.clone()),
        ElementType::F64 => Data::F64(proto.double_data.clone()),
        ElementType::I64 => Data::I64(match proto.data_type {
            7 => proto.int64_data.clone(),
            12 | 13 => proto.uint64_data.iter().map(|&u| u.cast_signed()).collect(),
            _ => proto.int32_data.iter().map(|&i| i64::from(i)).collect(),
        }),
        ElementType::Bool => Data::Bool(proto.int32_data.iter().map(|&i| i != 0).collect()),
        ElementType::Text => Data::Text(
            proto
                .string_data
                .iter()
                .map(|s| String::from_utf8(s.clone()).map_err(|_| Fault::new("its text is not UTF-8")))
                .collect::<Result<_, _>>()?,
        ),
    })
}

fn bits(words: &[i32]) -> impl Iterator<Item = u16> {
    words.iter().map(|&w| {
        let [a, b, ..] = w.to_le_bytes();
        u16::from_le_bytes([a, b])
    })
}

/// IEEE 754 half precision.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f32::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2_f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15),
    }
}

/// The upper half of an f32.
fn brain(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
