"""Reads usage and what it costs, in the tenant's scope: sums for people, and the rows themselves for invoices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger.models.attempt_usage import AttemptUsage
from controlplane.maintenance.budgets import cost_micros

MOST = 10_000
EXPORTED = (
    "id",
    "kind",
    "dag_id",
    "run_id",
    "task_id",
    "map_index",
    "try_number",
    "epoch",
    "started_at",
    "ended_at",
    "task_us",
    "cpu_us",
    "peak_bytes",
    "memory_mib_us",
)


@dataclass(frozen=True, slots=True)
class Used:
    """Sums of one group; money in millionths, from the sums, never from rounded parts."""

    day: date | None
    dag_id: str | None
    task_id: str | None
    attempts: int
    task_seconds: float
    cpu_seconds: float
    memory_gib_hours: float
    storage_gib_days: float
    cost_micros: int


def usage(
    *,
    first: date,
    last: date,
    by: str,
    prices: Mapping[str, int],
    dag_id: str | None = None,
    using: str = "default",
) -> list[Used]:
    """From `first` to before `last`, per `dag`, `task` or `day`, or all in one (`total`); the largest first."""
    rows = execute(
        "maintenance/sql/list_usage.sql",
        using=using,
        first=first,
        last=last,
        by=by,
        dag=dag_id,
        most=MOST,
    )
    return [
        Used(
            day=day,
            dag_id=dag,
            task_id=task,
            attempts=attempts,
            task_seconds=task_us / 1e6,
            cpu_seconds=cpu_us / 1e6,
            memory_gib_hours=memory / (1024 * 3.6e9),
            storage_gib_days=byte_days / 2**30,
            cost_micros=cost_micros(
                prices=prices,
                task_us=task_us,
                cpu_us=cpu_us,
                memory_mib_us=memory,
                storage_byte_days=byte_days,
            ),
        )
        for day, dag, task, attempts, task_us, cpu_us, memory, byte_days in rows
    ]


def export_rows(*, first: date, last: date, after: UUID | None, limit: int) -> list[dict[str, Any]]:
    """A page of the rows that the sums are made of, in the order of their ids; the next begins `after` the last."""
    rows = AttemptUsage.objects.filter(ended_at__gte=_midnight(first), ended_at__lt=_midnight(last))
    if after is not None:
        rows = rows.filter(id__gt=after)
    return list(rows.order_by("id").values(*EXPORTED)[:limit])


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
