"""What a running task may ask about runs and DAGs of its tenant, in the Execution API's own shapes.

Called by `api/execution` inside the tenant's scope.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.foundation.db import Row, execute

BUNDLE_NAME = "dags"
"""Every tenant has one bundle, and Airflow wants a name for it."""

_RUN = (
    "dag_id",
    "run_id",
    "logical_date",
    "data_interval_start",
    "data_interval_end",
    "run_after",
    "start_date",
    "end_date",
    "clear_number",
    "run_type",
    "state",
    "conf",
    "triggering_user_name",
    "partition_key",
    "note",
)


class RunUnknown(LookupError):
    """The tenant has no such run."""


def run_detail(*, dag_id: str, run_id: str) -> dict[str, Any]:
    """The run, as the Execution API's DagRun. Raises RunUnknown."""
    rows = execute("execution/sql/get_run.sql", dag_id=dag_id, run_id=run_id)
    if not rows:
        raise RunUnknown(f"Dag run with dag_id '{dag_id}' and run_id '{run_id}' was not found")
    return _run(rows[0])


def previous_run(*, dag_id: str, before: datetime, state: str | None) -> dict[str, Any] | None:
    """The run of the latest logical date before `before`, as DagRun; None if none."""
    rows = execute("execution/sql/previous_run.sql", dag_id=dag_id, before=before, state=state)
    return _run(rows[0]) if rows else None


def previous_success(*, task_instance_id: UUID) -> dict[str, Any]:
    """Interval and times of the successful run before that of the task; all None if there is none."""
    rows = execute("execution/sql/previous_success.sql", id=task_instance_id)
    names = ("data_interval_start", "data_interval_end", "start_date", "end_date")
    return dict(zip(names, rows[0] if rows else (None,) * 4, strict=True))


def count_runs(*, dag_id: str, logical_dates: list[datetime], run_ids: list[str], states: list[str]) -> int:
    """How many runs match; empty lists do not narrow."""
    rows = execute(
        "execution/sql/count_runs.sql",
        dag_id=dag_id,
        logical_dates=logical_dates or None,
        run_ids=run_ids or None,
        states=states or None,
    )
    return int(rows[0][0])


def dag_detail(*, dag_id: str) -> dict[str, Any] | None:
    """The DAG, as DagResponse, and besides `is_stale` and `has_import_errors`; None if there is none."""
    rows = execute("execution/sql/get_dag.sql", dag_id=dag_id)
    if not rows:
        return None
    is_paused, version, fileloc, owners, tags, next_date, is_stale, has_errors = rows[0]
    return {
        "dag_id": dag_id,
        "is_paused": is_paused,
        "bundle_name": BUNDLE_NAME,
        "bundle_version": version,
        "relative_fileloc": fileloc,
        "owners": owners,
        "tags": sorted(tags),
        "next_dagrun": next_date,
        "is_stale": is_stale,
        "has_import_errors": has_errors,
    }


def _run(row: Row) -> dict[str, Any]:
    told = dict(zip(_RUN, row, strict=True))
    told["conf"] = None if told["conf"] is None else json.loads(told["conf"])
    return {**told, "consumed_asset_events": [], "partition_date": None, "team_name": None}
