"""The timetable asks for a run: create what is due, and say when to look again.

One `work_item` of kind `plan` waits per scheduled DAG, due when its next run may be created: nobody looks at
DAGs that are not due. Called by the scheduler for due items, by `dagprocessor.store` for new versions, by
`runs.pause`. Before: inside a tenant scope.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.dag_version import DagVersion
from controlplane.ledger.transitions import add_items, drop_plans
from controlplane.runs.trigger import insert_run
from domain.ids import run_id_for
from domain.timetables.evaluate import next_run
from domain.timetables.instants import Interval, NextRun, TimetableInvalid
from taskwire.dagspec import DagSpec

log = structlog.get_logger("runs")

RUNS_PER_ROUND = 16
"""How many runs of one DAG one round creates: a long catchup shares the scheduler with everybody else."""


def plan_next(*, dag: Dag, spec: DagSpec, now: datetime, using: str = "default") -> None:
    """Compute the DAG's next run and leave a `plan` item for it. Saves the DAG's `next_*` columns."""
    found = None if dag.is_paused or dag.is_stale else _next(dag=dag, spec=spec, now=now, using=using)
    _remember(dag, found, using)
    if found is not None:
        add_items(items=[("plan", dag.id, found.run_after)], using=using)


def plan_due(*, dags: Sequence[UUID], now: datetime, using: str) -> list[UUID]:
    """Create the runs that are due for these DAGs; returns the DAGs whose queued runs may start.

    Locks the DAGs in id order, then their plans: the order of everybody who changes both.
    """
    started: list[UUID] = []
    if not dags:
        return started
    rows = (
        Dag.objects.using(using)
        .select_related("bundle_version__runtime")
        .select_for_update(of=("self",), no_key=True)
        .filter(id__in=dags)
        .order_by("id")
    )
    locked = list(rows)
    drop_plans(dags=[dag.id for dag in locked], now=now, using=using)
    for dag in locked:
        if dag.is_paused or dag.is_stale:
            continue
        version = DagVersion.objects.using(using).filter(id=dag.current_version_id).first()
        if version is None:
            continue
        try:
            spec = msgspec.convert(version.spec, DagSpec)
        except msgspec.ValidationError:
            # Stored by another release. One such DAG must not stop its tenant's scheduler.
            log.exception("plan.spec_unreadable", dag_id=dag.dag_id)
            continue
        if _create_due(dag=dag, version=version, spec=spec, now=now, using=using):
            started.append(dag.id)
    return started


def _create_due(*, dag: Dag, version: DagVersion, spec: DagSpec, now: datetime, using: str) -> bool:
    # As in Airflow, no scheduled run is created beyond max_active_runs; each run's end asks again.
    waiting = (
        DagRun.objects.using(using).filter(dag_id=dag.dag_id, state="queued", run_type="scheduled").count()
    )
    room = max(dag.max_active_runs - dag.active_runs - waiting, 0)
    created = tried = 0
    found = _next(dag=dag, spec=spec, now=now, using=using)
    while found is not None and found.run_after <= now and created < room and tried < RUNS_PER_ROUND:
        tried += 1
        row = insert_run(
            dag=dag,
            version=version,
            run_id=run_id_for(
                run_type="scheduled", run_after=found.run_after, logical_date=found.logical_date
            ),
            run_type="scheduled",
            logical_date=found.logical_date,
            interval=(found.interval.start, found.interval.end),
            run_after=found.run_after,
            conf=None,
            note=None,
            triggered_by="timetable",
            user=None,
            partition_key=None,
            now=now,
            using=using,
        )
        # None: somebody made a run with this logical date by hand. It takes no place, and the next one is due.
        created += row is not None
        found = _next(dag=dag, spec=spec, now=now, using=using, last=found.interval)
    _remember(dag, found, using)
    if found is not None and (found.run_after > now or tried == RUNS_PER_ROUND):
        add_items(items=[("plan", dag.id, max(found.run_after, now))], using=using)
    return created > 0


def _next(
    *, dag: Dag, spec: DagSpec, now: datetime, using: str, last: Interval | None = None
) -> NextRun | None:
    if last is None:
        row = (
            DagRun.objects.using(using)
            .filter(run_type__in=["scheduled", "backfill"], dag_id=dag.dag_id, logical_date__isnull=False)
            .order_by("-logical_date")
            .values_list("data_interval_start", "data_interval_end", "logical_date")
            .first()
        )
        last = Interval(row[0] or row[2], row[1] or row[2]) if row and row[2] else None
    try:
        return next_run(
            spec=spec.timetable,
            last=last,
            start_at=_instant(spec.start_date),
            end_at=_instant(spec.end_date),
            catchup=spec.catchup,
            now=now,
        )
    except TimetableInvalid:
        return None  # told to the author when the file was parsed; it plans nothing


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _remember(dag: Dag, found: NextRun | None, using: str) -> None:
    Dag.objects.using(using).filter(id=dag.id).update(
        next_logical_date=found.logical_date if found else None,
        next_interval_start=found.interval.start if found else None,
        next_interval_end=found.interval.end if found else None,
        next_run_after=found.run_after if found else None,
    )
