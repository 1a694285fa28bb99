//! What is refused and how it is said; models whose numbers lie.

use super::*;
use crate::proto::{EntryProto, OperatorSetProto, TensorTypeProto, TypeProto};
use crate::tensor::{Data, Tensor};
use std::path::PathBuf;

fn value(name: &str, elem_type: i32) -> ValueInfoProto {
    let tensor_type = Some(TensorTypeProto { elem_type, shape: None });
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            tensor_type,
            ..TypeProto::default()
        }),
    }
}

fn node(op_type: &str, input: &[&str], output: &[&str]) -> NodeProto {
    NodeProto {
        op_type: op_type.into(),
        input: input.iter().map(|&s| s.to_owned()).collect(),
        output: output.iter().map(|&s| s.to_owned()).collect(),
        ..NodeProto::default()
    }
}

fn model(nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetProto {
            domain: String::new(),
            version: 17,
        }],
        graph: Some(GraphProto {
            node: nodes,
            initializer,
            input: vec![value("x", 1)],
            output: vec![value("y", 1)],
            ..GraphProto::default()
        }),
        ..ModelProto::default()
    }
}

fn ints(name: &str, dims: &[i64], data: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.to_vec(),
        data_type: 7,
        int64_data: data.to_vec(),
        ..TensorProto::default()
    }
}

fn refusal(bytes: &[u8]) -> String {
    Model::load(bytes).unwrap_err().to_string()
}

fn refused(proto: &ModelProto) -> String {
    refusal(&proto.encode_to_vec())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/models")
}

#[test]
fn other_files_are_called_what_they_are() {
    let files: [(&[u8], &str); 16] = [
        (b"", "an empty file"),
        (b"\x80\x04\x95\x10sklearn", "a Python pickle (pickle or joblib)"),
        (b"\x78\x9c\x00\x01", "a compressed file (joblib or gzip)"),
        (b"PK\x03\x04....archive/data.pkl", "a PyTorch file"),
        (b"PK\x03\x04....config.json", "a Keras file"),
        (b"PK\x03\x04....", "a zip archive"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file (older Keras)"),
        (b"\x1c\0\0\0TFL3", "a TensorFlow Lite file"),
        (b"\x40\0\0\0\0\0\0\0{\"a\":1}", "a safetensors file"),
        (b"GGUF\x03", "a GGUF file"),
        (b"\x93NUMPY\x01", "a NumPy array"),
        (b"{\"learner\":{}}", "an XGBoost model in JSON"),
        (b"tree\nversion=v4\n", "a LightGBM model in text"),
        (b"<?xml version='1.0'?><Error>", "a web page or XML"),
        (
            b"version https://git-lfs.github.com/spec/v1\n",
            "a Git LFS pointer, not the file itself",
        ),
        (b"\xff\xfe\xfd", "a format this program does not know"),
    ];
    for (bytes, looks) in files {
        assert_eq!(
            refusal(bytes),
            format!("this is not an ONNX file: it looks like {looks}")
        );
    }
}

#[test]
fn a_pickle_comes_with_the_way_out() {
    let help = Model::load(b"\x80\x04\x95").unwrap_err().help().unwrap();
    insta::assert_snapshot!(help, @"load it in Python and export it: skl2onnx.to_onnx(model, X[:1].astype('float32'))");
}

#[test]
fn a_model_cut_off_is_damaged() {
    let bytes = model(vec![node("Abs", &["x"], &["y"])], vec![]).encode_to_vec();
    let error = Model::load(&bytes[..bytes.len() - 20]).unwrap_err();
    assert!(matches!(error, LoadError::Damaged { .. }), "{error}");
}

#[test]
fn all_unknown_operators_are_listed() {
    let mut nodes = vec![
        node("Nope", &["x"], &["a"]),
        node("Abs", &["a"], &["b"]),
        node("Nope", &["b"], &["c"]),
    ];
    nodes.push(NodeProto {
        domain: "my.domain".into(),
        name: "last".into(),
        ..node("Other", &["c"], &["y"])
    });
    insta::assert_snapshot!(refused(&model(nodes, vec![])), @"the model uses operators that are not supported: ai.onnx.Nope (version 17; node a (Nope) and 1 more), my.domain.Other (version 1; node last (Other))");
}

#[test]
fn an_unknown_operator_that_leads_nowhere_does_no_harm() {
    let nodes = vec![node("Nope", &["x"], &["a"]), node("Abs", &["x"], &["y"])];
    assert!(Model::load(&model(nodes, vec![]).encode_to_vec()).is_ok());
}

#[test]
fn a_version_from_the_future_is_not_guessed() {
    let mut proto = model(vec![node("Abs", &["x"], &["y"])], vec![]);
    proto.opset_import[0].version = 99;
    insta::assert_snapshot!(refused(&proto), @"the model uses operators that are not supported: ai.onnx.Abs (version 99; node y (Abs))");
}

#[test]
fn graphs_that_contradict_themselves_are_refused() {
    let loose = model(vec![node("Abs", &["nowhere"], &["y"])], vec![]);
    insta::assert_snapshot!(refused(&loose), @"the model cannot be used: y (Abs): it reads 'nowhere', which nothing before it writes");
    let circle = model(
        vec![
            node("Add", &["x", "b"], &["a"]),
            node("Abs", &["a"], &["b"]),
            node("Abs", &["b"], &["y"]),
        ],
        vec![],
    );
    insta::assert_snapshot!(refused(&circle), @"the model cannot be used: a (Add): it reads 'b', which nothing before it writes");
    let twice = model(vec![node("Abs", &["x"], &["y"]), node("Neg", &["x"], &["y"])], vec![]);
    insta::assert_snapshot!(refused(&twice), @"the model cannot be used: y (Neg): the name 'y' is given twice");
    let nothing = model(vec![], vec![]);
    insta::assert_snapshot!(refused(&nothing), @"the model cannot be used: output 'y': nothing computes it");
}

#[test]
fn tensors_that_lie_about_their_size_are_refused() {
    let with = |tensor| refused(&model(vec![node("Add", &["x", "c"], &["y"])], vec![tensor]));
    insta::assert_snapshot!(with(ints("c", &[3], &[1, 2])), @"the model cannot be used: tensor 'c': its shape holds 3 elements, its data are 2");
    insta::assert_snapshot!(with(ints("c", &[-1], &[1])), @"the model is too large: 18446744073709551615 elements in one tensor, the limit is 67108864");
    insta::assert_snapshot!(with(ints("c", &[i64::MAX, i64::MAX, 0], &[])), @"the model cannot be used: tensor 'c': its shape is too large");
    let raw = TensorProto {
        raw_data: Some(vec![0; 7]),
        ..ints("c", &[1], &[])
    };
    insta::assert_snapshot!(with(raw), @"the model cannot be used: tensor 'c': its data are cut off");
    let outside = TensorProto {
        external_data: vec![EntryProto {
            key: "location".into(),
            value: "../../etc/passwd".into(),
        }],
        ..ints("c", &[1], &[])
    };
    insta::assert_snapshot!(with(outside), @"the model keeps tensor 'c' in another file; export it as one file");
}

#[test]
fn limits_hold() {
    let bytes = model(vec![node("Abs", &["x"], &["a"]), node("Abs", &["a"], &["y"])], vec![]).encode_to_vec();
    let with = |limits| Model::load_within(&bytes, limits).unwrap_err().to_string();
    insta::assert_snapshot!(with(Limits { nodes: 1, ..Limits::default() }), @"the model is too large: 2 nodes, the limit is 1");
    insta::assert_snapshot!(with(Limits { bytes: 10, ..Limits::default() }), @"the model is too large: 56 bytes, the limit is 10");
}

#[test]
fn a_result_over_the_limit_is_an_error_and_no_allocation() {
    let huge = model(
        vec![node("Expand", &["x", "s"], &["y"])],
        vec![ints("s", &[2], &[1 << 31, 1 << 31])],
    );
    let model = Model::load(&huge.encode_to_vec()).unwrap();
    let error = model.run(&[Tensor::vector(vec![1.0_f32])]).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"node 'y (Expand)': a result of shape [2147483648, 2147483648] is over the limit of 67108864 elements");
}

#[test]
fn what_is_constant_is_computed_once() {
    let nodes = vec![
        node("Add", &["c", "c"], &["d"]),
        node("Cast", &["d"], &["e"]),
        node("Mul", &["x", "e"], &["y"]),
    ];
    let mut proto = model(nodes, vec![ints("c", &[1], &[2])]);
    let to = AttributeProto {
        name: "to".into(),
        i: Some(1),
        ..AttributeProto::default()
    };
    proto.graph.as_mut().unwrap().node[1].attribute.push(to);
    let model = Model::load(&proto.encode_to_vec()).unwrap();
    assert_eq!(model.graph.steps(), 1);
    let outputs = model.run(&[Tensor::vector(vec![1.5_f32])]).unwrap();
    assert_eq!(outputs[0].data(), &Data::F32(vec![6.0]));
}

/// A small generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(n.max(1)).unwrap()).unwrap()
    }

    fn lie(&mut self) -> i64 {
        [-1, 0, 1, 2, 3, 7, 100, 1 << 24, 1 << 32, i64::MAX, i64::MIN][self.below(11)]
    }
}

/// Changes numbers and names inside nodes and tensors, so that the file still decodes.
fn tamper(graph: &mut GraphProto, numbers: &mut Numbers) {
    let names: Vec<String> = graph
        .node
        .iter()
        .flat_map(|n| n.input.iter().chain(&n.output))
        .cloned()
        .collect();
    if graph.node.is_empty() {
        return;
    }
    let at = numbers.below(graph.node.len());
    let node = &mut graph.node[at];
    match numbers.below(6) {
        0 if !node.input.is_empty() => {
            let input = numbers.below(node.input.len());
            node.input[input] = names[numbers.below(names.len())].clone();
        }
        1 if !graph.initializer.is_empty() => {
            let tensor = numbers.below(graph.initializer.len());
            tamper_tensor(&mut graph.initializer[tensor], numbers);
        }
        2 if !node.attribute.is_empty() => {
            let gone = numbers.below(node.attribute.len());
            node.attribute.remove(gone);
        }
        _ if !node.attribute.is_empty() => {
            let attribute = numbers.below(node.attribute.len());
            tamper_attribute(&mut node.attribute[attribute], numbers);
        }
        _ => {}
    }
}

fn tamper_tensor(tensor: &mut TensorProto, numbers: &mut Numbers) {
    match numbers.below(3) {
        0 if !tensor.dims.is_empty() => {
            let dim = numbers.below(tensor.dims.len());
            tensor.dims[dim] = numbers.lie();
        }
        1 if !tensor.int64_data.is_empty() => {
            let place = numbers.below(tensor.int64_data.len());
            tensor.int64_data[place] = numbers.lie();
        }
        _ => tensor.dims.reverse(),
    }
}

fn tamper_attribute(attribute: &mut AttributeProto, numbers: &mut Numbers) {
    if let Some(i) = &mut attribute.i {
        *i = numbers.lie();
    }
    if let Some(f) = &mut attribute.f {
        *f = [f32::NAN, f32::INFINITY, -1.0, 0.0][numbers.below(4)];
    }
    if let Some(tensor) = &mut attribute.t {
        tamper_tensor(tensor, numbers);
    }
    if let Some(graph) = &mut attribute.g {
        tamper(graph, numbers);
    }
    if !attribute.ints.is_empty() {
        let place = numbers.below(attribute.ints.len());
        match numbers.below(4) {
            0 => attribute.ints.truncate(place),
            1 => attribute.ints[place] = attribute.ints[numbers.below(place + 1)],
            _ => attribute.ints[place] = numbers.lie(),
        }
    }
    if !attribute.floats.is_empty() {
        let place = numbers.below(attribute.floats.len());
        match numbers.below(3) {
            0 => attribute.floats.truncate(place),
            _ => attribute.floats[place] = [f32::NAN, f32::INFINITY, f32::MIN, 0.0][numbers.below(4)],
        }
    }
    if !attribute.strings.is_empty() {
        let place = numbers.below(attribute.strings.len());
        attribute.strings[place] = [b"LEAF".to_vec(), b"BRANCH_EQ".to_vec(), vec![0xff]][numbers.below(3)].clone();
    }
}

/// A tensor that fits a port: as many rows as asked, small numbers, a NaN.
fn filler(port: &Port, rows: usize) -> Tensor {
    let open = |d: &Dimension| if let Dimension::Fixed(n) = d { *n } else { rows };
    let shape: Vec<usize> = port
        .shape
        .as_ref()
        .map_or_else(|| vec![rows, 4], |s| s.iter().map(open).collect());
    let n: usize = shape.iter().product();
    let data = match port.element {
        ElementType::F32 => Data::F32([0.5, -3.0, f32::NAN, 1e30].into_iter().cycle().take(n).collect()),
        ElementType::F64 => Data::F64([0.5, -3.0, f64::NAN, 1e300].into_iter().cycle().take(n).collect()),
        ElementType::I64 => Data::I64([0, 1, -1, i64::MAX].into_iter().cycle().take(n).collect()),
        ElementType::Bool => Data::Bool(vec![true; n]),
        ElementType::Text => Data::Text(vec!["Oslo".to_owned(); n]),
    };
    Tensor::from_data(shape, data).unwrap()
}

#[test]
fn models_whose_numbers_lie_never_panic() {
    let limits = Limits {
        tensor_elements: 1 << 18,
        folded_elements: 1 << 16,
        ..Limits::default()
    };
    let (mut loaded, mut all) = (0_u32, 0_u32);
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "onnx") {
            continue;
        }
        let proto = ModelProto::decode(std::fs::read(&path).unwrap().as_slice()).unwrap();
        for seed in 0..40 {
            let mut copy = proto.clone();
            let mut numbers = Numbers(seed);
            for _ in 0..=numbers.below(2) {
                tamper(copy.graph.as_mut().unwrap(), &mut numbers);
            }
            all += 1;
            let outcome = std::panic::catch_unwind(|| {
                let Ok(model) = Model::load_within(&copy.encode_to_vec(), limits) else {
                    return false;
                };
                for rows in [1, 3] {
                    let inputs: Vec<Tensor> = model.inputs().iter().map(|port| filler(port, rows)).collect();
                    let _ = model.run(&inputs);
                }
                true
            });
            loaded += u32::from(outcome.unwrap_or_else(|_| panic!("{} seed {seed} panicked", path.display())));
        }
    }
    assert!(loaded > all / 4, "only {loaded} of {all} still loaded");
}
