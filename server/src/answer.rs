//! Predictions as JSON.
//!
//! Owns the forms of good answers. Numbers come out as the shortest text that reads back as the same number of their
//! own width, and what JSON cannot hold (NaN, infinity) as null.

use mlstack_onnx::predict::Prediction;

use crate::rows::{Cell, Features, Form};

/// The body of an answer. `classes` name the probabilities, where they are wanted.
pub fn write(done: &[Prediction], form: Form, classes: Option<&[String]>) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let classes = classes.filter(|_| done.iter().any(|row| row.probabilities.is_some()));
    match (form, done) {
        (Form::One, [one]) => {
            out.extend_from_slice(b"{\"prediction\":");
            plain(&mut out, &one.value);
            if let Some(classes) = classes {
                out.extend_from_slice(b",\"probabilities\":");
                probabilities(&mut out, one, classes);
            }
        }
        _ => {
            out.extend_from_slice(b"{\"predictions\":");
            list(&mut out, done, |out, row| plain(out, &row.value));
            if let Some(classes) = classes {
                out.extend_from_slice(b",\"probabilities\":");
                list(&mut out, done, |out, row| probabilities(out, row, classes));
            }
        }
    }
    out.push(b'}');
    out
}

/// One prediction, for the log.
pub fn prediction(done: &Prediction) -> String {
    let mut out = Vec::new();
    plain(&mut out, &done.value);
    text(out)
}

/// One row's features, for the log. A NUL, which PostgreSQL cannot hold, becomes U+FFFD.
pub fn features(features: &Features, row: &[Cell]) -> String {
    let mut out = vec![b'{'];
    for (at, (feature, cell)) in features.list().iter().zip(row).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        plain(&mut out, feature.name());
        out.push(b':');
        match cell {
            Cell::Absent | Cell::Null => plain(&mut out, &()),
            Cell::Bool(v) => plain(&mut out, v),
            Cell::Int(v) => plain(&mut out, v),
            Cell::Float(v) => plain(&mut out, v),
            Cell::Text(v) => plain(&mut out, &v.replace('\0', "\u{fffd}")),
        }
    }
    out.push(b'}');
    text(out)
}

fn probabilities(out: &mut Vec<u8>, row: &Prediction, classes: &[String]) {
    let Some(all) = &row.probabilities else {
        return plain(out, &());
    };
    out.push(b'{');
    for (at, (name, probability)) in classes.iter().zip(all).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        plain(out, name);
        out.push(b':');
        plain(out, probability);
    }
    out.push(b'}');
}

fn list<T>(out: &mut Vec<u8>, all: &[T], mut each: impl FnMut(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (at, one) in all.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        each(out, one);
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
    use mlstack_onnx::predict::{Number, Value};

    fn row(value: Value, shares: Option<&[f32]>) -> Prediction {
        Prediction {
            value,
            probabilities: shares.map(|all| all.iter().map(|&p| Number::Single(p)).collect()),
        }
    }

    fn number(value: Number) -> Prediction {
        row(Value::Number(value), None)
    }

    fn shown(done: &[Prediction], form: Form) -> String {
        text(write(done, form, Some(&["no".into(), "yes \"!\"".into()])))
    }

    #[test]
    fn numbers_keep_their_width() {
        assert_eq!(
            shown(&[number(Number::Single(151.2))], Form::One),
            r#"{"prediction":151.2}"#
        );
        assert_eq!(
            shown(&[number(Number::Double(0.1 + 0.2))], Form::Many),
            r#"{"predictions":[0.30000000000000004]}"#
        );
        assert_eq!(
            shown(&[number(Number::Integer(9_007_199_254_740_993))], Form::One),
            r#"{"prediction":9007199254740993}"#
        );
    }

    #[test]
    fn what_json_cannot_hold_is_null() {
        let odd = [number(Number::Single(f32::NAN)), number(Number::Double(f64::INFINITY))];
        assert_eq!(shown(&odd, Form::Many), r#"{"predictions":[null,null]}"#);
    }

    #[test]
    fn probabilities_go_by_class() {
        let two = [
            row(Value::Label("no".into()), Some(&[0.75, 0.25])),
            row(Value::Label("yes \"!\"".into()), Some(&[0.5, 0.5])),
        ];
        assert_eq!(
            shown(&two, Form::Many),
            r#"{"predictions":["no","yes \"!\""],"probabilities":[{"no":0.75,"yes \"!\"":0.25},{"no":0.5,"yes \"!\"":0.5}]}"#
        );
        assert_eq!(
            shown(&two[..1], Form::One),
            r#"{"prediction":"no","probabilities":{"no":0.75,"yes \"!\"":0.25}}"#
        );
        assert_eq!(crate::model::top_probability(&two[0]), Some(0.75));
    }

    #[test]
    fn several_targets_make_a_list() {
        let two = row(Value::Numbers(vec![Number::Single(1.0), Number::Single(2.5)]), None);
        assert_eq!(prediction(&two), "[1.0,2.5]");
    }
}
