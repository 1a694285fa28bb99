//! Support vector machines: `SVMClassifier`, `SVMRegressor`, with libsvm's votes and probabilities.

use crate::attributes::{Labels, to_doubles};
use crate::error::Fault;
use crate::ops::activation::sigmoid;
use crate::ops::linear::{Transform, floats, largest};
use crate::ops::{Call, Entry, Operator, Outputs, Spec, rows_and_columns, wrong_type};
use crate::tensor::Tensor;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry::ml("SVMClassifier", classifier),
    Entry::ml("SVMRegressor", regressor),
];

/// How alike two rows are.
#[derive(Debug, Clone, Copy)]
enum Kernel {
    Linear,
    Poly { gamma: f64, coef: f64, degree: f64 },
    Rbf { gamma: f64 },
    Sigmoid { gamma: f64, coef: f64 },
}

impl Kernel {
    fn of(spec: &Spec<'_>) -> Result<Self, Fault> {
        let parameter = |i: usize| {
            spec.attributes
                .floats("kernel_params")
                .get(i)
                .map_or(0.0, |&p| f64::from(p))
        };
        let (gamma, coef, degree) = (parameter(0), parameter(1), parameter(2));
        Ok(match spec.attributes.text("kernel_type")?.unwrap_or("LINEAR") {
            "LINEAR" => Self::Linear,
            "POLY" => Self::Poly { gamma, coef, degree },
            "RBF" => Self::Rbf { gamma },
            "SIGMOID" => Self::Sigmoid { gamma, coef },
            other => return Err(Fault::new(format!("kernel '{other}' is not known"))),
        })
    }

    fn of_rows(self, a: &[f64], b: &[f64]) -> f64 {
        let dot = || a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
        match self {
            Self::Linear => dot(),
            Self::Poly { gamma, coef, degree } => (gamma * dot() + coef).powf(degree),
            Self::Rbf { gamma } => (-gamma * a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>()).exp(),
            Self::Sigmoid { gamma, coef } => (gamma * dot() + coef).tanh(),
        }
    }
}

/// What both operators have: a kernel, rows to compare with, and numbers.
struct Machine {
    kernel: Kernel,
    /// Support vectors, or in a linear machine none.
    vectors: Vec<f64>,
    vector_count: usize,
    coefficients: Vec<f64>,
    rho: Vec<f64>,
    features: usize,
}

fn doubles(spec: &Spec<'_>, name: &str) -> Vec<f64> {
    spec.attributes.floats(name).iter().map(|&x| f64::from(x)).collect()
}

impl Machine {
    /// `lines` are the rows of coefficients of a linear machine.
    fn new(spec: &Spec<'_>, vector_count: usize, lines: usize) -> Result<Self, Fault> {
        let vectors = doubles(spec, "support_vectors");
        let coefficients = doubles(spec, "coefficients");
        let (table, rows) = if vector_count > 0 {
            (vectors.len(), vector_count)
        } else {
            (coefficients.len(), lines)
        };
        if rows == 0 || table == 0 || !table.is_multiple_of(rows) {
            return Err(Fault::new(format!("{table} numbers do not make {rows} rows")));
        }
        let (rho, kernel) = (doubles(spec, "rho"), Kernel::of(spec)?);
        if rho.is_empty() {
            return Err(Fault::new("it has no rho"));
        }
        Ok(Self {
            kernel,
            vectors,
            vector_count,
            coefficients,
            rho,
            features: table / rows,
        })
    }

    /// Calls `f` with each row of the input.
    fn each_row(&self, x: &Tensor, mut f: impl FnMut(&[f64])) -> Result<usize, Fault> {
        let (rows, columns) = rows_and_columns(x.shape());
        if columns != self.features {
            return Err(Fault::new(format!(
                "it takes {} features, {columns} given",
                self.features
            )));
        }
        let wide = to_doubles(x).ok_or_else(|| wrong_type(x))?;
        wide.chunks_exact(columns).for_each(&mut f);
        Ok(rows)
    }

    fn kernels(&self, row: &[f64]) -> Vec<f64> {
        self.vectors
            .chunks_exact(self.features)
            .map(|v| self.kernel.of_rows(row, v))
            .collect()
    }
}

fn regressor(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let supports = usize::try_from(spec.attributes.int("n_supports").unwrap_or(0)).unwrap_or(0);
    let machine = Machine::new(spec, supports, 1)?;
    let transform = Transform::of(spec)?;
    let one_class = spec.attributes.flag("one_class");
    if supports > 0 && machine.coefficients.len() != supports {
        return Err(Fault::new(format!(
            "{} coefficients for {supports} vectors",
            machine.coefficients.len()
        )));
    }
    Ok(Operator::new(move |call| {
        let mut scores = Vec::new();
        let rows = machine.each_row(call.input(0)?, |row| {
            let mut score = [machine.score(row)];
            transform.apply(&mut score);
            scores.push(if one_class {
                if score[0] > 0.0 { 1.0 } else { -1.0 }
            } else {
                score[0]
            });
        })?;
        Ok(Outputs::One(floats(vec![rows, 1], &scores)?))
    }))
}

impl Machine {
    fn score(&self, row: &[f64]) -> f64 {
        let kernels = if self.vector_count > 0 {
            self.kernels(row)
        } else {
            row.to_vec()
        };
        self.rho[0] + self.coefficients.iter().zip(kernels).map(|(c, k)| c * k).sum::<f64>()
    }
}

/// A classifier: a vote for each pair of classes.
struct Voting {
    machine: Machine,
    /// Where the support vectors of each class start, and where the last end.
    starts: Vec<usize>,
    labels: Labels,
    transform: Transform,
    /// The two numbers for each pair that turn its score into a probability; empty when there are none.
    probability: Vec<(f64, f64)>,
}

fn classifier(spec: &Spec<'_>) -> Result<Operator, Fault> {
    let labels = spec.attributes.labels()?;
    let mut starts = vec![0_usize];
    for &n in spec.attributes.ints("vectors_per_class") {
        let n = usize::try_from(n)
            .ok()
            .and_then(|n| n.checked_add(*starts.last().unwrap_or(&0)));
        starts.push(n.ok_or_else(|| Fault::new("vectors_per_class is out of range"))?);
    }
    let vectors = starts.last().copied().unwrap_or(0);
    let machine = Machine::new(spec, vectors, labels.len())?;
    let (a, b) = (doubles(spec, "prob_a"), doubles(spec, "prob_b"));
    let voting = Voting {
        machine,
        starts,
        labels,
        transform: Transform::of(spec)?,
        probability: a.into_iter().zip(b).collect(),
    };
    voting.check()?;
    Ok(Operator::new(move |call| {
        if vectors > 0 {
            voting.vote(call)
        } else {
            voting.linear(call)
        }
    }))
}

/// No more classes than this: their pairs grow with the square.
const CLASSES: usize = 4096;

impl Voting {
    fn check(&self) -> Result<(), Fault> {
        let (n, vectors) = (self.labels.len(), self.machine.vector_count);
        if n == 0 || n > CLASSES {
            return Err(Fault::new(format!("{n} classes are not possible")));
        }
        if vectors == 0 {
            return Ok(());
        }
        let pairs = n * (n - 1) / 2;
        let wrong = |what: &str| Err(Fault::new(format!("{what} does not fit {n} classes")));
        if self.starts.len() != n + 1 || n < 2 {
            return wrong("vectors_per_class");
        }
        if self.machine.coefficients.len() != (n - 1).saturating_mul(vectors) {
            return wrong("coefficients");
        }
        if self.machine.rho.len() != pairs {
            return wrong("rho");
        }
        if !self.probability.is_empty() && self.probability.len() != pairs {
            return wrong("prob_a");
        }
        Ok(())
    }

    /// A line for each class.
    fn linear(&self, call: &Call<'_>) -> Result<Outputs, Fault> {
        let n = self.labels.len();
        let (mut picked, mut scores) = (Vec::new(), Vec::new());
        let rows = self.machine.each_row(call.input(0)?, |row| {
            let lines = self.machine.coefficients.chunks_exact(self.machine.features);
            let dot = |line: &[f64]| self.machine.rho[0] + self.machine.kernel.of_rows(row, line);
            let mut all: Vec<f64> = lines.map(dot).collect();
            picked.push(largest(&all));
            self.transform.apply(&mut all);
            scores.extend(all);
        })?;
        Ok(Outputs::Two(self.labels.pick(&picked), floats(vec![rows, n], &scores)?))
    }

    fn vote(&self, call: &Call<'_>) -> Result<Outputs, Fault> {
        let n = self.labels.len();
        let (mut picked, mut scores) = (Vec::new(), Vec::new());
        let rows = self.machine.each_row(call.input(0)?, |row| {
            let pairs = self.pairs(row);
            picked.push(self.winner(&pairs));
            scores.extend(self.outcome(pairs));
        })?;
        let width = if self.probability.is_empty() && n > 2 {
            n * (n - 1) / 2
        } else {
            n
        };
        Ok(Outputs::Two(
            self.labels.pick(&picked),
            floats(vec![rows, width], &scores)?,
        ))
    }

    /// The score of each pair of classes; above zero the first of the two wins.
    fn pairs(&self, row: &[f64]) -> Vec<f64> {
        let kernels = self.machine.kernels(row);
        let n = self.labels.len();
        let part = |line: usize, class: usize| {
            let range = self.starts[class]..self.starts[class + 1];
            let coefficients = &self.machine.coefficients[line * self.machine.vector_count..];
            coefficients[range.clone()]
                .iter()
                .zip(&kernels[range])
                .map(|(c, k)| c * k)
                .sum::<f64>()
        };
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        pairs
            .zip(&self.machine.rho)
            .map(|((i, j), rho)| rho + part(j - 1, i) + part(i, j))
            .collect()
    }

    fn winner(&self, pairs: &[f64]) -> usize {
        let n = self.labels.len();
        let mut votes = vec![0.0; n];
        let each = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        for ((i, j), &score) in each.zip(pairs) {
            votes[if score > 0.0 { i } else { j }] += 1.0;
        }
        largest(&votes)
    }

    /// What the second output has for a row: probabilities, or the scores of the pairs.
    fn outcome(&self, pairs: Vec<f64>) -> Vec<f64> {
        let mut scores = match (self.probability.as_slice(), pairs.as_slice()) {
            ([], [one]) => vec![-one, *one],
            ([], _) => pairs,
            (probability, _) => coupled(self.labels.len(), &pairwise(&pairs, probability)),
        };
        self.transform.apply(&mut scores);
        scores
    }
}

/// The probability that the first class of each pair wins, kept away from 0 and 1.
fn pairwise(scores: &[f64], probability: &[(f64, f64)]) -> Vec<f64> {
    const EDGE: f64 = 1e-7;
    scores
        .iter()
        .zip(probability)
        .map(|(s, (a, b))| sigmoid(-(s * a + b)).clamp(EDGE, 1.0 - EDGE))
        .collect()
}

/// Probabilities of the classes from those of the pairs (Wu, Lin, Weng 2004, second method, as in libsvm).
fn coupled(n: usize, pairs: &[f64]) -> Vec<f64> {
    let mut r = vec![vec![0.0; n]; n];
    for ((i, j), &p) in (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).zip(pairs) {
        r[i][j] = p;
        r[j][i] = 1.0 - p;
    }
    let q = |i: usize, j: usize| -> f64 {
        if i == j {
            (0..n).filter(|&k| k != i).map(|k| r[k][i] * r[k][i]).sum()
        } else {
            -r[j][i] * r[i][j]
        }
    };
    let q: Vec<Vec<f64>> = (0..n).map(|i| (0..n).map(|j| q(i, j)).collect()).collect();
    let classes = u32::try_from(n).map_or(1.0, f64::from);
    let mut p = vec![1.0 / classes; n];
    for _ in 0..n.max(100) {
        if !relax(&q, &mut p, 0.005 / classes) {
            break;
        }
    }
    p
}

/// One round of the fixed point, unless the error is small enough already. libsvm stops as early, and so its
/// probabilities are those of the round.
fn relax(q: &[Vec<f64>], p: &mut [f64], enough: f64) -> bool {
    let product = |row: &[f64], p: &[f64]| row.iter().zip(p).map(|(a, b)| a * b).sum::<f64>();
    let mut qp: Vec<f64> = q.iter().map(|row| product(row, p)).collect();
    let mut pqp = product(&qp, p);
    if qp.iter().all(|x| (x - pqp).abs() < enough) {
        return false;
    }
    for t in 0..p.len() {
        let diff = (pqp - qp[t]) / q[t][t];
        p[t] += diff;
        pqp = (pqp + diff * (diff * q[t][t] + 2.0 * qp[t])) / ((1.0 + diff) * (1.0 + diff));
        for j in 0..p.len() {
            qp[j] = (qp[j] + diff * q[t][j]) / (1.0 + diff);
            p[j] /= 1.0 + diff;
        }
    }
    true
}
