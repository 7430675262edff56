"""A spec as the rows that runs are made from. Pure: the shapes are those of the ledger's tables."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any
from uuid import UUID

from domain.graph import deciding_tasks, total_priority_weights
from domain.trigger_rules import RULE_CODES
from taskwire.dagspec import DagSpec
from taskwire.parsing import FileParse


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
        for target in set(task.downstream):
            upstream[index[target]] += 1
            setups[index[target]] += task.is_setup
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
            "is_mapped": task.is_mapped,
            "is_empty": task.is_empty,
            "trigger_rule": RULE_CODES[task.trigger_rule],
            "pool": task.pool,
            "pool_slots": task.pool_slots,
            "queue": task.queue,
            "executor": _short(task.executor, 100),
            "priority_weight": weights[position],
            "max_tries": task.retries,
            "retry_delay_seconds": task.retry_delay_seconds,
            "retry_multiplier": task.retry_exponential_backoff,
            "max_retry_delay_seconds": task.max_retry_delay_seconds,
            "max_active_tis_per_dag": task.max_active_tis_per_dag,
            "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun,
            "execution_timeout_seconds": task.execution_timeout_seconds,
        }
        for position, task in enumerate(spec.tasks)
    ]


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
