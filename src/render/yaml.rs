//! The one YAML serializer: what it writes, readers of YAML 1.1 and of YAML 1.2 understand the same.
//!
//! Owns the emitter's settings. Keys come in the order of the value that is written, so the text is the same
//! in every run.

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_saphyr::{DoubleQuoted, ser_options};

/// No line is folded: a long command stays on one line in a diff.
const NEVER: usize = 1 << 30;

/// `value` as a YAML document that ends in a newline.
///
/// # Panics
/// Where `value` has something that JSON has no form for either, such as a map whose keys are maps.
pub fn to_yaml(value: &impl Serialize) -> String {
    let tree = serde_json::to_value(value).expect("our types have only texts as keys");
    let options = ser_options! { yaml_12: false, folded_wrap_chars: NEVER };
    serde_saphyr::to_string_with_options(&Yaml(&tree), options).expect("a tree of plain values can be written")
}

/// A tree of which every text goes through [`text`].
struct Yaml<'a>(&'a Value);

impl Serialize for Yaml<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::String(string) => text(string, to),
            Value::Array(items) => to.collect_seq(items.iter().map(Yaml)),
            Value::Object(entries) => to.collect_map(entries.iter().map(|(key, value)| (key, Yaml(value)))),
            plain => plain.serialize(to),
        }
    }
}

/// A text of nothing but blanks in quotes, as a block of blanks is read differently by different readers.
fn text<S: Serializer>(string: &str, to: S) -> Result<S::Ok, S::Error> {
    if string.trim().is_empty() {
        DoubleQuoted(string).serialize(to)
    } else {
        to.serialize_str(string)
    }
}

#[cfg(test)]
mod tests;
