"""Task instances and their tries as Airflow's API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.v2.dag_runs.shape import seconds_between
from api.v2.version_facts import TaskFacts, VersionFacts, facts_of
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.trigger import Trigger


def instance_responses(rows: Sequence[TaskInstance]) -> list[dict[str, Any]]:
    """TaskInstanceResponse of each: one statement for rendered fields, more only for versions not remembered.

    `row.dag_run` must be loaded.
    """
    facts = facts_of(version_of(row) for row in rows)
    rendered = dict(RenderedField.objects.filter(id__in=[row.id for row in rows]).values_list("id", "fields"))
    triggers = _triggers(rows)
    return [
        {
            **_instance(row, facts.get(version_of(row)), rendered.get(row.id, {})),
            "trigger": triggers.get(row.id),
        }
        for row in rows
    ]


def version_of(row: TaskInstance) -> UUID:
    """The version that its newest try ran, or that it will run."""
    return row.ran_version_id or row.dag_version_id


def current_try_response(row: TaskInstance, facts: VersionFacts | None) -> dict[str, Any]:
    """TaskInstanceHistoryResponse of the try that the instance itself holds."""
    return {
        **_shared(row, facts),
        "start_date": row.start_date,
        "end_date": row.end_date,
        "duration": seconds_between(row.start_date, row.end_date),
        "state": row.state,
        "try_number": row.try_number,
        "hostname": row.hostname,
        "unixname": row.unixname,
        "queued_when": row.queued_at,
        "scheduled_when": row.scheduled_at,
        "pid": row.pid,
    }


def past_try_response(row: TaskTry, of: TaskInstance, facts: VersionFacts | None) -> dict[str, Any]:
    """TaskInstanceHistoryResponse of an earlier try."""
    return {
        **_shared(of, facts),
        "start_date": row.start_date,
        "end_date": row.end_date,
        "duration": seconds_between(row.start_date, row.end_date),
        "state": row.state,
        "try_number": row.try_number,
        "hostname": row.hostname,
        "unixname": row.unixname,
        "queued_when": row.queued_at,
        "scheduled_when": row.scheduled_at,
        "pid": row.pid,
    }


def _triggers(rows: Sequence[TaskInstance]) -> dict[UUID, dict[str, Any]]:
    """TriggerResponse of those that wait for one; a statement only if any does. Arguments may be secrets: as in
    Airflow they are never shown. Its integer id is made from ours."""
    waiting = [row.id for row in rows if row.state == "deferred"]
    found = Trigger.objects.filter(id__in=waiting) if waiting else ()
    return {
        row.id: {
            "id": row.id.int & (2**53 - 1),
            "classpath": row.classpath,
            "kwargs": "{}",
            "created_date": row.created_at,
            "queue": row.queue,
            "triggerer_id": None,
        }
        for row in found
    }


def _instance(row: TaskInstance, facts: VersionFacts | None, rendered: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        **current_try_response(row, facts),
        "logical_date": row.dag_run.logical_date,
        "run_after": row.dag_run.run_after,
        "note": row.note,
        "rendered_map_index": row.rendered_map_index or (str(row.map_index) if row.map_index >= 0 else None),
        "rendered_fields": rendered,
        "triggerer_job": None,
    }


def _shared(row: TaskInstance, facts: VersionFacts | None) -> dict[str, Any]:
    """What is the same in every try."""
    task = facts.task(row.task_id) if facts else TaskFacts(row.task_id, "", "{}")
    return {
        "task_id": row.task_id,
        "dag_id": row.dag_id,
        "dag_run_id": row.run_id,
        "map_index": row.map_index,
        "max_tries": row.max_tries,
        "task_display_name": task.display_name,
        "dag_display_name": facts.dag_display_name if facts else row.dag_id,
        "pool": row.pool,
        "pool_slots": row.pool_slots,
        "queue": row.queue,
        "priority_weight": row.priority_weight,
        "operator": task.operator or row.operator,
        "operator_name": row.operator,
        "executor": row.executor,
        "executor_config": task.executor_config,
        "dag_version": facts.response if facts else None,
    }
