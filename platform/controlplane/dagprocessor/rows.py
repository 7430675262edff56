"""A spec as the rows that runs are made from. Pure: the shapes are those of the ledger's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any
from uuid import UUID

import msgspec

from domain.graph import deciding_tasks, total_priority_weights
from domain.past import past_rule
from domain.readings import first_count, is_expanded, known_lengths, readings
from domain.timetables.schedule import schedule_of
from domain.trigger_rules import RULE_CODES
from taskwire.dagspec import DagSpec, TaskSpec
from taskwire.parsing import FileParse

LIMITS = ("dagrun_timeout_seconds", "fail_fast")
"""Columns of `dag_version` that `limits_of` fills."""
ALERTS = ("tells_success", "tells_failure", "has_deadlines")
"""Columns of `dag_version` that `alerts_of` fills."""


def dag_row(*, spec: DagSpec, path: str, paused_by_default: bool) -> dict[str, Any]:
    """Columns of `dag`. `is_paused` counts only when the row is new."""
    paused = spec.is_paused_upon_creation
    return {
        "dag_id": spec.dag_id,
        "relative_fileloc": (spec.relative_fileloc or path)[:1000],
        "is_paused": paused_by_default if paused is None else paused,
        "display_name": _short(spec.dag_display_name, 250),
        "description": spec.description,
        "owners": spec.owners,
        "tags": spec.tags,
        "timetable_summary": spec.timetable.summary,
        "timetable_description": spec.timetable.description,
        "schedule": msgspec.to_builtins(schedule_of(spec)),
        "max_active_runs": spec.max_active_runs,
        "max_active_tasks": spec.max_active_tasks,
        "max_consecutive_failed_runs": spec.max_consecutive_failed_dag_runs,
    }


def task_rows(*, spec: DagSpec, version_id: UUID) -> list[dict[str, Any]]:
    """Columns of `dag_task`, one per task, in the spec's order. The spec was checked (`acceptable`)."""
    index = {task.task_id: position for position, task in enumerate(spec.tasks)}
    upstream = [0] * len(index)
    setups = [0] * len(index)
    for task in spec.tasks:
        count = first_count(spec, task)
        for target in set(task.downstream):
            upstream[index[target]] += count
            setups[index[target]] += count * task.is_setup
    reading = reading_of(spec)
    leaves = set(deciding_tasks(spec))
    weights = total_priority_weights(spec)
    return [
        {
            "dag_version_id": str(version_id),
            "task_index": position,
            "task_id": task.task_id,
            "operator": (task.operator or task.task_type or "Operator")[:250],
            "downstream": sorted({index[target] for target in task.downstream}),
            "upstream_count": upstream[position],
            "setup_upstream_count": setups[position],
            "is_leaf": task.task_id in leaves,
            "is_setup": task.is_setup,
            "is_teardown": task.is_teardown,
            "is_mapped": is_expanded(task),
            "is_empty": task.is_empty,
            "trigger_rule": RULE_CODES[task.trigger_rule],
            "pool": task.pool,
            "pool_slots": task.pool_slots,
            "queue": task.queue,
            # The one executor there is has several names (`acceptable.EXECUTORS`); rows name it by none.
            "executor": None,
            "priority_weight": weights[position],
            "max_tries": task.retries,
            "retry_delay_seconds": task.retry_delay_seconds,
            "retry_multiplier": task.retry_exponential_backoff,
            "max_retry_delay_seconds": task.max_retry_delay_seconds,
            "max_active_tis_per_dag": task.max_active_tis_per_dag,
            "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun,
            "execution_timeout_seconds": task.execution_timeout_seconds,
            **told_of(task),
            **starts_of(task),
            **past_of(spec, task),
            **reading[position],
        }
        for position, task in enumerate(spec.tasks)
    ]


def reading_of(spec: DagSpec) -> list[dict[str, Any]]:
    """Per task: who counts its ends, who reads its instances, what it reads, and how it is expanded."""
    index = {task.task_id: position for position, task in enumerate(spec.tasks)}
    found = readings(spec)
    readers: list[dict[int, bool]] = [{} for _ in spec.tasks]
    for position, read in enumerate(found):
        inside = len(spec.tasks[position].mapped_group_ids)
        for each in read or []:
            same = each.near > 0 and each.depth == inside
            readers[each.up][position] = readers[each.up].get(position, True) and same
    return [
        {
            "counts_into": sorted({index[t] for t in task.downstream if found[index[t]] is None}),
            "weighed_by": list(readers[position]) or None,
            "weighed_same": list(readers[position].values()) or None,
            "readings": None if read is None else [asdict(each) for each in read],
            "known_lengths": known_lengths(spec, task),
            "first_count": first_count(spec, task),
        }
        for position, (task, read) in enumerate(zip(spec.tasks, found, strict=True))
    ]


def told_of(task: TaskSpec) -> dict[str, bool]:
    """Which of a task's endings somebody wants to hear of, by a callback or a mail."""
    mails = bool(task.email)
    return {
        "tells_failure": "on_failure" in task.has_callbacks or (mails and task.email_on_failure),
        "tells_retry": "on_retry" in task.has_callbacks or (mails and task.email_on_retry),
    }


def starts_of(task: TaskSpec) -> dict[str, bool]:
    """Whether it begins in its trigger. A mapped task does not, as in Airflow."""
    return {"starts_deferred": bool(task.start_from_trigger and task.start_trigger and not task.is_mapped)}


def past_of(spec: DagSpec, task: TaskSpec) -> dict[str, Any]:
    """What a task asks of earlier runs, and which runs have it at all."""
    return {
        "past_rule": int(past_rule(spec, task)),
        "start_date": task.start_date,
        "end_date": task.end_date,
    }


def limits_of(spec: DagSpec) -> dict[str, Any]:
    """What of a DAG version ends its runs early."""
    return {"dagrun_timeout_seconds": spec.dagrun_timeout_seconds, "fail_fast": spec.fail_fast}


def alerts_of(spec: DagSpec) -> dict[str, bool]:
    """What of a DAG version the ledger must know when a run of it is created or over."""
    return {
        "tells_success": "on_success" in spec.has_callbacks,
        "tells_failure": "on_failure" in spec.has_callbacks,
        "has_deadlines": bool(spec.deadlines) or any(task.sla_seconds is not None for task in spec.tasks),
    }


def parse_row(
    *,
    parsed: FileParse,
    sha256: str,
    hashes: Mapping[str, str],
    failures: list[dict[str, Any]],
    findings: list[dict[str, Any]],
    listed: Mapping[str, str],
) -> dict[str, Any]:
    """Columns of `file_parse`; failures and findings are those that checking added too."""
    return {
        "path": parsed.path,
        "sha256": sha256,
        "dependencies": parsed.dependencies,
        "listed": dict(listed),
        "dag_hashes": dict(hashes),
        "failures": failures,
        "findings": findings,
        "seconds": finite(parsed.seconds),
    }


def _short(text: str | None, most: int) -> str | None:
    return None if text is None else text[:most]


def finite(seconds: float) -> float:
    """A duration as told by the runtime, or 0 when it is none: NaN and infinity have no place in a row."""
    return seconds if isfinite(seconds) and seconds >= 0 else 0.0
