"""Clearing through the whole control plane: what is cleared runs again, and nothing of the old attempt counts."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.foundation.clock import utc_now
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.task_instance import TaskInstance
from controlplane.ledger.models.task_try import TaskTry
from controlplane.ledger.models.workload import Workload
from controlplane.runs.choose import FAILED, Scope
from controlplane.runs.clear import TaskRunning, clear_chosen, clear_run, clear_scope
from taskwire.agent import Operation, Report
from taskwire.workload import Workload as Order
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.hands import clear, finish, mark, tries
from tests.support.scene import Scene, scene

pytestmark = pytest.mark.django_db


def _chain(tenant: Tenant, **last: Any) -> Scene:
    return scene(
        tenant, specs.task("first", "middle"), specs.task("middle", "last"), specs.task("last", **last)
    )


def test_a_cleared_end_runs_again_and_the_run_with_it(tenant: Tenant) -> None:
    it = _chain(tenant, retries=1)
    finish(it, last="failed")
    before = it.run_row()
    assert (before.state, it.states()["last"]) == ("failed", "failed")

    assert clear(it, "last") == [it.row("last").id]
    run, row = it.run_row(), it.row("last")
    assert (run.state, run.clear_number, run.start_date, run.end_date) == ("queued", 1, None, None)
    assert run.epoch == before.epoch + 1 and run.queued_at > before.queued_at
    assert (row.state, row.try_number, row.max_tries, row.epoch) == (None, 1, 2, 2)
    assert it.states()["middle"] == "success"
    assert tries(it, "last") == [(1, "failed")]

    finish(it)
    row = it.row("last")
    assert (it.run_row().state, row.state, row.try_number) == ("success", "success", 2)
    assert it.row("middle").try_number == 1


def test_a_cleared_middle_leaves_what_is_below_as_it_is(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it)
    clear(it, "middle")
    it.walk.schedule()
    assert it.states() == {"first": "success", "middle": "queued", "last": "success"}
    finish(it)
    assert [it.row(name).try_number for name in ("first", "middle", "last")] == [1, 2, 1]


def test_a_whole_run_runs_again(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it, middle="failed")
    assert it.states()["last"] == "upstream_failed"
    with tenant_scope(tenant.id):
        cleared = clear_run(run=it.run_row(), by="somebody", now=utc_now())
    invariants.check(tenant)
    assert len(cleared) == 3 and set(it.states().values()) == {None}
    finish(it)
    assert set(it.states().values()) == {"success"} and it.run_row().state == "success"
    assert tries(it, "last") == [(0, "upstream_failed")]


def test_only_what_failed(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it, middle="failed")
    clear(it, states=FAILED)
    assert it.states() == {"first": "success", "middle": None, "last": None}
    finish(it)
    assert it.run_row().state == "success" and it.row("first").try_number == 1


def test_what_runs_is_stopped_first_and_can_write_nothing_any_more(tenant: Tenant) -> None:
    it = _chain(tenant).begin()
    work = it.start("first")["first"]
    clear(it, "first")
    row = it.row("first")
    assert (row.state, row.epoch) == ("restarting", work.epoch + 1)
    assert it.run_row().state == "running"
    with tenant_scope(tenant.id):
        order = Workload.objects.get(ref=row.id)
    assert (order.epoch, order.stop) == (work.epoch, "cleared by somebody")

    it.walk.schedule()
    assert it.states()["first"] == "restarting", "until its process has ended"
    late = it.walk.say(work, "success", Operation(kind="xcom_set", body={"key": "return_value", "value": 1}))
    assert (late.verdict, late.reason) == ("refused", "superseded")
    assert late.message == "cleared by somebody", "its agent may hear it nowhere else"
    assert it.workloads() == []

    it.walk.schedule()
    row = it.row("first")
    assert (row.state, row.try_number, row.max_tries) == ("queued", 2, 1)
    finish(it)
    assert it.run_row().state == "success" and tries(it, "first") == [(1, "failed")]


def test_what_writes_after_a_clear_hears_why_it_may_not(tenant: Tenant) -> None:
    """Its agent stops it for this answer, before any beat says so; the task waits until it has ended."""
    it = _chain(tenant).begin()
    work = it.start("first")["first"]
    clear(it, "first")
    label = Operation(kind="rendered_map_index", body={"rendered_map_index": "late"})
    report = Report(id=work.id, tenant_id=str(tenant.id), epoch=work.epoch, operations=[label])
    [late] = it.walk.report(report)
    assert (late.verdict, late.reason, late.message) == ("refused", "superseded", "cleared by somebody")
    it.walk.schedule()
    assert it.states()["first"] == "restarting", "its process may still run"
    died = {"reason": "stopped", "message": late.message}
    it.walk.say(work, "failed", died=died)
    it.walk.schedule()
    assert it.states()["first"] == "queued"


def test_the_try_says_who_cleared_it(tenant: Tenant) -> None:
    it = _chain(tenant).begin()
    it.start("first")
    clear(it, "first")
    with tenant_scope(tenant.id):
        [died] = TaskTry.objects.values_list("died", flat=True)
    assert died == {"reason": "cleared", "message": "cleared by somebody"}


def test_who_asks_for_it_clears_nothing_that_runs(tenant: Tenant) -> None:
    it = _chain(tenant).begin()
    it.start("first")
    with pytest.raises(TaskRunning):
        clear(it, spare_running=True)
    assert it.states()["first"] == "running" and it.row("first").epoch == 1


def test_what_waits_for_an_agent_is_given_to_none(tenant: Tenant) -> None:
    it = _chain(tenant).begin().dispatch("first")
    clear(it, "first")
    assert it.workloads() == [] and it.walk.claim() == []
    it.walk.schedule()
    (work,) = it.walk.claim()
    assert (work.epoch, it.row("first").try_number) == (3, 2)
    assert tries(it, "first") == [(1, "failed")]


@pytest.mark.parametrize("state", ["up_for_retry", "up_for_reschedule"])
def test_what_waits_for_its_time_does_not_wait_any_longer(tenant: Tenant, state: str) -> None:
    it = _chain(tenant).begin()
    it.end("first", state)
    clear(it, "first")
    assert it.items("due") == []
    it.walk.schedule()
    row = it.row("first")
    assert (row.state, row.reschedules, row.due_at) == ("queued", 0, None)


def test_clearing_twice_is_clearing_once(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it, last="failed")
    clear(it, "last")
    clear(it, "last")
    assert tries(it, "last") == [(1, "failed")]
    finish(it)
    assert it.row("last").try_number == 2 and it.run_row().state == "success"


def test_a_run_that_is_not_to_begin_again_stays_over(tenant: Tenant) -> None:
    it = _chain(tenant)
    finish(it)
    with tenant_scope(tenant.id):
        clear_scope(
            scope=Scope(dag_id="scene", run_id=it.run.run_id, tasks=["last"]),
            by="somebody",
            now=utc_now(),
            requeue=False,
        )
    it.walk.schedule()
    assert (it.run_row().state, it.run_row().clear_number, it.states()["last"]) == ("success", 0, None)
    clear(it, "middle")
    finish(it)
    assert set(it.states().values()) == {"success"}


def test_an_index_of_a_mapped_task(tenant: Tenant) -> None:
    it = scene(
        tenant,
        specs.task("many", "after", is_mapped=True, expand={"kind": "literal", "length": 3}),
        specs.task("after"),
    )
    finish(it)
    clear(it, ("many", 1), "after")
    assert it.states() == {"many[0]": "success", "many[1]": None, "many[2]": "success", "after": None}
    finish(it)
    assert [it.row("many", n).try_number for n in range(3)] == [1, 2, 1]
    assert it.row("after").try_number == 2


def _fan_in(tenant: Tenant) -> Scene:
    return scene(
        tenant,
        specs.task("source", "many"),
        specs.task("many", "after", is_mapped=True, expand={"kind": "xcom", "task_id": "source"}),
        specs.task("after"),
    )


def _returns_three(it: Scene, work: Order) -> None:
    value = {"key": "return_value", "value": [1, 2, 3], "mapped_length": 3}
    it.walk.say(work, "success", Operation(kind="xcom_set", body=value))
    it.walk.schedule()


def test_what_expanded_while_it_was_over_is_waited_for(tenant: Tenant) -> None:
    """A mapped task tells what waits below how many it has become; what was over then counts when it is cleared."""
    it = _fan_in(tenant)
    mark(it, "success", "after")
    it.walk.schedule()
    [source] = it.walk.claim()
    _returns_three(it, source)
    first, second, third = it.walk.claim()
    it.walk.say(first, "success")
    it.walk.say(second, "success")
    clear(it, "after")
    it.walk.schedule()
    assert (it.states()["after"], it.row("after").upstream_total) == (None, 3)
    it.walk.say(third, "success")
    it.walk.schedule()
    assert it.states()["after"] == "queued"


def test_what_expanded_while_it_was_being_stopped_is_waited_for(tenant: Tenant) -> None:
    it = _fan_in(tenant)
    mark(it, "success", "many")
    it.walk.schedule()
    works = {str(work.task.ti["task_id"]): work for work in it.walk.claim() if work.task}
    clear(it, "many", "after")
    _returns_three(it, works["source"])
    assert it.states()["after"] == "restarting"
    it.walk.say(works["after"], "failed")
    it.walk.schedule()
    assert (it.states()["after"], it.row("after").upstream_total) == (None, 3)
    finish(it)
    assert it.run_row().state == "success"


def test_dates_choose_runs(tenant: Tenant) -> None:
    it = _chain(tenant)
    with tenant_scope(tenant.id):
        DagRun.objects.filter(id=it.run.id).update(logical_date=utc_now())
    other = it.walk.trigger("scene", logical_date=None)
    finish(it)
    with tenant_scope(tenant.id):
        found = clear_scope(scope=Scope(dag_id="scene", end_date=utc_now()), by="somebody", now=utc_now())
    assert len(found) == 3, "a run without a logical date has no place among dates"
    assert set(it.walk.states(other).values()) == {"success"}


def test_a_stranger_clears_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    it, other = _chain(tenant), _chain(other_tenant)
    finish(it)
    finish(other)
    run, last = it.run_row(), it.row("last").id
    with tenant_scope(other_tenant.id):
        assert not TaskInstance.objects.filter(id=last).exists()
        clear_chosen(ids=[last], runs=[run.id], by="stranger", now=utc_now())
    assert set(it.states().values()) == {"success"}
    assert (it.run_row().clear_number, it.items("revive")) == (0, [])
