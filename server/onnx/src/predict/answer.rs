//! From output tensors to predictions: which output is the answer, which the probabilities, what the classes are called.

use crate::attributes::Labels;
use crate::error::RunError;
use crate::model::Model;
use crate::signature::{Scalar, Signature, SignatureError, Task, class_names};
use crate::tensor::{Data, ElementType, Tensor};
use serde::Serialize;

/// A number as the model computed it. Written as JSON it has as many digits as its type needs; NaN becomes `null`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Number {
    /// Computed in 32 bits.
    Single(f32),
    /// Computed in 64 bits.
    Double(f64),
    /// A whole number.
    Integer(i64),
}

impl Number {
    /// As a float.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Single(x) => f64::from(x),
            Self::Double(x) => x,
            #[expect(clippy::cast_precision_loss, reason = "for comparing only")]
            Self::Integer(i) => i as f64,
        }
    }
}

/// The answer for one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(Number),
    /// A class by name.
    Label(String),
    /// A class that is true or false.
    Bool(bool),
    /// Several numbers, from a model with several targets.
    Numbers(Vec<Number>),
}

/// The prediction for one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The answer.
    pub value: Value,
    /// The probability of each class, in the order of `Predictor::classes`; none when the model gives none.
    pub probabilities: Option<Vec<Number>>,
}

/// What the outputs mean.
#[derive(Debug)]
pub(super) struct Decoder {
    form: Form,
    /// The names of the classes.
    classes: Vec<Scalar>,
    /// The model's own labels, when the signature calls the classes something else.
    renamed: Option<Labels>,
}

#[derive(Debug)]
enum Form {
    /// A number, or several, for each row.
    Values { output: usize },
    /// A label for each row, and perhaps scores.
    Labels { output: usize, scores: Option<usize> },
    /// Scores only: the class is the first of the largest.
    Scores { output: usize },
}

impl Decoder {
    pub(super) fn new(model: &Model, signature: &Signature) -> Result<Self, SignatureError> {
        let float = model.outputs().iter().position(|p| p.element.is_float());
        let label = model.outputs().iter().position(|p| !p.element.is_float());
        let mismatch = |why: &str| Err(SignatureError::Mismatch(why.to_owned()));
        let form = match (signature.task, float, label) {
            (Task::Regression, Some(output), _) if output == 0 || label.is_none() => Form::Values { output },
            (Task::Regression, _, Some(output)) if counts(model, output) => Form::Values { output },
            (Task::Regression, ..) => return mismatch("the task is regression, the model gives a class"),
            (Task::Classification, scores, Some(output)) => Form::Labels { output, scores },
            (Task::Classification, Some(output), None) if !signature.classes.is_empty() => Form::Scores { output },
            (Task::Classification, ..) => return mismatch("the model gives scores only; list its 'classes'"),
        };
        let (classes, renamed) = classes(model, signature)?;
        Ok(Self { form, classes, renamed })
    }

    pub(super) fn classes(&self) -> &[Scalar] {
        &self.classes
    }

    /// Appends one prediction for each row.
    pub(super) fn decode(
        &self,
        model: &Model,
        mut outputs: Vec<Tensor>,
        rows: usize,
        into: &mut Vec<Prediction>,
    ) -> Result<(), RunError> {
        let refuse = |output: usize, detail: String| RunError::Output {
            output: model.outputs().get(output).map(|p| p.name.clone()).unwrap_or_default(),
            detail,
        };
        let check = |output: usize, tensor: &Tensor| {
            if tensor.len() >= rows && tensor.len().is_multiple_of(rows.max(1)) {
                return Ok(());
            }
            Err(refuse(
                output,
                format!("has shape {:?} for {rows} rows", tensor.shape()),
            ))
        };
        let first = match self.form {
            Form::Values { output } | Form::Labels { output, .. } | Form::Scores { output } => output,
        };
        check(first, &outputs[first])?;
        match self.form {
            Form::Values { output } => values(&outputs[output], rows, into),
            Form::Scores { output } => self.scores(&outputs[output], rows, into),
            Form::Labels { output, scores } => {
                let probabilities = match scores {
                    Some(at) => self.probabilities(&outputs[at], rows),
                    None => vec![None; rows],
                };
                let labels = std::mem::replace(&mut outputs[output], Tensor::vector::<bool>(Vec::new()));
                let labels = self.labels(labels);
                let paired = labels.into_iter().zip(probabilities).take(rows);
                into.extend(paired.map(|(value, probabilities)| Prediction { value, probabilities }));
            }
        }
        Ok(())
    }

    fn labels(&self, labels: Tensor) -> Vec<Value> {
        match labels.into_parts().1 {
            Data::I64(v) => v.into_iter().map(|i| self.integer(i)).collect(),
            Data::Text(v) => v.into_iter().map(|text| self.text(text)).collect(),
            Data::Bool(v) => v.into_iter().map(Value::Bool).collect(),
            Data::F32(v) => v.into_iter().map(|x| Value::Number(Number::Single(x))).collect(),
            Data::F64(v) => v.into_iter().map(|x| Value::Number(Number::Double(x))).collect(),
        }
    }

    fn integer(&self, label: i64) -> Value {
        let at = match &self.renamed {
            Some(Labels::Ints(own)) => own.iter().position(|&l| l == label),
            _ => None,
        };
        at.and_then(|at| self.classes.get(at))
            .map_or(Value::Number(Number::Integer(label)), value)
    }

    fn text(&self, label: String) -> Value {
        let at = match &self.renamed {
            Some(Labels::Texts(own)) => own.iter().position(|l| *l == label),
            _ => None,
        };
        at.and_then(|at| self.classes.get(at))
            .map_or(Value::Label(label), value)
    }

    /// Scores as probabilities, for rows where they are some: none negative, one in all.
    fn probabilities(&self, scores: &Tensor, rows: usize) -> Vec<Option<Vec<Number>>> {
        let width = self.classes.len();
        if width == 0 || scores.len() != rows * width {
            return vec![None; rows];
        }
        let row = |row: Vec<Number>| is_distribution(&row).then_some(row);
        numbers(scores).chunks_exact(width).map(|c| row(c.to_vec())).collect()
    }

    fn scores(&self, scores: &Tensor, rows: usize, into: &mut Vec<Prediction>) {
        let all = numbers(scores);
        for (row, probabilities) in all
            .chunks_exact(all.len() / rows.max(1))
            .zip(self.probabilities(scores, rows))
        {
            let wide: Vec<f64> = row.iter().map(|n| n.as_f64()).collect();
            let best = match wide.as_slice() {
                [one] => usize::from(*one > 0.5),
                _ => crate::ops::largest(&wide),
            };
            let value = self.classes.get(best).map_or(Value::Number(Number::Integer(-1)), value);
            into.push(Prediction { value, probabilities });
        }
    }
}

/// Whether an output of integers is a number rather than a class.
fn counts(model: &Model, output: usize) -> bool {
    model.outputs()[output].element == ElementType::I64 && model.classes().is_none()
}

/// How far probabilities may be from one in all.
const SLACK: f64 = 1e-3;

fn is_distribution(row: &[Number]) -> bool {
    let sum: f64 = row.iter().map(|p| p.as_f64()).sum();
    (sum - 1.0).abs() <= SLACK && row.iter().all(|p| p.as_f64() >= -SLACK)
}

fn value(class: &Scalar) -> Value {
    match class {
        Scalar::Bool(b) => Value::Bool(*b),
        Scalar::Integer(i) => Value::Number(Number::Integer(*i)),
        Scalar::Number(x) => Value::Number(Number::Double(*x)),
        Scalar::Text(text) => Value::Label(text.clone()),
    }
}

/// The names of the classes, and the model's labels when they are others.
fn classes(model: &Model, signature: &Signature) -> Result<(Vec<Scalar>, Option<Labels>), SignatureError> {
    if signature.task == Task::Regression {
        return Ok((Vec::new(), None));
    }
    let own = model.classes();
    let named = own.map(class_names).unwrap_or_default();
    if signature.classes.is_empty() {
        return Ok((named, None));
    }
    if !named.is_empty() && named.len() != signature.classes.len() {
        let (want, have) = (named.len(), signature.classes.len());
        return Err(SignatureError::Mismatch(format!(
            "the signature lists {have} classes, the model has {want}"
        )));
    }
    if named == signature.classes {
        return Ok((named, None));
    }
    let counted = || Labels::Ints((0..).take(signature.classes.len()).collect());
    Ok((signature.classes.clone(), Some(own.cloned().unwrap_or_else(counted))))
}

fn numbers(tensor: &Tensor) -> Vec<Number> {
    match tensor.data() {
        Data::F32(v) => v.iter().map(|&x| Number::Single(x)).collect(),
        Data::F64(v) => v.iter().map(|&x| Number::Double(x)).collect(),
        Data::I64(v) => v.iter().map(|&x| Number::Integer(x)).collect(),
        Data::Bool(v) => v.iter().map(|&x| Number::Integer(i64::from(x))).collect(),
        Data::Text(_) => Vec::new(),
    }
}

fn values(tensor: &Tensor, rows: usize, into: &mut Vec<Prediction>) {
    let numbers = numbers(tensor);
    let width = numbers.len() / rows.max(1);
    for row in numbers.chunks_exact(width.max(1)) {
        let value = match row {
            [one] => Value::Number(*one),
            many => Value::Numbers(many.to_vec()),
        };
        into.push(Prediction {
            value,
            probabilities: None,
        });
    }
}
