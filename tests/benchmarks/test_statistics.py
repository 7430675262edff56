"""Percentiles, ratios and the order of rounds."""

from __future__ import annotations

import pytest

from benchmarks.measure.statistics import abba, percentile, ratios, spread


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert percentile(values, 0.5) == 50
    assert percentile(values, 0.99) == 99
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.01) == 7
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


def test_a_ratio_says_how_many_times_better_ours_was() -> None:
    assert ratios([2.0], [10.0], bigger_is_better=False) == [5.0]
    assert ratios([10.0], [2.0], bigger_is_better=True) == [5.0]
    assert ratios([10.0], [2.0], bigger_is_better=False) == [0.2]
    with pytest.raises(ValueError, match="rounds"):
        ratios([1.0, 2.0], [1.0], bigger_is_better=False)


def test_every_system_is_first_as_often_as_last() -> None:
    assert abba(["a", "b"], 4) == [["a", "b"], ["b", "a"], ["a", "b"], ["b", "a"]]


def test_a_spread_of_nothing_is_refused() -> None:
    assert spread([3.0, 1.0, 2.0]).median == 2.0
    with pytest.raises(ValueError, match="nothing"):
        spread([])
