"""Deadlines of runs and `sla`s of tasks: when they are due, that they fire once, and what is told when they never are."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from api.agent import wiring
from controlplane.alerts import deadlines
from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import execute
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.deadline import Deadline
from controlplane.ledger.models.work_item import WorkItem
from controlplane.scheduler.work import work_for
from controlplane.secrets import variables
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.callbacks import Desk
from tests.support.factories import parsed_dag
from tests.support.scene import scene
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db
QUEUED = {"reference": "queued_at", "interval_seconds": 3600.0, "callback": "dags.late", "name": "an hour"}


def schedule(walk: Walk) -> None:
    """Rounds of the scheduler with the handlers that the process has."""
    for _ in range(20):
        assert walk.leases.take(walk.tenant.id)
        done = work_for(
            tenant_id=walk.tenant.id,
            leases=walk.leases,
            executor=LocalExecutor(),
            handlers=wiring.ITEM_HANDLERS,
        )
        if not done.more and not done.items:
            return
    raise AssertionError("the scheduler never came to rest")


def deadline(tenant: Tenant, **where: Any) -> Deadline:
    with tenant_scope(tenant.id):
        return Deadline.objects.get(**where)


def due(tenant: Tenant, row: Deadline, now: datetime) -> None:
    """The scheduler's clock shows `now`, and the item of this deadline is due."""
    with tenant_scope(tenant.id):
        deadlines.deadline_due(ref=row.dag_run_id, now=now, using="default")


def run_of(tenant: Tenant, *alerts: dict[str, Any], **fields: Any) -> tuple[Walk, DagRun]:
    """A run of a DAG of one task with these deadlines, watched."""
    task = specs.task("only", **fields.pop("task", {}))
    parsed_dag(tenant, specs.dag("late", [task], deadlines=list(alerts), **fields))
    walk = walk_for(tenant)
    run = walk.trigger("late")
    schedule(walk)
    return walk, run


def test_a_deadline_waits_for_its_instant_and_fires_once(tenant: Tenant) -> None:
    walk, run = run_of(tenant, QUEUED)
    row = deadline(tenant)
    assert (row.due_at, row.missed_at, row.name) == (run.queued_at + timedelta(hours=1), None, "an hour")
    with tenant_scope(tenant.id):
        [item] = WorkItem.objects.filter(kind="deadline")
        assert (item.ref, item.due_at) == (run.id, row.due_at)
    due(tenant, row, row.due_at - timedelta(seconds=1))
    assert Desk(walk).owed() == [], "too early"
    for _ in range(2):
        due(tenant, row, row.due_at)
    assert Desk(walk).kinds() == [("deadline", "pending")]
    [work] = Desk(walk).run_all()
    assert work.callback is not None
    told = work.callback.deadline
    assert (told["id"], told["number"]) == (str(row.id), 0)
    assert told["deadline_time"] == row.due_at.isoformat()
    assert (told["dag_run"]["dag_run_id"], told["dag_run"]["state"]) == (run.run_id, "running")
    assert deadline(tenant).missed_at == row.due_at


def test_a_negative_interval_fires_at_once_through_the_scheduler(tenant: Tenant) -> None:
    walk, _ = run_of(tenant, {**QUEUED, "interval_seconds": -60.0})
    assert Desk(walk).kinds() == [("deadline", "pending")]


def test_a_run_that_never_starts_misses_its_deadline_too(tenant: Tenant) -> None:
    walk, first = run_of(tenant, QUEUED, max_active_runs=1)
    second = walk.trigger("late", run_id="second")
    schedule(walk)
    assert (walk.run_state(first), walk.run_state(second)) == ("running", "queued")
    row = deadline(tenant, dag_run_id=second.id)
    due(tenant, row, row.due_at)
    [owed] = Desk(walk).owed()
    assert owed.run_id == "second"


@pytest.mark.parametrize(("state", "fires"), [("success", False), ("failed", True)])
def test_only_a_success_in_time_meets_a_deadline(tenant: Tenant, state: str, fires: bool) -> None:
    """As in Airflow: a run that failed in time still misses it."""
    walk, run = run_of(tenant, QUEUED)
    walk.run_all(lambda work: (state, []))
    assert walk.run_state(run) == state
    row = deadline(tenant)
    due(tenant, row, row.due_at)
    assert [kind for kind, _ in Desk(walk).kinds()] == (["deadline"] if fires else [])


def test_a_success_that_came_too_late_missed_it(tenant: Tenant) -> None:
    walk, _ = run_of(tenant, QUEUED)
    walk.run_all()
    row = deadline(tenant)
    with tenant_scope(tenant.id):
        DagRun.objects.update(end_date=row.due_at + timedelta(seconds=1))
    due(tenant, row, row.due_at + timedelta(minutes=1))
    assert Desk(walk).kinds() == [("deadline", "pending")]


def test_references_and_what_is_told_when_there_is_none(tenant: Tenant) -> None:
    fixed = {**QUEUED, "reference": "fixed", "fixed_at": "2030-01-01T00:00:00+00:00"}
    logical = {**QUEUED, "reference": "logical_date"}
    average = {**QUEUED, "reference": "average_runtime", "max_runs": 3, "min_runs": 1}
    custom = {**QUEUED, "reference": "custom", "custom": {"path": "dags.Mine", "data": {}}}
    walk, first = run_of(tenant, fixed, logical, average, custom)
    with tenant_scope(tenant.id):
        rows = {row.reference: row for row in Deadline.objects.filter(dag_run_id=first.id)}
    assert rows["fixed"].due_at == datetime.fromisoformat("2030-01-01T01:00:00+00:00")
    assert [rows[name].due_at for name in ("logical_date", "average_runtime", "custom")] == [None] * 3
    assert rows["logical_date"].problem == "the run has no logical_date"
    assert rows["average_runtime"].problem == "there are not enough successful runs to average yet"
    assert "dags.Mine" in rows["custom"].problem and "does not exist here" in rows["custom"].problem
    walk.run_all()
    now = utc_now()
    with tenant_scope(tenant.id):
        DagRun.objects.update(start_date=now - timedelta(seconds=600), end_date=now)
    second = walk.trigger("late", run_id="second", logical_date=now)
    schedule(walk)
    with tenant_scope(tenant.id):
        rows = {row.reference: row for row in Deadline.objects.filter(dag_run_id=second.id)}
    assert rows["logical_date"].due_at == now + timedelta(hours=1)
    expected = second.queued_at + timedelta(seconds=600, hours=1)
    assert abs(rows["average_runtime"].due_at - expected) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("value", "seconds", "problem"),
    [("120", 120, None), (None, None, "not found"), ("soon", None, "must be an integer")],
)
def test_an_interval_may_stand_in_a_variable(
    tenant: Tenant, value: str | None, seconds: int | None, problem: str | None
) -> None:
    if value is not None:
        with tenant_scope(tenant.id):
            variables.put(key="patience", value=value, description=None, now=utc_now())
    _, run = run_of(tenant, {**QUEUED, "interval_seconds": 0.0, "interval_variable": "patience"})
    row = deadline(tenant)
    assert row.due_at == (None if seconds is None else run.queued_at + timedelta(seconds=seconds))
    assert (row.problem or "") == "" if problem is None else problem in row.problem


def test_a_cleared_run_counts_anew_from_where_it_was_queued_and_only_what_is_not_missed(
    tenant: Tenant,
) -> None:
    fixed = {**QUEUED, "reference": "fixed", "fixed_at": "2020-01-01T00:00:00+00:00"}
    walk, run = run_of(tenant, QUEUED, fixed)
    first = deadline(tenant, number=0)
    assert [kind for kind, _ in Desk(walk).kinds()] == ["deadline"], "the fixed one is long past"
    later = run.queued_at + timedelta(minutes=30)
    with tenant_scope(tenant.id):
        execute("ledger/sql/requeue_runs.sql", runs=[run.id], now=later)
    schedule(walk)
    moved = deadline(tenant, number=0)
    assert (moved.id, moved.due_at) == (first.id, later + timedelta(hours=1))
    due(tenant, moved, first.due_at)
    assert len(Desk(walk).owed()) == 1, "the old instant means nothing any more"
    due(tenant, moved, moved.due_at)
    assert len(Desk(walk).owed()) == 2


def test_a_dag_without_deadlines_leaves_nothing_to_watch(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("plain", 2))
    walk_for(tenant).trigger("plain")
    with tenant_scope(tenant.id):
        assert not WorkItem.objects.filter(kind__in=["watch", "deadline"]).exists()


SLA = {"task": {"sla_seconds": 60.0}, "has_callbacks": ["sla_miss"]}


def test_an_sla_counts_from_run_after_and_calls_once_with_what_blocks(tenant: Tenant) -> None:
    walk, run = run_of(tenant, **SLA)
    row = deadline(tenant)
    assert (row.kind, row.task_id, row.due_at) == ("sla", "only", run.run_after + timedelta(seconds=60))
    for _ in range(2):
        due(tenant, row, row.due_at)
    [work] = Desk(walk).run_all()
    assert work.callback is not None
    told = work.callback.deadline
    assert (work.callback.kind, told["tasks"]) == ("sla_miss", ["only"])
    assert [(one["task_id"], one["state"]) for one in told["blocking"]] == [("only", "queued")]
    assert Desk(walk).claim() == []


def test_slas_that_are_missed_at_once_are_one_call_and_each_task_is_in_one(tenant: Tenant) -> None:
    tasks = [specs.task(name, sla_seconds=float(wait)) for name, wait in (("a", 60), ("b", 60), ("c", 90))]
    parsed_dag(tenant, specs.dag("late", tasks, has_callbacks=["sla_miss"]))
    walk = walk_for(tenant)
    run = walk.trigger("late")
    schedule(walk)
    with tenant_scope(tenant.id):
        assert WorkItem.objects.filter(kind="deadline").count() == 2, "one for each instant"
        for wait in (60, 90, 91):
            at = run.run_after + timedelta(seconds=wait)
            deadlines.deadline_due(ref=run.id, now=at, using="default")
    told = [work.callback.deadline["tasks"] for work in Desk(walk).run_all() if work.callback]
    assert told == [["a", "b"], ["c"]]
    assert [one.task_id for one in Desk(walk).owed()] == [None, "c"]


@pytest.mark.parametrize(("state", "missed"), [("success", False), ("skipped", False), ("failed", True)])
def test_an_sla_is_met_by_a_task_that_ended_well(tenant: Tenant, state: str, missed: bool) -> None:
    walk, _ = run_of(tenant, **SLA)
    walk.run_all(lambda work: (state, []))
    row = deadline(tenant)
    due(tenant, row, row.due_at)
    assert (deadline(tenant).missed_at is not None) is missed
    assert len(Desk(walk).owed()) == missed


def test_a_missed_sla_without_a_callback_is_on_record(tenant: Tenant) -> None:
    walk, _ = run_of(tenant, task={"sla_seconds": -1.0})
    assert deadline(tenant).missed_at is not None
    assert Desk(walk).owed() == []


def test_a_stranger_fires_nothing_and_the_guards_are_what_fires_once(
    tenant: Tenant, other_tenant: Tenant
) -> None:
    it, other = scene(tenant, deadlines=[QUEUED]), scene(other_tenant)
    schedule(it.walk)
    row = deadline(tenant)
    late = {"run": row.dag_run_id, "now": row.due_at}
    assert other.execute("miss_deadlines", **late) == []
    assert len(it.execute("miss_deadlines", **late)) == 1
    assert it.execute("miss_deadlines", **late) == []
    assert it.without("miss_deadlines", "AND d.missed_at IS NULL", **late), "it would be missed again"
    early = {"run": row.dag_run_id, "now": row.due_at - timedelta(seconds=1)}
    assert it.without(
        "miss_deadlines", "AND d.missed_at IS NULL", "AND d.due_at <= %(now)s::timestamptz", **early
    )
