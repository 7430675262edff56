"""What lists show of DAG versions, remembered in this process: a version never changes.

Reading a spec for every row of a list would cost more than the list. The memory is bounded, and its key has
the tenant, whose scope is open whenever a fact is first read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

import msgspec

from api.v2 import bundle_names
from controlplane.ledger.models.dag_version import DagVersion
from taskwire.dagspec import DagSpec
from tenants.scope import current_tenant

CAPACITY = 2000
_TRIVIAL = {"null", "once", "continuous", "asset", "partition_asset", "partition_runtime"}
_PARTITIONED = {"partition_cron", "partition_asset"}


@dataclass(frozen=True, slots=True)
class TaskFacts:
    display_name: str
    operator: str
    executor_config: str


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """`response` is Airflow's DagVersionResponse."""

    response: dict[str, Any]
    dag_display_name: str
    is_periodic: bool
    is_partitioned: bool
    allowed_run_types: list[str] | None
    has_task_limits: bool
    tasks: dict[str, TaskFacts]

    def task(self, task_id: str) -> TaskFacts:
        """The task's facts; a task that the version no longer has is shown by its id."""
        return self.tasks.get(task_id) or TaskFacts(task_id, "", "{}")


_known: OrderedDict[tuple[str | None, UUID], VersionFacts] = OrderedDict()
_lock = Lock()


def facts_of(version_ids: Iterable[UUID | None]) -> dict[UUID, VersionFacts]:
    """Facts by version id: at most two statements, none when all are remembered."""
    tenant = current_tenant()
    wanted = {version_id for version_id in version_ids if version_id is not None}
    found: dict[UUID, VersionFacts] = {}
    with _lock:
        for version_id in wanted:
            facts = _known.get((tenant, version_id))
            if facts is not None:
                _known.move_to_end((tenant, version_id))
                found[version_id] = facts
    missing = wanted - found.keys()
    if missing:
        rows = list(DagVersion.objects.filter(id__in=missing).defer("source"))
        names = bundle_names.bundle_names(row.bundle_version_id for row in rows)
        found |= {row.id: _read(row, names.get(row.bundle_version_id)) for row in rows}
        with _lock:
            for version_id in missing & found.keys():
                _known[tenant, version_id] = found[version_id]
            while len(_known) > CAPACITY:
                _known.popitem(last=False)
    return found


def forget() -> None:
    """Empty the memory: for tests that count statements."""
    bundle_names.forget()
    with _lock:
        _known.clear()


def _read(row: DagVersion, bundle: str | None) -> VersionFacts:
    spec = msgspec.convert(row.spec, DagSpec)
    display_name = spec.dag_display_name or spec.dag_id
    return VersionFacts(
        response={
            "id": row.id,
            "version_number": row.version_number,
            "dag_id": row.dag_id,
            "bundle_name": bundle_names.BUNDLE_NAME,
            "bundle_version": bundle,
            "created_at": row.created_at,
            "dag_display_name": display_name,
            "bundle_url": None,
        },
        dag_display_name=display_name,
        is_periodic=_is_periodic(spec),
        is_partitioned=spec.timetable.kind in _PARTITIONED,
        allowed_run_types=spec.allowed_run_types,
        has_task_limits=any(
            task.max_active_tis_per_dag is not None or task.max_active_tis_per_dagrun is not None
            for task in spec.tasks
        ),
        tasks={
            task.task_id: TaskFacts(
                task.display_name or task.task_id, task.task_type or task.operator, str(task.executor_config)
            )
            for task in spec.tasks
        },
    )


def _is_periodic(spec: DagSpec) -> bool:
    timetable = spec.timetable
    if timetable.kind == "asset_or_time" and timetable.child is not None:
        timetable = timetable.child
    return timetable.kind not in _TRIVIAL
