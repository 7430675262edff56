"""propagate_ends.sql: ends are counted once into what waits and into the run, and decide what wakes."""

from __future__ import annotations

import pytest

from controlplane.foundation.clock import utc_now
from tenants.models.tenant import Tenant
from tests.support import specs
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _fan_in(tenant: Tenant, rule: str = "all_success") -> Scene:
    return scene(
        tenant, specs.task("a", "c"), specs.task("b", "c"), specs.task("c", trigger_rule=rule)
    ).begin()


def test_it_counts_wakes_and_closes(tenant: Tenant) -> None:
    it = _fan_in(tenant)
    it.end("a", "success")
    assert it.propagate("a") == []
    assert (it.row("c").upstream_success, it.run_row().unfinished) == (1, 2)
    it.end("b", "success")
    assert it.propagate("b") == [("task", it.row("c").id, "scheduled")]
    it.end("c", "success")
    assert it.propagate("c") == [("run", it.run.id, None)]
    assert it.run_row().unfinished == 0


def test_several_ends_at_once_are_one_decision(tenant: Tenant) -> None:
    it = _fan_in(tenant)
    it.end("a", "failed")
    it.end("b", "success")
    rows = it.propagate("a", "b")
    assert rows == [("task", it.row("c").id, "upstream_failed")]
    row = it.row("c")
    assert (row.upstream_failed, row.upstream_success, row.start_date is not None) == (1, 1, True)


@pytest.mark.parametrize("state", ["running", "queued", "scheduled", "up_for_retry"])
def test_what_is_not_over_counts_nothing(tenant: Tenant, state: str) -> None:
    """An item of an instance that was cleared meanwhile: its next end will be told by an item of its own."""
    it = _fan_in(tenant)
    if state == "running":
        it.start("a")
    elif state == "queued":
        it.dispatch("a")
    elif state == "up_for_retry":
        it.end("a", "up_for_retry")
    assert it.propagate("a") == []
    assert (it.run_row().unfinished, it.row("c").upstream_success) == (3, 0)
    guard = "WHERE ti.state IN ('success', 'failed', 'skipped', 'upstream_failed', 'removed')"
    ids = {"ids": [it.row("a").id], "now": utc_now()}
    assert it.states()["a"] == state
    it.without("propagate_ends", guard, **ids)  # runs, and is rolled back
    assert it.run_row().unfinished == 3


def test_a_downstream_that_has_decided_is_left_alone(tenant: Tenant) -> None:
    it = _fan_in(tenant, "one_success")
    it.end("a", "success")
    it.propagate("a")
    it.start("c")
    it.end("b", "failed")
    assert it.propagate("b") == []
    assert it.states()["c"] == "running"
    ids = {"ids": [it.row("b").id], "now": utc_now()}
    again = it.without("propagate_ends", "AND w.state IS NULL", "AND ti.state IS NULL", **ids)
    assert ("task", it.row("c").id, "scheduled") in again, "without the state it would run twice"


def test_an_end_counts_into_its_own_run_only(tenant: Tenant) -> None:
    it = _fan_in(tenant, "one_success")
    second = it.walk.trigger("scene", run_id="second")
    it.execute("start_runs", dags=[it.dag_row().id], now=utc_now())
    it.end("a", "success")
    it.propagate("a")
    assert it.walk.states(second)["c"] is None
    assert it.states()["c"] == "scheduled"


def test_a_stranger_propagates_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _fan_in(tenant), scene(other_tenant)
    it.end("a", "failed")
    assert other.execute("propagate_ends", ids=[it.row("a").id], now=utc_now()) == []
    assert (it.states()["c"], it.run_row().unfinished) == (None, 3)
