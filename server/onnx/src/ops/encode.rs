//! Turning categories into numbers and back: `OneHotEncoder`, `LabelEncoder`, `CategoryMapper`.

use crate::error::Fault;
use crate::ops::{Entry, Operator, Outputs, Spec, one, wrong_type};
use crate::tensor::{Data, Element, Tensor};
use std::collections::BTreeMap;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::ml("OneHotEncoder", one_hot),
    Entry::ml("LabelEncoder", label_encoder),
    Entry::ml("CategoryMapper", category_mapper),
];

/// A value that can be looked up: floats by their bits, with one NaN.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Integer(i64),
    Bits(u64),
    Text(String),
}

fn bits(x: f64) -> Key {
    Key::Bits(if x.is_nan() {
        f64::NAN.to_bits()
    } else {
        (x + 0.0).to_bits()
    })
}

/// The keys of a tensor, in order.
fn keys(tensor: &Tensor) -> Vec<Key> {
    match tensor.data() {
        Data::F32(v) => v.iter().map(|&x| bits(f64::from(x))).collect(),
        Data::F64(v) => v.iter().map(|&x| bits(x)).collect(),
        Data::I64(v) => v.iter().map(|&x| Key::Integer(x)).collect(),
        Data::Bool(v) => v.iter().map(|&x| Key::Integer(i64::from(x))).collect(),
        Data::Text(v) => v.iter().map(|x| Key::Text(x.clone())).collect(),
    }
}

/// From key to place; of equal keys the first counts.
fn places(keys: Vec<Key>) -> BTreeMap<Key, usize> {
    let mut places = BTreeMap::new();
    for (i, key) in keys.into_iter().enumerate() {
        places.entry(key).or_insert(i);
    }
    places
}

fn one_hot(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let texts = spec.attributes.texts("cats_strings")?;
    let ints = spec.attributes.ints("cats_int64s");
    let lenient = spec.attributes.int("zeros").unwrap_or(1) != 0;
    let width = if texts.is_empty() { ints.len() } else { texts.len() };
    let table = if texts.is_empty() {
        places(ints.iter().map(|&i| Key::Integer(i)).collect())
    } else {
        places(texts.into_iter().map(Key::Text).collect())
    };
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        let mut shape = x.shape().to_vec();
        shape.push(width);
        let mut out = vec![0.0_f32; call.room(&shape)?];
        for (row, key) in category_keys(x).iter().enumerate() {
            match table.get(key) {
                Some(&at) => out[row * width + at] = 1.0,
                None if lenient => {}
                None => return Err(Fault::new(format!("the category {key:?} was not in the training data"))),
            }
        }
        one(shape, out)
    }))
}

/// Integer categories may come as floats.
#[expect(clippy::cast_possible_truncation, reason = "ONNX cuts the fraction off")]
fn category_keys(x: &Tensor) -> Vec<Key> {
    match x.data() {
        Data::F32(v) => v.iter().map(|&x| Key::Integer(x as i64)).collect(),
        Data::F64(v) => v.iter().map(|&x| Key::Integer(x as i64)).collect(),
        _ => keys(x),
    }
}

/// A table from key to value with a value for what it does not hold.
struct Table {
    places: BTreeMap<Key, usize>,
    values: Data,
    default: Data,
}

impl Table {
    fn new(keys_: Vec<Key>, values: Data, default: Data) -> Result<Self, Fault> {
        if keys_.len() != values.len() {
            return Err(Fault::new(format!("{} keys for {} values", keys_.len(), values.len())));
        }
        Ok(Self {
            places: places(keys_),
            values,
            default,
        })
    }

    fn map(&self, x: &Tensor) -> Result<Outputs, Fault> {
        match (&self.values, &self.default) {
            (Data::F32(v), Data::F32(d)) => self.pick(x, v, d),
            (Data::F64(v), Data::F64(d)) => self.pick(x, v, d),
            (Data::I64(v), Data::I64(d)) => self.pick(x, v, d),
            (Data::Text(v), Data::Text(d)) => self.pick(x, v, d),
            _ => Err(wrong_type(x)),
        }
    }

    fn pick<T: Element>(&self, x: &Tensor, values: &[T], default: &[T]) -> Result<Outputs, Fault> {
        let default = default.first().cloned().unwrap_or_default();
        let value = |key: Key| {
            self.places
                .get(&key)
                .and_then(|&at| values.get(at))
                .unwrap_or(&default)
                .clone()
        };
        one(x.shape().to_vec(), keys(x).into_iter().map(value).collect())
    }
}

/// `LabelEncoder` 1 (a list of classes), 2 and 4 (keys and values).
fn label_encoder(spec: &Spec<'_>) -> Result<Operator, Fault> {
    if spec.version < 2 {
        return classes(spec);
    }
    let keys = encoder_side(spec, "keys")?.ok_or_else(|| Fault::new("it has no keys"))?;
    let values = encoder_side(spec, "values")?.ok_or_else(|| Fault::new("it has no values"))?;
    let default = encoder_default(spec, values.data())?;
    let (_, values) = values.into_parts();
    let table = Table::new(self::keys(&keys), values, default)?;
    let takes = keys.element();
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        if x.element() == takes {
            table.map(x)
        } else {
            Err(wrong_type(x))
        }
    }))
}

fn encoder_side(spec: &Spec<'_>, side: &str) -> Result<Option<Tensor>, Fault> {
    let attributes = &spec.attributes;
    if let Some(tensor) = attributes.tensor(&format!("{side}_tensor"))? {
        return Ok(Some(tensor));
    }
    let name = |kind: &str| format!("{side}_{kind}");
    Ok(if attributes.has(&name("strings")) {
        Some(Tensor::vector(attributes.texts(&name("strings"))?))
    } else if attributes.has(&name("int64s")) {
        Some(Tensor::vector(attributes.ints(&name("int64s")).to_vec()))
    } else if attributes.has(&name("floats")) {
        Some(Tensor::vector(attributes.floats(&name("floats")).to_vec()))
    } else {
        None
    })
}

fn encoder_default(spec: &Spec<'_>, values: &Data) -> Result<Data, Fault> {
    let attributes = &spec.attributes;
    if let Some(tensor) = attributes.tensor("default_tensor")? {
        return Ok(tensor.into_parts().1);
    }
    let float = attributes.float("default_float").unwrap_or(-0.0);
    Ok(match values {
        Data::Text(_) => Data::Text(vec![attributes.text("default_string")?.unwrap_or("_Unused").to_owned()]),
        Data::F32(_) => Data::F32(vec![float]),
        Data::F64(_) => Data::F64(vec![f64::from(float)]),
        Data::I64(_) | Data::Bool(_) => Data::I64(vec![attributes.int("default_int64").unwrap_or(-1)]),
    })
}

/// Text to its place in a list, or a place to its text.
fn classes(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let classes = spec.attributes.texts("classes_strings")?;
    both_ways(spec, (0..).zip(classes).map(|(i, text)| (text, i)).collect())
}

fn category_mapper(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let texts = spec.attributes.texts("cats_strings")?;
    let ints = spec.attributes.ints("cats_int64s");
    if texts.len() != ints.len() {
        return Err(Fault::new(format!("{} texts for {} integers", texts.len(), ints.len())));
    }
    both_ways(spec, texts.into_iter().zip(ints.iter().copied()).collect())
}

fn both_ways(spec: &Spec<'_>, pairs: Vec<(String, i64)>) -> Result<Operator, Fault> {
    let (texts, ints): (Vec<String>, Vec<i64>) = pairs.into_iter().unzip();
    let no_text = spec.attributes.text("default_string")?.unwrap_or("_Unused").to_owned();
    let no_int = spec.attributes.int("default_int64").unwrap_or(-1);
    let text_keys = texts.iter().map(|t| Key::Text(t.clone())).collect();
    let int_keys = ints.iter().map(|&i| Key::Integer(i)).collect();
    let forward = Table::new(text_keys, Data::I64(ints), Data::I64(vec![no_int]))?;
    let backward = Table::new(int_keys, Data::Text(texts), Data::Text(vec![no_text]))?;
    Ok(Operator::new(move |call| {
        let x = call.input(0)?;
        match x.data() {
            Data::Text(_) => forward.map(x),
            Data::I64(_) => backward.map(x),
            _ => Err(wrong_type(x)),
        }
    }))
}
