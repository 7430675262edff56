"""expand_task.sql and end_unexpanded.sql: a mapped instance becomes many, or ends."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _mapped(tenant: Tenant) -> Scene:
    expand = {"kind": "xcom", "task_id": "list"}
    return scene(
        tenant,
        specs.task("list", "each"),
        specs.task("each", "sum", is_mapped=True, expand=expand),
        specs.task("sum"),
    ).begin()


def test_one_becomes_many_and_all_who_count_know(tenant: Tenant) -> None:
    it = _mapped(tenant)
    ids = it.execute("expand_task", id=it.row("each").id, length=3, now=utc_now())
    assert len(ids) == 3
    states = it.states()
    assert {key: states[key] for key in states if "each" in key} == {
        f"each[{n}]": "scheduled" for n in range(3)
    }
    assert it.row("sum").upstream_total == 3
    assert it.run_row().unfinished == 5
    assert {it.row("each", n).try_number for n in range(3)} == {1}


def test_it_expands_once(tenant: Tenant) -> None:
    it = _mapped(tenant)
    each = it.row("each").id
    assert len(it.execute("expand_task", id=each, length=1, now=utc_now())) == 1
    assert it.execute("expand_task", id=each, length=3, now=utc_now()) == []
    assert it.run_row().unfinished == 3
    unguarded = it.without(
        "expand_task", "AND ti.state IS NULL AND ti.map_index = -1", id=each, length=1, now=utc_now()
    )
    assert unguarded == [(each,)], "without it, what runs would be scheduled anew"


def test_it_ends_instead_once(tenant: Tenant) -> None:
    it = _mapped(tenant)
    end = {"id": it.row("each").id, "state": "failed", "note": "why", "now": utc_now()}
    assert it.execute("end_unexpanded", **end) == [(it.row("each").id,)]
    assert it.execute("end_unexpanded", **{**end, "state": "skipped"}) == []
    assert it.execute("expand_task", id=it.row("each").id, length=2, now=utc_now()) == []
    row = it.row("each")
    assert (row.state, row.note) == ("failed", "why")
    assert it.without("end_unexpanded", "AND ti.state IS NULL AND ti.map_index = -1", **end)


def test_a_stranger_expands_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _mapped(tenant), scene(other_tenant)
    each = it.row("each").id
    assert other.execute("expand_task", id=each, length=3, now=utc_now()) == []
    assert other.execute("end_unexpanded", id=each, state="failed", note="", now=utc_now()) == []
    assert it.states()["each"] is None
