"""Questions and answers as Airflow's API shows them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from api.v2.task_instances.shape import instance_responses
from controlplane.ledger.models.hitl_detail import HitlDetail

_PARAM = ("description", "schema", "value")


def detail_responses(rows: Sequence[HitlDetail]) -> list[dict[str, Any]]:
    """HITLDetail of each; `task_instance` and its run must be loaded."""
    instances = instance_responses([row.task_instance for row in rows])
    return [{**detail(row), "task_instance": of} for row, of in zip(rows, instances, strict=True)]


def detail(row: HitlDetail) -> dict[str, Any]:
    """All but the task instance."""
    return {
        "options": row.options,
        "subject": row.subject,
        "body": row.body,
        "defaults": row.defaults,
        "multiple": row.multiple,
        "params": {key: _param(value) for key, value in row.params.items()},
        "assigned_users": row.assignees or [],
        "created_at": row.created_at,
        "responded_by_user": row.responded_by,
        "responded_at": row.responded_at,
        "chosen_options": row.chosen_options,
        "params_input": row.params_input or {},
        "response_received": row.responded_at is not None,
    }


def _param(value: Any) -> Any:
    if isinstance(value, dict) and all(key in value for key in _PARAM):
        return value
    return {"value": value, "description": None, "schema": {}}
