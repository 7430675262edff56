"""Whether a run took much longer than its DAG's runs do, by measures that a few odd runs do not move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

NORMAL: Final = 1.4826
"""The median absolute deviation times this estimates a standard deviation (of a normal distribution)."""
FLOOR: Final = 0.05
"""Runs that hardly differ still vary by so much of their median: otherwise a second would be a regression."""


@dataclass(frozen=True, slots=True)
class Slow:
    """How long it took, what is usual, and by how many deviations that is too long."""

    seconds: float
    usual_seconds: float
    deviations: float


def slow_run(
    *, seconds: float, earlier: Sequence[float], least_runs: int, deviations: float, least_seconds: float
) -> Slow | None:
    """None when it is not slow, or when fewer than `least_runs` earlier ones are known. All in seconds."""
    if len(earlier) < least_runs:
        return None
    usual = median(earlier)
    spread = max(NORMAL * median(abs(one - usual) for one in earlier), FLOOR * usual, 1e-9)
    found = (seconds - usual) / spread
    if found <= deviations or seconds - usual < least_seconds:
        return None
    return Slow(seconds, usual, found)
