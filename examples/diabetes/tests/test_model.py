"""The models are worth serving, and learn from the training rows alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import data
import model


@pytest.fixture(scope="module")
def floor(parts: data.Split) -> model.Metrics:
    return model.evaluate("mean", model.train("mean", parts), parts)


@pytest.mark.parametrize("name", sorted(model.RELEASES.values()))
def test_a_release_beats_the_mean_by_far(
    name: str, floor: model.Metrics, parts: data.Split
) -> None:
    metrics = model.evaluate(name, model.train(name, parts), parts)
    assert metrics.cv_r2 > 0.4
    assert metrics.test_r2 > 0.4
    assert metrics.test_mae < 0.7 * floor.test_mae


def test_a_model_that_learnt_from_shuffled_targets_is_worthless(parts: data.Split) -> None:
    shuffled = np.random.default_rng(data.SEED).permutation(parts.y_train)
    assert model.cross_validate("ridge", parts.x_train, shuffled) < 0.05


def test_scaling_is_learnt_from_the_training_rows(
    releases: dict[str, Any], parts: data.Split
) -> None:
    scaler = releases["diabetes-v2.onnx"].named_steps["standardscaler"]
    np.testing.assert_allclose(scaler.mean_, parts.x_train.mean(axis=0))


@pytest.mark.parametrize("name", sorted(model.RELEASES.values()))
def test_training_twice_gives_the_same_model(name: str, parts: data.Split) -> None:
    first, second = (model.train(name, parts).predict(parts.x_test) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_boosting_answers_higher_for_a_higher_bmi(releases: dict[str, Any]) -> None:
    low = np.array([50, 1, 22, 90, 190, 115, 50, 4, 4.6, 90], dtype=float)
    high = low.copy()
    high[2] = 38
    for fitted in releases.values():
        assert fitted.predict([high])[0] > fitted.predict([low])[0] + 20
