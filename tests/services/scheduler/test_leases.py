"""Leases with fencing: one scheduler works for a tenant at a time, and one that slept commits nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from controlplane.executors.local import LocalExecutor
from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.pool import Pool
from controlplane.scheduler.lease import LeaseLost, Leases
from controlplane.scheduler.work import Round, work_for
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.children import Child, child
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db

PATIENCE_SECONDS = 30.0


def _round(tenant: Tenant, leases: Leases) -> Round:
    return work_for(tenant_id=tenant.id, leases=leases, executor=LocalExecutor(), handlers={})


def _expire(superuser: Any, tenant: Tenant) -> None:
    with superuser.cursor() as cursor:
        cursor.execute(
            "UPDATE tenant_lease SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s",
            [str(tenant.id)],
        )


def _until(happens: Callable[[], Any]) -> Any:
    """Ask again until it is true. The limit only ends a test that would hang."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not (answer := happens()):
        assert time.monotonic() < limit, "it never happened"
    return answer


def _triggered(tenant: Tenant) -> Walk:
    parsed_dag(tenant, specs.chain("chain", 2))
    walk = walk_for(tenant)
    walk.trigger("chain", run_id="run")
    return walk


def test_only_the_holder_works(tenant: Tenant, other_tenant: Tenant) -> None:
    first, second = Leases(), Leases()
    assert (first.take(tenant.id), second.take(tenant.id)) == (True, False)
    assert second.take(other_tenant.id), "another tenant is another lease"
    with pytest.raises(LeaseLost):
        _round(tenant, second)
    assert _round(tenant, first).items == 0


def test_who_slept_past_its_lease_commits_nothing(tenant: Tenant, superuser: Any) -> None:
    walk = _triggered(tenant)
    sleeper, successor = Leases(), Leases()
    assert sleeper.take(tenant.id)
    _expire(superuser, tenant)
    assert sleeper.take(tenant.id), "it still believes so: its own clock says nothing of its sleep"
    assert successor.take(tenant.id)
    with pytest.raises(LeaseLost):
        _round(tenant, sleeper)
    assert not sleeper.take(tenant.id), "and it has learnt"
    assert _round(tenant, successor).dispatched == 1
    assert len(walk.claim()) == 1


def test_without_the_fence_it_would(tenant: Tenant, superuser: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the same sleeper, its check taken away, works in its successor's tenant."""
    _triggered(tenant)
    sleeper, successor = Leases(), Leases()
    assert sleeper.take(tenant.id)
    _expire(superuser, tenant)
    assert successor.take(tenant.id)
    monkeypatch.setattr(sleeper, "check", lambda _: utc_now())
    assert _round(tenant, sleeper).dispatched == 1
    assert _round(tenant, successor).dispatched == 0, "its work was done behind its back"


def test_an_idle_holder_whose_lease_lapsed_takes_it_again(tenant: Tenant, superuser: Any) -> None:
    leases = Leases()
    assert leases.take(tenant.id)
    _expire(superuser, tenant)
    with pytest.raises(LeaseLost):
        _round(tenant, leases)
    assert leases.take(tenant.id)
    assert _round(tenant, leases).items == 0


def test_a_frozen_process_is_replaced_and_finds_that_out(tenant: Tenant) -> None:
    walk = _triggered(tenant)
    with child("scheduler_round", tenant=str(tenant.id), lease_seconds=0.5, pause_at="taken") as frozen:
        assert frozen.listen() == {"at": "taken"}
        frozen.freeze()
        successor = Leases(seconds=60)
        _until(lambda: successor.take(tenant.id))
        assert _round(tenant, successor).dispatched == 1
        frozen.thaw()
        frozen.go_on()
        assert frozen.listen() == {"result": "lease lost"}
    [work] = walk.claim()
    assert work.epoch == 1
    invariants.check(tenant)


def test_one_that_freezes_inside_its_transaction_holds_nobody_up(tenant: Tenant) -> None:
    """Its rows and its lease are locked. Another scheduler passes by at once, and the database ends it."""
    walk = _triggered(tenant)
    with child("scheduler_round", tenant=str(tenant.id), lease_seconds=0.5, pause_at="inside") as frozen:
        assert frozen.listen() == {"at": "inside"}
        frozen.freeze()
        successor = Leases(seconds=60)
        with connections["scheduler"].cursor() as cursor:
            cursor.execute("SET lock_timeout = '1ms'")
            _until(lambda: successor.take(tenant.id))
            cursor.execute("SET lock_timeout = 0")
        assert _round(tenant, successor).dispatched == 1
        frozen.thaw()
        frozen.go_on()
        assert frozen.listen()["result"] in {"OperationalError", "InterfaceError"}
    [work] = walk.claim()
    assert work.epoch == 1, "dispatched once: the frozen one's dispatch was rolled back"
    invariants.check(tenant)


def test_three_schedulers_hammering_never_exceed_a_limit(tenant: Tenant) -> None:
    with tenant_scope(tenant.id):
        Pool(tenant=tenant, name="narrow", slots=3).save()
    tasks = [
        specs.task("fan", *[f"t{n}" for n in range(6)]),
        *[specs.task(f"t{n}", "end", pool="narrow", pool_slots=1 + n % 2) for n in range(6)],
        specs.task("end", trigger_rule="all_done"),
    ]
    parsed_dag(tenant, specs.dag("hammered", tasks, max_active_runs=2, max_active_tasks=4))
    walk = walk_for(tenant)
    runs = [walk.trigger("hammered", run_id=f"run-{n}") for n in range(8)]
    children = [Child("scheduler_loop", seconds=60.0) for _ in range(3)]
    try:
        for one in children:
            assert one.listen() == {"at": "ready"}
        stop = threading.Event()
        worker = threading.Thread(target=_work_off, args=(walk, stop))
        worker.start()
        try:
            while any(one.process.poll() is None for one in children):
                invariants.check(tenant)
                if all(walk.run_state(run) in {"success", "failed"} for run in runs) and not (
                    invariants.violations(tenant, at_rest=True)
                ):  # what the last end asked for is done, too
                    break
        finally:
            stop.set()
            worker.join()
    finally:
        for one in children:
            one.process.kill()
            one.process.communicate()
    assert [walk.run_state(run) for run in runs] == ["success"] * len(runs)
    invariants.check(tenant, at_rest=True)


def _work_off(walk: Walk, stop: threading.Event) -> None:
    """An agent that runs everything it is given."""
    try:
        while not stop.is_set():
            for work in walk.claim(batch=2):
                assert walk.say(work, "success").verdict == "accepted"
    finally:
        connections.close_all()
