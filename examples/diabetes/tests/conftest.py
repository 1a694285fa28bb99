"""What several tests need: the split, the trained releases, the folder of the example."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import data
import model

HERE = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def here() -> Path:
    return HERE


@pytest.fixture(scope="session")
def parts() -> data.Split:
    return data.split()


@pytest.fixture(scope="session")
def releases(parts: data.Split) -> dict[str, Any]:
    """Every committed model file, with its estimator trained anew."""
    return {file: model.train(name, parts) for file, name in model.RELEASES.items()}
