//! Reads rows with serde, from any format, straight into the model's input tables.

use crate::predict::Predictor;
use crate::predict::row::{FeatureError, FeatureValue, Row, Rows};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::fmt;

/// Reads an object (`{"feature": value, …}`) into a row without building it in memory.
/// The outer result is the format's error, the inner one what is wrong with the features.
#[derive(Debug)]
pub struct RowSeed<'a> {
    row: Row<'a>,
}

impl<'a> RowSeed<'a> {
    pub(super) fn new(predictor: &'a Predictor, rows: &'a mut Rows) -> Self {
        Self {
            row: Row::start(predictor, rows),
        }
    }
}

impl<'de> DeserializeSeed<'de> for RowSeed<'_> {
    type Value = Result<(), Vec<FeatureError>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RowSeed<'_> {
    type Value = Result<(), Vec<FeatureError>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with one value for each feature")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut next = 0;
        while let Some(key) = map.next_key_seed(Key {
            predictor: self.row.predictor,
            next,
        })? {
            match key {
                Ok(at) => {
                    map.next_value_seed(Cell { row: &mut self.row, at })?;
                    next = at + 1;
                }
                Err(name) => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                    self.row.set_named(&name, FeatureValue::Null);
                }
            }
        }
        Ok(self.row.finish())
    }
}

/// A key: the place of the feature, or the name that is not known. Keys mostly come in the signature's order.
struct Key<'a> {
    predictor: &'a Predictor,
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Result<usize, String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Result<usize, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a feature's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let expected = self.predictor.signature.features.get(self.next);
        if expected.is_some_and(|f| f.name == name) {
            return Ok(Ok(self.next));
        }
        Ok(self.predictor.feature(name).ok_or_else(|| name.to_owned()))
    }
}

/// The value of the feature at a place.
struct Cell<'a, 'b> {
    row: &'a mut Row<'b>,
    at: usize,
}

impl<'de> DeserializeSeed<'de> for Cell<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Cell<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.row.set(self.at, FeatureValue::Bool(value));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.row.set(self.at, FeatureValue::Integer(value));
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        let value = i64::try_from(value).map_or(FeatureValue::Large(value), FeatureValue::Integer);
        self.row.set(self.at, value);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.row.set(self.at, FeatureValue::Number(value));
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.row.set(self.at, FeatureValue::Text(value));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.row.set(self.at, FeatureValue::Null);
        Ok(())
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<serde::de::IgnoredAny>()?.is_some() {}
        self.row.set(self.at, FeatureValue::Nested);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map
            .next_entry::<serde::de::IgnoredAny, serde::de::IgnoredAny>()?
            .is_some()
        {}
        self.row.set(self.at, FeatureValue::Nested);
        Ok(())
    }
}
