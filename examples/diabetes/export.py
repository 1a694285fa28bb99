"""Write a trained model as the three files that mlstack serves.

`NAME.onnx` is the model, `NAME.signature.json` says what a request looks like,
`NAME.golden.json` holds answers that the server has to give before it is ready.
The same model and rows give the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType

from data import FEATURES, TARGET, TARGET_UNIT, Array, Feature, Split, as_request

OPSET = {"": 17, "ai.onnx.ml": 3}
GOLDEN_ROWS = 6
TOLERANCE = 1e-4


def onnx_bytes(fitted: Any) -> bytes:
    """Convert to ONNX: one float32 input `X[None, 10]`, one output."""
    inputs = [("X", FloatTensorType([None, len(FEATURES)]))]
    # Without a name, skl2onnx invents a random one.
    graph = convert_sklearn(fitted, name="diabetes", initial_types=inputs, target_opset=OPSET)
    return bytes(graph.SerializeToString(deterministic=True))


def signature(x_train: Array) -> dict[str, Any]:
    """Describe a request. Mean and deviation come from the training rows only."""
    columns = zip(FEATURES, x_train.T, strict=True)
    return {
        "version": 1,
        "task": "regression",
        "target": TARGET,
        "unit": TARGET_UNIT,
        "features": [describe(feature, column) for feature, column in columns],
    }


def describe(feature: Feature, column: Array) -> dict[str, Any]:
    """Describe one column of a request."""
    return {
        "name": feature.name,
        "type": feature.kind,
        "required": True,
        "min": feature.low,
        "max": feature.high,
        "description": feature.description,
        "mean": round(float(column.mean()), 4),
        "std": round(float(column.std()), 4),
    }


def golden(fitted: Any, parts: Split) -> dict[str, Any]:
    """Answer some held-out rows with scikit-learn itself."""
    rows = parts.x_test[golden_rows(parts.y_test)]
    answers = [
        {"request": as_request(row), "prediction": round(float(answer), 6)}
        for row, answer in zip(rows, fitted.predict(rows), strict=True)
    ]
    return {"tolerance": TOLERANCE, "rows": answers}


def golden_rows(targets: Array) -> list[int]:
    """Choose rows from the mildest to the worst progression, the same ones for every model."""
    order = np.argsort(targets, kind="stable")
    ranks = np.linspace(0, len(order) - 1, GOLDEN_ROWS).round().astype(int)
    return [int(order[rank]) for rank in ranks]


def write(fitted: Any, parts: Split, path: Path) -> list[Path]:
    """Write `path` (an .onnx file) and its two companions; return what was written."""
    files = {
        path: onnx_bytes(fitted),
        path.with_suffix(".signature.json"): as_json(signature(parts.x_train)),
        path.with_suffix(".golden.json"): as_json(golden(fitted, parts)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        file.write_bytes(content)
    return list(files)


def as_json(value: dict[str, Any]) -> bytes:
    """Serialise for people: indented, in the order written, with a final newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
