"""Medians, percentiles and ratios of paired rounds. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """The middle and the ends of some measurements."""

    median: float
    low: float
    high: float
    count: int


def spread(values: Sequence[float]) -> Spread:
    """Raises ``ValueError`` for nothing at all."""
    if not values:
        raise ValueError("nothing was measured")
    return Spread(statistics.median(values), min(values), max(values), len(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` (0 to 1) of all do not exceed. No interpolation."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("nothing was measured")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratios(ours: Sequence[float], theirs: Sequence[float], *, bigger_is_better: bool) -> list[float]:
    """How many times better ours was, round by round. The rounds must be paired."""
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} rounds of ours, {len(theirs)} of theirs")
    pairs = zip(ours, theirs, strict=True)
    return [mine / other if bigger_is_better else other / mine for mine, other in pairs]


def abba(names: Sequence[str], rounds: int) -> list[list[str]]:
    """The order of each round: forwards, backwards, forwards, ... so that drift hits all alike."""
    return [list(names) if number % 2 == 0 else list(reversed(names)) for number in range(rounds)]
