"""A tenant's own Timetable class: asked in the runtime, remembered, and told when it fails."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api.agent.wiring import GIVE_UP, PAYLOADS
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.import_error import ImportError as FileError
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload as Work
from controlplane.runs.plan import plan_due, plan_next
from controlplane.runs.timetables import timetable_told
from taskwire.parsing import ImportFailure
from taskwire.timetabling import ManualRun, RunInfo, Span, TimetableReport
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

CUSTOM = {
    "kind": "custom",
    "summary": "Workdays",
    "description": "",
    "custom": {"path": "dags.own.Workdays", "data": {}},
}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def _day(day: int) -> datetime:
    return datetime(2026, 3, day, tzinfo=UTC)


def _info(day: int, **fields: Any) -> RunInfo:
    span = Span(start=_day(day).isoformat(), end=_day(day + 1).isoformat())
    return RunInfo(run_after=_day(day + 1).isoformat(), interval=span, run_id=f"workday__{day}", **fields)


def _dag(tenant: Tenant, **fields: Any) -> Dag:
    values = {"timetable": CUSTOM, "start_date": "2026-03-02T00:00:00+00:00", "catchup": True, **fields}
    dag = parsed_dag(tenant, specs.dag("own", [specs.task("only")], **values))
    with tenant_scope(tenant.id):
        plan_next(dags=[dag.id], now=NOON)
    return dag


def _order(tenant: Tenant) -> Workload | None:
    """What an agent is given that claims the DAG's work; None when there is none."""
    with tenant_scope(tenant.id):
        row = Work.objects.filter(kind="timetable").first()
        if row is None:
            return None
        return PAYLOADS["timetable"](
            ref=row.ref, epoch=row.epoch, tenant_id=tenant.id, slug=tenant.slug, using="default"
        )


def _tell(tenant: Tenant, order: Workload, now: datetime = NOON, **report: Any) -> None:
    body = msgspec.to_builtins(TimetableReport(dag_id="own", **report))
    with tenant_scope(tenant.id):
        timetable_told(ref=UUID(order.id), epoch=order.epoch, body=body, now=now)


def _asked(tenant: Tenant, **fields: Any) -> Workload:
    _dag(tenant, **fields)
    order = _order(tenant)
    assert order is not None
    return order


def _plan(tenant: Tenant, now: datetime = NOON) -> None:
    with tenant_scope(tenant.id):
        plan_due(dags=list(Dag.objects.values_list("id", flat=True)), now=now, using="default")


def _runs(tenant: Tenant) -> list[str]:
    with tenant_scope(tenant.id):
        return list(DagRun.objects.order_by("run_after").values_list("run_id", flat=True))


def _next(tenant: Tenant) -> datetime | None:
    with tenant_scope(tenant.id):
        return Dag.objects.get(dag_id="own").next_run_after


def test_the_order_says_all_that_the_class_is_asked_with(tenant: Tenant) -> None:
    order = _asked(tenant, end_date="2027-01-01T00:00:00+00:00")
    asked = order.timetable
    assert asked is not None
    assert (order.kind, asked.dag_id, asked.path, asked.count) == ("timetable", "own", "dags/own.py", 32)
    assert (asked.last, asked.catchup, asked.earliest) == (None, True, "2026-03-02T00:00:00+00:00")
    assert asked.latest == "2027-01-01T00:00:00+00:00"
    assert order.bundle is not None
    assert order.bundle.digest == asked.bundle_digest


def test_one_answer_serves_many_runs_and_the_next_goes_on_from_them(tenant: Tenant) -> None:
    order = _asked(tenant)
    _tell(tenant, order, runs=[_info(day) for day in (5, 6, 9, 10)])
    assert _order(tenant) is None, "the work is over"
    assert _next(tenant) == _day(6)
    _plan(tenant)
    assert _runs(tenant) == ["workday__5", "workday__6", "workday__9"]
    assert (_next(tenant), _order(tenant)) == (_day(11), None)
    _plan(tenant, _day(11))
    assert _runs(tenant)[-1] == "workday__10"
    order = _order(tenant)
    assert order is not None
    assert order.timetable is not None
    assert order.timetable.last is not None
    assert order.timetable.last.interval == Span(start=_day(10).isoformat(), end=_day(11).isoformat())
    _tell(tenant, order, now=_day(11), runs=[], over=True)
    assert (_next(tenant), _order(tenant)) == (None, None)
    _plan(tenant, _day(28))
    assert _order(tenant) is None, "it said that there are no more"


def test_without_catchup_what_was_told_before_the_past_came_is_asked_anew(tenant: Tenant) -> None:
    order = _asked(tenant, catchup=False)
    _tell(tenant, order, runs=[_info(day) for day in (10, 11, 12)])
    _plan(tenant, _day(13))
    assert _runs(tenant) == [], "two of them are due: the class may leave the first one out"
    order = _order(tenant)
    assert order is not None
    _tell(tenant, order, now=_day(13), runs=[_info(12), _info(13)])
    _plan(tenant, _day(13))
    assert _runs(tenant) == ["workday__12"]


def test_a_changed_dag_is_asked_anew_and_the_old_answer_changes_nothing(tenant: Tenant) -> None:
    old = _asked(tenant)
    dag = parsed_dag(tenant, specs.dag("own", [specs.task("other")], timetable=CUSTOM, catchup=True))
    with tenant_scope(tenant.id):
        plan_next(dags=[dag.id], now=NOON)
    new = _order(tenant)
    assert new is not None
    assert new.epoch > old.epoch
    _tell(tenant, old, runs=[_info(5)])
    assert _next(tenant) is None
    _tell(tenant, new, runs=[_info(6)])
    assert _next(tenant) == _day(7)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            {
                "failure": ImportFailure(
                    path="dags/own.py", message="ZeroDivisionError: x", stacktrace="T", line=7
                )
            },
            "ZeroDivisionError: x",
        ),
        ({"runs": [_info(6), _info(6)]}, "does not lead forward"),
        ({"runs": [RunInfo(run_after="tomorrow")]}, "makes no sense"),
        ({"runs": [RunInfo(run_after=_day(6).isoformat())]}, "without a data interval"),
        ({"runs": [RunInfo(run_after="2026-03-06T00:00:00", partition_key="k")]}, "no time zone"),
    ],
)
def test_one_that_fails_is_told_to_its_author_and_asked_again_later(
    tenant: Tenant, report: dict[str, Any], said: str
) -> None:
    parsed_dag(
        tenant, specs.chain("healthy", 1, timetable={"kind": "once", "summary": "", "description": ""})
    )
    order = _asked(tenant)
    _tell(tenant, order, **report)
    with tenant_scope(tenant.id):
        error = FileError.objects.get()
        assert (error.filename, error.kind) == ("dags/own.py", "timetable")
        assert said in error.message
        assert "'own' is not scheduled" in error.message
        [item] = WorkItem.objects.filter(kind="plan", ref=UUID(order.id))
        assert item.due_at == NOON + timedelta(seconds=300)
        dags = list(Dag.objects.values_list("id", flat=True))
        plan_next(dags=dags, now=NOON)
        plan_due(dags=dags, now=NOON, using="default")
        assert DagRun.objects.filter(dag_id="healthy").exists(), "no other DAG is held up"
    assert _order(tenant) is None, "not at once"
    _plan(tenant, NOON + timedelta(seconds=301))
    order = _order(tenant)
    assert order is not None
    _tell(tenant, order, now=NOON + timedelta(seconds=302), runs=[_info(6)])
    with tenant_scope(tenant.id):
        assert not FileError.objects.exists()
    assert _next(tenant) == _day(7)


def test_agents_that_die_of_it_are_its_problem_too(tenant: Tenant) -> None:
    order = _asked(tenant)
    with tenant_scope(tenant.id):
        GIVE_UP["timetable"](ref=UUID(order.id), reason="the agent is gone", now=NOON, using="default")
        assert "the agent is gone" in FileError.objects.get().message
        assert TimetableForecast.objects.get().problem is not None


def test_an_answer_that_cannot_be_read_is_refused(tenant: Tenant) -> None:
    order = _asked(tenant)
    with tenant_scope(tenant.id), pytest.raises(ValueError, match="cannot be read"):
        timetable_told(ref=UUID(order.id), epoch=order.epoch, body={"dag_id": "own", "runs": 7}, now=NOON)


def _waiting_run(tenant: Tenant) -> tuple[Walk, DagRun, Workload]:
    _asked(tenant)
    walk = walk_for(tenant)
    run = walk.trigger("own", run_id="mine", logical_date=_day(4))
    walk.schedule()
    assert walk.run_state(run) == "queued", "its interval is not known yet"
    order = _order(tenant)
    assert order is not None
    assert order.timetable is not None
    assert order.timetable.manual == [ManualRun(run=str(run.id), run_after=_day(4).isoformat())]
    return walk, run, order


def test_a_run_by_hand_begins_with_the_interval_that_the_class_infers(tenant: Tenant) -> None:
    walk, run, order = _waiting_run(tenant)
    span = Span(start=_day(3).isoformat(), end=_day(4).isoformat())
    manual = ManualRun(run=str(run.id), run_after=_day(4).isoformat(), interval=span)
    _tell(tenant, order, now=utc_now(), manual=[manual], over=True)
    walk.run_all()
    assert walk.run_state(run) == "success"
    with tenant_scope(tenant.id):
        run.refresh_from_db()
    assert (run.data_interval_start, run.data_interval_end) == (_day(3), _day(4))


def test_a_run_by_hand_without_an_interval_fails_and_says_why(tenant: Tenant) -> None:
    walk, run, order = _waiting_run(tenant)
    manual = ManualRun(run=str(run.id), run_after=_day(4).isoformat(), problem="KeyError: 'holiday'")
    _tell(tenant, order, now=utc_now(), manual=[manual], over=True)
    walk.schedule()
    assert walk.run_state(run) == "failed"
    with tenant_scope(tenant.id):
        run.refresh_from_db()
    assert run.note == "The timetable gave no data interval: KeyError: 'holiday'"
    invariants.check(tenant)


def test_a_stranger_tells_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    order = _asked(tenant)
    _tell(other_tenant, order, runs=[_info(6)])
    assert _next(tenant) is None
    with tenant_scope(other_tenant.id):
        lost = PAYLOADS["timetable"](
            ref=UUID(order.id), epoch=order.epoch, tenant_id=other_tenant.id, slug="x", using="default"
        )
    assert lost is None
