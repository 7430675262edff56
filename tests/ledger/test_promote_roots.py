"""promote_roots.sql: what waits for nothing is scheduled when its run begins."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.scene import scene

pytestmark = pytest.mark.django_db

TASKS = [
    specs.task("root", "below", "always"),
    specs.task("below"),
    specs.task("always", trigger_rule="always"),
    specs.task("empty", is_empty=True),
    specs.task("mapped", is_mapped=True, expand={"kind": "literal", "length": 0}),
    specs.task("known", is_mapped=True, expand={"kind": "literal", "length": 2}),
]


def test_roots_are_scheduled_empty_ones_end_and_mapped_ones_ask_to_be_expanded(tenant: Tenant) -> None:
    it = scene(tenant, *TASKS)
    it.execute("start_runs", dags=[it.dag_row().id], now=utc_now())
    rows = dict(it.execute("promote_roots", runs=[it.run.id], now=utc_now()))
    named = {task: rows[it.row(task).id] for task in ("root", "always", "empty", "mapped")}
    assert named == {"root": "scheduled", "always": "scheduled", "empty": "success", "mapped": None}
    assert {rows[it.row("known", n).id] for n in range(2)} == {"scheduled"}
    assert it.states()["below"] is None
    assert it.row("root").try_number == 1


def test_a_second_time_changes_nothing_but_asks_again_for_expansion(tenant: Tenant) -> None:
    it = scene(tenant, *TASKS[:4]).begin()
    before = it.states()
    assert it.execute("promote_roots", runs=[it.run.id], now=utc_now()) == []
    assert it.states() == before
    assert it.without("promote_roots", "AND ti.state IS NULL", runs=[it.run.id], now=utc_now())


def test_a_stranger_promotes_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant), scene(other_tenant)
    assert other.execute("promote_roots", runs=[it.run.id], now=utc_now()) == []
    assert it.states() == {"only": None}
