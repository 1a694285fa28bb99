"""The diabetes data: load it, name its columns, split it once.

Owns the table of features (units and limits) that every other module reads.
Never scales or fits anything: what is learned from rows belongs to `model.py`,
which sees the training rows only.

Source: Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression" (2004),
442 patients, bundled with scikit-learn in its raw clinical units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

Array: TypeAlias = NDArray[np.float64]
Request: TypeAlias = dict[str, float]

TARGET = "progression"
TARGET_UNIT = "disease progression one year after baseline, 25 to 346"
TEST_SHARE = 0.25
SEED = 42


@dataclass(frozen=True)
class Feature:
    """One column: its name in a request, its type, and the values a clinic would accept.

    The limits are written down here, not learned: they say what makes sense,
    and so they cannot leak anything about the held-out rows.
    """

    name: str
    kind: str
    low: float
    high: float
    description: str


FEATURES: tuple[Feature, ...] = (
    Feature("age", "float", 18, 100, "age in years"),
    Feature("sex", "int", 1, 2, "sex, coded 1 or 2 as in the source"),
    Feature("bmi", "float", 10, 70, "body mass index in kg/m²"),
    Feature("bp", "float", 40, 200, "mean arterial blood pressure in mmHg"),
    Feature("s1", "float", 50, 500, "total serum cholesterol in mg/dl"),
    Feature("s2", "float", 20, 400, "low-density lipoproteins in mg/dl"),
    Feature("s3", "float", 10, 150, "high-density lipoproteins in mg/dl"),
    Feature("s4", "float", 1, 15, "total cholesterol divided by HDL"),
    Feature("s5", "float", 2, 8, "natural logarithm of serum triglycerides in mg/dl"),
    Feature("s6", "float", 30, 300, "blood sugar in mg/dl"),
)


@dataclass(frozen=True)
class Split:
    """Rows to learn from and rows to be judged by; no row is in both."""

    x_train: Array
    x_test: Array
    y_train: Array
    y_test: Array


def load() -> tuple[Array, Array]:
    """Return all rows (442 × 10, raw units, columns as in `FEATURES`) and their targets."""
    bunch = load_diabetes(scaled=False)
    if list(bunch.feature_names) != [feature.name for feature in FEATURES]:
        raise ValueError(f"unexpected columns: {bunch.feature_names}")
    return bunch.data, bunch.target


def as_served(rows: Array) -> Array:
    """Round rows to float32, the precision at which the exported model reads them."""
    return rows.astype(np.float32).astype(np.float64)


def split(seed: int = SEED) -> Split:
    """Split all rows, the same way for the same seed."""
    x, y = load()
    x_train, x_test, y_train, y_test = train_test_split(
        as_served(x), y, test_size=TEST_SHARE, random_state=seed
    )
    return Split(x_train, x_test, y_train, y_test)


def as_request(row: Array) -> Request:
    """Turn one row into the JSON object that `POST /predict` takes."""
    return {feature.name: shortest(value) for feature, value in zip(FEATURES, row, strict=True)}


def as_row(request: Request) -> Array:
    """Turn a request back into a row, as the server reads it."""
    return as_served(np.array([request[feature.name] for feature in FEATURES], dtype=np.float64))


def shortest(value: float) -> float:
    """Return the shortest number that reads back as the same float32: 32.1, not 32.09999847."""
    number = float(str(np.float32(value)))
    return int(number) if number.is_integer() else number
