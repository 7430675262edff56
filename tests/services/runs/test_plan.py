"""The timetable's runs: which, when, how many at once. `now` is given, so no test waits for a date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.transitions import finish_runs, start_runs
from controlplane.runs import plan as plan_module
from controlplane.runs.backfill import Asked, create_backfill
from controlplane.runs.plan import plan_due, plan_next
from controlplane.runs.trigger import trigger_run
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.factories import parsed_dag
from tests.support.queries import QueryCounter

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAILY = {"kind": "cron", "expression": "0 0 * * *"}
HOURLY = {"kind": "delta", "delta": {"seconds": 3600.0}}


def _dag(tenant: Tenant, timetable: dict[str, Any], **fields: Any) -> Dag:
    values: dict[str, Any] = {
        "timetable": {"summary": "", "description": "", **timetable},
        "start_date": "2026-03-07T00:00:00+00:00",
        **fields,
    }
    dag = parsed_dag(tenant, specs.dag("planned", [specs.task("only")], **values))
    _plan_next(tenant, NOON)
    return dag


def _plan_next(tenant: Tenant, now: datetime) -> None:
    with tenant_scope(tenant.id):
        plan_next(dags=[Dag.objects.get(dag_id="planned").id], now=now)


def _plan_due(tenant: Tenant, now: datetime) -> bool:
    with tenant_scope(tenant.id):
        return bool(plan_due(dags=[Dag.objects.get(dag_id="planned").id], now=now, using="default"))


def _days(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        rows = DagRun.objects.order_by("logical_date").values_list("logical_date", flat=True)
        return [f"{row:%d %H}" if row else "-" for row in rows]


def _next(tenant: Tenant) -> tuple[datetime | None, ...]:
    with tenant_scope(tenant.id):
        dag = Dag.objects.get(dag_id="planned")
        return (
            dag.next_logical_date,
            dag.next_interval_start,
            dag.next_interval_end,
            dag.next_run_after,
        )


def _items(tenant: Tenant) -> list[datetime]:
    with tenant_scope(tenant.id):
        return list(WorkItem.objects.filter(kind="plan").values_list("due_at", flat=True))


def _end_one_run(tenant: Tenant, now: datetime) -> None:
    """The oldest run begins and ends, as when its task is over."""
    with tenant_scope(tenant.id):
        dag = Dag.objects.get(dag_id="planned")
        start_runs(dags=[dag.id], now=now, using="default")
        run = DagRun.objects.filter(state="running").order_by("logical_date")[0]
        TaskInstance.objects.filter(dag_run_id=run.id).update(state="success")
        DagRun.objects.filter(id=run.id).update(unfinished=0)
        assert finish_runs(runs=[run.id], now=now, using="default")


def _day(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_catchup_makes_every_run_once_and_looks_again_when_the_next_is_due(tenant: Tenant) -> None:
    _dag(tenant, DAILY, catchup=True)
    assert _items(tenant) == [_day(8)]
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["07 00", "08 00", "09 00"]
    assert _next(tenant) == (_day(10), _day(10), _day(11), _day(11))
    assert _items(tenant) == [_day(11)]
    assert not _plan_due(tenant, NOON), "again: nothing new"
    assert _days(tenant) == ["07 00", "08 00", "09 00"]
    assert _plan_due(tenant, NOON + timedelta(days=1))
    assert _days(tenant)[3:] == ["10 00"]


def test_without_catchup_only_the_latest_is_made(tenant: Tenant) -> None:
    _dag(tenant, DAILY, catchup=False)
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["09 00"]
    assert _items(tenant) == [_day(11)]
    assert _plan_due(tenant, _day(20, 1))
    assert _days(tenant) == ["09 00", "19 00"], "what was slept through is not made up for"


def test_a_delta_counts_from_the_last_run(tenant: Tenant) -> None:
    _dag(tenant, HOURLY, catchup=True, start_date="2026-03-10T09:30:00+00:00")
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["10 09", "10 10"]
    assert _items(tenant) == [datetime(2026, 3, 10, 12, 30, tzinfo=UTC)]


def test_once_is_once(tenant: Tenant) -> None:
    _dag(tenant, {"kind": "once"})
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["07 00"]
    assert (_items(tenant), _next(tenant)) == ([], (None, None, None, None))
    assert not _plan_due(tenant, NOON + timedelta(days=9))


def test_no_schedule_plans_nothing(tenant: Tenant) -> None:
    _dag(tenant, {"kind": "null"})
    assert (_items(tenant), _plan_due(tenant, NOON), _days(tenant)) == ([], False, [])


def test_the_end_date_is_the_last(tenant: Tenant) -> None:
    _dag(tenant, DAILY, catchup=True, end_date="2026-03-08T00:00:00+00:00")
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["07 00", "08 00"]
    assert _items(tenant) == []


def test_catchup_waits_for_a_free_place_and_every_end_asks_again(tenant: Tenant) -> None:
    _dag(tenant, DAILY, catchup=True, max_active_runs=1)
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["07 00"]
    assert _items(tenant) == [], "nobody looks while there is no place"
    assert _next(tenant)[0] == _day(8), "but it is known that one waits"
    for days in (["07 00", "08 00"], ["07 00", "08 00", "09 00"]):
        _end_one_run(tenant, NOON)
        assert _plan_due(tenant, NOON)
        assert _days(tenant) == days
    _end_one_run(tenant, NOON)
    assert not _plan_due(tenant, NOON)
    assert _items(tenant) == [_day(11)]


def test_a_long_catchup_is_made_in_rounds(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "RUNS_PER_ROUND", 2)
    _dag(tenant, DAILY, catchup=True)
    assert _plan_due(tenant, NOON)
    assert (_days(tenant), _items(tenant)) == (["07 00", "08 00"], [NOON])
    assert _plan_due(tenant, NOON)
    assert (_days(tenant), _items(tenant)) == (["07 00", "08 00", "09 00"], [_day(11)])


@pytest.mark.parametrize("taken", [7, 8])
def test_a_date_that_somebody_took_by_hand_does_not_stop_the_schedule(tenant: Tenant, taken: int) -> None:
    """With one place only: the taken date needs none."""
    _dag(tenant, DAILY, catchup=True, max_active_runs=1)
    with tenant_scope(tenant.id):
        trigger_run(
            dag_id="planned",
            run_id=None,
            logical_date=_day(taken),
            run_after=None,
            conf=None,
            note=None,
            triggered_by="test",
            user=None,
            now=NOON,
        )
    days = set()
    for _ in range(6):
        _plan_due(tenant, NOON)
        days |= set(_days(tenant))
        with tenant_scope(tenant.id):
            unfinished = DagRun.objects.filter(state__in=["queued", "running"]).exists()
        if unfinished:
            _end_one_run(tenant, NOON)
    assert sorted(days) == ["07 00", "08 00", "09 00"]
    assert _items(tenant) == [_day(11)]


@pytest.mark.parametrize("flag", ["is_paused", "is_stale"])
def test_a_paused_or_stale_dag_plans_nothing(tenant: Tenant, flag: str) -> None:
    _dag(tenant, DAILY, catchup=True)
    with tenant_scope(tenant.id):
        Dag.objects.update(**{flag: True})
    assert not _plan_due(tenant, NOON)
    assert (_days(tenant), _items(tenant)) == ([], []), "and the plan is gone: resuming makes a new one"


def test_a_stranger_plans_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    dag = _dag(tenant, DAILY, catchup=True)
    with tenant_scope(other_tenant.id):
        assert plan_due(dags=[dag.id], now=NOON, using="default") == []
    assert (_days(tenant), _items(tenant)) == ([], [_day(8)])


def test_a_partition_is_planned_by_its_key_and_once(tenant: Tenant) -> None:
    daily = {**DAILY, "kind": "partition_cron", "timezone": "America/New_York"}
    _dag(tenant, {**daily, "partition": {"run_offset": -1, "key_format": "%Y/%m/%d"}}, catchup=True)
    assert _next(tenant) == (None, None, None, _day(7, 5))
    assert _plan_due(tenant, NOON)
    with tenant_scope(tenant.id):
        rows = DagRun.objects.order_by("run_after").values_list(
            "partition_key", "partition_date", "run_after", "logical_date", "data_interval_start", "run_id"
        )
        told = [row[:5] for row in rows]
        names = [row[5] for row in rows]
        dag = Dag.objects.get(dag_id="planned")
    # Clocks go forward on the 8th: midnight in New York is 04:00 in UTC from then on.
    assert told == [
        ("2026/03/06", _day(6, 5), _day(7, 5), None, None),
        ("2026/03/07", _day(7, 5), _day(8, 5), None, None),
        ("2026/03/08", _day(8, 5), _day(9, 4), None, None),
        ("2026/03/09", _day(9, 4), _day(10, 4), None, None),
    ]
    assert names[0].startswith("scheduled__2026-03-07T05:00:00+00:00__2026/03/06__")
    assert (dag.next_partition_key, dag.next_partition_date) == ("2026/03/10", _day(10, 4))
    assert not _plan_due(tenant, NOON), "again: nothing new"
    assert _items(tenant) == [_day(11, 4)]


def test_tasks_bound_the_schedule_as_in_airflow(tenant: Tenant) -> None:
    """The earliest start of DAG and tasks; the latest end when every task has one."""
    tasks = [
        specs.task("early", start_date="2026-03-06T00:00:00+00:00", end_date="2026-03-07T00:00:00+00:00"),
        specs.task("late", start_date="2026-03-08T00:00:00+00:00", end_date="2026-03-08T00:00:00+00:00"),
    ]
    values = {"start_date": None, "timetable": {"summary": "", "description": "", **DAILY}, "catchup": True}
    parsed_dag(tenant, specs.dag("planned", tasks, **values))
    _plan_next(tenant, NOON)
    assert _plan_due(tenant, NOON)
    assert _days(tenant) == ["06 00", "07 00", "08 00"]
    assert _items(tenant) == []


def test_a_dag_that_allows_no_scheduled_runs_plans_none(tenant: Tenant) -> None:
    _dag(tenant, DAILY, catchup=True, allowed_run_types=["manual"])
    assert (_items(tenant), _plan_due(tenant, NOON), _days(tenant)) == ([], False, [])


def test_runs_of_a_backfill_take_no_place_and_other_queued_ones_do(tenant: Tenant) -> None:
    _dag(tenant, DAILY, catchup=True, max_active_runs=2)
    with tenant_scope(tenant.id):
        create_backfill(
            asked=Asked(dag_id="planned", from_date=_day(1), to_date=_day(6)), user=None, now=NOON
        )
        trigger_run(
            dag_id="planned",
            run_id="mine",
            logical_date=None,
            run_after=None,
            conf=None,
            note=None,
            triggered_by="test",
            user=None,
            now=NOON,
        )
    assert _plan_due(tenant, NOON)
    with tenant_scope(tenant.id):
        assert DagRun.objects.filter(run_type="scheduled").count() == 1


@pytest.mark.parametrize("number", [1, 7])
def test_many_dags_are_planned_in_as_many_statements_as_one(
    tenant: Tenant, count_queries: QueryCounter, number: int
) -> None:
    for name in range(number):
        values = {"timetable": {"summary": "", "description": "", **DAILY}, "catchup": True}
        spec = specs.dag(f"d{name}", [specs.task("t")], start_date="2026-03-07T00:00:00+00:00", **values)
        parsed_dag(tenant, spec)
    with tenant_scope(tenant.id):
        dags = list(Dag.objects.values_list("id", flat=True))
        plan_next(dags=dags, now=NOON)
        with count_queries(3):  # lock, read, remember
            plan_next(dags=dags, now=NOON)
        with count_queries(5):  # lock, drop plans, read, make, remember
            assert len(plan_due(dags=dags, now=NOON, using="default")) == number
        assert DagRun.objects.count() == 3 * number
