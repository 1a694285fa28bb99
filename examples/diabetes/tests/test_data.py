"""The data is what we think it is, and the split leaks nothing."""

from __future__ import annotations

import numpy as np
import pytest

import data


def test_raw_rows_are_in_clinical_units() -> None:
    x, y = data.load()
    assert x.shape == (442, 10)
    assert x[0].tolist() == [59, 2, 32.1, 101, 157, 93.2, 38, 4, 4.8598, 87]
    assert y[0] == 151
    assert (y.min(), y.max()) == (25, 346)


def test_every_row_lies_within_the_declared_limits() -> None:
    x, _ = data.load()
    for feature, column in zip(data.FEATURES, x.T, strict=True):
        assert feature.low <= column.min() <= column.max() <= feature.high, feature.name


def test_no_row_is_in_both_halves(parts: data.Split) -> None:
    train = {row.tobytes() for row in parts.x_train}
    test = {row.tobytes() for row in parts.x_test}
    assert (len(train), len(test)) == (331, 111)
    assert not train & test


def test_the_same_seed_gives_the_same_split(parts: data.Split) -> None:
    again, other = data.split(), data.split(seed=7)
    np.testing.assert_array_equal(again.x_test, parts.x_test)
    np.testing.assert_array_equal(again.y_test, parts.y_test)
    assert not np.array_equal(other.y_test, parts.y_test)


def test_a_renamed_column_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "FEATURES", data.FEATURES[::-1])
    with pytest.raises(ValueError, match="unexpected columns"):
        data.load()


def test_a_row_survives_the_way_through_a_request(parts: data.Split) -> None:
    for row in (*parts.x_train, *parts.x_test):
        np.testing.assert_array_equal(data.as_row(data.as_request(row)), row)


@pytest.mark.parametrize(
    ("value", "text"), [(32.1, "32.1"), (59.0, "59"), (4.8598, "4.8598"), (117.67, "117.67")]
)
def test_requests_hold_numbers_a_person_would_write(value: float, text: str) -> None:
    assert str(data.shortest(float(np.float32(value)))) == text
