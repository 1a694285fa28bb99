//! The one YAML serializer: what it writes, readers of YAML 1.1 and of YAML 1.2 understand the same.
//!
//! Owns the emitter's settings. Keys come in the order of the value that is written, so the text is the same
//! in every run.

use serde::Serialize;
use serde_saphyr::ser_options;

/// No line is folded: a long command stays on one line in a diff.
const NEVER: usize = 1 << 30;

/// `value` as a YAML document that ends in a newline.
///
/// # Panics
/// Where `value` has something that YAML has no form for, such as a map whose keys are maps: none of our types.
pub fn to_yaml(value: &impl Serialize) -> String {
    let options = ser_options! { yaml_12: false, folded_wrap_chars: NEVER };
    serde_saphyr::to_string_with_options(value, options).expect("our types have only texts as keys")
}
