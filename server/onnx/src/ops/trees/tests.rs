//! Tables that lie are refused; the small cases that converters get wrong.

use super::*;
use crate::attributes::Attributes;
use crate::load::Limits;
use crate::ops::Spec;
use crate::proto::AttributeProto;
use proptest::prelude::*;

/// One tree: node 0 asks `x[0] <= 0.5`, 1 and 2 are leaves.
struct Tree {
    modes: Vec<&'static str>,
    features: Vec<i64>,
    values: Vec<f32>,
    yes: Vec<i64>,
    no: Vec<i64>,
    missing: Vec<i64>,
    vote_nodes: Vec<i64>,
    vote_ids: Vec<i64>,
    weights: Vec<f32>,
    others: Vec<AttributeProto>,
}

impl Tree {
    fn new() -> Self {
        Self {
            modes: vec!["BRANCH_LEQ", "LEAF", "LEAF"],
            features: vec![0, 0, 0],
            values: vec![0.5, 0.0, 0.0],
            yes: vec![1, 0, 0],
            no: vec![2, 0, 0],
            missing: vec![],
            vote_nodes: vec![1, 2],
            vote_ids: vec![0, 0],
            weights: vec![0.2, 0.9],
            others: vec![],
        }
    }

    fn attributes(&self, prefix: &str) -> Vec<AttributeProto> {
        let zeros = |n: usize| vec![0; n];
        let numbers: Vec<i64> = (0..).take(self.modes.len()).collect();
        let modes = self.modes.iter().map(|m| m.as_bytes().to_vec()).collect();
        let mut all = vec![
            ints("nodes_treeids", &zeros(self.modes.len())),
            ints("nodes_nodeids", &numbers),
            ints("nodes_featureids", &self.features),
            ints("nodes_truenodeids", &self.yes),
            ints("nodes_falsenodeids", &self.no),
            ints("nodes_missing_value_tracks_true", &self.missing),
            floats("nodes_values", &self.values),
            AttributeProto {
                name: "nodes_modes".into(),
                strings: modes,
                ..AttributeProto::default()
            },
            ints(&format!("{prefix}_treeids"), &zeros(self.vote_nodes.len())),
            ints(&format!("{prefix}_nodeids"), &self.vote_nodes),
            ints(&format!("{prefix}_ids"), &self.vote_ids),
            floats(&format!("{prefix}_weights"), &self.weights),
        ];
        all.extend(self.others.iter().cloned());
        all
    }

    fn with(mut self, attribute: AttributeProto) -> Self {
        self.others.push(attribute);
        self
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

fn floats(name: &str, values: &[f32]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        floats: values.to_vec(),
        ..AttributeProto::default()
    }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        s: Some(value.as_bytes().to_vec()),
        ..AttributeProto::default()
    }
}

fn build(attributes: &[AttributeProto], name: &str, limits: &Limits) -> Result<Operator, Fault> {
    let build = ENTRIES.iter().find(|e| e.name == name).unwrap().build;
    build(&Spec {
        name,
        attributes: Attributes::new(attributes),
        version: 3,
        outputs: 2,
        limits,
    })
}

fn refused(tree: &Tree) -> String {
    build(&tree.attributes("target"), "TreeEnsembleRegressor", &Limits::default())
        .err()
        .unwrap()
        .0
}

fn regress_one(tree: &Tree, x: &[f32]) -> f32 {
    let operator = build(&tree.attributes("target"), "TreeEnsembleRegressor", &Limits::default()).unwrap();
    let x = Tensor::new(vec![1, x.len()], x.to_vec()).unwrap();
    match operator.run(&Call::new(&[Some(&x)], 1000)).unwrap() {
        Outputs::One(y) => y.view::<f32>().unwrap()[0],
        other => panic!("{other:?}"),
    }
}

fn classify_one(tree: &Tree, x: f32) -> (i64, Vec<f32>) {
    let operator = build(&tree.attributes("class"), "TreeEnsembleClassifier", &Limits::default()).unwrap();
    let x = Tensor::new(vec![1, 1], vec![x]).unwrap();
    match operator.run(&Call::new(&[Some(&x)], 1000)).unwrap() {
        Outputs::Two(label, scores) => (label.view::<i64>().unwrap()[0], scores.view::<f32>().unwrap().to_vec()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_value_equal_to_the_threshold_goes_where_the_mode_says() {
    let with = |mode| {
        regress_one(
            &Tree {
                modes: vec![mode, "LEAF", "LEAF"],
                ..Tree::new()
            },
            &[0.5],
        )
    };
    let yes = ["BRANCH_LEQ", "BRANCH_GTE", "BRANCH_EQ"].map(with);
    let no = ["BRANCH_LT", "BRANCH_GT", "BRANCH_NEQ"].map(with);
    assert_eq!((yes, no), ([0.2; 3], [0.9; 3]));
}

#[test]
fn a_missing_value_goes_where_the_node_says() {
    assert_eq!(regress_one(&Tree::new(), &[f32::NAN]).to_bits(), 0.9_f32.to_bits());
    let tracks = Tree {
        missing: vec![1, 0, 0],
        ..Tree::new()
    };
    assert_eq!(regress_one(&tracks, &[f32::NAN]).to_bits(), 0.2_f32.to_bits());
}

#[test]
fn votes_for_one_of_two_classes_are_the_probability_of_the_second() {
    let classes = ints("classlabels_int64s", &[10, 20]);
    for id in [0, 1] {
        let tree = Tree {
            vote_ids: vec![id, id],
            weights: vec![0.25, 0.75],
            ..Tree::new()
        }
        .with(classes.clone());
        assert_eq!(classify_one(&tree, 0.0), (10, vec![0.75, 0.25]), "votes for class {id}");
        assert_eq!(classify_one(&tree, 1.0), (20, vec![0.25, 0.75]), "votes for class {id}");
    }
}

#[test]
fn logistic_scores_decide_at_zero_even_when_all_are_positive() {
    let tree = Tree::new()
        .with(ints("classlabels_int64s", &[10, 20]))
        .with(text("post_transform", "LOGISTIC"));
    let (label, scores) = classify_one(&tree, 0.0);
    assert_eq!(label, 20);
    assert!(
        (scores[1] - 0.549_834).abs() < 1e-6 && (scores[0] + scores[1] - 1.0).abs() < 1e-6,
        "{scores:?}"
    );
}

#[test]
fn equal_votes_go_to_the_first_class() {
    let tree = Tree {
        vote_nodes: vec![1, 1, 2],
        vote_ids: vec![1, 0, 1],
        weights: vec![0.5, 0.5, 1.0],
        ..Tree::new()
    };
    assert_eq!(
        classify_one(&tree.with(ints("classlabels_int64s", &[10, 20])), 0.0),
        (10, vec![0.5, 0.5])
    );
}

#[test]
fn tables_that_lie_are_refused() {
    insta::assert_snapshot!(refused(&Tree { yes: vec![0, 0, 0], ..Tree::new() }), @"a tree goes in a circle");
    insta::assert_snapshot!(refused(&Tree { no: vec![1, 0, 0], ..Tree::new() }), @"two branches lead to the same node");
    insta::assert_snapshot!(refused(&Tree { no: vec![7, 0, 0], ..Tree::new() }), @"tree 0 has no node 7");
    insta::assert_snapshot!(refused(&Tree { no: vec![i64::MIN, 0, 0], ..Tree::new() }), @"tree 0 has no node -9223372036854775808");
    insta::assert_snapshot!(refused(&Tree { features: vec![-1, 0, 0], ..Tree::new() }), @"nodes_featureids -1 is out of range (0 to 16777215)");
    insta::assert_snapshot!(refused(&Tree { features: vec![0, 0], ..Tree::new() }), @"nodes_featureids has 2 entries, not 3");
    insta::assert_snapshot!(refused(&Tree { modes: vec!["BRANCH_ODD", "LEAF", "LEAF"], ..Tree::new() }), @"node mode 'BRANCH_ODD' is not known");
    insta::assert_snapshot!(refused(&Tree { vote_ids: vec![0, 1], ..Tree::new() }), @"target_ids 1 is out of range (0 to 0)");
    insta::assert_snapshot!(refused(&Tree { vote_nodes: vec![1, 9], ..Tree::new() }), @"tree 0 has no node 9");
    insta::assert_snapshot!(refused(&Tree { weights: vec![1.0], ..Tree::new() }), @"target_weights has 1 entries, not 2");
    insta::assert_snapshot!(refused(&Tree::new().with(AttributeProto { i: Some(0), ..ints("n_targets", &[]) })), @"0 targets are not possible");
}

#[test]
fn a_circle_beside_a_tree_is_found() {
    let tree = Tree {
        modes: vec!["LEAF", "BRANCH_LEQ", "BRANCH_LEQ"],
        yes: vec![0, 2, 1],
        no: vec![0, 2, 1],
        ..Tree::new()
    };
    insta::assert_snapshot!(refused(&tree), @"a tree goes in a circle");
}

#[test]
fn too_many_nodes_are_refused() {
    let limits = Limits {
        tree_nodes: 2,
        ..Limits::default()
    };
    let error = build(&Tree::new().attributes("target"), "TreeEnsembleRegressor", &limits)
        .err()
        .unwrap();
    insta::assert_snapshot!(error.0, @"3 tree nodes, the limit is 2");
}

#[test]
fn rows_that_are_too_short_are_an_error() {
    let tree = Tree {
        features: vec![4, 0, 0],
        ..Tree::new()
    };
    let operator = build(&tree.attributes("target"), "TreeEnsembleRegressor", &Limits::default()).unwrap();
    let x = Tensor::new(vec![1, 4], vec![0.0_f32; 4]).unwrap();
    insta::assert_snapshot!(operator.run(&Call::new(&[Some(&x)], 1000)).unwrap_err().0, @"it takes 5 features, 4 given");
}

proptest! {
    /// Any links between a few nodes are refused, or make trees whose walks end.
    #[test]
    fn any_links_are_refused_or_end(
        links in prop::collection::vec((0_i64..8, 0_i64..8, any::<bool>()), 1..8),
        x in any::<f32>(),
    ) {
        let tree = Tree {
            modes: links.iter().map(|l| if l.2 { "LEAF" } else { "BRANCH_LEQ" }).collect(),
            features: vec![0; links.len()],
            values: vec![0.0; links.len()],
            yes: links.iter().map(|l| l.0).collect(),
            no: links.iter().map(|l| l.1).collect(),
            vote_nodes: vec![],
            vote_ids: vec![],
            weights: vec![],
            ..Tree::new()
        };
        if build(&tree.attributes("target"), "TreeEnsembleRegressor", &Limits::default()).is_ok() {
            prop_assert_eq!(regress_one(&tree, &[x]).to_bits(), 0);
        }
    }
}
