"""Stores a spec as the rows of a DAG, its version and its tasks, as the DAG processor does."""

from __future__ import annotations

from typing import Any

import msgspec

from controlplane.dagprocessor.asset_references import record_assets
from controlplane.dagprocessor.rows import alerts_of, limits_of, past_of, reading_of, starts_of, told_of
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.bundle_version import BundleVersion
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_task import DagTask
from controlplane.ledger.models.dag_version import DagVersion
from domain.graph import deciding_tasks
from domain.readings import is_expanded
from domain.timetables.schedule import schedule_of
from domain.trigger_rules import RULE_CODES
from taskwire.canonical import content_hash
from taskwire.dagspec import DagSpec
from tenants.models.tenant import Tenant


def store_dag(*, tenant: Tenant, spec: dict[str, Any], bundle: BundleVersion, source: str) -> Dag:
    """Runs inside the tenant's scope. The same spec again makes no second version."""
    told = msgspec.convert(spec, DagSpec)
    now = utc_now()
    dag, _ = Dag.objects.update_or_create(
        tenant=tenant,
        dag_id=told.dag_id,
        defaults={
            "bundle_version": bundle,
            "relative_fileloc": told.relative_fileloc,
            "is_paused": bool(told.is_paused_upon_creation),
            "display_name": told.dag_display_name,
            "description": told.description,
            "owners": told.owners,
            "tags": told.tags,
            "timetable_summary": told.timetable.summary,
            "timetable_description": told.timetable.description,
            "schedule": msgspec.to_builtins(schedule_of(told)),
            "max_active_runs": told.max_active_runs,
            "max_active_tasks": told.max_active_tasks,
            "max_consecutive_failed_runs": told.max_consecutive_failed_dag_runs,
            "last_parsed_at": now,
            "created_at": now,
        },
    )
    number = DagVersion.objects.filter(dag_id=told.dag_id).count()
    version, made = DagVersion.objects.get_or_create(
        tenant=tenant,
        dag_id=told.dag_id,
        content_hash=content_hash(told),
        defaults={
            "dag_row": dag,
            "version_number": number + 1,
            "spec": msgspec.to_builtins(told),
            "source": source,
            "bundle_version": bundle,
            "created_at": now,
            **alerts_of(told),
            **limits_of(told),
        },
    )
    if made:
        _store_tasks(tenant, told, version)
    dag.current_version_id = version.id
    dag.save(update_fields=["current_version_id"])
    record_assets(specs={dag.id: told}, now=now, using="default")
    return dag


def _store_tasks(tenant: Tenant, spec: DagSpec, version: DagVersion) -> None:
    index = {task.task_id: number for number, task in enumerate(spec.tasks)}
    upstream, setups = [0] * len(index), [0] * len(index)
    reading = reading_of(spec)
    for number, task in enumerate(spec.tasks):
        for name in task.downstream:
            upstream[index[name]] += reading[number]["first_count"]
            setups[index[name]] += reading[number]["first_count"] * task.is_setup
    deciding = set(deciding_tasks(spec))
    known = {field.name for field in DagTask._meta.get_fields()}
    rows = []
    for number, task in enumerate(spec.tasks):
        values: dict[str, Any] = {
            "task_index": number,
            "task_id": task.task_id,
            "operator": task.operator,
            "downstream": [index[name] for name in task.downstream],
            "upstream_count": upstream[number],
            "setup_upstream_count": setups[number],
            "is_leaf": task.task_id in deciding,
            "is_setup": task.is_setup,
            "is_teardown": task.is_teardown,
            "is_mapped": is_expanded(task),
            "is_empty": task.is_empty,
            "trigger_rule": RULE_CODES[task.trigger_rule],
            "pool": task.pool,
            "pool_slots": task.pool_slots,
            "queue": task.queue,
            "executor": task.executor,
            "priority_weight": task.priority_weight,
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
            **reading[number],
        }
        wanted = {name: value for name, value in values.items() if name in known}
        rows.append(DagTask(tenant=tenant, dag_version=version, **wanted))
    DagTask.objects.bulk_create(rows)
