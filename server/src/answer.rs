//! Predictions as JSON.
//!
//! Owns the forms of good answers. Numbers come out as the shortest text that reads back as the same number of their
//! own width, and what JSON cannot hold (NaN, infinity) as null.

use crate::model::{Predictions, Values};
use crate::rows::{Column, Features, Rows};

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{"prediction": …}`
    One,
    /// `{"prediction": …, "probabilities": {…}}`
    OneWithProbabilities,
    /// `{"predictions": […]}`
    List,
    /// `{"predictions": […], "probabilities": [{…}, …]}`
    ListWithProbabilities,
}

/// The body of an answer. `classes` name the columns of the probabilities.
pub fn write(done: &Predictions, classes: &[String], shape: Shape) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let with = matches!(shape, Shape::OneWithProbabilities | Shape::ListWithProbabilities);
    let probabilities = with && done.probabilities.is_some();
    match shape {
        Shape::One | Shape::OneWithProbabilities => {
            out.extend_from_slice(b"{\"prediction\":");
            value(&mut out, done, 0);
            if probabilities {
                out.extend_from_slice(b",\"probabilities\":");
                classes_of(&mut out, done, classes, 0);
            }
        }
        Shape::List | Shape::ListWithProbabilities => {
            out.extend_from_slice(b"{\"predictions\":");
            list(&mut out, done.rows, |out, row| value(out, done, row));
            if probabilities {
                out.extend_from_slice(b",\"probabilities\":");
                list(&mut out, done.rows, |out, row| classes_of(out, done, classes, row));
            }
        }
    }
    out.push(b'}');
    out
}

/// One prediction, for the log.
pub fn prediction(done: &Predictions, row: usize) -> String {
    let mut out = Vec::new();
    value(&mut out, done, row);
    text(out)
}

/// One row's features, for the log. A NUL, which PostgreSQL cannot hold, becomes U+FFFD.
pub fn features(features: &Features, rows: &Rows, row: usize) -> String {
    let mut out = vec![b'{'];
    for (at, (feature, column)) in features.list().iter().zip(&rows.columns).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        plain(&mut out, &feature.name);
        out.push(b':');
        match column {
            Column::Float(v) => plain(&mut out, &v[row]),
            Column::Int(v) => plain(&mut out, &v[row]),
            Column::Bool(v) => plain(&mut out, &v[row]),
            Column::Text(v) => plain(&mut out, &v[row].replace('\0', "\u{fffd}")),
        }
    }
    out.push(b'}');
    text(out)
}

fn value(out: &mut Vec<u8>, done: &Predictions, row: usize) {
    match done.width {
        1 => cell(out, &done.values, row),
        width => list(out, width, |out, at| cell(out, &done.values, row * width + at)),
    }
}

fn cell(out: &mut Vec<u8>, values: &Values, at: usize) {
    match values {
        Values::F32(v) => plain(out, &v[at]),
        Values::F64(v) => plain(out, &v[at]),
        Values::I64(v) => plain(out, &v[at]),
        Values::Text(v) => plain(out, &v[at]),
    }
}

fn classes_of(out: &mut Vec<u8>, done: &Predictions, classes: &[String], row: usize) {
    let row = done.probabilities_of(row);
    out.push(b'{');
    for (at, probability) in row.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        match classes.get(at) {
            Some(name) => plain(out, name),
            None => plain(out, &at.to_string()),
        }
        out.push(b':');
        plain(out, probability);
    }
    out.push(b'}');
}

fn list(out: &mut Vec<u8>, length: usize, mut each: impl FnMut(&mut Vec<u8>, usize)) {
    out.push(b'[');
    for at in 0..length {
        if at > 0 {
            out.push(b',');
        }
        each(out, at);
    }
    out.push(b']');
}

fn plain<T: serde::Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(out, value).expect("numbers and strings always serialize");
}

fn text(out: Vec<u8>) -> String {
    String::from_utf8(out).expect("JSON is UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(values: Values, rows: usize, width: usize, probabilities: Option<Vec<f32>>) -> Predictions {
        Predictions {
            values,
            rows,
            width,
            probabilities,
        }
    }

    fn shown(done: &Predictions, shape: Shape) -> String {
        text(write(done, &["no".into(), "yes \"!\"".into()], shape))
    }

    #[test]
    fn numbers_keep_their_width() {
        let single = done(Values::F32(vec![151.2]), 1, 1, None);
        assert_eq!(shown(&single, Shape::One), r#"{"prediction":151.2}"#);
        let double = done(Values::F64(vec![0.1 + 0.2]), 1, 1, None);
        assert_eq!(shown(&double, Shape::List), r#"{"predictions":[0.30000000000000004]}"#);
        let exact = done(Values::I64(vec![9_007_199_254_740_993]), 1, 1, None);
        assert_eq!(shown(&exact, Shape::One), r#"{"prediction":9007199254740993}"#);
    }

    #[test]
    fn what_json_cannot_hold_is_null() {
        let odd = done(Values::F32(vec![f32::NAN, f32::INFINITY]), 2, 1, None);
        assert_eq!(shown(&odd, Shape::List), r#"{"predictions":[null,null]}"#);
    }

    #[test]
    fn probabilities_go_by_class() {
        let two = done(
            Values::Text(vec!["no".into(), "yes \"!\"".into()]),
            2,
            1,
            Some(vec![0.75, 0.25, 0.5, 0.5]),
        );
        assert_eq!(
            shown(&two, Shape::ListWithProbabilities),
            r#"{"predictions":["no","yes \"!\""],"probabilities":[{"no":0.75,"yes \"!\"":0.25},{"no":0.5,"yes \"!\"":0.5}]}"#
        );
        assert_eq!(
            shown(&two, Shape::OneWithProbabilities),
            r#"{"prediction":"no","probabilities":{"no":0.75,"yes \"!\"":0.25}}"#
        );
        assert_eq!(two.top_probability(0), Some(0.75));
    }

    #[test]
    fn several_targets_make_a_list() {
        let two = done(Values::F32(vec![1.0, 2.0, 3.0, 4.0]), 2, 2, None);
        assert_eq!(shown(&two, Shape::List), r#"{"predictions":[[1.0,2.0],[3.0,4.0]]}"#);
        assert_eq!(prediction(&two, 1), "[3.0,4.0]");
    }
}
