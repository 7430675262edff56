"""Runs of backfills: taken over from whoever made them, and cancelled before they begin.

Called by `runs.backfill` with the tenant's rounds excluded and the runs held (`ledger.clearing`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import execute, json_parameter


def take_over_runs(
    *,
    backfill: UUID,
    runs: Sequence[tuple[UUID, int]],
    conf: dict[str, Any] | None,
    using: str = "default",
) -> None:
    """These runs (row id, ordinal), which were cleared, are the backfill's from now on, and their tasks yield."""
    execute(
        "ledger/sql/take_over_runs.sql",
        using=using,
        backfill=backfill,
        runs=[run for run, _ in runs],
        ordinals=[ordinal for _, ordinal in runs],
        conf=None if conf is None else json_parameter(conf),
    )


def cancel_runs(
    *, runs: Sequence[UUID], why: str = "backfill_cancelled", now: datetime, using: str = "default"
) -> int:
    """Queued runs fail without having begun. Returns how many."""
    return len(execute("ledger/sql/cancel_runs.sql", using=using, runs=list(runs), why=why, now=now))
