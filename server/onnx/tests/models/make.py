"""Trains the models of the test bed and writes, for each, the ONNX file and what scikit-learn answers.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py [NAME ...]

Every model NAME becomes NAME.onnx and NAME.json: inputs by name, and the expected labels, probabilities or values.
The data are the sets bundled with scikit-learn; rows are cut to float32 first, so that both sides see the same numbers.
"""

import json
import math
import pathlib
import sys
import warnings

import numpy as np
import onnx
import skl2onnx
import skl2onnx.common._container as container
from onnx import TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn, to_onnx, update_registered_converter
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    HuberRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
)
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

HERE = pathlib.Path(__file__).parent
ROWS = 24
OPSET = {"": 17, "ai.onnx.ml": 3}


def plain_attributes():
    """skl2onnx 1.20 hands NumPy scalars of HistGradientBoosting to onnx 1.23, which refuses them."""
    original = container.make_node

    def make_node(*args, **attributes):
        for key, value in attributes.items():
            if isinstance(value, np.generic):
                attributes[key] = value.item()
            elif isinstance(value, (list, np.ndarray)) and len(value) and not isinstance(value[0], (str, bytes)):
                attributes[key] = [int(v) if isinstance(v, (bool, np.bool_)) else getattr(v, "item", lambda v=v: v)() for v in value]
        return original(*args, **attributes)

    container.make_node = make_node


def split(loader, dtype=np.float32):
    x, y = loader(return_X_y=True)
    return train_test_split(x.astype(dtype), y, test_size=0.3, random_state=0)


def names_of(loader, y):
    return np.array(loader().target_names)[y].astype(str)


def simple(model, loader, text=False, dtype=np.float32, opset=None, nan=False, shift=False, **options):
    """One matrix in, labels and probabilities or values out."""
    x, xt, y, _ = split(loader, dtype)
    if nan:
        rng = np.random.default_rng(0)
        x, xt = x.copy(), xt.copy()
        x[rng.random(x.shape) < 0.1] = np.nan
        xt[rng.random(xt.shape) < 0.1] = np.nan
    if shift:
        x, xt = np.abs(x), np.abs(xt)
    model.fit(x, names_of(loader, y) if text else y)
    xt = xt[:ROWS]
    tensor = DoubleTensorType if dtype == np.float64 else FloatTensorType
    # without any option skl2onnx asks LinearSVC in a pipeline for a ZipMap, which it does not have
    opts = {id(model): options} if options else {LinearSVC: {}}
    types = [("X", tensor([None, x.shape[1]]))]
    onx = convert_sklearn(model, initial_types=types, options=opts, target_opset=opset or OPSET)
    return onx, {"X": xt}, answers(model, xt)


def classifier(model, loader, zipmap=False, **kwargs):
    return simple(model, loader, zipmap=zipmap, **kwargs)


def answers(model, x):
    expected = {}
    if hasattr(model, "predict"):
        predicted = model.predict(x)
        kind = getattr(model, "_estimator_type", None)
        label = predicted.dtype.kind in "iUOS" and (hasattr(model, "classes_") or hasattr(model, "labels_") or isinstance(model, IsolationForest))
        expected["labels" if label else "values"] = predicted
        if label and hasattr(model, "predict_proba"):
            expected["probabilities"] = model.predict_proba(x)
    else:
        expected["values"] = model.transform(x)
    return expected


def passengers(n=400):
    rng = np.random.default_rng(7)
    age = rng.normal(35, 12, n).astype(np.float32).round(1)
    fare = rng.gamma(2.0, 20.0, n).astype(np.float32).round(2)
    city = rng.choice(["Bern", "Lyon", "Oslo"], n)
    level = rng.integers(1, 4, n).astype(np.int64)
    score = 0.05 * (age - 35) + 0.02 * (fare - 40) + (city == "Oslo") * 1.5 - (level == 3) * 0.8
    y = np.where(score + rng.normal(0, 0.6, n) > 0.3, "yes", "no")
    age[rng.random(n) < 0.1] = np.nan
    return np.array(list(zip(age, fare, city, level)), dtype=object), y, score.astype(np.float32)


def columns(model, y, xt):
    types = [
        ("age", FloatTensorType([None, 1])),
        ("fare", FloatTensorType([None, 1])),
        ("city", StringTensorType([None, 1])),
        ("level", Int64TensorType([None, 1])),
    ]
    feeds = {
        "age": xt[:, 0:1].astype(np.float32),
        "fare": xt[:, 1:2].astype(np.float32),
        "city": xt[:, 2:3].astype(str),
        "level": xt[:, 3:4].astype(np.int64),
    }
    return types, feeds


def encoded(encoder, estimator, regression=False, zipmap=True):
    x, y, score = passengers()
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    prepare = ColumnTransformer([("num", numbers, [0, 1]), ("cat", encoder, [2]), ("int", OneHotEncoder(), [3])])
    model = make_pipeline(prepare, estimator)
    model.fit(x, score if regression else y)
    xt = x[:ROWS]
    types, feeds = columns(model, y, xt)
    opts = None if regression else {id(model): {"zipmap": zipmap}}
    onx = to_onnx(model, initial_types=types, options=opts, target_opset=OPSET)
    return onx, feeds, answers(model, xt)


def lightgbm_model(estimator, loader, nan=False):
    import lightgbm
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx.common.shape_calculator import (
        calculate_linear_classifier_output_shapes,
        calculate_linear_regressor_output_shapes,
    )

    if isinstance(estimator, lightgbm.LGBMClassifier):
        update_registered_converter(
            lightgbm.LGBMClassifier,
            "LightGbmLGBMClassifier",
            calculate_linear_classifier_output_shapes,
            convert_lightgbm,
            options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
        )
        return simple(estimator, loader, nan=nan, zipmap=False)
    update_registered_converter(
        lightgbm.LGBMRegressor,
        "LightGbmLGBMRegressor",
        calculate_linear_regressor_output_shapes,
        convert_lightgbm,
        options={"split": None},
    )
    return simple(estimator, loader, nan=nan)


def xgboost_model(estimator, loader, nan=False):
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType as Float

    x, xt, y, _ = split(loader)
    if nan:
        rng = np.random.default_rng(0)
        x[rng.random(x.shape) < 0.1] = np.nan
        xt[rng.random(xt.shape) < 0.1] = np.nan
    estimator.fit(x, y)
    xt = xt[:ROWS]
    onx = onnxmltools.convert_xgboost(estimator, initial_types=[("X", Float([None, x.shape[1]]))], target_opset=15)
    return onx, {"X": xt}, answers(estimator, xt)


def text_model():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{a} {b} {c}" for a in ("good", "bad", "fine") for b in ("house", "garden", "street") for c in ("today", "now", "here")]
    y = np.array(["up" if t.split()[0] != "bad" else "down" for t in texts])
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model.fit(texts, y)
    onx = to_onnx(model, initial_types=[("text", StringTensorType([None, 1]))], options={id(model): {"zipmap": False}}, target_opset=OPSET)
    x = np.array(texts[:ROWS])
    return onx, {"text": x.reshape(-1, 1)}, answers(model, x)


def convolution():
    """A small network with random weights, as a deep-learning exporter writes it; the answer is ONNX Runtime's."""
    rng = np.random.default_rng(0)
    weight = lambda *shape: (rng.normal(0, 0.4, shape)).astype(np.float32)
    constants = {
        "w1": weight(4, 1, 3, 3), "b1": weight(4), "w2": weight(6, 4, 3, 3), "b2": weight(6),
        "scale": np.abs(weight(4)) + 0.5, "bias": weight(4), "mean": weight(4), "var": np.abs(weight(4)) + 0.5,
        "w3": weight(10, 24), "b3": weight(10),
    }
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["c1", "scale", "bias", "mean", "var"], ["n1"]),
        helper.make_node("Relu", ["n1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("AveragePool", ["r2"], ["p2"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Flatten", ["p2"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        nodes, "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 10])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onx = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = load_digits().images[:ROWS].astype(np.float32).reshape(-1, 1, 8, 8) / 16
    import onnxruntime

    session = onnxruntime.InferenceSession(onx.SerializeToString())
    return onx, {"image": x}, {"values": session.run(None, {"image": x})[0]}


def stacking():
    base = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=4, random_state=0))]
    return StackingRegressor(base, final_estimator=LinearRegression())


def voting():
    parts = [("lr", LogisticRegression(max_iter=2000)), ("tree", DecisionTreeClassifier(max_depth=4, random_state=0))]
    return VotingClassifier(parts, voting="soft", flatten_transform=False)


def scaled(*steps):
    return make_pipeline(StandardScaler(), *steps)


def lgbm(kind, **kwargs):
    import lightgbm

    return getattr(lightgbm, kind)(n_estimators=20, num_leaves=8, random_state=0, verbose=-1, n_jobs=1, **kwargs)


def xgb(kind, **kwargs):
    import xgboost

    return getattr(xgboost, kind)(n_estimators=20, max_depth=4, random_state=0, n_jobs=1, **kwargs)


D, B, I, W, G = load_diabetes, load_breast_cancer, load_iris, load_wine, load_digits
R = {"random_state": 0}
LR = lambda **k: LogisticRegression(max_iter=2000, **k)

MODELS = {
    # linear
    "linreg": lambda: simple(LinearRegression(), D),
    "linreg_f64": lambda: simple(LinearRegression(), D, dtype=np.float64),
    "ridge": lambda: simple(Ridge(), D),
    "poly_lasso": lambda: simple(make_pipeline(PolynomialFeatures(2), Lasso(alpha=0.01, max_iter=20000)), D),
    "elastic_net": lambda: simple(scaled(ElasticNet()), D),
    "bayesian_ridge": lambda: simple(BayesianRidge(), D),
    "huber": lambda: simple(scaled(HuberRegressor()), D),
    "poisson": lambda: simple(scaled(PoissonRegressor()), D),
    "logreg_binary": lambda: classifier(scaled(LR()), B),
    "logreg_iris": lambda: classifier(LR(), I),
    "logreg_iris_zipmap": lambda: classifier(LR(), I, zipmap=True),
    "logreg_iris_text": lambda: classifier(LR(), I, text=True),
    "logreg_iris_text_zipmap": lambda: classifier(LR(), I, text=True, zipmap=True),
    "logreg_f64": lambda: classifier(scaled(LR()), B, dtype=np.float64),
    "ovr_logreg": lambda: classifier(OneVsRestClassifier(LR()), I),
    "sgd_log": lambda: classifier(scaled(SGDClassifier(loss="log_loss", **R)), I),
    "linear_svc": lambda: simple(scaled(LinearSVC(**R)), I),
    "linear_svc_binary": lambda: simple(scaled(LinearSVC(**R)), B),
    "linear_svr": lambda: simple(scaled(LinearSVR(max_iter=20000, **R)), D),
    # preparing
    "minmax_logreg": lambda: classifier(make_pipeline(MinMaxScaler(), LR()), W),
    "maxabs_logreg": lambda: classifier(make_pipeline(MaxAbsScaler(), LR()), W),
    "robust_logreg": lambda: classifier(make_pipeline(RobustScaler(), LR()), W),
    "normalizer_logreg": lambda: classifier(make_pipeline(Normalizer(), LR()), W),
    "pca_logreg": lambda: classifier(scaled(PCA(5), LR()), W),
    "kbins_logreg": lambda: classifier(make_pipeline(KBinsDiscretizer(4, encode="onehot-dense", quantile_method="linear"), LR()), I),
    "binarizer_logreg": lambda: classifier(make_pipeline(Binarizer(threshold=2.0), LR()), I),
    "power_logreg": lambda: classifier(make_pipeline(PowerTransformer(), LR()), W),
    "imputer_logreg": lambda: classifier(make_pipeline(SimpleImputer(), StandardScaler(), LR()), B, nan=True),
    "onehot_mixed": lambda: encoded(OneHotEncoder(handle_unknown="ignore"), LR()),
    "onehot_mixed_matrix": lambda: encoded(OneHotEncoder(handle_unknown="ignore"), LR(), zipmap=False),
    "ordinal_mixed_forest": lambda: encoded(OrdinalEncoder(), RandomForestClassifier(10, max_depth=5, **R)),
    "onehot_mixed_regression": lambda: encoded(OneHotEncoder(), Ridge(), regression=True),
    # trees
    "tree_classifier": lambda: classifier(DecisionTreeClassifier(max_depth=5, **R), I),
    "tree_binary": lambda: classifier(DecisionTreeClassifier(max_depth=5, **R), B),
    "tree_text": lambda: classifier(DecisionTreeClassifier(max_depth=5, **R), W, text=True),
    "tree_regressor": lambda: simple(DecisionTreeRegressor(max_depth=6, **R), D),
    "forest_binary": lambda: classifier(RandomForestClassifier(30, max_depth=6, **R), B),
    "forest_iris": lambda: classifier(RandomForestClassifier(15, max_depth=5, **R), I),
    "forest_digits": lambda: classifier(RandomForestClassifier(10, max_depth=6, **R), G),
    "forest_text": lambda: classifier(RandomForestClassifier(10, max_depth=5, **R), I, text=True, zipmap=True),
    "forest_regressor": lambda: simple(RandomForestRegressor(15, max_depth=6, **R), D),
    "forest_regressor_f64": lambda: simple(RandomForestRegressor(10, max_depth=6, **R), D, dtype=np.float64),
    "forest_ml5": lambda: classifier(RandomForestClassifier(10, max_depth=5, **R), I, opset={"": 21, "ai.onnx.ml": 5}),
    "forest_regressor_ml5": lambda: simple(RandomForestRegressor(10, max_depth=6, **R), D, opset={"": 21, "ai.onnx.ml": 5}),
    "extra_trees": lambda: classifier(ExtraTreesClassifier(15, max_depth=6, **R), W),
    "extra_trees_regressor": lambda: simple(ExtraTreesRegressor(10, max_depth=6, **R), D),
    "bagging": lambda: classifier(BaggingClassifier(n_estimators=5, **R), I),
    "gradient_boosting_binary": lambda: classifier(GradientBoostingClassifier(n_estimators=20, **R), B),
    "gradient_boosting_iris": lambda: classifier(GradientBoostingClassifier(n_estimators=10, **R), I),
    "gradient_boosting_regressor": lambda: simple(GradientBoostingRegressor(n_estimators=30, **R), D),
    "hist_boosting_binary": lambda: classifier(HistGradientBoostingClassifier(max_iter=15, max_leaf_nodes=8, **R), B),
    "hist_boosting_iris": lambda: classifier(HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=8, **R), I),
    "hist_boosting_nan": lambda: classifier(HistGradientBoostingClassifier(max_iter=15, max_leaf_nodes=8, **R), B, nan=True),
    "hist_boosting_regressor": lambda: simple(HistGradientBoostingRegressor(max_iter=20, max_leaf_nodes=8, **R), D),
    "hist_boosting_regressor_nan": lambda: simple(HistGradientBoostingRegressor(max_iter=20, max_leaf_nodes=8, **R), D, nan=True),
    "ada_boost": lambda: classifier(AdaBoostClassifier(n_estimators=10, **R), I),
    "isolation_forest": lambda: simple(IsolationForest(n_estimators=10, max_samples=64, **R), W, opset={"": 17, "ai.onnx.ml": 3}),
    "lightgbm_binary": lambda: lightgbm_model(lgbm("LGBMClassifier"), B),
    "lightgbm_iris": lambda: lightgbm_model(lgbm("LGBMClassifier"), I),
    "lightgbm_nan": lambda: lightgbm_model(lgbm("LGBMClassifier"), B, nan=True),
    "lightgbm_regressor": lambda: lightgbm_model(lgbm("LGBMRegressor"), D),
    "xgboost_binary": lambda: xgboost_model(xgb("XGBClassifier"), B),
    "xgboost_iris": lambda: xgboost_model(xgb("XGBClassifier"), I),
    "xgboost_nan": lambda: xgboost_model(xgb("XGBClassifier"), B, nan=True),
    "xgboost_regressor": lambda: xgboost_model(xgb("XGBRegressor"), D),
    # the rest
    "mlp_digits": lambda: classifier(MLPClassifier((20,), max_iter=200, **R), G),
    "mlp_binary": lambda: classifier(scaled(MLPClassifier((10, 5), activation="tanh", max_iter=500, **R)), B),
    "mlp_regressor": lambda: simple(scaled(MLPRegressor(hidden_layer_sizes=(16,), activation="logistic", max_iter=2000, **R)), D),
    "gaussian_nb": lambda: classifier(GaussianNB(), I),
    "multinomial_nb": lambda: classifier(MultinomialNB(), G),
    "bernoulli_nb": lambda: classifier(BernoulliNB(binarize=2.0), I),
    "complement_nb": lambda: classifier(ComplementNB(), G),
    "kneighbors": lambda: classifier(KNeighborsClassifier(5), I),
    "kneighbors_regressor": lambda: simple(KNeighborsRegressor(5), I),
    "kmeans": lambda: simple(KMeans(3, n_init=3, **R), I),
    "svc": lambda: classifier(scaled(SVC()), I),
    "svc_binary": lambda: classifier(scaled(SVC()), B),
    "svc_linear_text": lambda: classifier(scaled(SVC(kernel="linear")), I, text=True),
    "svc_probability": lambda: classifier(scaled(SVC(probability=True, **R)), I),
    "svc_probability_binary": lambda: classifier(scaled(SVC(probability=True, **R)), B),
    "nu_poly_svc": lambda: classifier(scaled(NuSVC(kernel="poly", nu=0.2)), I),
    "one_class_svm": lambda: simple(scaled(OneClassSVM(nu=0.2)), I),
    "gaussian_process": lambda: simple(scaled(GaussianProcessRegressor(alpha=1e-2)), D),
    "lda": lambda: classifier(LinearDiscriminantAnalysis(), W),
    "qda": lambda: classifier(QuadraticDiscriminantAnalysis(), I),
    "standard_scaler": lambda: simple(StandardScaler(), I),
    "truncated_svd": lambda: simple(TruncatedSVD(2), I),
    "svr": lambda: simple(scaled(SVR(C=50.0)), D),
    "calibrated": lambda: classifier(CalibratedClassifierCV(LinearSVC(**R), cv=2), I),
    "stacking": lambda: simple(stacking(), D),
    "voting": lambda: classifier(voting(), W),
    "text_tfidf": text_model,
    "convolution": convolution,
}


def clean(array):
    """JSON has no NaN and no infinity: null and text stand for them."""
    array = np.asarray(array)
    if array.dtype.kind == "f":
        text = (lambda v: float(str(v))) if array.dtype == np.float32 else float
        return [None if math.isnan(v) else str(v) if math.isinf(v) else text(v) for v in array.ravel()]
    if array.dtype.kind in "iub":
        return [int(v) for v in array.ravel()]
    return [str(v) for v in array.ravel()]


def described(array):
    array = np.asarray(array)
    kind = {"f": "f64" if array.dtype == np.float64 else "f32", "i": "i64", "u": "i64", "b": "bool"}.get(array.dtype.kind, "text")
    return {"type": kind, "shape": list(array.shape), "data": clean(array)}


def write(name, onx, feeds, expected):
    (HERE / f"{name}.onnx").write_bytes(onx.SerializeToString())
    case = {
        "inputs": {key: described(value) for key, value in feeds.items()},
        "expected": {key: described(value) for key, value in expected.items()},
    }
    (HERE / f"{name}.json").write_text(json.dumps(case) + "\n")


def main(names):
    warnings.filterwarnings("ignore")
    plain_attributes()
    failed = 0
    for name in names or MODELS:
        try:
            write(name, *MODELS[name]())
            print(f"{name}: {(HERE / f'{name}.onnx').stat().st_size} bytes")
        except Exception as error:  # one failing converter must not hide the others
            failed += 1
            print(f"{name}: FAILED {type(error).__name__}: {str(error)[:300]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
