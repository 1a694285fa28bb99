//! Trees, forests, boosted trees: `TreeEnsembleRegressor`, `TreeEnsembleClassifier`, and `TreeEnsemble` (ai.onnx.ml 5).

mod flat;
mod table;

use crate::attributes::Labels;
use crate::error::Fault;
use crate::ops::linear::{Transform, both_sides, floats, largest};
use crate::ops::{Call, Entry, Operator, Outputs, Spec, rows_and_columns, wrong_type};
use crate::tensor::{Data, Tensor};
use flat::{Aggregate, Forest};
use table::Table;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::ml("TreeEnsembleRegressor", regressor),
    Entry::ml("TreeEnsembleClassifier", classifier),
    Entry::ml("TreeEnsemble", ensemble),
];

/// Trees in 32 or 64 bits. Trees in 32 bits cut wider rows to 32 bits before comparing, as scikit-learn does itself.
enum Trees {
    Single(Forest<f32>),
    Double(Forest<f64>),
}

/// Trees and what turns their votes into scores.
struct Ensemble {
    trees: Trees,
    targets: usize,
    aggregate: Aggregate,
    base: Vec<f64>,
}

impl Ensemble {
    fn new(table: &Table, targets: usize, aggregate: Aggregate, base: Vec<f64>) -> Result<Self, Fault> {
        let trees = if table.double {
            Trees::Double(Forest::new(table)?)
        } else {
            Trees::Single(Forest::new(table)?)
        };
        Ok(Self {
            trees,
            targets,
            aggregate,
            base,
        })
    }

    fn features(&self) -> usize {
        match &self.trees {
            Trees::Single(forest) => forest.features,
            Trees::Double(forest) => forest.features,
        }
    }

    /// Scores without the base values.
    fn scores(&self, call: &Call<'_>, x: &Tensor) -> Result<(usize, Vec<f64>), Fault> {
        let (rows, columns) = rows_and_columns(x.shape());
        if columns < self.features() {
            return Err(Fault::new(format!(
                "it takes {} features, {columns} given",
                self.features()
            )));
        }
        call.room(&[rows, self.targets])?;
        let (n, how) = (self.targets, self.aggregate);
        let scores = match (x.data(), &self.trees) {
            (Data::F32(v), Trees::Single(f)) => f.scores::<f32, f32>(v, columns, n, how),
            (Data::F32(v), Trees::Double(f)) => f.scores::<f32, f64>(v, columns, n, how),
            (Data::F64(v), Trees::Double(f)) => f.scores::<f64, f64>(v, columns, n, how),
            (Data::F64(_) | Data::I64(_), Trees::Single(f)) => {
                f.scores::<f32, f32>(&crate::ops::prepare::singles(x)?, columns, n, how)
            }
            (Data::I64(_), Trees::Double(f)) => {
                let wide = crate::attributes::to_doubles(x).ok_or_else(|| wrong_type(x))?;
                f.scores::<f64, f64>(&wide, columns, n, how)
            }
            _ => return Err(wrong_type(x)),
        };
        Ok((rows, scores))
    }

    /// Adds one base value to each target, or the same to all.
    fn add_base(&self, row: &mut [f64]) {
        match self.base.as_slice() {
            [] => {}
            [one] => row.iter_mut().for_each(|s| *s += one),
            many => row.iter_mut().zip(many).for_each(|(s, b)| *s += b),
        }
    }
}

fn base_values(spec: &Spec<'_>, targets: usize) -> Result<Vec<f64>, Fault> {
    let base = spec.attributes.doubles("base_values")?;
    if base.len() <= 1 || base.len() == targets {
        return Ok(base);
    }
    Err(Fault::new(format!("{} base values for {targets} targets", base.len())))
}

/// No model has more targets than this.
const TARGETS: i64 = 1 << 20;

fn targets(spec: &Spec<'_>) -> Result<usize, Fault> {
    let n = spec.attributes.int("n_targets").unwrap_or(1);
    let valid = usize::try_from(n).ok().filter(|_| (1..=TARGETS).contains(&n));
    valid.ok_or_else(|| Fault::new(format!("{n} targets are not possible")))
}

fn regressor(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let targets = targets(spec)?;
    let aggregate = match spec.attributes.text("aggregate_function")?.unwrap_or("SUM") {
        "SUM" => Aggregate::Sum,
        "AVERAGE" => Aggregate::Average,
        "MIN" => Aggregate::Min,
        "MAX" => Aggregate::Max,
        other => return Err(Fault::new(format!("aggregate function '{other}' is not known"))),
    };
    let table = Table::named(spec, "target", targets)?;
    let ensemble = Ensemble::new(&table, targets, aggregate, base_values(spec, targets)?)?;
    let transform = Transform::of(spec)?;
    Ok(Operator::new(move |call| regress(call, &ensemble, transform)))
}

fn ensemble(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let targets = targets(spec)?;
    let aggregate = match spec.attributes.int("aggregate_function").unwrap_or(1) {
        0 => Aggregate::Average,
        1 => Aggregate::Sum,
        2 => Aggregate::Min,
        3 => Aggregate::Max,
        other => return Err(Fault::new(format!("aggregate function {other} is not known"))),
    };
    let table = Table::split(spec, targets)?;
    let ensemble = Ensemble::new(&table, targets, aggregate, Vec::new())?;
    let transform = Transform::numbered(spec.attributes.int("post_transform").unwrap_or(0))?;
    Ok(Operator::new(move |call| regress(call, &ensemble, transform)))
}

/// A score for each target; in 64 bits when both the rows and the trees are.
fn regress(call: &Call<'_>, ensemble: &Ensemble, transform: Transform) -> Result<Outputs, Fault> {
    let x = call.input(0)?;
    let (rows, mut scores) = ensemble.scores(call, x)?;
    for row in scores.chunks_exact_mut(ensemble.targets) {
        ensemble.add_base(row);
        transform.apply(row);
    }
    let shape = vec![rows, ensemble.targets];
    let double = matches!((x.data(), &ensemble.trees), (Data::F64(_), Trees::Double(_)));
    Ok(Outputs::One(if double {
        Tensor::new(shape, scores)?
    } else {
        floats(shape, &scores)?
    }))
}

/// How two classes share the votes when all votes are for one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OneSided {
    /// The votes are the probability of the second class.
    Probability,
    /// The votes are its score, above zero when it wins.
    Score,
}

fn classifier(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let labels = spec.attributes.labels()?;
    if labels.is_empty() {
        return Err(Fault::new("it names no classes"));
    }
    let table = Table::named(spec, "class", labels.len())?;
    let transform = Transform::of(spec)?;
    let one_sided = one_sided(&table, &labels, transform);
    let ensemble = Ensemble::new(&table, labels.len(), Aggregate::Sum, base_values(spec, labels.len())?)?;
    let voted = table.votes.first().map_or(0, |v| v.target);
    Ok(Operator::new(move |call| match one_sided {
        Some(side) => two_classes(call, &ensemble, &labels, transform, (side, voted)),
        None => many_classes(call, &ensemble, &labels, transform),
    }))
}

/// Converters write the votes of a two-class model for one class only, whichever: they count for the second class.
fn one_sided(table: &Table, labels: &Labels, transform: Transform) -> Option<OneSided> {
    let first = table.votes.first()?.target;
    if labels.len() != 2 || table.votes.iter().any(|v| v.target != first) {
        return None;
    }
    let positive = table.votes.iter().all(|v| v.weight >= 0.0);
    Some(if positive && transform == Transform::None {
        OneSided::Probability
    } else {
        OneSided::Score
    })
}

fn two_classes(
    call: &Call<'_>,
    ensemble: &Ensemble,
    labels: &Labels,
    transform: Transform,
    (side, voted): (OneSided, usize),
) -> Result<Outputs, Fault> {
    let (rows, scores) = ensemble.scores(call, call.input(0)?)?;
    let base = ensemble.base.last().copied().unwrap_or(0.0);
    let mut picked = Vec::with_capacity(rows);
    let mut both = Vec::with_capacity(rows * 2);
    for row in scores.chunks_exact(2) {
        let score = row[voted] + base;
        let pair = match (side, transform) {
            (OneSided::Probability, _) => [1.0 - score, score],
            (OneSided::Score, Transform::None) => [-score, score],
            (OneSided::Score, _) => both_sides(score, transform),
        };
        picked.push(usize::from(
            score > if side == OneSided::Probability { 0.5 } else { 0.0 },
        ));
        both.extend(pair);
    }
    Ok(Outputs::Two(labels.pick(&picked), floats(vec![rows, 2], &both)?))
}

fn many_classes(call: &Call<'_>, ensemble: &Ensemble, labels: &Labels, transform: Transform) -> Result<Outputs, Fault> {
    let (rows, mut scores) = ensemble.scores(call, call.input(0)?)?;
    let mut picked = Vec::with_capacity(rows);
    for row in scores.chunks_exact_mut(labels.len()) {
        ensemble.add_base(row);
        picked.push(largest(row));
        transform.apply(row);
    }
    Ok(Outputs::Two(
        labels.pick(&picked),
        floats(vec![rows, labels.len()], &scores)?,
    ))
}

#[cfg(test)]
mod tests;
