"""Runs that end before their tasks do, and DAGs that fail too often: dagrun_timeout, fail_fast, consecutive failures."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from controlplane.executors.agents import beat_agent
from controlplane.foundation.clock import utc_now
from controlplane.ledger.deferral import Fired, fire
from controlplane.ledger.models.dag import Dag
from controlplane.ledger.models.dag_run import DagRun
from controlplane.ledger.models.event_log import EventLog
from controlplane.ledger.models.trigger import Trigger
from controlplane.ledger.models.work_item import WorkItem
from controlplane.ledger.models.workload import Workload as WorkloadRow
from controlplane.runs.pause import set_paused
from taskwire.agent import Beat
from taskwire.workload import Workload
from tenants.models.tenant import Tenant
from tenants.scope import tenant_scope
from tests.support import invariants, specs
from tests.support.factories import parsed_dag
from tests.support.walk import Walk, walk_for

pytestmark = pytest.mark.django_db


def let_time_pass(walk: Walk, run: DagRun, seconds: float) -> None:
    """The run began that much earlier, and its timeout is due that much earlier."""
    with tenant_scope(walk.tenant.id):
        row = DagRun.objects.get(id=run.id)
        assert row.start_date
        DagRun.objects.filter(id=run.id).update(start_date=row.start_date - timedelta(seconds=seconds))
        for item in WorkItem.objects.filter(kind="timeout", ref=run.id):
            WorkItem.objects.filter(id=item.id).update(due_at=item.due_at - timedelta(seconds=seconds))


def row_of(run: DagRun, tenant: Tenant) -> DagRun:
    with tenant_scope(tenant.id):
        return DagRun.objects.get(id=run.id)


def told_to_stop(walk: Walk, work: Workload) -> list[tuple[str, int]]:
    """What the agent that runs this hears at its next beat."""
    beat = Beat(
        agent_id=str(walk.agent.id),
        epoch=walk.agent.epoch,
        running=[(str(walk.tenant.id), work.id, work.epoch)],
    )
    return [(ref, epoch) for ref, epoch, _ in beat_agent(message=beat, lease_seconds=60, using="scheduler")]


TIMED = [
    specs.task("done", "running", "waiting"),
    specs.task("running"),
    specs.task("waiting", "below"),
    specs.task("below"),
    specs.task("queued"),
]


def test_a_run_that_takes_too_long_fails_and_skips_what_it_has_not_ended(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("late", TIMED, dagrun_timeout_seconds=60.0, max_active_tasks=2))
    walk = walk_for(tenant)
    run = walk.trigger("late")
    walk.schedule()
    first = {work.task.ti["task_id"]: work for work in walk.claim() if work.task}
    walk.say(first["done"], "success")
    walk.schedule()
    (second,) = walk.claim()
    assert sorted(walk.states(run).items()) == [
        ("below", None),
        ("done", "success"),
        ("queued", "running"),
        ("running", "running"),
        ("waiting", "scheduled"),
    ]
    let_time_pass(walk, run, 59)
    walk.schedule()
    assert walk.run_state(run) == "running"
    let_time_pass(walk, run, 2)
    walk.schedule()
    assert walk.states(run) == {
        "done": "success",
        "running": "skipped",
        "waiting": "skipped",
        "below": "skipped",
        "queued": "skipped",
    }
    row = row_of(run, tenant)
    assert (row.state, row.fails_by, row.unfinished) == ("failed", "timed_out", 0)
    assert walk.say(second, "success").verdict == "refused"
    assert walk.states(run)["running"] == "skipped"
    with tenant_scope(tenant.id):
        assert not WorkloadRow.objects.exists() and Dag.objects.get(dag_id="late").active_runs == 0


def test_the_agent_of_a_timed_out_task_is_told_to_stop_it(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("late", [specs.task("one")], dagrun_timeout_seconds=60.0))
    walk = walk_for(tenant)
    run = walk.trigger("late")
    walk.schedule()
    (work,) = walk.claim()
    assert told_to_stop(walk, work) == []
    let_time_pass(walk, run, 61)
    walk.schedule()
    assert told_to_stop(walk, work) == [(work.id, work.epoch)]


def test_a_deferred_task_of_a_timed_out_run_is_skipped_with_its_trigger(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("late", [specs.task("one")], dagrun_timeout_seconds=60.0))
    walk = walk_for(tenant)
    run = walk.trigger("late")
    walk.schedule()
    (work,) = walk.claim()
    walk.say(work, "deferred", classpath="a.Trigger", trigger_kwargs={}, next_method="go")
    with tenant_scope(tenant.id):
        assert Trigger.objects.count() == 1
    let_time_pass(walk, run, 61)
    walk.schedule()
    assert (walk.states(run), walk.run_state(run)) == ({"one": "skipped"}, "failed")
    with tenant_scope(tenant.id):
        assert not Trigger.objects.exists() and not WorkloadRow.objects.exists()
        assert not fire(fired=[Fired(id=UUID(work.id), epoch=work.epoch, event="go")], now=utc_now())


def test_a_run_that_began_later_than_thought_is_timed_from_there(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("late", [specs.task("one")], dagrun_timeout_seconds=60.0))
    walk = walk_for(tenant)
    run = walk.trigger("late")
    walk.schedule()
    with tenant_scope(tenant.id):
        WorkItem.objects.filter(kind="timeout").update(due_at=utc_now() - timedelta(seconds=1))
    walk.schedule()
    assert walk.run_state(run) == "running"
    with tenant_scope(tenant.id):
        assert WorkItem.objects.get(kind="timeout").due_at > utc_now() + timedelta(seconds=30)


def test_a_dag_without_a_timeout_costs_no_item(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.chain("plain", 2))
    walk = walk_for(tenant)
    walk.trigger("plain")
    walk.schedule()
    with tenant_scope(tenant.id):
        assert not WorkItem.objects.filter(kind="timeout").exists()


FAST = [
    specs.task("bad", "below"),
    specs.task("below", "last"),
    specs.task("last", is_teardown=True, trigger_rule="all_done_setup_success"),
    specs.task("beside", "after"),
    specs.task("after"),
    specs.task("retrying", retries=2, retry_delay_seconds=600.0),
]


def test_fail_fast_stops_the_rest_but_the_teardowns(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("fast", FAST, fail_fast=True))
    walk = walk_for(tenant)
    run = walk.trigger("fast")
    walk.schedule()
    works = {work.task.ti["task_id"]: work for work in walk.claim() if work.task}
    walk.say(works["retrying"], "up_for_retry")
    walk.schedule()
    walk.say(works["bad"], "failed")
    walk.schedule()
    assert walk.states(run) == {
        "bad": "failed",
        "below": "skipped",
        "last": "queued",
        "beside": "failed",
        "after": "skipped",
        "retrying": "skipped",
    }
    assert walk.say(works["beside"], "success").verdict == "refused"
    walk.run_all()
    assert walk.states(run)["last"] == "success"
    # As in Airflow: what was skipped for it fails no run; only leaves decide.
    assert walk.run_state(run) == "success"
    with tenant_scope(tenant.id):
        WorkItem.objects.filter(kind="due").delete()
    invariants.check(tenant, at_rest=True)


def test_a_retry_stops_nothing_and_neither_does_a_dag_without_fail_fast(tenant: Tenant) -> None:
    tasks = [specs.task("bad", retries=1, retry_delay_seconds=600.0), specs.task("beside")]
    walk = walk_for(tenant)
    for dag_id, state, fail_fast in (("retries", "up_for_retry", True), ("slow", "failed", False)):
        parsed_dag(tenant, specs.dag(dag_id, tasks, fail_fast=fail_fast))
        run = walk.trigger(dag_id)
        walk.schedule()
        works = {work.task.ti["task_id"]: work for work in walk.claim() if work.task}
        walk.say(works["bad"], state)
        walk.schedule()
        assert walk.states(run)["beside"] == "running"


def fail_once(walk: Walk, dag_id: str) -> None:
    walk.trigger(dag_id, run_id=f"run-{utc_now().isoformat()}")
    walk.run_all(lambda work: ("failed", []))


def test_a_dag_that_fails_too_often_in_a_row_is_paused_and_says_why(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("bad", [specs.task("one")], max_consecutive_failed_dag_runs=2))
    walk = walk_for(tenant)
    fail_once(walk, "bad")
    walk.trigger("bad", run_id="good")
    walk.run_all()
    fail_once(walk, "bad")
    with tenant_scope(tenant.id):
        assert Dag.objects.get(dag_id="bad").is_paused is False, "a success lies between the two failures"
    fail_once(walk, "bad")
    with tenant_scope(tenant.id):
        dag = Dag.objects.get(dag_id="bad")
        assert dag.is_paused
        assert dag.pause_reason == "max_consecutive_failed_dag_runs: the last 2 runs of this DAG failed"
        event = EventLog.objects.get(event="paused")
        assert (event.owner, event.dag_id) == ("scheduler", "bad")
        assert event.extra == "[('dag_id', 'bad'), ('is_paused', True)]"
        set_paused(dag_id="bad", is_paused=False, now=utc_now())
        assert Dag.objects.get(dag_id="bad").pause_reason is None


def test_a_dag_without_that_limit_fails_as_often_as_it_likes(tenant: Tenant) -> None:
    parsed_dag(tenant, specs.dag("bad", [specs.task("one")]))
    walk = walk_for(tenant)
    for _ in range(3):
        fail_once(walk, "bad")
    with tenant_scope(tenant.id):
        assert Dag.objects.get(dag_id="bad").is_paused is False


def test_another_tenants_failures_pause_nothing(tenant: Tenant, other_tenant: Tenant) -> None:
    spec = specs.dag("bad", [specs.task("one")], max_consecutive_failed_dag_runs=2)
    for one in (tenant, other_tenant):
        parsed_dag(one, spec)
        fail_once(walk_for(one), "bad")
    for one in (tenant, other_tenant):
        with tenant_scope(one.id):
            assert Dag.objects.get(dag_id="bad").is_paused is False


def _beat(self: Walk, *works: object) -> list[tuple[str, int, str]]:
    raise NotImplementedError


assert Beat
