"""put_xcoms.sql, put_rendered.sql, label_task.sql: what a running attempt writes beside its state."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.foundation.db import statement
from controlplane.ledger.models.rendered_field import RenderedField
from controlplane.ledger.models.xcom import XCom
from controlplane.ledger.rescue import lose_tasks
from controlplane.ledger.transitions import Outcome, finish_tasks
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import specs
from tests.support.scene import Scene, rolled_back, scene

pytestmark = pytest.mark.django_db


def _running(tenant: Tenant) -> Scene:
    it = scene(tenant, specs.task("only", retries=2)).begin()
    it.start("only")
    return it


def _end(it: Scene, state: str) -> None:
    row = it.row("only")
    outcome = Outcome(id=row.id, epoch=row.epoch, state=state, ended_at=utc_now(), due_at=utc_now())
    with tenant_scope(it.tenant.id):
        assert finish_tasks(outcomes=[outcome], now=utc_now())


def _push(it: Scene, *values: str, epoch: int = 1) -> dict[str, Any]:
    count = len(values)
    return {
        "ids": [it.row("only").id] * count,
        "epochs": [epoch] * count,
        "keys": ["k"] * count,
        "values": list(values),
        "kept": [None] * count,
        "lengths": [None] * count,
        "ends": [False] * count,
        "sizes": [len(value) for value in values],
        "now": utc_now(),
    }


def _values(it: Scene) -> list[Any]:
    with tenant_scope(it.tenant.id):
        return list(XCom.objects.values_list("value", flat=True))


def test_the_last_write_of_a_key_wins_within_a_batch_and_over_time(tenant: Tenant) -> None:
    it = _running(tenant)
    it.execute("put_xcoms", **_push(it, "1", "2"))
    assert _values(it) == [2]
    it.execute("put_xcoms", **_push(it, '{"a": [1]}'))
    assert _values(it) == [{"a": [1]}]
    with tenant_scope(it.tenant.id):
        assert list(XCom.objects.values_list("bytes", flat=True)) == [len('{"a": [1]}')]


def test_only_the_running_attempt_pushes(tenant: Tenant) -> None:
    it = _running(tenant)
    late = _push(it, "1", epoch=0)
    it.execute("put_xcoms", **late)
    assert _values(it) == []
    assert _pushed_without(it, "AND ti.epoch = x.epoch", late) == 1, "the epoch is what held it"


def test_after_its_end_an_attempt_still_writes_what_is_not_of_an_ending(tenant: Tenant) -> None:
    """Links and callbacks come after the state. An ending that comes too late brings nothing along."""
    it = _running(tenant)
    _end(it, "success")
    late = {**_push(it, "1"), "ends": [True]}
    it.execute("put_xcoms", **late)
    assert _values(it) == []
    assert _pushed_without(it, "NOT x.ends AND", late) == 1, "that it ends is what held it"
    it.execute("put_xcoms", **_push(it, "2"))
    assert _values(it) == [2]


def test_a_lost_attempt_writes_nothing_more(tenant: Tenant) -> None:
    it = _running(tenant)
    with tenant_scope(tenant.id):
        assert lose_tasks(attempts=[(it.row("only").id, 1, "gone")], now=utc_now(), using="default")
    push = _push(it, "1")
    it.execute("put_xcoms", **push)
    assert _values(it) == []
    assert _pushed_without(it, "AND ti.died IS NULL", push) == 1, "that it was lost is what held it"


def _pushed_without(it: Scene, guard: str, push: dict[str, Any]) -> int:
    text = statement("ledger/sql/put_xcoms.sql").text
    assert guard in text
    with tenant_scope(it.tenant.id), rolled_back(), connections["default"].cursor() as cursor:
        cursor.execute(text.replace(guard, ""), push)
        return XCom.objects.count()


def test_rendered_fields_and_label_are_the_running_attempts(tenant: Tenant) -> None:
    it = _running(tenant)
    me = it.row("only").id
    for epoch in (1, 0):
        it.execute("put_rendered", ids=[me], epochs=[epoch], fields=[f'{{"epoch": {epoch}}}'])
        it.execute("label_task", id=me, epoch=epoch, label=f"label {epoch}")
    assert it.row("only").rendered_map_index == "label 1"
    with tenant_scope(tenant.id):
        assert RenderedField.objects.get(id=me).fields == {"epoch": 1}


def test_the_next_try_begins_without_the_xcoms_of_the_last(tenant: Tenant) -> None:
    """start_tasks.sql forgets them, but not when an attempt only resumes."""
    it = _running(tenant)
    it.execute("put_xcoms", **_push(it, "1"))
    for state, left in (("up_for_reschedule", [1]), ("up_for_retry", [])):
        _end(it, state)
        it.walk.schedule()
        assert len(it.walk.claim()) == 1
        assert _values(it) == left


def test_a_stranger_writes_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _running(tenant), _running(other_tenant)
    me = it.row("only").id
    other.execute("put_xcoms", **_push(it, "1"))
    other.execute("put_rendered", ids=[me], epochs=[1], fields=["{}"])
    other.execute("label_task", id=me, epoch=1, label="stolen")
    assert (_values(it), _values(other), it.row("only").rendered_map_index) == ([], [], None)
    with tenant_scope(tenant.id):
        assert not RenderedField.objects.exists()
