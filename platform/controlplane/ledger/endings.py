"""Runs that end before their tasks do, and DAGs that fail too often: `dagrun_timeout`, `fail_fast`,
`max_consecutive_failed_dag_runs`, in the ledger. What ends here is told to the caller, who propagates it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from controlplane.foundation.db import execute
from controlplane.ledger import alerting
from controlplane.ledger.record_event import record_event


def time_out_runs(*, runs: Sequence[UUID], now: datetime, using: str) -> list[UUID]:
    """Runs whose time is over will fail (`fails_by`); returns the instances that were skipped for it."""
    rows = execute("ledger/sql/time_out_runs.sql", using=using, runs=list(runs), now=now)
    return [row[0] for row in rows]


def stop_rest(*, failed: Sequence[UUID], now: datetime, using: str) -> list[UUID]:
    """What else is unfinished in the runs of these failed tasks ends; returns the instances."""
    execute("ledger/sql/lock_runs.sql", using=using, ids=list(failed))
    return [row[0] for row in execute("ledger/sql/stop_rest.sql", using=using, ids=list(failed), now=now)]


def end_deadlocked(*, runs: Sequence[UUID], using: str) -> list[UUID]:
    """Of these running runs that lack tasks, those in which nothing can happen any more; they are to be finished."""
    return [row[0] for row in execute("ledger/sql/end_deadlocked.sql", using=using, runs=list(runs))]


def pause_failing(*, dags: Sequence[str], now: datetime, using: str) -> list[str]:
    """Of these DAGs, a run of which just failed, those that failed too often are paused; returns them."""
    rows = execute("ledger/sql/pause_failing.sql", using=using, dags=sorted(set(dags)))
    for dag_id, reason in rows:
        # As Airflow's scheduler writes it.
        extra = f"[('dag_id', '{dag_id}'), ('is_paused', True)]"
        record_event(event="paused", owner="scheduler", now=now, extra=extra, using=using, dag_id=dag_id)
        alerting.tell(kind="dag_paused", dag_id=dag_id, detail={"what": reason}, now=now, using=using)
    return [row[0] for row in rows]
