"""A backfill of a DAG with a Timetable class of the tenant's own: its intervals are asked of the runtime first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from api.agent.wiring import PAYLOADS
from controlplane.ledger.models.backfill import Backfill
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.timetable_forecast import TimetableForecast
from controlplane.ledger.models.workload import Workload as Work
from controlplane.runs import past_runs
from controlplane.runs.backfill import (
    Asked,
    NoRunsToCreate,
    Preview,
    create_backfill,
    preview_backfill,
)
from controlplane.runs.past_runs import IntervalsAwaited
from controlplane.runs.timetables import timetable_told
from controlplane.runs.trigger import DagUnknown
from domain.backfills import BackfillInvalid
from taskwire.parsing import ImportFailure
from taskwire.timetabling import Past, PastRuns, RunInfo, Span, TimetableReport
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import walk_for

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


def _info(day: int, hours: int = 24) -> RunInfo:
    end = (_day(day) + timedelta(hours=hours)).isoformat()
    return RunInfo(run_after=end, interval=Span(start=_day(day).isoformat(), end=end))


def _dag(tenant: Tenant, **fields: Any) -> Dag:
    values = {"timetable": CUSTOM, "is_paused_upon_creation": False, **fields}
    return parsed_dag(tenant, specs.dag("own", [specs.task("only")], **values))


def _asked(first: int = 2, last: int = 6, **fields: Any) -> Asked:
    return Asked(dag_id="own", from_date=_day(first), to_date=_day(last), **fields)


def _preview(tenant: Tenant, asked: Asked | None = None, now: datetime = NOON) -> Preview:
    """As a view does it: what was asked of the runtime is committed with the refusal."""
    error: Exception | None = None
    with tenant_scope(tenant.id):
        try:
            return preview_backfill(asked=asked or _asked(), now=now)
        except (IntervalsAwaited, BackfillInvalid) as raised:
            error = raised
    raise error


def _order(tenant: Tenant) -> Workload:
    with tenant_scope(tenant.id):
        row = Work.objects.get(kind="timetable")
        order = PAYLOADS["timetable"](
            ref=row.ref, epoch=row.epoch, tenant_id=tenant.id, slug=tenant.slug, using="default"
        )
    assert order is not None
    return order


def _past(order: Workload) -> Past:
    assert order.timetable is not None and order.timetable.past is not None
    return order.timetable.past


def _tell(tenant: Tenant, order: Workload, past: PastRuns | None, **report: Any) -> None:
    body = msgspec.to_builtins(TimetableReport(dag_id="own", past=past, over=True, **report))
    with tenant_scope(tenant.id):
        timetable_told(ref=UUID(order.id), epoch=order.epoch, body=body, now=NOON)


def _told(tenant: Tenant, *days: int, asked: Asked | None = None, **past: Any) -> None:
    """The runtime is asked, and tells these days."""
    with pytest.raises(IntervalsAwaited):
        _preview(tenant, asked)
    _tell(tenant, _order(tenant), PastRuns(runs=[_info(day) for day in days], over=True, **past))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(past_runs, "MOST_RUNS", 4)
    monkeypatch.setattr("domain.backfills.MOST_RUNS", 4)
    yield


def test_the_runtime_is_asked_once_and_its_answer_is_the_backfill(tenant: Tenant) -> None:
    _dag(tenant)
    with pytest.raises(IntervalsAwaited, match="being asked"):
        _preview(tenant)
    order = _order(tenant)
    asked = _past(order)
    assert (asked.start, asked.end, asked.now) == (_day(2).isoformat(), _day(6).isoformat(), NOON.isoformat())
    assert (asked.last, asked.count) == (None, 2000)
    with pytest.raises(IntervalsAwaited, match="has not told"):
        _preview(tenant)
    assert _order(tenant).epoch == order.epoch, "asked once"

    _tell(tenant, order, PastRuns(runs=[_info(day) for day in (2, 3, 5)], over=True))
    assert [run.run_after.day for run in _preview(tenant).runs] == [3, 4, 6]
    with tenant_scope(tenant.id):
        create_backfill(asked=_asked(), user="somebody", now=NOON)
        rows = DagRun.objects.filter(run_type="backfill").order_by("backfill_ordinal")
        assert list(rows.values_list("run_id", "data_interval_start", "data_interval_end")) == [
            (f"backfill__{_day(day + 1).isoformat()}", _day(day), _day(day + 1)) for day in (2, 3, 5)
        ]
        assert TimetableForecast.objects.get().past is None, "kept no longer than it is needed"
    walk_for(tenant).run_all()
    with tenant_scope(tenant.id):
        assert Backfill.objects.get().completed_at is not None
    invariants.check(tenant, at_rest=True)


def test_backwards_begins_with_the_newest(tenant: Tenant) -> None:
    _dag(tenant)
    asked = _asked(backwards=True)
    _told(tenant, 2, 3, 5, asked=asked)
    assert [run.run_after.day for run in _preview(tenant, asked).runs] == [6, 4, 3]


def test_many_are_asked_for_in_batches(tenant: Tenant, small: None) -> None:
    _dag(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    _tell(tenant, _order(tenant), PastRuns(runs=[_info(2), _info(3)]))
    again = _order(tenant)
    assert _past(again).last == _info(3), "it goes on after the last that was told"
    assert _past(again).now == NOON.isoformat()
    _tell(tenant, again, PastRuns(runs=[_info(4)], over=True))
    assert len(_preview(tenant).runs) == 3


def test_more_than_a_backfill_may_have_are_not_asked_for(tenant: Tenant, small: None) -> None:
    _dag(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    _tell(tenant, _order(tenant), PastRuns(runs=[_info(day) for day in range(2, 7)]))
    with tenant_scope(tenant.id):
        assert not Work.objects.filter(kind="timetable").exists()
    with pytest.raises(BackfillInvalid, match="more than 4 runs"):
        _preview(tenant)


def test_a_range_without_runs_is_none(tenant: Tenant) -> None:
    _dag(tenant)
    _told(tenant)
    assert _preview(tenant).runs == []
    with tenant_scope(tenant.id), pytest.raises(NoRunsToCreate):
        create_backfill(asked=_asked(), user=None, now=NOON)


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (PastRuns(over=True, problem="next_dagrun_info raised KeyError: 'x'"), "KeyError: 'x'"),
        (PastRuns(runs=[_info(3), _info(2)], over=True), "does not lead forward"),
        (PastRuns(runs=[RunInfo(run_after="now")], over=True), "makes no sense"),
        (PastRuns(runs=[RunInfo(run_after=_day(3).isoformat())], over=True), "without a data interval"),
    ],
)
def test_what_is_wrong_with_the_class_is_the_reason(tenant: Tenant, past: PastRuns, said: str) -> None:
    _dag(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    _tell(tenant, _order(tenant), past)
    with pytest.raises(BackfillInvalid, match="Timetable class failed") as refused:
        _preview(tenant)
    assert said in str(refused.value)


def test_a_class_that_hangs_is_told_too(tenant: Tenant) -> None:
    _dag(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    late = "The timetable did not answer in 30 s and was killed."
    failure = ImportFailure(path="dags/own.py", message=late, stacktrace=late, kind="timetable")
    _tell(tenant, _order(tenant), None, failure=failure)
    with pytest.raises(BackfillInvalid, match="30 s"):
        _preview(tenant)


def test_another_range_another_version_and_an_old_answer_are_asked_anew(tenant: Tenant) -> None:
    _dag(tenant)
    _told(tenant, 2, 3, 5)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant, _asked(2, 7))
    _tell(tenant, _order(tenant), PastRuns(runs=[_info(2)], over=True))
    assert len(_preview(tenant, _asked(2, 7)).runs) == 1
    with pytest.raises(IntervalsAwaited):
        _preview(tenant, _asked(2, 7), now=NOON + timedelta(minutes=11))
    _tell(tenant, _order(tenant), PastRuns(runs=[_info(2)], over=True))
    _dag(tenant, catchup=True)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant, _asked(2, 7))


def test_an_order_that_nobody_answers_is_given_anew(tenant: Tenant) -> None:
    _dag(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    first = _order(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant, now=NOON + timedelta(minutes=3))
    assert _order(tenant).epoch == first.epoch + 1
    _tell(tenant, first, PastRuns(runs=[_info(2)], over=True))
    with pytest.raises(IntervalsAwaited):
        _preview(tenant, now=NOON + timedelta(minutes=3))


def test_the_order_of_the_next_runs_carries_the_question_along(tenant: Tenant) -> None:
    """Planning asks, too: whichever order is the newest asks for all that is not known."""
    dag = _dag(tenant)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    with tenant_scope(tenant.id):
        forecast = TimetableForecast.objects.get()
        past_runs.ask_runtime(dags={dag.id: forecast.content_hash}, now=NOON, using="default")
    _tell(tenant, _order(tenant), PastRuns(runs=[_info(2)], over=True))
    assert len(_preview(tenant).runs) == 1


def test_a_file_that_is_gone_cannot_be_asked(tenant: Tenant) -> None:
    _dag(tenant)
    with tenant_scope(tenant.id):
        Dag.objects.update(is_stale=True)
    with pytest.raises(BackfillInvalid, match="not deployed"):
        _preview(tenant)


def test_a_stranger_asks_nobody_and_hears_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    _dag(tenant)
    with tenant_scope(other_tenant.id), pytest.raises(DagUnknown):
        preview_backfill(asked=_asked(), now=NOON)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
    order = _order(tenant)
    body = msgspec.to_builtins(TimetableReport(dag_id="own", past=PastRuns(over=True)))
    with tenant_scope(other_tenant.id):
        timetable_told(ref=UUID(order.id), epoch=order.epoch, body=body, now=NOON)
    with pytest.raises(IntervalsAwaited):
        _preview(tenant)
