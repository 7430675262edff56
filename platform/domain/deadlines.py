"""When a run is late: a reference instant plus an interval. Called when a run is created or queued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from taskwire.dagspec import DeadlineSpec


class DeadlineReferenceUnknown(ValueError):
    """The DAG's deadline counts from something this version does not know."""


def due_at(
    *,
    spec: DeadlineSpec,
    now: datetime,
    queued_at: datetime | None = None,
    logical_date: datetime | None = None,
    success_durations_seconds: Sequence[float] = (),
    min_runs: int = 10,
) -> datetime | None:
    """The instant after which the run has missed `spec`, or `None` when its reference is not known.

    `queued_at` and `logical_date` are the run's. `average_runtime` counts from `now` (the run's creation)
    and needs the durations of at least `min_runs` successful runs of the DAG (Airflow's default is 10).
    Airflow: `serialization/definitions/deadline.py`. Raises `DeadlineReferenceUnknown`; `ValueError` when
    `fixed_at` is no ISO 8601 instant.
    """
    reference = _reference_at(
        spec=spec,
        now=now,
        queued_at=queued_at,
        logical_date=logical_date,
        durations=success_durations_seconds,
        min_runs=max(min_runs, 1),
    )
    return None if reference is None else reference + timedelta(seconds=spec.interval_seconds)


def _reference_at(
    *,
    spec: DeadlineSpec,
    now: datetime,
    queued_at: datetime | None,
    logical_date: datetime | None,
    durations: Sequence[float],
    min_runs: int,
) -> datetime | None:
    if spec.reference == "queued_at":
        return queued_at
    if spec.reference == "logical_date":
        return logical_date
    if spec.reference == "average_runtime":
        if len(durations) < min_runs:
            return None
        return now + timedelta(seconds=sum(durations) / len(durations))
    if spec.reference == "fixed":
        if spec.fixed_at is None:
            return None
        instant = datetime.fromisoformat(spec.fixed_at)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    raise DeadlineReferenceUnknown(
        f"deadline reference {spec.reference!r} is unknown; "
        "use queued_at, logical_date, fixed or average_runtime"
    )
