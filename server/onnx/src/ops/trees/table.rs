//! Tree ensembles as ONNX stores them, in either form (ai.onnx.ml 1 to 4, and `TreeEnsemble` of 5), made one:
//! a list of nodes whose children are places in the list. Every index is checked here.

use crate::attributes::{Attributes, to_doubles};
use crate::error::Fault;
use crate::ops::Spec;
use std::ops::Range;

/// How a node compares a feature with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    AtMost,
    Below,
    AtLeast,
    Above,
    Equal,
    NotEqual,
    Member,
}

impl Mode {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "BRANCH_LEQ" => Self::AtMost,
            "BRANCH_LT" => Self::Below,
            "BRANCH_GTE" => Self::AtLeast,
            "BRANCH_GT" => Self::Above,
            "BRANCH_EQ" => Self::Equal,
            "BRANCH_NEQ" => Self::NotEqual,
            _ => return None,
        })
    }

    fn numbered(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::AtMost,
            1 => Self::Below,
            2 => Self::AtLeast,
            3 => Self::Above,
            4 => Self::Equal,
            5 => Self::NotEqual,
            6 => Self::Member,
            _ => return None,
        })
    }
}

/// A node; children are places in the list.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Branch {
        mode: Mode,
        feature: usize,
        value: f64,
        missing: bool,
        yes: usize,
        no: usize,
    },
    /// Its votes: a range of `Table::votes`.
    Leaf(Range<usize>),
}

/// What a leaf adds to which target or class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Vote {
    pub(super) target: usize,
    pub(super) weight: f64,
}

/// An ensemble.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<usize>,
    pub(super) votes: Vec<Vote>,
    /// The sets of `Mode::Member`; the node's value is the place of its set.
    pub(super) sets: Vec<Vec<f64>>,
    /// Whether thresholds and weights need 64 bits.
    pub(super) double: bool,
}

fn check_size(nodes: usize, spec: &Spec<'_>) -> Result<(), Fault> {
    let limit = spec.limits.tree_nodes;
    if nodes > limit {
        Err(Fault::new(format!("{nodes} tree nodes, the limit is {limit}")))
    } else {
        Ok(())
    }
}

fn same_length(name: &str, found: usize, wanted: usize) -> Result<(), Fault> {
    if found == wanted {
        Ok(())
    } else {
        Err(Fault::new(format!("{name} has {found} entries, not {wanted}")))
    }
}

fn index(name: &str, value: i64, below: usize) -> Result<usize, Fault> {
    let at = usize::try_from(value).ok().filter(|&at| at < below);
    at.ok_or_else(|| {
        Fault::new(format!(
            "{name} {value} is out of range (0 to {})",
            below.saturating_sub(1)
        ))
    })
}

/// No model has more features than this; the rest of the number holds a flag and the mode.
pub(super) const FEATURES: usize = 1 << 24;

/// Nodes named by tree and number, as the file lists them.
struct Names {
    trees: Vec<i64>,
    numbers: Vec<i64>,
    /// Places sorted by name.
    sorted: Vec<usize>,
}

impl Names {
    fn new(trees: &[i64], numbers: &[i64]) -> Result<Self, Fault> {
        let mut sorted: Vec<usize> = (0..trees.len()).collect();
        sorted.sort_by_key(|&at| (trees[at], numbers[at]));
        let names = Self {
            trees: trees.to_vec(),
            numbers: numbers.to_vec(),
            sorted,
        };
        match names.sorted.windows(2).find(|w| names.name(w[0]) == names.name(w[1])) {
            Some(twice) => Err(Fault::new(format!(
                "tree {} has node {} twice",
                trees[twice[0]], numbers[twice[0]]
            ))),
            None => Ok(names),
        }
    }

    fn name(&self, at: usize) -> (i64, i64) {
        (self.trees[at], self.numbers[at])
    }

    /// The place of a node; `near` is a place of the same tree, where the list is mostly in order.
    fn find(&self, tree: i64, number: i64, near: usize) -> Result<usize, Fault> {
        let step = number
            .checked_sub(self.numbers[near])
            .and_then(|d| isize::try_from(d).ok());
        let guess = step
            .and_then(|d| near.checked_add_signed(d))
            .filter(|&at| at < self.trees.len());
        if let Some(at) = guess
            && self.name(at) == (tree, number)
        {
            return Ok(at);
        }
        let found = self.sorted.binary_search_by_key(&(tree, number), |&at| self.name(at));
        found
            .map(|i| self.sorted[i])
            .map_err(|_| Fault::new(format!("tree {tree} has no node {number}")))
    }
}

impl Table {
    /// The form of ai.onnx.ml 1 to 4. `votes` is the prefix of the leaf attributes: `target` or `class`.
    pub(super) fn named(spec: &Spec<'_>, prefix: &str, targets: usize) -> Result<Self, Fault> {
        let a = &spec.attributes;
        let (trees, numbers) = (a.ints("nodes_treeids"), a.ints("nodes_nodeids"));
        let n = trees.len();
        check_size(n, spec)?;
        same_length("nodes_nodeids", numbers.len(), n)?;
        let names = Names::new(trees, numbers)?;
        let (votes, ranges) = named_votes(a, prefix, &names, targets)?;
        let nodes = named_nodes(a, &names, ranges)?;
        let roots = roots(&nodes)?;
        let double = a.has("nodes_values_as_tensor") || a.has(&format!("{prefix}_weights_as_tensor"));
        Ok(Self {
            nodes,
            roots,
            votes,
            sets: Vec::new(),
            double,
        })
    }

    /// The form of ai.onnx.ml 5.
    pub(super) fn split(spec: &Spec<'_>, targets: usize) -> Result<Self, Fault> {
        let a = &spec.attributes;
        let leaves = a.ints("leaf_targetids");
        let weights = tensor_doubles(a, "leaf_weights")?;
        same_length("leaf_weights", weights.len(), leaves.len())?;
        let vote = |(&target, &weight): (&i64, &f64)| {
            Ok(Vote {
                target: index("leaf_targetids", target, targets)?,
                weight,
            })
        };
        let votes = leaves
            .iter()
            .zip(&weights)
            .map(vote)
            .collect::<Result<Vec<_>, Fault>>()?;
        check_size(a.ints("nodes_featureids").len().saturating_mul(3), spec)?;
        let (nodes, sets) = split_nodes(a, votes.len())?;
        let interior = a.ints("nodes_featureids").len();
        let root = |&r: &i64| index("tree_roots", r, interior);
        let roots = a.ints("tree_roots").iter().map(root).collect::<Result<Vec<_>, _>>()?;
        let double = a
            .tensor("nodes_splits")?
            .is_some_and(|t| t.element() == crate::tensor::ElementType::F64);
        Ok(Self {
            nodes,
            roots,
            votes,
            sets,
            double,
        })
    }
}

/// Votes in the order of their leaves, and for every node the range of its votes.
fn named_votes(
    a: &Attributes<'_>,
    prefix: &str,
    names: &Names,
    targets: usize,
) -> Result<(Vec<Vote>, Vec<Range<usize>>), Fault> {
    let name = |part: &str| format!("{prefix}_{part}");
    let (trees, numbers, ids) = (a.ints(&name("treeids")), a.ints(&name("nodeids")), a.ints(&name("ids")));
    let weights = a.doubles(&name("weights"))?;
    for (part, found) in [
        ("nodeids", numbers.len()),
        ("ids", ids.len()),
        ("weights", weights.len()),
    ] {
        same_length(&name(part), found, trees.len())?;
    }
    let mut placed = Vec::with_capacity(trees.len());
    let mut near = 0;
    for (i, (&tree, &number)) in trees.iter().zip(numbers).enumerate() {
        if names.trees.is_empty() {
            return Err(Fault::new("there are votes but no nodes"));
        }
        near = names.find(tree, number, near)?;
        placed.push((
            near,
            Vote {
                target: index(&name("ids"), ids[i], targets)?,
                weight: weights[i],
            },
        ));
    }
    placed.sort_by_key(|&(at, _)| at);
    let mut ranges = vec![0..0; names.trees.len()];
    for (i, &(at, _)) in placed.iter().enumerate() {
        let range = &mut ranges[at];
        *range = if range.start == range.end {
            i..i + 1
        } else {
            range.start..i + 1
        };
    }
    Ok((placed.into_iter().map(|(_, vote)| vote).collect(), ranges))
}

fn named_nodes(a: &Attributes<'_>, names: &Names, ranges: Vec<Range<usize>>) -> Result<Vec<Node>, Fault> {
    let n = names.trees.len();
    let modes = a.find("nodes_modes").map_or(&[][..], |m| &m.strings);
    let (features, yes, no) = (
        a.ints("nodes_featureids"),
        a.ints("nodes_truenodeids"),
        a.ints("nodes_falsenodeids"),
    );
    let values = a.doubles("nodes_values")?;
    let missing = a.ints("nodes_missing_value_tracks_true");
    let lengths = [
        ("nodes_modes", modes.len()),
        ("nodes_featureids", features.len()),
        ("nodes_truenodeids", yes.len()),
        ("nodes_falsenodeids", no.len()),
        ("nodes_values", values.len()),
    ];
    lengths
        .iter()
        .try_for_each(|&(name, found)| same_length(name, found, n))?;
    if !missing.is_empty() {
        same_length("nodes_missing_value_tracks_true", missing.len(), n)?;
    }
    let mut nodes = Vec::with_capacity(n);
    for (at, range) in ranges.into_iter().enumerate() {
        let mode = std::str::from_utf8(&modes[at]).unwrap_or("?");
        if mode == "LEAF" {
            nodes.push(Node::Leaf(range));
            continue;
        }
        let mode = Mode::named(mode).ok_or_else(|| Fault::new(format!("node mode '{mode}' is not known")))?;
        nodes.push(Node::Branch {
            mode,
            feature: index("nodes_featureids", features[at], FEATURES)?,
            value: values[at],
            missing: missing.get(at).is_some_and(|&m| m != 0),
            yes: names.find(names.trees[at], yes[at], at)?,
            no: names.find(names.trees[at], no[at], at)?,
        });
    }
    Ok(nodes)
}

/// The nodes that are nobody's child, in the order of the file.
fn roots(nodes: &[Node]) -> Result<Vec<usize>, Fault> {
    let mut child = vec![false; nodes.len()];
    for node in nodes {
        if let Node::Branch { yes, no, .. } = node {
            child[*yes] = true;
            child[*no] = true;
        }
    }
    let roots: Vec<usize> = child
        .iter()
        .enumerate()
        .filter(|(_, child)| !**child)
        .map(|(at, _)| at)
        .collect();
    if roots.is_empty() && !nodes.is_empty() {
        Err(Fault::new("a tree goes in a circle"))
    } else {
        Ok(roots)
    }
}

fn tensor_doubles(a: &Attributes<'_>, name: &str) -> Result<Vec<f64>, Fault> {
    let Some(tensor) = a.tensor(name)? else {
        return Ok(Vec::new());
    };
    to_doubles(&tensor).ok_or_else(|| Fault::new(format!("{name} holds no numbers")))
}

fn tensor_ints(a: &Attributes<'_>, name: &str) -> Result<Vec<i64>, Fault> {
    let Some(tensor) = a.tensor(name)? else {
        return Ok(Vec::new());
    };
    tensor
        .view::<i64>()
        .map(<[i64]>::to_vec)
        .ok_or_else(|| Fault::new(format!("{name} holds no integers")))
}

/// Interior nodes, followed by one leaf node for each time a leaf is used.
fn split_nodes(a: &Attributes<'_>, leaves: usize) -> Result<(Vec<Node>, Vec<Vec<f64>>), Fault> {
    let features = a.ints("nodes_featureids");
    let n = features.len();
    let (values, modes) = (tensor_doubles(a, "nodes_splits")?, tensor_ints(a, "nodes_modes")?);
    let sides = [
        ("nodes_truenodeids", "nodes_trueleafs"),
        ("nodes_falsenodeids", "nodes_falseleafs"),
    ];
    let missing = a.ints("nodes_missing_value_tracks_true");
    same_length("nodes_splits", values.len(), n)?;
    same_length("nodes_modes", modes.len(), n)?;
    for (ids, leafs) in sides {
        same_length(ids, a.ints(ids).len(), n)?;
        same_length(leafs, a.ints(leafs).len(), n)?;
    }
    if !missing.is_empty() {
        same_length("nodes_missing_value_tracks_true", missing.len(), n)?;
    }
    let sets: Vec<Vec<f64>> = sets(&tensor_doubles(a, "membership_values")?);
    let mut nodes: Vec<Node> = vec![Node::Leaf(0..0); n];
    let mut members = 0;
    for at in 0..n {
        let mode =
            Mode::numbered(modes[at]).ok_or_else(|| Fault::new(format!("node mode {} is not known", modes[at])))?;
        let mut value = values[at];
        if mode == Mode::Member {
            value = f64::from(u32::try_from(members).unwrap_or(u32::MAX));
            members += 1;
        }
        let [yes, no] = sides.map(|(ids, leafs)| {
            if a.ints(leafs)[at] == 0 {
                return index(ids, a.ints(ids)[at], n);
            }
            let leaf = index(ids, a.ints(ids)[at], leaves)?;
            nodes.push(Node::Leaf(leaf..leaf + 1));
            Ok(nodes.len() - 1)
        });
        nodes[at] = Node::Branch {
            mode,
            feature: index("nodes_featureids", features[at], FEATURES)?,
            value,
            missing: missing.get(at).is_some_and(|&m| m != 0),
            yes: yes?,
            no: no?,
        };
    }
    same_length("membership_values", sets.len(), members)?;
    Ok((nodes, sets))
}

/// Sets with a NaN after each.
fn sets(values: &[f64]) -> Vec<Vec<f64>> {
    let mut sets: Vec<Vec<f64>> = values.split(|v| v.is_nan()).map(<[f64]>::to_vec).collect();
    if sets.last().is_some_and(Vec::is_empty) {
        sets.pop();
    }
    sets
}
