"""A callback in the agent's words: what its author's code will be told, and where that code is."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.alerts import deadlines
from controlplane.alerts.callbacks import claimed_again
from controlplane.execution import logs, tokens
from controlplane.ledger import alerts
from taskwire.workload import BundleRef, CallbackWork, Limits, Workload
from tenants.tenant_names import address_of

CALLBACK_SECONDS = 60.0
"""How long a callback may run. Airflow gives its callbacks 50 s, the time-out of a DAG file."""
TASK_STATES = {"task_failure": "failed", "task_retry": "up_for_retry"}


def callback_order(
    *, ref: UUID, epoch: int, tenant_id: UUID, slug: str, now: datetime, using: str
) -> Workload | None:
    """The claimed callback as a workload; None when there is nothing to run (any more)."""
    told = alerts.read_callback(callback=ref, using=using)
    if told is None or told["state"] not in {"pending", "running"}:
        return None
    if not claimed_again(ref=ref, now=now, using=using):
        return None
    token = tokens.issue(
        tenant_id=tenant_id,
        task_instance_id=told["task_instance_id"] or ref,
        epoch=epoch,
        try_number=told["try_number"],
        callback=ref,
        now=now,
    )
    return Workload(
        id=str(ref),
        tenant_id=str(tenant_id),
        tenant=slug,
        epoch=epoch,
        kind="callback",
        runtime_digest=told["runtime_digest"],
        bundle=BundleRef(digest=told["digest"], version=told["commit_sha"] or told["digest"]),
        limits=Limits(wall_seconds=CALLBACK_SECONDS),
        callback=CallbackWork(
            kind=told["kind"],
            dag_id=told["dag_id"],
            run_id=told["run_id"],
            ti=_task_instance(told),
            state=TASK_STATES.get(told["kind"]),
            started_at=_iso(told["started_at"]),
            ended_at=_iso(told["ended_at"]),
            dag_run=_dag_run(told),
            max_tries=told["max_tries"] or 0,
            reason=told["reason"],
            deadline=deadlines.told_of(told=told, using=using),
            dag_rel_path=told["path"],
            dag_version=told["content_hash"],
            fresh_parse=bool(told["fresh_parse"]),
            token=token,
            log_key=logs.callback_log_key(
                tenant_id=tenant_id,
                dag_id=told["dag_id"],
                run_id=told["run_id"],
                callback_id=ref,
                claim=epoch,
            ),
            base_url=address_of(slug),
        ),
    )


def _task_instance(told: dict[str, Any]) -> dict[str, Any] | None:
    if told["task_instance_id"] is None:
        return None
    return {
        "id": str(told["task_instance_id"]),
        "task_id": told["task_id"],
        "dag_id": told["dag_id"],
        "run_id": told["run_id"],
        "try_number": told["try_number"],
        "map_index": told["map_index"],
        "dag_version_id": str(told["dag_version_id"]),
        "hostname": told["hostname"],
    }


def _dag_run(told: dict[str, Any]) -> dict[str, Any]:
    """The Execution API's `DagRun`."""
    return {
        "dag_id": told["dag_id"],
        "run_id": told["run_id"],
        "logical_date": _iso(told["logical_date"]),
        "data_interval_start": _iso(told["interval_start"]),
        "data_interval_end": _iso(told["interval_end"]),
        "run_after": _iso(told["run_after"]),
        "start_date": _iso(told["run_started_at"]),
        "end_date": _iso(told["run_ended_at"]),
        "clear_number": told["clear_number"],
        "run_type": told["run_type"],
        "state": told["run_state"],
        "conf": told["conf"] or {},
        "triggering_user_name": told["user"],
        "consumed_asset_events": [],
        "partition_key": told["partition_key"],
        "note": told["note"],
    }


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
