//! Tensors: a shape and its elements in row-major order. The number of elements always matches the shape.
//! Never computes anything; that is for `ops`.

use std::fmt;

/// What a tensor holds. Narrower ONNX types are widened on load: the integers to `I64`, the half floats to `F32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 64-bit integer.
    I64,
    /// True or false.
    Bool,
    /// UTF-8 text.
    Text,
}

impl ElementType {
    /// Whether it is one of the two floats.
    #[must_use]
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// The type for a `TensorProto.DataType` number; none for types without a place here (complex, 8-bit floats).
    pub(crate) fn from_onnx(code: i32) -> Option<Self> {
        match code {
            1 | 10 | 16 => Some(Self::F32),
            11 => Some(Self::F64),
            2..=7 | 12 | 13 => Some(Self::I64),
            9 => Some(Self::Bool),
            8 => Some(Self::Text),
            _ => None,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float",
            Self::F64 => "double",
            Self::I64 => "int64",
            Self::Bool => "bool",
            Self::Text => "string",
        })
    }
}

/// The elements of a tensor, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 64-bit floats.
    F64(Vec<f64>),
    /// 64-bit integers.
    I64(Vec<i64>),
    /// Booleans.
    Bool(Vec<bool>),
    /// Texts.
    Text(Vec<String>),
}

impl Data {
    /// How many elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::F64(v) => v.len(),
            Self::I64(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the elements.
    #[must_use]
    pub fn element(&self) -> ElementType {
        match self {
            Self::F32(_) => ElementType::F32,
            Self::F64(_) => ElementType::F64,
            Self::I64(_) => ElementType::I64,
            Self::Bool(_) => ElementType::Bool,
            Self::Text(_) => ElementType::Text,
        }
    }
}

/// A type a tensor can hold.
pub trait Element: Clone + Default + Send + Sync + 'static {
    /// Its name among the element types.
    const TYPE: ElementType;
    /// Elements as tensor data.
    fn wrap(elements: Vec<Self>) -> Data;
    /// The elements, if the data are of this type.
    fn view(data: &Data) -> Option<&[Self]>;
}

macro_rules! element {
    ($type:ty, $variant:ident) => {
        impl Element for $type {
            const TYPE: ElementType = ElementType::$variant;
            fn wrap(elements: Vec<Self>) -> Data {
                Data::$variant(elements)
            }
            fn view(data: &Data) -> Option<&[Self]> {
                match data {
                    Data::$variant(elements) => Some(elements),
                    _ => None,
                }
            }
        }
    };
}
element!(f32, F32);
element!(f64, F64);
element!(i64, I64);
element!(bool, Bool);
element!(String, Text);

/// A shape that does not fit its elements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("shape {shape:?} does not hold {elements} elements")]
pub struct ShapeError {
    /// The shape asked for.
    pub shape: Vec<usize>,
    /// The elements given.
    pub elements: usize,
}

/// Elements in a shape. A scalar has the empty shape.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: Data,
}

impl Tensor {
    /// A tensor of this shape.
    ///
    /// # Errors
    /// When the shape holds another number of elements than are given.
    pub fn new<T: Element>(shape: Vec<usize>, elements: Vec<T>) -> Result<Self, ShapeError> {
        Self::from_data(shape, T::wrap(elements))
    }

    /// A tensor of this shape from data whose type is known only at run time.
    ///
    /// # Errors
    /// When the shape holds another number of elements than are given.
    pub fn from_data(shape: Vec<usize>, data: Data) -> Result<Self, ShapeError> {
        match count(&shape) {
            Some(n) if n == data.len() => Ok(Self { shape, data }),
            _ => Err(ShapeError {
                shape,
                elements: data.len(),
            }),
        }
    }

    /// One dimension, as long as the elements are many.
    #[must_use]
    pub fn vector<T: Element>(elements: Vec<T>) -> Self {
        Self {
            shape: vec![elements.len()],
            data: T::wrap(elements),
        }
    }

    /// A tensor without dimensions.
    #[must_use]
    pub fn scalar<T: Element>(element: T) -> Self {
        Self {
            shape: Vec::new(),
            data: T::wrap(vec![element]),
        }
    }

    /// The size of each dimension.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row-major.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Shape and elements, taken apart without a copy.
    #[must_use]
    pub fn into_parts(self) -> (Vec<usize>, Data) {
        (self.shape, self.data)
    }

    /// The type of the elements.
    #[must_use]
    pub fn element(&self) -> ElementType {
        self.data.element()
    }

    /// How many elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements, if they are of this type.
    #[must_use]
    pub fn view<T: Element>(&self) -> Option<&[T]> {
        T::view(&self.data)
    }
}

/// The most that the dimensions of a shape without elements may make up.
const EMPTY_SPAN: usize = 1 << 26;

/// How many elements a shape holds; none when the number does not fit. A shape with an empty dimension is refused too
/// when the others are huge, so that going along any dimensions of a tensor stays cheap.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    let whole = shape.iter().try_fold(1_usize, |n, &d| n.checked_mul(d.max(1)))?;
    match shape.contains(&0) {
        true if whole > EMPTY_SPAN => None,
        true => Some(0),
        false => Some(whole),
    }
}
