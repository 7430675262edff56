"""The Execution API's `TIRunContext` (2026-06-30) of a row of `start_tasks.sql`. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from domain.retries import should_retry


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def run_context(row: tuple[Any, ...]) -> dict[str, Any]:
    """JSON-able. `should_retry` is what the task goes by when it fails. The row's last two: partition date, consumed events."""
    (
        _, _, dag_id, run_id, _, _, try_number, max_tries, _, _, next_method, next_kwargs, reschedules, start_date,
        run_type, state, logical_date, interval_start, interval_end, run_after, run_start, run_end, clear_number,
        conf, user, note, partition_key,
    ) = row[:27]  # fmt: skip
    return {
        "dag_run": {
            "dag_id": dag_id,
            "run_id": run_id,
            "logical_date": _iso(logical_date),
            "data_interval_start": _iso(interval_start),
            "data_interval_end": _iso(interval_end),
            "run_after": _iso(run_after),
            "start_date": _iso(run_start),
            "end_date": _iso(run_end),
            "clear_number": clear_number,
            "run_type": run_type,
            "state": state,
            "conf": conf or {},
            "triggering_user_name": user,
            "consumed_asset_events": row[-1] or [],
            "partition_key": partition_key,
            "partition_date": _iso(row[-2]),
            "note": note,
        },
        "task_reschedule_count": reschedules,
        "max_tries": max_tries,
        "variables": [],
        "connections": [],
        "next_method": next_method,
        "next_kwargs": next_kwargs,
        "xcom_keys_to_clear": [],
        "should_retry": should_retry(try_number=try_number, max_tries=max_tries),
        "start_date": _iso(start_date) if next_method else None,
    }
