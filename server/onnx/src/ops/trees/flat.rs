//! Trees laid out for speed: nodes depth first in one array, the `yes` child right after its parent, a leaf's value in
//! the node itself. Several walks go on at once, so that the processor does not wait for one.

use super::table::{FEATURES, Mode, Node as Raw, Table, Vote};
use crate::error::Fault;
use std::ops::Range;

/// Numbers a tree may be stored in.
pub(super) trait Threshold: Copy + PartialOrd + Into<f64> + Send + Sync + 'static {
    fn of(value: f64) -> Self;
    /// A small whole number kept where a value would be.
    fn pack(index: u32) -> Self;
    fn unpack(self) -> usize;
}

impl Threshold for f32 {
    fn of(value: f64) -> Self {
        crate::ops::narrow(value)
    }
    fn pack(index: u32) -> Self {
        Self::from_bits(index)
    }
    fn unpack(self) -> usize {
        self.to_bits() as usize
    }
}

impl Threshold for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn pack(index: u32) -> Self {
        Self::from_bits(u64::from(index))
    }
    fn unpack(self) -> usize {
        usize::try_from(self.to_bits()).unwrap_or(usize::MAX)
    }
}

/// A node. A leaf leads to itself when the answer is no, and never compares.
#[derive(Debug, Clone, Copy)]
struct Node<T> {
    /// The threshold; in a leaf its value, or the packed place of its votes.
    value: T,
    /// The feature in the low bits, the mode and the flag for missing values above.
    test: u32,
    /// The node when the answer is no; when it is yes it is the next one.
    no: u32,
}

const FEATURE: u32 = (FEATURES - 1) as u32;
const MODE: u32 = 24;
const MISSING: u32 = 1 << 31;

/// Where the values of the leaves are.
#[derive(Debug)]
enum Leaves {
    /// One value in each leaf, all for the same target.
    Same(usize),
    /// Any votes: each leaf keeps the place of its range.
    Votes {
        ranges: Vec<Range<u32>>,
        votes: Vec<(u32, f64)>,
    },
}

/// All trees of an ensemble.
#[derive(Debug)]
pub(super) struct Forest<T> {
    nodes: Vec<Node<T>>,
    roots: Vec<u32>,
    leaves: Leaves,
    sets: Vec<Vec<f64>>,
    /// The one mode of all nodes; none when they differ.
    mode: Option<Mode>,
    missing: bool,
    /// Columns that a row must at least have.
    pub(super) features: usize,
}

/// How votes for a target become its score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Average,
    Min,
    Max,
}

/// Walks that go on at once.
const LANES: usize = 4;

/// Rows that are taken through one tree before the next tree.
const BLOCK: usize = 64;

impl<T: Threshold> Forest<T> {
    pub(super) fn new(table: &Table) -> Result<Self, Fault> {
        let leaves = leaves(table)?;
        let mut forest = Self {
            nodes: Vec::with_capacity(table.nodes.len()),
            roots: Vec::with_capacity(table.roots.len()),
            leaves,
            sets: table.sets.clone(),
            mode: None,
            missing: false,
            features: 1,
        };
        let mut placed = vec![false; table.nodes.len()];
        for &root in &table.roots {
            forest.plant(table, root, &mut placed)?;
        }
        if placed.contains(&false) {
            return Err(Fault::new("a tree goes in a circle"));
        }
        forest.mode = forest.common_mode();
        Ok(forest)
    }

    /// Lays out one tree, depth first without recursion.
    fn plant(&mut self, table: &Table, root: usize, placed: &mut [bool]) -> Result<(), Fault> {
        self.roots.push(place(self.nodes.len())?);
        let mut open = vec![(root, None::<usize>)];
        while let Some((at, parent)) = open.pop() {
            if std::mem::replace(&mut placed[at], true) {
                return Err(Fault::new("two branches lead to the same node"));
            }
            let here = place(self.nodes.len())?;
            if let Some(parent) = parent {
                self.nodes[parent].no = here;
            }
            match &table.nodes[at] {
                Raw::Leaf(votes) => {
                    let value = self.leaf(table, votes)?;
                    self.nodes.push(Node {
                        value,
                        test: 0,
                        no: here,
                    });
                }
                Raw::Branch {
                    mode,
                    feature,
                    value,
                    missing,
                    yes,
                    no,
                } => {
                    open.push((*no, Some(self.nodes.len())));
                    open.push((*yes, None));
                    self.branch(*mode, *feature, *value, *missing)?;
                }
            }
        }
        Ok(())
    }

    fn branch(&mut self, mode: Mode, feature: usize, value: f64, missing: bool) -> Result<(), Fault> {
        self.features = self.features.max(feature + 1);
        self.missing |= missing;
        let flag = if missing { MISSING } else { 0 };
        let test = place(feature)? | ((mode as u32) << MODE) | flag;
        self.nodes.push(Node {
            value: T::of(value),
            test,
            no: u32::MAX,
        });
        Ok(())
    }

    /// What a leaf keeps where a branch has its threshold.
    fn leaf(&mut self, table: &Table, votes: &Range<usize>) -> Result<T, Fault> {
        match &mut self.leaves {
            Leaves::Same(_) => Ok(T::of(
                table
                    .votes
                    .get(votes.start)
                    .filter(|_| !votes.is_empty())
                    .map_or(0.0, |v| v.weight),
            )),
            Leaves::Votes { ranges, .. } => {
                ranges.push(place(votes.start)?..place(votes.end)?);
                Ok(T::pack(place(ranges.len() - 1)?))
            }
        }
    }

    fn common_mode(&self) -> Option<Mode> {
        let mut modes = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(at, n)| n.no as usize != *at)
            .map(|(_, n)| mode(n.test));
        let first = modes.next().unwrap_or(Mode::AtMost);
        modes.all(|m| m == first).then_some(first)
    }

    /// The scores of every row, `targets` numbers each.
    pub(super) fn scores<X, K>(&self, x: &[X], columns: usize, targets: usize, aggregate: Aggregate) -> Vec<f64>
    where
        X: Copy + Into<K> + Into<f64>,
        T: Into<K>,
        K: PartialOrd + Copy,
    {
        let rows: Vec<&[X]> = x.chunks_exact(columns).collect();
        let start = match aggregate {
            Aggregate::Sum | Aggregate::Average => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        };
        let mut scores = vec![start; rows.len() * targets];
        match (self.mode, self.missing) {
            (Some(Mode::AtMost), false) => self.all(&rows, targets, aggregate, &mut scores, |x: X, n| {
                Into::<K>::into(x) <= n.value.into()
            }),
            (Some(Mode::Below), false) => self.all(&rows, targets, aggregate, &mut scores, |x: X, n| {
                Into::<K>::into(x) < n.value.into()
            }),
            (Some(Mode::AtMost), true) => self.all(&rows, targets, aggregate, &mut scores, |x: X, n| {
                let (x, v): (K, K) = (x.into(), n.value.into());
                x <= v || (n.test & MISSING != 0 && is_nan(x))
            }),
            (Some(Mode::Below), true) => self.all(&rows, targets, aggregate, &mut scores, |x: X, n| {
                let (x, v): (K, K) = (x.into(), n.value.into());
                x < v || (n.test & MISSING != 0 && is_nan(x))
            }),
            _ => self.all(&rows, targets, aggregate, &mut scores, |x: X, n| {
                self.compare::<K>(x.into(), x.into(), n)
            }),
        }
        self.finish(scores, aggregate)
    }

    /// Ensembles whose nodes compare in different ways.
    fn compare<K: PartialOrd + Copy>(&self, x: K, wide: f64, node: &Node<T>) -> bool
    where
        T: Into<K>,
    {
        let v: K = node.value.into();
        let holds = match mode(node.test) {
            Mode::AtMost => x <= v,
            Mode::Below => x < v,
            Mode::AtLeast => x >= v,
            Mode::Above => x > v,
            Mode::Equal => x == v,
            Mode::NotEqual => x != v,
            Mode::Member => self.member(wide, node.value.into()),
        };
        holds || (node.test & MISSING != 0 && is_nan(x))
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list, stored as a float"
    )]
    fn member(&self, x: f64, set: f64) -> bool {
        self.sets.get(set as usize).is_some_and(|set| set.contains(&x))
    }

    fn all<X: Copy>(
        &self,
        rows: &[&[X]],
        targets: usize,
        aggregate: Aggregate,
        scores: &mut [f64],
        yes: impl Fn(X, &Node<T>) -> bool,
    ) {
        if let [row] = rows {
            return self.one_row(row, aggregate, scores, yes);
        }
        for (rows, scores) in rows.chunks(BLOCK).zip(scores.chunks_mut(BLOCK * targets)) {
            for &root in &self.roots {
                self.one_tree(root, rows, targets, aggregate, scores, &yes);
            }
        }
    }

    /// One row through all trees, several trees at once.
    fn one_row<X: Copy>(&self, row: &[X], aggregate: Aggregate, scores: &mut [f64], yes: impl Fn(X, &Node<T>) -> bool) {
        let (groups, rest) = self.roots.as_chunks::<LANES>();
        for group in groups {
            for leaf in self.walk(*group, [row; LANES], &yes) {
                self.vote(leaf, aggregate, scores);
            }
        }
        for &root in rest {
            let [leaf] = self.walk([root], [row], &yes);
            self.vote(leaf, aggregate, scores);
        }
    }

    /// One tree for several rows, several rows at once.
    fn one_tree<X: Copy>(
        &self,
        root: u32,
        rows: &[&[X]],
        targets: usize,
        aggregate: Aggregate,
        scores: &mut [f64],
        yes: &impl Fn(X, &Node<T>) -> bool,
    ) {
        let (groups, rest) = rows.as_chunks::<LANES>();
        let mut scores = scores.chunks_exact_mut(targets);
        for group in groups {
            for (leaf, scores) in self.walk([root; LANES], *group, yes).into_iter().zip(&mut scores) {
                self.vote(leaf, aggregate, scores);
            }
        }
        for (row, scores) in rest.iter().zip(scores) {
            let [leaf] = self.walk([root], [row], yes);
            self.vote(leaf, aggregate, scores);
        }
    }

    /// From each root down to a leaf. Ends because every step goes to a later node.
    fn walk<X: Copy, const N: usize>(
        &self,
        mut at: [u32; N],
        rows: [&[X]; N],
        yes: &impl Fn(X, &Node<T>) -> bool,
    ) -> [&Node<T>; N] {
        loop {
            let mut moved = false;
            for (at, row) in at.iter_mut().zip(rows) {
                let node = &self.nodes[*at as usize];
                let answer = yes(row[(node.test & FEATURE) as usize], node);
                let next = if answer && node.no != *at { *at + 1 } else { node.no };
                moved |= next != *at;
                *at = next;
            }
            if !moved {
                return at.map(|at| &self.nodes[at as usize]);
            }
        }
    }

    fn vote(&self, leaf: &Node<T>, aggregate: Aggregate, scores: &mut [f64]) {
        match &self.leaves {
            Leaves::Same(target) => add(&mut scores[*target], leaf.value.into(), aggregate),
            Leaves::Votes { ranges, votes } => {
                let range = &ranges[leaf.value.unpack()];
                for &(target, weight) in &votes[range.start as usize..range.end as usize] {
                    add(&mut scores[target as usize], weight, aggregate);
                }
            }
        }
    }

    fn finish(&self, mut scores: Vec<f64>, aggregate: Aggregate) -> Vec<f64> {
        let trees = u32::try_from(self.roots.len().max(1)).map_or(f64::INFINITY, f64::from);
        for score in &mut scores {
            *score = match aggregate {
                Aggregate::Sum => *score,
                Aggregate::Average => *score / trees,
                Aggregate::Min | Aggregate::Max if score.is_infinite() => 0.0,
                Aggregate::Min | Aggregate::Max => *score,
            };
        }
        scores
    }
}

fn add(score: &mut f64, weight: f64, aggregate: Aggregate) {
    match aggregate {
        Aggregate::Sum | Aggregate::Average => *score += weight,
        Aggregate::Min => *score = score.min(weight),
        Aggregate::Max => *score = score.max(weight),
    }
}

#[expect(clippy::eq_op, reason = "only a NaN differs from itself, whatever its type")]
fn is_nan<K: PartialOrd + Copy>(x: K) -> bool {
    x != x
}

fn mode(test: u32) -> Mode {
    match (test >> MODE) & 0x7f {
        0 => Mode::AtMost,
        1 => Mode::Below,
        2 => Mode::AtLeast,
        3 => Mode::Above,
        4 => Mode::Equal,
        5 => Mode::NotEqual,
        _ => Mode::Member,
    }
}

fn place(at: usize) -> Result<u32, Fault> {
    u32::try_from(at).map_err(|_| Fault::new("there are too many nodes"))
}

/// The target of all leaves, if each has one vote at most and all are for the same.
fn leaves(table: &Table) -> Result<Leaves, Fault> {
    let first = table.votes.first().map_or(0, |v| v.target);
    let single = table.nodes.iter().all(|n| match n {
        Raw::Leaf(votes) => votes.len() <= 1,
        Raw::Branch { .. } => true,
    });
    if single && table.votes.iter().all(|v| v.target == first) {
        return Ok(Leaves::Same(first));
    }
    let vote = |v: &Vote| Ok((place(v.target)?, v.weight));
    Ok(Leaves::Votes {
        ranges: Vec::new(),
        votes: table.votes.iter().map(vote).collect::<Result<_, Fault>>()?,
    })
}
