"""The statements of changes by hand: locks, guards, races with claims, reports, rescue and the scheduler."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from controlplane.foundation.clock import utc_now
from controlplane.ledger import clearing
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.workload import Workload
from controlplane.ledger.transitions import Skip, skip_tasks
from controlplane.maintenance.rescue import rescue_lost
from taskwire.agent import Operation
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.hands import clear, finish, mark
from tests.support.queries import counted
from tests.support.scene import Scene, scene
from tests.support.sessions import another_session, lock_rows

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 20.0


def _two(tenant: Tenant, **first: Any) -> Scene:
    return scene(tenant, specs.task("first", "last", **first), specs.task("last")).begin()


class Beside:
    """A change by hand on another thread; `error` is what ended it."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.error: BaseException | None = None
        self._act = act
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self.error = error
        finally:
            connections.close_all()

    def wait_until_blocked(self, superuser: Any) -> None:
        with superuser.cursor() as cursor:
            for _ in range(100_000):
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                if cursor.fetchone()[0]:
                    return
                assert self._thread.is_alive(), f"it never waited: {self.error!r}"
        raise AssertionError("it never came to the lock")

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive() and self.error is None, self.error


def test_a_change_by_hand_waits_for_the_round_that_is_being_made(tenant: Tenant, superuser: Any) -> None:
    """The scheduler has taken an end and not counted it yet: nobody clears in between, nor counts it twice."""
    it = _two(tenant)
    it.end("first", "success")
    assert it.walk.leases.take(tenant.id)
    with tenant_scope(tenant.id, using="scheduler"):
        it.walk.leases.check(tenant.id)
        beside = Beside(lambda: clear(it, "last"))
        beside.wait_until_blocked(superuser)
    beside.join()
    finish(it)
    assert it.row("last").try_number == 1


def test_without_it_nobody_waits_for_a_round(
    tenant: Tenant, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    it = _two(tenant)
    monkeypatch.setattr(clearing, "exclude_rounds", lambda **_: None)
    assert it.walk.leases.take(tenant.id)
    with tenant_scope(tenant.id, using="scheduler"):
        it.walk.leases.check(tenant.id)
        beside = Beside(lambda: clear(it, "last"))
        beside.join()


def test_rounds_of_other_tenants_are_not_waited_for(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _two(tenant), _two(other_tenant)
    assert other.walk.leases.take(other_tenant.id)
    with tenant_scope(other_tenant.id, using="scheduler"):
        other.walk.leases.check(other_tenant.id)
        clear(it, "last")


def test_what_is_just_being_claimed_is_stopped(tenant: Tenant, superuser: Any) -> None:
    """A claim holds the workload and wants the instance: it is passed by, and found running."""
    it = _two(tenant).dispatch("first")
    row = it.row("first")
    with another_session(superuser) as other:
        lock_rows(other, "workload", *_workload_ids(it))
        assert it.execute("lock_unclaimed", ids=[row.id]) == []
    assert it.execute("lock_unclaimed", ids=[row.id])
    (work,) = it.walk.claim()
    clear(it, "first")
    assert it.states()["first"] == "restarting"
    assert it.walk.say(work, "success").reason == "superseded"


def _workload_ids(it: Scene) -> list[Any]:
    with tenant_scope(it.tenant.id):
        return list(Workload.objects.values_list("id", flat=True))


def test_a_claim_that_was_never_heard_of_begins_anew(tenant: Tenant) -> None:
    it = _two(tenant)
    it.start("first")
    clear(it, "first")
    with tenant_scope(tenant.id):
        Workload.objects.update(agent_epoch=-1)  # as the agent's beat leaves claims that it does not know
    rescue_lost(now=utc_now(), give_up={})
    assert it.workloads() == []
    it.walk.schedule()
    row = it.row("first")
    assert (row.state, row.try_number) == ("queued", 2)
    finish(it)


def test_the_agent_is_gone_with_what_it_had_to_stop(tenant: Tenant) -> None:
    it = _two(tenant)
    it.start("first")
    mark(it, "failed", "first")
    with tenant_scope(tenant.id):
        Workload.objects.update(agent_epoch=0)
    rescue_lost(now=utc_now(), give_up={})
    assert it.workloads() == [] and it.states()["first"] == "failed"
    finish(it)
    assert it.run_row().state == "failed"


def test_only_what_was_told_to_stop_is_let_go(tenant: Tenant) -> None:
    it = _two(tenant)
    it.start("first")
    row = it.row("first")
    late = {"ids": [row.id], "epochs": [row.epoch], "now": utc_now()}
    assert it.execute("let_go", **late) == []
    assert it.without("let_go", "AND w.stop IS NOT NULL", **late), "that is what held it"
    clear(it, "first")
    assert it.execute("let_go", **{**late, "epochs": [row.epoch + 1]}) == []
    assert it.execute("let_go", **late) == [(row.id, row.epoch, "cleared by somebody")]
    assert it.items("revive")


def test_it_restarts_only_when_its_process_is_gone(tenant: Tenant) -> None:
    it = _two(tenant)
    work = it.start("first")["first"]
    clear(it, "first")
    runs = {"runs": [it.run.id]}
    assert it.execute("release_restarting", **runs) == []
    guard = """AND NOT EXISTS (SELECT FROM workload w WHERE w.tenant_id = me.tenant_id AND w.kind = 'task' AND w.ref = me.id)"""
    assert it.without("release_restarting", guard, **runs), "that is what held it"
    it.walk.say(work, "failed")
    assert it.execute("release_restarting", **runs) == [(it.run.id,)]


def test_a_supervisor_that_is_no_agent_is_not_waited_for(tenant: Tenant) -> None:
    from controlplane.execution.start import start_task

    it = _two(tenant).dispatch("first")
    row = it.row("first")
    with tenant_scope(tenant.id):
        start_task(task_instance_id=row.id, epoch=row.epoch, hostname="h", unixname="u", pid=1, now=utc_now())
    clear(it, "first")
    assert it.states()["first"] == "restarting"
    it.walk.schedule()
    assert it.states()["first"] == "queued"


def test_an_end_that_was_not_counted_counts_for_nobody(tenant: Tenant) -> None:
    it = _two(tenant)
    it.end("first", "failed")
    assert it.items("finished") == [("finished", it.row("first").id)]
    clear(it, "first")
    assert it.items("finished") == []
    finish(it)
    assert it.run_row().state == "success"


def test_a_late_epoch_writes_nothing(tenant: Tenant) -> None:
    it = _two(tenant)
    work = it.start("first")["first"]
    clear(it, "first")
    push = Operation(kind="xcom_set", body={"key": "return_value", "value": 1})
    skip = Operation(kind="skip_downstream", body={"tasks": ["last"]})
    assert it.walk.say(work, "success", push, skip).verdict == "refused"
    with tenant_scope(tenant.id):
        from controlplane.ledger.models.xcom import XCom

        assert not XCom.objects.exists()
        skips = [Skip(it.row("first").id, work.epoch, "last", None)]
        assert skip_tasks(skips=skips, now=utc_now()) == 0
    assert it.states()["last"] is None


def test_a_deferred_task_waits_for_nothing_any_more(tenant: Tenant) -> None:
    it = _two(tenant)
    it.end("first", "deferred")
    clear(it, "first")
    it.walk.schedule()
    row = it.row("first")
    assert (row.state, row.next_method, row.try_number) == ("queued", None, 2)


def test_three_thousand_clear_in_one_statement_per_table(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("many", "after", is_mapped=True, expand={"kind": "literal", "length": 3000}),
        specs.task("after"),
        max_active_tasks=4000,
    ).begin()
    with tenant_scope(tenant.id):
        ids = list(TaskInstance.objects.filter(task_id="many").values_list("id", flat=True))
        assert len(ids) == 3000
        clearing.exclude_rounds()
        held = clearing.hold_runs(runs=[it.run.id])
        clearing.hold_tasks(ids=ids)
        clearing.mark_tasks(ids=ids, state="failed", reason="", now=utc_now())
        clearing.settle(runs=held, now=utc_now())
    it.walk.schedule()
    assert it.run_row().state == "failed"
    with counted() as few:
        clear(it, ("many", 0))
    with counted() as many:
        cleared = clear(it, "many", "after")
    assert len(cleared) == 3001
    assert len(many) == len(few), "as many statements as for one"
    with tenant_scope(tenant.id):
        assert TaskTry.objects.count() == 3001
    it.walk.schedule()
    invariants.check(tenant, at_rest=True)


def test_a_stranger_holds_clears_and_marks_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _two(tenant), _two(other_tenant)
    row, now = it.row("first"), utc_now()
    assert other.execute("lock_chosen_runs", runs=[it.run.id]) == []
    assert other.execute("clear_tasks", ids=[row.id], reason="", now=now) == []
    assert other.execute("mark_tasks", ids=[row.id], state="failed", reason="", now=now) == []
    assert other.execute("requeue_runs", runs=[it.run.id], now=now) == []
    assert other.execute("mark_runs", runs=[it.run.id], state="failed", now=now) == []
    assert other.execute("delete_tasks", ids=[row.id]) == []
    assert other.execute("delete_runs", runs=[it.run.id]) == []
    assert (it.states()["first"], it.run_row().state) == ("scheduled", "running")


def test_a_report_that_skips_takes_its_run_before_its_instance(tenant: Tenant, superuser: Any) -> None:
    """As changes by hand do: who holds the run may take the instance, and neither waits for the other."""
    it = _two(tenant)
    work = it.start("first")["first"]
    skip = Operation(kind="skip_downstream", body={"tasks": ["last"]})
    with another_session(superuser) as other:
        lock_rows(other, "dag_run", it.run.id)
        beside = Beside(lambda: it.walk.say(work, "success", skip))
        beside.wait_until_blocked(superuser)
        other.execute("SET LOCAL lock_timeout = '5s'")
        lock_rows(other, "task_instance", it.row("first").id)
    beside.join()
    it.walk.schedule()
    assert it.states() == {"first": "success", "last": "skipped"}
