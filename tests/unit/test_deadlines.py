"""When a run is late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.deadlines import DeadlineReferenceUnknown, due_at
from taskwire.dagspec import DeadlineSpec

NOW = datetime(2025, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def spec(reference: str, **more: Any) -> DeadlineSpec:
    return DeadlineSpec(**{"reference": reference, "interval_seconds": 3600.0, **more})


def test_counts_from_the_runs_own_instants() -> None:
    queued, logical = NOW - 2 * HOUR, NOW - 24 * HOUR
    known: dict[str, Any] = {"now": NOW, "queued_at": queued, "logical_date": logical}
    assert due_at(spec=spec("queued_at"), **known) == queued + HOUR
    assert due_at(spec=spec("logical_date"), **known) == logical + HOUR
    assert due_at(spec=spec("logical_date", interval_seconds=-3600.0), **known) == logical - HOUR
    assert due_at(spec=spec("queued_at"), interval_seconds=60, **known) == queued + timedelta(minutes=1)


def test_what_is_not_known_is_never_late() -> None:
    for reference in ("queued_at", "logical_date", "fixed", "average_runtime", "custom"):
        assert due_at(spec=spec(reference), now=NOW) is None


def test_fixed_instant_is_utc_unless_it_says_otherwise() -> None:
    assert due_at(spec=spec("fixed", fixed_at="2025-03-01T00:00:00"), now=NOW) == datetime(
        2025, 3, 1, 1, tzinfo=UTC
    )
    moved = due_at(spec=spec("fixed", fixed_at="2025-03-01T00:00:00+02:00"), now=NOW)
    assert moved == datetime(2025, 2, 28, 23, tzinfo=UTC)
    with pytest.raises(ValueError, match="soon"):
        due_at(spec=spec("fixed", fixed_at="soon"), now=NOW)


@pytest.mark.parametrize(
    ("more", "durations", "seconds"),
    [
        ({}, [60.0] * 9, None),
        ({}, [60.0] * 10, 60.0),
        ({}, [60.0] * 10 + [9000.0], 60.0),
        ({"max_runs": 4}, [10.0, 20.0, 30.0], None),
        ({"max_runs": 4, "min_runs": 2}, [10.0, 20.0, 30.0], 20.0),
        ({"max_runs": 2, "min_runs": 1}, [10.0, 20.0, 90.0], 15.0),
        ({"max_runs": 2, "min_runs": 0}, [], None),
    ],
)
def test_average_runtime(more: dict[str, int], durations: list[float], seconds: float | None) -> None:
    found = due_at(spec=spec("average_runtime", **more), now=NOW, success_durations_seconds=durations)
    expected = None if seconds is None else NOW + HOUR + timedelta(seconds=seconds)
    assert found == expected


def test_an_unknown_reference_is_named() -> None:
    with pytest.raises(DeadlineReferenceUnknown, match="'full_moon'"):
        due_at(spec=spec("full_moon"), now=NOW)
