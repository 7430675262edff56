"""Error budgets: how many times too fast a budget is being used up, looked at through several windows.

A burn rate of 1 uses the whole budget (1 - objective) exactly in its period. A rate counts only when a long and a
short window both exceed it: the long one says that it matters, the short one that it still goes on. Source: Google's
Site Reliability Workbook, "Alerting on SLOs"; the rates (page above 10, escalate from 4) are this field's guidance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Tier:
    """`rate` must be exceeded (or reached, unless `strictly`) in both windows; seconds."""

    name: str
    rate: float
    long_seconds: int
    short_seconds: int
    strictly: bool = False


TIERS: Final = (
    Tier("fast", 10.0, 1 * HOUR, 5 * MINUTE, strictly=True),
    Tier("escalate", 4.0, 6 * HOUR, 30 * MINUTE),
    Tier("slow", 1.0, 3 * DAY, 6 * HOUR, strictly=True),
)
"""Most urgent first."""

WINDOWS: Final = tuple(
    sorted({seconds for tier in TIERS for seconds in (tier.long_seconds, tier.short_seconds)})
)


@dataclass(frozen=True, slots=True)
class Burn:
    """The tier that was reached, and the lower of its two rates."""

    tier: str
    rate: float

    @property
    def is_fast(self) -> bool:
        return self.tier == "fast"


def burn_rate(*, failed: int, total: int, objective: float) -> float:
    """How many times too fast; 0 without runs. `objective` < 1."""
    return 0.0 if total == 0 else round((failed / total) / (1.0 - objective), 9)


def burning(*, counts: Mapping[int, tuple[int, int]], objective: float, least_runs: int) -> Burn | None:
    """The most urgent tier reached. `counts`: window in seconds -> (failed, all) runs that ended in it; a tier
    whose long window has fewer than `least_runs` says nothing."""
    for tier in TIERS:
        long, short = counts[tier.long_seconds], counts[tier.short_seconds]
        if long[1] < least_runs:
            continue
        rate = min(burn_rate(failed=one[0], total=one[1], objective=objective) for one in (long, short))
        if rate > tier.rate or (rate == tier.rate and not tier.strictly):
            return Burn(tier.name, rate)
    return None
