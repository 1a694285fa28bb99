"""The two models of this example, and how good they are.

`boosting` is the first release, `ridge` the one that replaces it (see README.md).
Everything a model learns from data, scaling included, sits inside the estimator
that `build` returns, so it can only ever learn from the rows given to `fit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import RepeatedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from data import SEED, Array, Split


@dataclass(frozen=True)
class Metrics:
    """Quality of one model. `cv_r2` uses training rows only, the others held-out rows only."""

    cv_r2: float
    test_r2: float
    test_mae: float


def boosting() -> Any:
    """Build shallow boosted trees: many small steps, each on a part of rows and columns."""
    return GradientBoostingRegressor(
        n_estimators=200,
        learning_rate=0.03,
        max_depth=2,
        min_samples_leaf=10,
        subsample=0.6,
        max_features=0.4,
        random_state=SEED,
    )


def ridge() -> Any:
    """Build a linear model with ten weights, on standardised columns."""
    return make_pipeline(StandardScaler(), Ridge(alpha=10.0))


def mean() -> Any:
    """Answer the mean of the training targets, always: the floor that a model has to beat."""
    return DummyRegressor()


BUILDERS: dict[str, Callable[[], Any]] = {"boosting": boosting, "ridge": ridge, "mean": mean}

# Which builder made which file in model/.
RELEASES = {"diabetes.onnx": "boosting", "diabetes-v2.onnx": "ridge"}


def train(name: str, parts: Split) -> Any:
    """Build the model called `name` and fit it on the training rows."""
    return BUILDERS[name]().fit(parts.x_train, parts.y_train)


def cross_validate(name: str, x: Array, y: Array) -> float:
    """Return the mean R² over 4 × 5 folds of the given rows."""
    folds = RepeatedKFold(n_splits=5, n_repeats=4, random_state=SEED)
    return float(cross_val_score(BUILDERS[name](), x, y, cv=folds, scoring="r2").mean())


def evaluate(name: str, fitted: Any, parts: Split) -> Metrics:
    """Measure a fitted model: cross-validation on the training rows, then the held-out rows."""
    predicted = fitted.predict(parts.x_test)
    return Metrics(
        cv_r2=cross_validate(name, parts.x_train, parts.y_train),
        test_r2=float(r2_score(parts.y_test, predicted)),
        test_mae=float(mean_absolute_error(parts.y_test, predicted)),
    )
