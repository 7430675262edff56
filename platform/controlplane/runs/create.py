"""Runs become rows: the one place through which planned, triggered and backfilled runs go.

Before: inside a tenant scope. After: the runs exist, queued, with all their task rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from controlplane.foundation.crashpoints import crashpoint
from controlplane.ledger.transitions import NewRun, create_runs


def make_runs(
    *, runs: Sequence[NewRun], now: datetime, using: str = "default"
) -> dict[tuple[str, str], UUID]:
    """(dag_id, run_id) -> row id of those that did not exist already. One statement."""
    if not runs:
        return {}
    made = create_runs(runs=runs, now=now, using=using)
    transaction.on_commit(lambda: crashpoint("runs.create.after_commit"), using=using)
    crashpoint("runs.create.before_commit")
    return made
