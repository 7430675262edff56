"""expand_tasks.sql and end_unexpanded.sql: a mapped instance becomes many, or ends."""

from __future__ import annotations

from typing import Any

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


def _expand(it: Scene, ids: list[Any], *lengths: int, again: bool = False) -> list[Any]:
    return it.execute("expand_tasks", **_parameters(ids, *lengths, again=again))


def _parameters(ids: list[Any], *lengths: int, again: bool = False) -> dict[str, Any]:
    nested, agains = [None] * len(ids), [again] * len(ids)
    return {"ids": ids, "lengths": list(lengths), "nested": nested, "again": agains, "now": utc_now()}


def test_one_becomes_many_and_all_who_count_know(tenant: Tenant) -> None:
    it = _mapped(tenant)
    rows = _expand(it, [it.row("each").id], 3)
    assert sorted(row[1:] for row in rows) == [
        ("scheduled", False),
        ("scheduled", False),
        ("scheduled", True),
    ]
    states = it.states()
    assert {key: states[key] for key in states if "each" in key} == {
        f"each[{n}]": "scheduled" for n in range(3)
    }
    assert it.row("sum").upstream_total == 3
    assert it.run_row().unfinished == 5
    assert {it.row("each", n).try_number for n in range(3)} == {1}


def test_ten_thousand_are_one_statement(tenant: Tenant) -> None:
    it = _mapped(tenant)
    assert len(_expand(it, [it.row("each").id], 10_000)) == 10_000
    assert (it.run_row().unfinished, it.row("sum").upstream_total) == (10_002, 10_000)


def test_those_with_upstreams_of_their_own_wait_to_be_weighed(tenant: Tenant) -> None:
    it = _mapped(tenant)
    rows = _expand(it, [it.row("each").id], 2, again=True)
    assert [row[1] for row in rows] == [None, None]
    assert {it.row("each", n).try_number for n in range(2)} == {0}


def test_it_expands_once(tenant: Tenant) -> None:
    it = _mapped(tenant)
    each = it.row("each").id
    assert len(_expand(it, [each], 1)) == 1
    assert _expand(it, [each], 3) == []
    assert it.run_row().unfinished == 3
    guard = "AND ti.state IS NULL AND ti.map_index = -1"
    unguarded = it.without("expand_tasks", guard, **_parameters([each], 1))
    assert unguarded == [(each, "scheduled", True)], "without it, what runs would be scheduled anew"


def test_it_ends_instead_once(tenant: Tenant) -> None:
    it = _mapped(tenant)
    each = it.row("each").id
    end = {"ids": [each], "states": ["failed"], "notes": ["why"], "now": utc_now()}
    assert it.execute("end_unexpanded", **end) == [(each,)]
    assert it.execute("end_unexpanded", **{**end, "states": ["skipped"]}) == []
    assert _expand(it, [each], 2) == []
    row = it.row("each")
    assert (row.state, row.note) == ("failed", "why")
    assert it.without("end_unexpanded", "AND ti.state IS NULL AND ti.map_index = -1", **end)


def test_a_stranger_expands_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _mapped(tenant), scene(other_tenant)
    each = it.row("each").id
    assert _expand(other, [each], 3) == []
    assert other.execute("end_unexpanded", ids=[each], states=["failed"], notes=[""], now=utc_now()) == []
    assert it.states()["each"] is None
