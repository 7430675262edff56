"""Somebody asks for a run: a person, the API, a running task.

Before: inside a tenant scope. After: the run exists, queued, with all its task rows, and the scheduler is
told at commit. Called by `api/v2`, `api/execution`, the portal and the command line.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from controlplane.foundation.db import notify
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.transitions import NewRun, add_items
from controlplane.runs.create import make_runs
from controlplane.runs.forecast import ask_runtime
from controlplane.runs.params import check_params
from controlplane.runs.partition_keys import PartitionKeyInvalid, read_partition_key
from controlplane.runs.tell_audit import told_of
from domain.ids import RunIdInvalid, check_run_id, random_suffix, run_id_for
from domain.params import ParamsInvalid
from domain.timetables.evaluate import manual_interval
from taskwire.dagspec import DagSpec
from tenants.audit.record import record_change
from tenants.scope import current_tenant


class DagUnknown(LookupError):
    """No DAG of this name in this tenant."""


class DagNotRunnable(ValueError):
    """The DAG is there, but has no version that could run, or is no longer in the deployed bundle."""


class RunTypeDenied(ValueError):
    """The DAG's author allows no runs of this type (`allowed_run_types`)."""


class RunRefused(ValueError):
    """The run id cannot be one, or what is passed does not fit the DAG's params. The text is Airflow's."""


class RunExists(ValueError):
    """A run with this id exists already."""


class LogicalDateTaken(ValueError):
    """A run of this DAG with this logical date exists already."""


def trigger_run(
    *,
    dag_id: str,
    run_id: str | None,
    logical_date: datetime | None,
    run_after: datetime | None,
    conf: dict[str, Any] | None,
    note: str | None,
    triggered_by: str,
    user: str | None,
    now: datetime,
    data_interval: tuple[datetime, datetime] | None = None,
    partition_key: str | None = None,
    run_type: str = "manual",
    using: str = "default",
) -> DagRun:
    """A queued run of the DAG's newest version, whose params take `conf`.

    Raises DagUnknown, DagNotRunnable, RunTypeDenied, RunRefused, RunExists, LogicalDateTaken.
    """
    dag = Dag.objects.using(using).filter(dag_id=dag_id).first()
    if dag is None:
        raise DagUnknown(f"There is no DAG {dag_id!r}.")
    if dag.is_stale:
        raise DagNotRunnable(f"DAG {dag_id!r} is no longer in the deployed bundle.")
    version = DagVersion.objects.using(using).filter(id=dag.current_version_id).first()
    if version is None:
        raise DagNotRunnable(f"DAG {dag_id!r} has no parsed version yet.")
    spec = msgspec.convert(version.spec, DagSpec)
    if spec.allowed_run_types is not None and run_type not in spec.allowed_run_types:
        raise RunTypeDenied(f"Dag with dag_id: '{dag_id}' does not allow {run_type} runs")
    # As in Airflow: due now, whatever the logical date; a person's interval is that of the date, a task's of now.
    run_after = run_after or now
    interval = data_interval
    if (
        interval is None
        and logical_date is not None
        and (
            found := manual_interval(
                spec.timetable, run_after if triggered_by == "operator" else logical_date
            )
        )
    ):
        interval = (found.start, found.end)
    # As in Airflow, only runs that tasks ask for may share their instant, and get a suffix.
    suffix = random_suffix() if triggered_by == "operator" else ""
    wanted = run_id or run_id_for(
        run_type=run_type, run_after=run_after, logical_date=logical_date, suffix=suffix
    )
    _check(wanted, run_type, conf, spec)
    try:
        partition_date = read_partition_key(timetable=spec.timetable, dag_id=dag_id, key=partition_key)
    except PartitionKeyInvalid as error:
        raise RunRefused(str(error)) from error
    awaits_interval = interval is None and logical_date is not None and spec.timetable.kind == "custom"
    row = insert_run(
        dag=dag,
        version=version,
        run_id=wanted,
        run_type=run_type,
        logical_date=logical_date,
        interval=interval,
        run_after=run_after,
        conf=conf,
        note=note,
        triggered_by=triggered_by,
        user=user,
        partition_key=partition_key,
        partition_date=partition_date,
        awaits_interval=awaits_interval,
        now=now,
        using=using,
    )
    if row is None:
        if DagRun.objects.using(using).filter(dag_id=dag_id, run_id=wanted).exists():
            raise RunExists(f"DAG {dag_id!r} has a run {wanted!r} already.")
        raise LogicalDateTaken(f"DAG {dag_id!r} has a run with logical date {logical_date} already.")
    if awaits_interval:
        # The tenant's own timetable infers it, in the tenant's runtime: the run begins when it has told.
        ask_runtime(dags={dag.id: version.content_hash}, now=now, using=using)
    add_items(items=[("start_runs", dag.id, max(run_after, now))], using=using)
    notify("work", str(current_tenant(using=using)), using=using)
    made = DagRun.objects.using(using).get(id=row)
    record_change(
        action="run.triggered", target=f"run:{dag_id}/{made.run_id}", after=told_of(made), using=using
    )
    return made


def _check(run_id: str, run_type: str, conf: dict[str, Any] | None, spec: DagSpec) -> None:
    """What Airflow's `create_dagrun` checks. Raises RunRefused."""
    try:
        check_run_id(run_id, run_type=run_type)
        check_params(spec.params, conf)
    except (RunIdInvalid, ParamsInvalid) as error:
        raise RunRefused(str(error)) from error


def insert_run(
    *,
    dag: Dag,
    version: DagVersion,
    run_id: str,
    run_type: str,
    logical_date: datetime | None,
    interval: tuple[datetime, datetime] | None,
    run_after: datetime,
    conf: dict[str, Any] | None,
    note: str | None,
    triggered_by: str,
    user: str | None,
    partition_key: str | None,
    now: datetime,
    using: str,
    awaits_interval: bool = False,
    partition_date: datetime | None = None,
) -> UUID | None:
    """The rows of one run, pinned to the DAG version and to the bundle that is deployed now."""
    if dag.bundle_version is None:
        raise DagNotRunnable(f"DAG {dag.dag_id!r} has no deployed bundle.")
    runtime = dag.bundle_version.runtime
    run = NewRun(
        dag_id=dag.dag_id,
        run_id=run_id,
        run_type=run_type,
        logical_date=logical_date,
        interval_start=interval[0] if interval else None,
        interval_end=interval[1] if interval else None,
        run_after=run_after,
        conf=conf,
        triggered_by=triggered_by,
        user=user,
        note=note,
        partition_key=partition_key,
        dag_version=version.id,
        bundle_version=dag.bundle_version.id,
        runtime_digest=runtime.digest if runtime else "",
        awaits_interval=awaits_interval,
        partition_date=partition_date,
    )
    return make_runs(runs=[run], now=now, using=using).get((run.dag_id, run.run_id))
