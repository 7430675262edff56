"""Deadlines of runs and `sla`s of tasks: computed when a run is created or cleared, looked at when they are due.

A DAG with neither costs nothing: `create_run.sql` leaves a `watch` item only where the version has some, and each
instant waits as one `deadline` item. Nothing polls. Called by the scheduler in the tenant's scope.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import structlog

from controlplane.foundation.db import execute
from controlplane.ledger import alerting, alerts
from controlplane.ledger.alerts import NewDeadline
from controlplane.ledger.models.dag_run import DagRun
from controlplane.secrets import variables
from controlplane.secrets.contract import SealBroken
from domain.deadlines import DEFAULT_MAX_RUNS, DeadlineReferenceUnknown, due_at
from taskwire.dagspec import DagSpec, DeadlineSpec

log = structlog.get_logger("alerts")


class IntervalUnknown(ValueError):
    """The Variable that holds a deadline's interval is not there, or holds no number of seconds."""


def watch_run(*, ref: UUID, now: datetime, using: str) -> None:
    """A run was created or cleared: when does it have to be over? Work item `watch`."""
    run = DagRun.objects.using(using).select_related("dag_version").filter(id=ref).first()
    if run is None:
        return
    spec = msgspec.convert(run.dag_version.spec, DagSpec)
    found = [_of_dag(run, number, one, now, using) for number, one in enumerate(spec.deadlines)]
    alerts.set_deadlines(run=run.id, deadlines=found + _slas(run, spec), now=now, using=using)


def deadline_due(*, ref: UUID, now: datetime, using: str) -> None:
    """The instant of some of a run's deadlines has come. Work item `deadline`."""
    for kind, dag_id, run_id, task_id, name in alerts.miss_deadlines(run=ref, now=now, using=using):
        what = f"the sla of {task_id}" if kind == "sla" else name or "a deadline of the DAG"
        alerting.tell(
            kind="deadline_missed",
            now=now,
            dag_id=dag_id,
            ref=ref,
            detail={"what": what, "task_id": task_id},
            using=using,
        )
        log.info("deadline.missed", kind=kind, dag_id=dag_id, run_id=run_id, task_id=task_id, name=name)


def told_of(*, told: dict[str, Any], using: str) -> dict[str, Any]:
    """What the callback of a deadline is told of it; nothing for other callbacks."""
    if told["kind"] not in ("deadline", "sla_miss"):
        return {}
    rows = execute("alerts/sql/read_deadline.sql", using=using, id=told["ref"])
    if not rows:
        return {}
    row_id, number, due, missed = rows[0]
    if told["kind"] == "deadline":
        return {
            "id": str(row_id),
            "number": number,
            "deadline_time": due.isoformat(),
            "dag_run": _dag_run_response(told),
        }
    when = told["logical_date"] or told["run_after"]
    late = execute("alerts/sql/missed_slas.sql", using=using, id=told["ref"])
    blocking = execute("alerts/sql/blocking_tasks.sql", using=using, deadline=told["ref"])
    return {
        "tasks": [row[0] for row in late],
        "execution_date": when.isoformat(),
        "timestamp": missed.isoformat(),
        "blocking": [
            {
                "task_id": row[0],
                "map_index": row[1],
                "state": row[2],
                "try_number": row[3],
                "start_date": row[4].isoformat() if row[4] else None,
            }
            for row in blocking
        ],
    }


def _of_dag(run: DagRun, number: int, spec: DeadlineSpec, now: datetime, using: str) -> NewDeadline:
    due, problem = None, None
    try:
        if spec.reference == "custom":
            path = (spec.custom or {}).get("path", "")
            raise DeadlineReferenceUnknown(
                f"the deadline reference {path} is the author's own class: it would read Airflow's database, "
                "which does not exist here; use queued_at, logical_date, a fixed datetime or average_runtime"
            )
        due = due_at(
            spec=spec,
            now=now,
            queued_at=run.queued_at,
            logical_date=run.logical_date,
            success_durations_seconds=_durations(run, spec, using),
            interval_seconds=_interval(spec, using),
        )
        if due is None:
            problem = _why_none(spec)
    except (DeadlineReferenceUnknown, IntervalUnknown, OverflowError, ValueError) as error:
        problem = str(error)
    return NewDeadline("dag", number, None, spec.name, spec.reference, due, problem)


def _slas(run: DagRun, spec: DagSpec) -> list[NewDeadline]:
    """`sla` counts from the end of the data interval, as in Airflow 2: `run_after`, which for a run that somebody
    asked for is the instant it was asked for. A backfill makes up for the past: it is late by definition."""
    if run.run_type == "backfill":
        return []
    out = []
    for number, task in enumerate(spec.tasks):
        if task.sla_seconds is None:
            continue
        try:
            due, problem = run.run_after + timedelta(seconds=task.sla_seconds), None
        except OverflowError as error:
            due, problem = None, str(error)
        out.append(NewDeadline("sla", number, task.task_id, None, "run_after", due, problem))
    return out


def _durations(run: DagRun, spec: DeadlineSpec, using: str) -> list[float]:
    if spec.reference != "average_runtime":
        return []
    most = DEFAULT_MAX_RUNS if spec.max_runs is None else spec.max_runs
    rows = execute("alerts/sql/success_durations.sql", using=using, dag_id=run.dag_id, most=max(most, 0))
    return [row[0] for row in rows]


def _interval(spec: DeadlineSpec, using: str) -> float | None:
    if spec.interval_variable is None:
        return None
    try:
        value = variables.get(spec.interval_variable, using=using)
    except variables.VariableUnknown as error:
        raise IntervalUnknown(f"VariableInterval '{spec.interval_variable}' not found") from error
    except SealBroken as error:
        raise IntervalUnknown(
            f"VariableInterval '{spec.interval_variable}' cannot be read: {error}"
        ) from error
    try:
        return float(int(value))
    except ValueError as error:
        raise IntervalUnknown(
            f"VariableInterval '{spec.interval_variable}' must be an integer (seconds)"
        ) from error


def _why_none(spec: DeadlineSpec) -> str:
    if spec.reference == "average_runtime":
        return "there are not enough successful runs to average yet"
    return f"the run has no {spec.reference}"


def _dag_run_response(told: dict[str, Any]) -> dict[str, Any]:
    """The public API's run, as Airflow puts it into the context of a deadline's callback."""
    started, ended = told["run_started_at"], told["run_ended_at"]
    run = {
        "dag_run_id": told["run_id"],
        "dag_id": told["dag_id"],
        "logical_date": told["logical_date"],
        "queued_at": told["queued_at"],
        "start_date": started,
        "end_date": ended,
        "duration": (ended - started).total_seconds() if started and ended else None,
        "data_interval_start": told["interval_start"],
        "data_interval_end": told["interval_end"],
        "run_after": told["run_after"],
        "last_scheduling_decision": told["last_scheduling_decision"],
        "run_type": told["run_type"],
        "state": told["run_state"],
        "triggered_by": told["triggered_by"],
        "triggering_user_name": told["user"],
        "conf": told["conf"] or {},
        "note": told["note"],
        "dag_versions": [],
        "bundle_version": told["commit_sha"] or told["digest"],
        "dag_display_name": told["dag_id"],
        "partition_key": told["partition_key"],
    }
    return {name: _text(value) for name, value in run.items()}


def _text(value: Any) -> Any:
    """Instants as Airflow writes them to JSON."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
