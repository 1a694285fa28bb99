"""The notebook runs, imports the modules instead of repeating them, and is kept without output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def cells(here: Path) -> list[dict[str, Any]]:
    notebook = json.loads((here / "diabetes.ipynb").read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_code_cells_run_from_top_to_bottom(
    cells: list[dict[str, Any]], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    names: dict[str, Any] = {}
    for cell in cells:
        exec("".join(cell["source"]), names)
    assert names["metrics"]["ridge"].test_r2 > 0.4


def test_notebook_is_thin(cells: list[dict[str, Any]]) -> None:
    source = "\n".join("".join(cell["source"]) for cell in cells)
    assert "def " not in source
    assert all(len(cell["source"]) <= 8 for cell in cells)


def test_notebook_is_committed_without_output(cells: list[dict[str, Any]]) -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)
