"""start_runs.sql and finish_runs.sql: runs begin within max_active_runs, and free their place when over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.backfill import Backfill
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _start(it: Scene) -> int:
    return len(it.execute("start_runs", dags=[it.dag_row().id], now=utc_now()))


def test_runs_begin_oldest_first_within_the_limit(tenant: Tenant) -> None:
    it = scene(tenant, max_active_runs=2)
    old = it.walk.trigger("scene", run_id="old", run_after=utc_now() - timedelta(days=1))
    assert _start(it) == 2
    assert it.walk.run_state(old) == "running"
    late = it.walk.trigger("scene", run_id="late")
    assert _start(it) == 0, "both places are taken"
    assert it.walk.run_state(late) == "queued"
    assert it.dag_row().active_runs == 2
    again = {"dags": [it.dag_row().id], "now": utc_now()}
    assert it.without("start_runs", "LIMIT greatest(place.free, 0)", **again), "the limit is what held it"


def test_neither_a_paused_dag_nor_the_future_begins(tenant: Tenant) -> None:
    it = scene(tenant)
    with tenant_scope(tenant.id):
        type(it.dag_row()).objects.update(is_paused=True)
    assert _start(it) == 0
    with tenant_scope(tenant.id):
        type(it.dag_row()).objects.update(is_paused=False)
        type(it.run).objects.update(run_after=utc_now() + timedelta(hours=1))
    assert _start(it) == 0
    again = {"dags": [it.dag_row().id], "now": utc_now()}
    assert it.without("start_runs", "AND run_after <= %(now)s::timestamptz", **again)


def test_a_run_is_finished_once_and_only_when_nothing_is_left(tenant: Tenant) -> None:
    it = scene(tenant).begin()
    finish = {"runs": [it.run.id], "now": utc_now()}
    assert it.execute("finish_runs", **finish) == []
    assert it.without("finish_runs", "AND r.unfinished <= 0", **finish), "the counter is what held it"
    it.end("only", "success")
    it.propagate("only")
    [over] = it.execute("finish_runs", **finish)
    assert over[:4] == (it.run.id, "scene", it.run.run_id, "success")
    assert it.execute("finish_runs", **finish) == []
    assert it.dag_row().active_runs == 0
    unguarded = it.without("finish_runs", "AND r.state = 'running'", **finish)
    assert unguarded, "without the state it would end, and free a place, twice"


def test_a_failed_leaf_fails_the_run_and_another_failure_does_not(tenant: Tenant) -> None:
    it = scene(tenant, specs.task("first", "last"), specs.task("last", trigger_rule="all_done")).begin()
    it.end("first", "failed")
    it.propagate("first")
    it.end("last", "success")
    it.propagate("last")
    [over] = it.execute("finish_runs", runs=[it.run.id], now=utc_now())
    assert over[3] == "success"


def test_a_dag_without_tasks_is_over_at_once(tenant: Tenant) -> None:
    """Nothing would ever end in it, so nothing else could finish it."""
    it = scene(tenant)
    parsed_dag(tenant, specs.dag("hollow", []))
    run = it.walk.trigger("hollow")
    it.walk.schedule()
    assert it.walk.run_state(run) == "success"
    invariants.check(tenant)


def test_a_stranger_starts_and_finishes_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = scene(tenant), scene(other_tenant)
    assert other.execute("start_runs", dags=[it.dag_row().id], now=utc_now()) == []
    it.begin()
    it.end("only", "success")
    it.propagate("only")
    assert other.execute("finish_runs", runs=[it.run.id], now=utc_now()) == []
    assert it.run_row().state == "running"


def _backfill(it: Scene, runs: int, **fields: Any) -> Backfill:
    """A backfill of the scene's DAG with this many queued runs, in falling order of their dates."""
    now = utc_now()
    with tenant_scope(it.tenant.id):
        row = Backfill(
            tenant_id=it.tenant.id,
            serial=1,
            dag_id="scene",
            from_date=now,
            to_date=now,
            reprocess_behavior="none",
            created_at=now,
            updated_at=now,
            **{"max_active_runs": 2, **fields},
        )
        row.save(force_insert=True)
    for ordinal in range(1, runs + 1):
        made = it.walk.trigger("scene", run_id=f"b{ordinal}", run_after=now - timedelta(days=ordinal))
        with tenant_scope(it.tenant.id):
            type(made).objects.filter(id=made.id).update(backfill_id=row.id, backfill_ordinal=ordinal)
    return row


def _running(it: Scene) -> list[str]:
    with tenant_scope(it.tenant.id):
        rows = type(it.run).objects.filter(state="running").order_by("run_id")
        return [row.run_id for row in rows if row.run_id.startswith("b")]


def test_a_backfill_begins_in_its_own_order_and_bound(tenant: Tenant) -> None:
    it = scene(tenant, max_active_runs=1)
    _backfill(it, 3)
    assert _start(it) == 3, "the DAG's one, and two of the backfill"
    assert _running(it) == ["b1", "b2"], "in its order, not the oldest first"
    assert _start(it) == 0
    assert it.dag_row().active_runs == 3
    again = {"dags": [it.dag_row().id], "now": utc_now()}
    assert it.without("start_runs", "LIMIT greatest(b.free, 0)", **again), "its bound is what held the third"


def test_runs_of_a_backfill_take_no_place_of_the_dags(tenant: Tenant) -> None:
    it = scene(tenant, max_active_runs=1)
    with tenant_scope(tenant.id):
        type(it.run).objects.update(run_after=utc_now() + timedelta(hours=1))
    _backfill(it, 2)
    assert _start(it) == 2
    mine = it.walk.trigger("scene", run_id="mine")
    assert _start(it) == 1
    assert it.walk.run_state(mine) == "running"


@pytest.mark.parametrize("paused", [True, False])
def test_a_paused_backfill_begins_nothing(tenant: Tenant, paused: bool) -> None:
    it = scene(tenant)
    _backfill(it, 2, is_paused=paused)
    _start(it)
    assert _running(it) == ([] if paused else ["b1", "b2"])
    again = {"dags": [it.dag_row().id], "now": utc_now()}
    if paused:
        assert it.without("start_runs", "AND NOT (b.is_paused AND b.completed_at IS NULL)", **again)


def test_a_backfill_is_completed_when_none_of_its_runs_is_left(tenant: Tenant) -> None:
    it = scene(tenant)
    row = _backfill(it, 1)

    def completed() -> bool:
        _start(it)
        with tenant_scope(tenant.id):
            return Backfill.objects.get(id=row.id).completed_at is not None

    assert not completed()
    assert not completed(), "one of its runs runs"
    with tenant_scope(tenant.id):
        type(it.run).objects.filter(run_id="b1").update(state="failed")
    assert completed()


def test_a_run_whose_interval_is_being_asked_does_not_begin(tenant: Tenant) -> None:
    it = scene(tenant)
    with tenant_scope(tenant.id):
        type(it.run).objects.update(awaits_interval=True)
    assert _start(it) == 0
    again = {"dags": [it.dag_row().id], "now": utc_now()}
    assert it.without("start_runs", "AND NOT awaits_interval", **again)
