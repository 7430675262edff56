"""When a run is late: a reference instant plus an interval. Called when a run is created or queued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from taskwire.dagspec import DeadlineSpec

DEFAULT_MAX_RUNS: Final = 10
"""Airflow's `AverageRuntimeDeadline.DEFAULT_LIMIT`."""


class DeadlineReferenceUnknown(ValueError):
    """The DAG's deadline counts from something this version does not know."""


def due_at(
    *,
    spec: DeadlineSpec,
    now: datetime,
    queued_at: datetime | None = None,
    logical_date: datetime | None = None,
    success_durations_seconds: Sequence[float] = (),
    interval_seconds: float | None = None,
) -> datetime | None:
    """The instant after which the run has missed `spec`, or `None` when its reference is not known.

    `queued_at` and `logical_date` are the run's. `average_runtime` counts from `now` (the run's creation) and
    needs the durations of the DAG's last successful runs, newest first: at least `min_runs` of them, at most
    `max_runs` are looked at. `interval_seconds` takes the place of the spec's when that is kept in a
    Variable. A `custom` reference is evaluated in the tenant's runtime, so it is `None` here. Airflow:
    `serialization/definitions/deadline.py`. Raises `DeadlineReferenceUnknown`; `ValueError` when `fixed_at`
    is no ISO 8601 instant.
    """
    reference = _reference_at(
        spec=spec,
        now=now,
        queued_at=queued_at,
        logical_date=logical_date,
        durations=success_durations_seconds,
    )
    if reference is None:
        return None
    interval = spec.interval_seconds if interval_seconds is None else interval_seconds
    return reference + timedelta(seconds=interval)


def _reference_at(
    *,
    spec: DeadlineSpec,
    now: datetime,
    queued_at: datetime | None,
    logical_date: datetime | None,
    durations: Sequence[float],
) -> datetime | None:
    if spec.reference == "queued_at":
        return queued_at
    if spec.reference == "logical_date":
        return logical_date
    if spec.reference == "average_runtime":
        max_runs = DEFAULT_MAX_RUNS if spec.max_runs is None else spec.max_runs
        recent = durations[:max_runs]
        if len(recent) < max(1, max_runs if spec.min_runs is None else spec.min_runs):
            return None
        return now + timedelta(seconds=sum(recent) / len(recent))
    if spec.reference == "custom":
        return None
    if spec.reference == "fixed":
        if spec.fixed_at is None:
            return None
        instant = datetime.fromisoformat(spec.fixed_at)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    raise DeadlineReferenceUnknown(
        f"deadline reference {spec.reference!r} is unknown; "
        "use queued_at, logical_date, fixed, average_runtime or custom"
    )
