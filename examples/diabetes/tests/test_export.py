"""What is exported equals what was trained, and what is committed is what the script makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import yaml

import data
import export
import model
import train_model

RELEASES = sorted(model.RELEASES)
# Float32 keeps 24 bits: about 2e-5 at the largest prediction; sums of 200 leaves round a few times.
ROUNDING = 1e-4


def committed(here: Path, file: str, suffix: str) -> Any:
    return json.loads((here / "model" / file).with_suffix(suffix).read_text(encoding="utf-8"))


def served(model_bytes: bytes, rows: data.Array) -> data.Array:
    session = onnxruntime.InferenceSession(model_bytes)
    answers: data.Array = session.run(None, {"X": rows.astype(np.float32)})[0].ravel()
    return answers


@pytest.mark.parametrize("file", RELEASES)
def test_onnx_runtime_answers_as_scikit_learn(
    file: str, releases: dict[str, Any], parts: data.Split
) -> None:
    rows = np.vstack([parts.x_train, parts.x_test])
    answers = served(export.onnx_bytes(releases[file]), rows)
    np.testing.assert_allclose(answers, releases[file].predict(rows), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("file", RELEASES)
def test_committed_model_is_the_trained_one(
    file: str, here: Path, releases: dict[str, Any], parts: data.Split
) -> None:
    answers = served((here / "model" / file).read_bytes(), parts.x_test)
    np.testing.assert_allclose(answers, releases[file].predict(parts.x_test), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("file", RELEASES)
def test_committed_model_is_valid_small_and_unnamed_by_chance(file: str, here: Path) -> None:
    path = here / "model" / file
    graph = onnx.load(path)
    onnx.checker.check_model(graph)
    assert graph.graph.name == "diabetes"
    assert [tensor.name for tensor in graph.graph.input] == ["X"]
    assert path.stat().st_size < 100_000


@pytest.mark.parametrize("file", RELEASES)
def test_the_same_bytes_twice(file: str, tmp_path: Path) -> None:
    for folder in ("first", "second"):
        assert train_model.main([file, "--out", str(tmp_path / folder)]) == 0
    first = {path.name: path.read_bytes() for path in (tmp_path / "first").iterdir()}
    second = {path.name: path.read_bytes() for path in (tmp_path / "second").iterdir()}
    assert len(first) == 3
    assert first == second


@pytest.mark.parametrize("file", RELEASES)
def test_committed_signature_is_the_one_of_the_training_rows(
    file: str, here: Path, parts: data.Split
) -> None:
    assert committed(here, file, ".signature.json") == export.signature(parts.x_train)


def test_signature_describes_every_column(parts: data.Split) -> None:
    signature = export.signature(parts.x_train)
    assert (signature["version"], signature["task"]) == (1, "regression")
    age = signature["features"][0]
    assert age["name"] == "age"
    assert age["min"] < age["mean"] - age["std"] < age["mean"] + age["std"] < age["max"]
    assert [feature["name"] for feature in signature["features"]] == [
        feature.name for feature in data.FEATURES
    ]


@pytest.mark.parametrize("file", RELEASES)
def test_golden_rows_are_held_out_rows_with_the_answers_of_scikit_learn(
    file: str, here: Path, releases: dict[str, Any], parts: data.Split
) -> None:
    golden = committed(here, file, ".golden.json")
    made = export.golden(releases[file], parts)
    assert [row["request"] for row in made["rows"]] == [row["request"] for row in golden["rows"]]
    rows = np.array([data.as_row(row["request"]) for row in golden["rows"]])
    held_out = {row.tobytes() for row in parts.x_test}
    assert len(rows) == export.GOLDEN_ROWS
    assert all(row.tobytes() in held_out for row in rows)
    expected = [row["prediction"] for row in golden["rows"]]
    np.testing.assert_allclose(releases[file].predict(rows), expected, rtol=0, atol=1e-5)


def test_releases_answer_differently_so_that_a_swap_is_noticed(here: Path) -> None:
    first, second = (committed(here, file, ".golden.json")["rows"] for file in RELEASES)
    assert [row["request"] for row in first] == [row["request"] for row in second]
    gaps = [abs(a["prediction"] - b["prediction"]) for a, b in zip(first, second, strict=True)]
    assert max(gaps) > 1


def test_stack_file_checks_are_golden_rows(here: Path) -> None:
    stack = yaml.safe_load((here / "mlstack.yaml").read_text(encoding="utf-8"))
    predictor = stack["components"]["predictor"]
    golden = committed(here, Path(predictor["model"]).name, ".golden.json")["rows"]
    for check in predictor["checks"]:
        [row] = [row for row in golden if row["request"] == check["request"]]
        assert check["expect"]["prediction"] == pytest.approx(row["prediction"], abs=1e-3)


def test_scaffolds_carry_the_committed_ridge_model(here: Path) -> None:
    for scaffold in ("minimal", "full"):
        for suffix in (".onnx", ".signature.json", ".golden.json"):
            copy = here.parent.parent / "stacks" / scaffold / "model" / f"diabetes{suffix}"
            assert copy.read_bytes() == (here / "model" / f"diabetes-v2{suffix}").read_bytes()
