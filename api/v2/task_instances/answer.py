"""Task instances that were changed, or would be, as the answer to who asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from api.v2.refusals import not_found
from api.v2.task_instances.search import all_instances
from api.v2.task_instances.shape import instance_responses
from controlplane.runs.choose import VersionUnknown, newest_spec, read_spec
from taskwire.dagspec import DagSpec

NO_PAGES = {"total_entries_limit": None, "next_cursor": None, "previous_cursor": None}
AT_ONCE = 1000


def collection(ids: Sequence[UUID]) -> dict[str, Any]:
    """TaskInstanceCollectionResponse of these instances, as they are now."""
    found = responses(ids)
    return {"task_instances": found, "total_entries": len(found), **NO_PAGES}


def responses(ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Each as TaskInstanceResponse, run by run in the order of tasks."""
    rows = all_instances().filter(id__in=ids).order_by("dag_run_id", "task_index", "map_index")
    return instance_responses(list(rows))


def newest(dag_id: str) -> DagSpec:
    """The newest version's spec, or Airflow's 404."""
    try:
        return newest_spec(dag_id)
    except VersionUnknown as error:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found") from error


def of_version(dag_id: str, version_id: UUID | None) -> DagSpec:
    """The spec of a run's version, or Airflow's 404."""
    try:
        return read_spec(version_id)
    except VersionUnknown as error:
        raise not_found(f"The Dag with ID: `{dag_id}` was not found") from error
