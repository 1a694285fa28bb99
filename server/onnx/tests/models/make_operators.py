"""Writes operators.json: single operators on small inputs, and what the onnx package's reference evaluator answers.

    venv/bin/python make_operators.py
"""

import json
import pathlib

import numpy as np
from make import described
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

RNG = np.random.default_rng(3)


def f(*shape):
    return RNG.normal(0, 2, shape).astype(np.float32)


def pos(*shape):
    return np.abs(f(*shape)) + np.float32(0.1)


def i(*values):
    return np.array(values, dtype=np.int64)


# operator, inputs, attributes; a fourth item is the domain
X, Y, V = f(2, 3), f(2, 3), np.array([1.5, -2.5, 0.0, np.nan, np.inf, -np.inf], dtype=np.float32)
CASES = [
    *[(name, [X], {}) for name in ("Abs", "Atan", "Ceil", "Cos", "Erf", "Exp", "Floor", "Neg", "Reciprocal", "Round", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Tanh", "Relu", "Elu", "Selu", "LeakyRelu", "HardSigmoid", "ThresholdedRelu", "Identity", "Size", "Shape")],
    *[(name, [pos(2, 3)], {}) for name in ("Log", "Sqrt")],
    *[(name, [f(2, 3)], {}) for name in ("Celu", "Gelu", "HardSwish", "Mish")],
    ("Gelu", [f(2, 3)], {"approximate": "tanh"}),
    ("PRelu", [f(2, 3), f(3)], {}),
    ("LayerNormalization", [f(2, 3, 4), f(4), f(4)], {}),
    *[(name, [V], {}) for name in ("Abs", "Relu", "IsNaN", "IsInf", "Sign")],
    ("IsInf", [V], {"detect_negative": 0}),
    *[(name, [f(2, 3), f(3)], {}) for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")],
    *[(name, [f(2, 1, 3), f(4, 1)], {}) for name in ("Add", "Sub", "Less", "Greater", "Equal", "LessOrEqual", "GreaterOrEqual")],
    *[(name, [i(7, -7, 5), i(2, 2, -3)], {}) for name in ("Add", "Sub", "Mul", "Mod", "Max", "Min")],
    ("Mod", [np.array([5.5, -5.5, 3.0], np.float32), np.array([2.0, 2.0, -2.0], np.float32)], {"fmod": 1}),
    ("Mod", [np.array([5.5, -5.5, 3.0], np.float32), np.array([2.0, 2.0, -2.0], np.float32)], {}),
    ("Pow", [pos(2, 3), np.float32(1.7)], {}),
    ("Pow", [pos(3), i(2, 3, 0)], {}),
    ("And", [np.array([True, False]), np.array([True, True])], {}),
    ("Or", [np.array([True, False]), np.array([False, False])], {}),
    ("Xor", [np.array([True, False]), np.array([True, True])], {}),
    ("Not", [np.array([True, False])], {}),
    ("Where", [np.array([[True], [False]]), f(3), f(2, 3)], {}),
    ("Clip", [f(2, 3), np.float32(-1), np.float32(1)], {}),
    ("Softmax", [f(2, 3, 4)], {"axis": 1}),
    ("Softmax", [f(2, 3)], {}),
    ("LogSoftmax", [f(2, 3)], {"axis": -1}),
    ("MatMul", [f(2, 3), f(3, 4)], {}),
    ("MatMul", [f(3), f(3, 4)], {}),
    ("MatMul", [f(2, 3), f(3)], {}),
    ("MatMul", [f(5, 1, 2, 3), f(4, 3, 2)], {}),
    ("MatMul", [f(2, 3).astype(np.float64), f(3, 2).astype(np.float64)], {}),
    ("Gemm", [f(3, 2), f(4, 3), f(4)], {"transA": 1, "transB": 1, "alpha": 0.5, "beta": 2.0}),
    ("Gemm", [f(2, 3), f(3, 4), f(2, 1)], {}),
    *[(name, [f(2, 3, 4), i(1)] if name == "ReduceSum" else [f(2, 3, 4)], {} if name == "ReduceSum" else {"axes": [0, 2], "keepdims": 0}) for name in ("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp")],
    ("ReduceSum", [f(2, 3)], {"keepdims": 0}),
    ("ReduceSum", [f(2, 3)], {"noop_with_empty_axes": 1}),
    ("ReduceSum", [np.array([[1, 2], [3, 4]], np.int64), i(-1)], {}),
    ("ReduceLogSum", [pos(2, 3)], {"axes": [1]}),
    ("ArgMax", [np.array([[1, 3, 3], [2, 2, 1]], np.float32)], {"axis": 1}),
    ("ArgMax", [np.array([[1, 3, 3], [2, 2, 1]], np.float32)], {"axis": 1, "select_last_index": 1, "keepdims": 0}),
    ("ArgMin", [f(2, 3, 4)], {"axis": 0}),
    ("CumSum", [f(2, 3), np.int64(1)], {}),
    ("CumSum", [f(2, 3), np.int64(0)], {"reverse": 1, "exclusive": 1}),
    ("TopK", [f(2, 5), i(2)], {}),
    ("TopK", [np.array([3, 1, 3, 2], np.float32), i(3)], {"largest": 0}),
    ("TopK", [f(3, 4), i(2)], {"axis": 0}),
    ("Reshape", [f(2, 6), i(0, -1, 3)], {}),
    ("Flatten", [f(2, 3, 4)], {"axis": 2}),
    ("Squeeze", [f(1, 2, 1), i(0)], {}),
    ("Squeeze", [f(1, 2, 1)], {}),
    ("Unsqueeze", [f(2, 3), i(0, -1)], {}),
    ("ConstantOfShape", [i(2, 2)], {"value": numpy_helper.from_array(np.array([7], np.int64))}),
    ("Expand", [f(3, 1), i(2, 1, 4)], {}),
    ("Range", [np.int64(3), np.int64(-4), np.int64(-3)], {}),
    ("Range", [np.float32(0.5), np.float32(2.0), np.float32(0.4)], {}),
    ("Tile", [f(2, 2), i(2, 3)], {}),
    ("Transpose", [f(2, 3, 4)], {"perm": [2, 0, 1]}),
    ("Transpose", [f(2, 3)], {}),
    ("Concat", [f(2, 1, 2), f(2, 3, 2)], {"axis": 1}),
    ("Concat", [np.array([["a"], ["b"]]), np.array([["c"], ["d"]])], {"axis": -1}),
    ("Split", [f(2, 6)], {"axis": 1, "num_outputs": 3}),
    ("Slice", [f(5, 4), i(1, -1), i(4, -5), i(0, 1), i(2, -2)], {}),
    ("Slice", [f(5, 4), i(-3), i(2**62)], {}),
    ("Gather", [f(3, 4), np.array([[0, -1], [2, 1]], np.int64)], {"axis": 1}),
    ("GatherElements", [f(2, 3), np.array([[0, 1, -1], [1, 0, 0]], np.int64)], {"axis": 0}),
    ("GatherND", [f(2, 3, 2), np.array([[0, 1], [1, -1]], np.int64)], {}),
    ("Cast", [np.array([1.7, -1.7], np.float32)], {"to": TensorProto.INT64}),
    ("Cast", [np.array(["1.5", "-2"])], {"to": TensorProto.FLOAT}),
    ("Cast", [i(0, 3)], {"to": TensorProto.BOOL}),
    ("LpNormalization", [pos(2, 3)], {"p": 1}),
    ("LpNormalization", [f(2, 3)], {"p": 2}),
    ("StringNormalizer", [np.array(["A", "the", "Cat"])], {"case_change_action": "LOWER", "stopwords": ["the"], "is_case_sensitive": 0}),
    ("TfIdfVectorizer", [np.array([[1, 1, 3, 2], [2, 3, 1, 9]], np.int64)], {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 1, "ngram_counts": [0, 3], "ngram_indexes": [0, 1, 2, 3, 4], "pool_int64s": [1, 2, 3, 1, 3, 3, 2]}),
    ("Scaler", [f(2, 3)], {"offset": [1.0, 2.0, 3.0], "scale": [0.5, 2.0, 1.0]}, "ai.onnx.ml"),
    ("Normalizer", [f(2, 3)], {"norm": "L1"}, "ai.onnx.ml"),
    ("Normalizer", [f(2, 3)], {"norm": "L2"}, "ai.onnx.ml"),
    ("Normalizer", [pos(2, 3)], {"norm": "MAX"}, "ai.onnx.ml"),
    ("Binarizer", [f(2, 3)], {"threshold": 0.2}, "ai.onnx.ml"),
    ("Imputer", [np.array([[1, np.nan], [np.nan, 2]], np.float32)], {"imputed_value_floats": [7.0, 8.0], "replaced_value_float": float("nan")}, "ai.onnx.ml"),
    ("FeatureVectorizer", [f(2, 1), f(2, 3)], {"inputdimensions": [1, 3]}, "ai.onnx.ml"),
    ("OneHotEncoder", [np.array([["b"], ["z"]])], {"cats_strings": ["a", "b"], "zeros": 1}, "ai.onnx.ml"),
    ("OneHotEncoder", [i(3, 5)], {"cats_int64s": [5, 3], "zeros": 1}, "ai.onnx.ml"),
    ("LabelEncoder", [np.array(["b", "z"])], {"keys_strings": ["a", "b"], "values_int64s": [10, 20], "default_int64": -5}, "ai.onnx.ml"),
    ("LabelEncoder", [i(1, 9)], {"keys_int64s": [1, 2], "values_strings": ["one", "two"], "default_string": "?"}, "ai.onnx.ml"),
    ("LabelEncoder", [np.array([1.0, 7.0], np.float32)], {"keys_floats": [1.0, 2.0], "values_floats": [3.0, 4.0], "default_float": -1.0}, "ai.onnx.ml"),
    ("ArrayFeatureExtractor", [f(2, 3), i(2, 0)], {}, "ai.onnx.ml"),
    ("SVMRegressor", [f(3, 2)], {"kernel_type": "POLY", "kernel_params": [0.5, 1.0, 2.0], "coefficients": [0.5, -1.0], "support_vectors": [1.0, 2.0, -1.0, 0.5], "n_supports": 2, "rho": [0.25]}, "ai.onnx.ml"),
    ("SVMRegressor", [f(3, 2)], {"kernel_type": "SIGMOID", "kernel_params": [0.5, 1.0, 2.0], "coefficients": [0.5, -1.0], "support_vectors": [1.0, 2.0, -1.0, 0.5], "n_supports": 2, "rho": [0.25]}, "ai.onnx.ml"),
    ("SVMClassifier", [f(4, 2)], {"classlabels_ints": [0, 1, 2], "kernel_type": "RBF", "kernel_params": [0.3, 0.0, 0.0], "coefficients": [0.5, -1.0, 0.7, 0.2, -0.3, -0.9], "support_vectors": [1.0, 2.0, -1.0, 0.5, 0.3, -2.0], "vectors_per_class": [1, 1, 1], "rho": [0.1, -0.2, 0.3]}, "ai.onnx.ml"),
    ("TreeEnsemble", [np.array([[1.2, 3.4, -0.12], [1.66, 4.14, 1.77]], np.float64)], {
        "n_targets": 2, "membership_values": numpy_helper.from_array(np.array([1.2, 3.7, 8, 9, np.nan, 12, 7, np.nan], np.float64)),
        "nodes_missing_value_tracks_true": None, "nodes_hitrates": None, "aggregate_function": 1, "post_transform": 0, "tree_roots": [0],
        "nodes_modes": numpy_helper.from_array(np.array([0, 6, 6], np.uint8)), "nodes_featureids": [0, 0, 0],
        "nodes_splits": numpy_helper.from_array(np.array([11, 232344.0, np.nan], np.float64)),
        "nodes_trueleafs": [0, 1, 1], "nodes_truenodeids": [1, 0, 1], "nodes_falseleafs": [1, 0, 1], "nodes_falsenodeids": [2, 2, 3],
        "leaf_targetids": [0, 1, 0, 0], "leaf_weights": numpy_helper.from_array(np.array([1, 10, 1000, 100], np.float64))}, "ai.onnx.ml"),
]
VERSIONS = {"": 17, "ai.onnx.ml": 3}
NEWER = {"TreeEnsemble": {"": 21, "ai.onnx.ml": 5}, "Split": {"": 18}, "Gelu": {"": 20}, "Mish": {"": 18}}
TYPES = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL, "U": TensorProto.STRING, "O": TensorProto.STRING}


def info(name, array):
    kind = TensorProto.DOUBLE if array.dtype == np.float64 else TYPES[array.dtype.kind]
    return helper.make_tensor_value_info(name, kind, [None] * array.ndim)


def case(operator, inputs, attributes, domain=""):
    inputs = [np.asarray(x) for x in inputs]
    outputs = {"Split": ["y0", "y1", "y2"], "TopK": ["y0", "y1"], "SVMClassifier": ["y0", "y1"]}.get(operator, ["y0"])
    names = [f"x{n}" for n in range(len(inputs))]
    attributes = {key: value for key, value in attributes.items() if value is not None}
    node = helper.make_node(operator, names, outputs, domain=domain, **attributes)
    graph = helper.make_graph([node], "one", [info(n, x) for n, x in zip(names, inputs)], [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs])
    opsets = [helper.make_opsetid(d, v) for d, v in {**VERSIONS, **NEWER.get(operator, {})}.items()]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    answers = ReferenceEvaluator(model).run(None, dict(zip(names, inputs)))
    outputs = [helper.make_tensor_value_info(o, described_type(a), None) for o, a in zip(outputs, answers)]
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    return {
        "name": operator,
        "model": model.SerializeToString().hex(),
        "inputs": [described(x) for x in inputs],
        "outputs": [described(x) for x in answers],
    }


def described_type(array):
    array = np.asarray(array)
    return TensorProto.DOUBLE if array.dtype == np.float64 else TYPES[array.dtype.kind]


if __name__ == "__main__":
    cases = []
    for entry in CASES:
        try:
            cases.append(case(*entry))
        except Exception as error:
            print(f"{entry[0]}: {type(error).__name__}: {error}")
    path = pathlib.Path(__file__).parent / "operators.json"
    path.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
    print(len(cases), path.stat().st_size)
