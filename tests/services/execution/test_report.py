"""Attempts report: whole or not at all, each on its own, once, and only while they are current."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.agent import wiring
from api.agent import work as door
from controlplane.execution import report
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.xcom import XCom
from taskwire.agent import Operation, Report, ReportBatch, Verdict
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def _running(tenant: Tenant, count: int = 1) -> tuple[Walk, list[Workload]]:
    tasks = [specs.task(f"t{n}", retries=2, retry_delay_seconds=0.0) for n in range(count)]
    parsed_dag(tenant, specs.dag("wide", tasks))
    walk = walk_for(tenant, name=f"of-{tenant.slug}")
    walk.trigger("wide")
    walk.schedule()
    works = sorted(walk.claim(), key=lambda work: work.task.ti["task_id"] if work.task else "")
    assert len(works) == count
    return walk, works


def _report(work: Workload, *operations: Operation) -> Report:
    return Report(id=work.id, tenant_id=work.tenant_id, epoch=work.epoch, operations=list(operations))


def _state(state: str = "success", **body: Any) -> Operation:
    return Operation(kind="state", body={"state": state, **body})


def _push(key: str, value: Any, **body: Any) -> Operation:
    return Operation(kind="xcom_set", body={"key": key, "value": value, **body})


def _xcoms(tenant: Tenant) -> dict[str, Any]:
    with tenant_scope(tenant.id):
        return dict(XCom.objects.values_list("key", "value"))


def _states(tenant: Tenant) -> list[str | None]:
    with tenant_scope(tenant.id):
        return list(TaskInstance.objects.order_by("task_id").values_list("state", flat=True))


def _told(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(verdict.verdict, verdict.reason) for verdict in verdicts]


def test_several_attempts_in_one_batch_each_get_their_verdict(tenant: Tenant) -> None:
    walk, works = _running(tenant, 4)
    verdicts = walk.report(
        _report(works[2], _push("a", 1), _state()),
        _report(works[0], _state("failed")),
        _report(works[1], _state("dancing")),
        Report(id=str(uuid4()), tenant_id=str(tenant.id), epoch=1, operations=[_state()]),
        Report(id="nonsense", tenant_id=str(tenant.id), epoch=1, operations=[_state()]),
        _report(works[3], _push("b", 2)),
    )
    assert _told(verdicts) == [
        ("accepted", ""),
        ("accepted", ""),
        ("refused", "invalid"),
        ("refused", "unknown"),
        ("refused", "unknown"),
        ("accepted", ""),
    ]
    assert [verdict.id for verdict in verdicts][:3] == [works[2].id, works[0].id, works[1].id]
    assert _states(tenant) == ["failed", "running", "success", "running"]
    assert _xcoms(tenant) == {"a": 1, "b": 2}


INVALID: dict[str, list[Operation]] = {
    "unknown state": [_state("dancing")],
    "no state": [Operation(kind="state", body={})],
    "two states": [_state("success"), _state("failed")],
    "a state and handed back": [_state("success"), Operation(kind="handed_back")],
    "an end without a time zone": [_state("success", end_date="2026-03-01T00:00:00")],
    "an end that is no date": [_state("success", end_date="yesterday")],
    "a reschedule without a date": [_state("up_for_reschedule")],
    "a delay that is no number": [_state("up_for_retry", retry_delay_seconds="soon")],
    "a delay that is not a number": [_state("up_for_retry", retry_delay_seconds=math.nan)],
    "a delay back in time": [_state("up_for_retry", retry_delay_seconds=-1)],
    "a delay beyond all dates": [
        _state("up_for_retry", retry_delay_seconds=300_000_000, end_date="9999-12-31T00:00:00+00:00")
    ],
    "an unknown operation": [Operation(kind="dance"), _state()],
    "an xcom without a key": [Operation(kind="xcom_set", body={"value": 1}), _state()],
    "an xcom whose key is too long": [_push("k" * 513, 1), _state()],
    "an xcom with a NUL": [_push("k", {"deep": ["a\0b"]}), _state()],
    "an xcom key with a NUL": [_push("k\0", 1), _state()],
    "an xcom that is not JSON": [_push("k", math.inf), _state()],
    "a lone surrogate": [_push("k", "\ud800"), _state()],
    "a length that is no number": [_push("k", [1], mapped_length="many"), _state()],
    "skips that are no names": [Operation(kind="skip_downstream", body={"tasks": [7]}), _state()],
    "rendered fields that are none": [
        Operation(kind="rendered_fields", body={"rendered_fields": 1}),
        _state(),
    ],
    "a label that is none": [Operation(kind="rendered_map_index", body={"rendered_map_index": 1}), _state()],
    "a method with a NUL": [_state("deferred", next_method="a\0")],
}


@pytest.mark.parametrize("operations", INVALID.values(), ids=INVALID)
def test_what_cannot_be_read_is_refused_whole_and_alone(tenant: Tenant, operations: list[Operation]) -> None:
    walk, works = _running(tenant, 2)
    before = [_push("before", 1), *operations]
    verdicts = walk.report(_report(works[0], *before), _report(works[1], _push("fine", 1), _state()))
    assert _told(verdicts) == [("refused", "invalid"), ("accepted", "")]
    assert verdicts[0].message
    assert _states(tenant) == ["running", "success"]
    assert _xcoms(tenant) == {"fine": 1}
    assert walk.report(_report(works[0], _state()))[0].verdict == "accepted", "it may say better"


def test_a_backslash_before_u0000_is_no_nul(tenant: Tenant) -> None:
    """The control: only a real NUL is refused."""
    walk, works = _running(tenant)
    value = {"a": "\\u0000", "b": "\\\\u0000", "c": "ü \U0001f600"}
    assert walk.report(_report(works[0], _push("k", value), _state()))[0].verdict == "accepted"
    assert _xcoms(tenant) == {"k": value}


def test_what_the_database_alone_refuses_stops_no_other_report(tenant: Tenant, other_tenant: Tenant) -> None:
    """A map index out of range passes every check and fails in SQL: the door then tells each on its own."""
    _, works = _running(tenant, 2)
    _, theirs = _running(other_tenant)
    poison = Operation(kind="skip_downstream", body={"tasks": [["t1", 2**40]]})
    batch = [_report(works[0], poison, _state()), _report(works[1], _state()), _report(theirs[0], _state())]
    result = door.report_batch(ReportBatch(agent_id="", epoch=1, reports=batch))
    assert _told(result.verdicts) == [("refused", "invalid"), ("accepted", ""), ("accepted", "")]
    assert _states(tenant) == ["running", "success"]
    assert _states(other_tenant) == ["success"]


def test_a_late_epoch_beside_the_current_one_is_not_told_accepted(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    assert walk.say(work, "up_for_retry").verdict == "accepted"
    walk.schedule()
    [again] = walk.claim()
    verdicts = walk.report(_report(work, _state("failed")), _report(again, _state()))
    assert _told(verdicts) == [("refused", "superseded"), ("accepted", "")]
    assert _states(tenant) == ["success"]


def test_of_two_endings_of_one_attempt_in_a_batch_the_first_counts(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    verdicts = walk.report(
        _report(work, _state("failed")), _report(work, _state("success")), _report(work, _state("failed"))
    )
    assert _told(verdicts) == [("accepted", ""), ("refused", "finished"), ("accepted", "known")]
    assert verdicts[1].stored == "failed"
    walk.schedule()
    invariants.check(tenant)


def test_what_comes_in_pieces_is_one_attempt(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    verdicts = walk.report(
        _report(work, _push("a", 1)), _report(work, _push("a", 2)), _report(work, _state())
    )
    assert _told(verdicts) == [("accepted", "")] * 3
    assert (_xcoms(tenant), _states(tenant)) == ({"a": 2}, ["success"])


def test_a_superseded_attempt_writes_nothing_of_what_it_says(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    walk.say(work, "up_for_retry")
    walk.schedule()
    [again] = walk.claim()
    skip = Operation(kind="skip_downstream", body={"tasks": ["t0"]})
    fields = Operation(kind="rendered_fields", body={"rendered_fields": {"late": 1}})
    label = Operation(kind="rendered_map_index", body={"rendered_map_index": "late"})
    late = _report(work, _push("late", 1), fields, label, skip, _state())
    assert _told(walk.report(late)) == [("refused", "superseded")]
    assert _xcoms(tenant) == {}
    with tenant_scope(tenant.id):
        assert not RenderedField.objects.exists()
        assert TaskInstance.objects.get().rendered_map_index is None
    assert walk.say(again, "success").verdict == "accepted"


def test_what_comes_with_an_ending_that_is_too_late_is_not_written(tenant: Tenant) -> None:
    """Rescue was quicker. What the process pushed belongs to an ending that never was."""
    walk, [work] = _running(tenant)
    assert walk.say(work, "success").verdict == "accepted"
    late = _report(work, _push("late", 1), _state("failed"))
    assert _told(walk.report(late)) == [("refused", "finished")]
    link = _report(work, _push("_link", "https://example.com"))
    assert _told(walk.report(link)) == [("accepted", "")]
    assert _xcoms(tenant) == {"_link": "https://example.com"}


def test_the_next_try_begins_without_the_last_ones_xcoms(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    walk.report(_report(work, _push("a", 1), _state("up_for_retry")))
    assert _xcoms(tenant) == {"a": 1}
    walk.schedule()
    [again] = walk.claim()
    assert _xcoms(tenant) == {}
    assert walk.say(again, "success").verdict == "accepted"


def test_a_try_after_reschedules_begins_without_them_too(tenant: Tenant) -> None:
    """Reschedules are counted per try: those of the first must not make the second look like a resumption."""
    walk, [work] = _running(tenant)
    soon = utc_now().isoformat()
    walk.report(_report(work, _push("a", 1), _state("up_for_reschedule", reschedule_date=soon)))
    walk.schedule()
    [looked] = walk.claim()
    assert _xcoms(tenant) == {"a": 1}, "the same try looks again"
    assert looked.task is not None
    assert looked.task.ti_context["task_reschedule_count"] == 1
    walk.report(_report(looked, _state("up_for_retry")))
    walk.schedule()
    [again] = walk.claim()
    assert again.task is not None
    assert again.task.ti_context["task_reschedule_count"] == 0
    assert _xcoms(tenant) == {}


def test_rendered_fields_and_label_are_kept_and_a_nul_in_them_is_replaced(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    fields = Operation(kind="rendered_fields", body={"rendered_fields": {"bash_command": "echo \0 \\u0000"}})
    label = Operation(kind="rendered_map_index", body={"rendered_map_index": "x" * 300})
    assert walk.report(_report(work, fields, label, _state()))[0].verdict == "accepted"
    with tenant_scope(tenant.id):
        assert RenderedField.objects.get().fields == {"bash_command": "echo � \\u0000"}
        assert TaskInstance.objects.get().rendered_map_index == "x" * 250


def test_a_retry_waits_as_long_as_the_report_says(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    end = utc_now()
    walk.report(_report(work, _state("up_for_retry", retry_delay_seconds=90, end_date=end.isoformat())))
    with tenant_scope(tenant.id):
        assert TaskInstance.objects.get().due_at == end + timedelta(seconds=90)


def test_how_a_process_died_is_kept(tenant: Tenant) -> None:
    walk, [work] = _running(tenant)
    walk.report(_report(work, _state("failed", died={"reason": "signal", "signal": 9, "tail": "a\0b"})))
    with tenant_scope(tenant.id):
        assert TaskInstance.objects.get().died == {"reason": "signal", "signal": 9, "tail": "a�b"}


@pytest.fixture
def other_work() -> Any:
    wiring.connect()
    yield
    report.OTHER_WORK.clear()


def test_a_foreign_stations_refusal_stops_no_other_report(tenant: Tenant, other_work: None) -> None:
    walk, [work] = _running(tenant)
    lost = Report(
        id=str(uuid4()),
        tenant_id=str(tenant.id),
        epoch=1,
        operations=[Operation(kind="parsed", body={"bundle_digest": "0", "runtime_digest": "0"})],
    )
    unreadable = Report(
        id=str(uuid4()),
        tenant_id=str(tenant.id),
        epoch=1,
        operations=[Operation(kind="parsed", body={"files": 7})],
    )
    verdicts = walk.report(lost, unreadable, _report(work, _state()))
    assert _told(verdicts) == [("refused", "unknown"), ("refused", "invalid"), ("accepted", "")]
    assert _states(tenant) == ["success"]


def test_a_stranger_reports_nothing_here(tenant: Tenant, other_tenant: Tenant) -> None:
    _, [work] = _running(tenant)
    stranger, _ = _running(other_tenant)
    told = stranger.report(_report(work, _push("stolen", 1), _state()), _report(work, _state("up_for_retry")))
    assert _told(told) == [("refused", "unknown")] * 2
    assert (_states(tenant), _xcoms(tenant)) == (["running"], {})
